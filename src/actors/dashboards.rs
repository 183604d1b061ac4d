//! Dashboards: figures computed once a tick for each role that somebody listens in, and each
//! listener's own beside them. Nothing is computed while nobody listens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use log::warn;

use crate::actors::house::House;
use crate::actors::join::Prepared;
use crate::actors::lane::Fault;
use crate::actors::post::delivery;
use crate::auth::identity::Role;
use crate::auth::policy::{self, Action};
use crate::clock;
use crate::ids::UserId;
use crate::layer::contract::{Envelope, Heard};
use crate::metrics::Metrics;
use crate::models::facts::NODE_FRESH_S;
use crate::models::store::DbConn;
use crate::models::{dashboard, dispatch_figures, notification, online};
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::Snapshot;
use crate::protocol::views::dashboard::{
    ActivityFigures, DashboardView, DispatchFigures, OwnFigures, RoleFigures, ServerFigures,
};
use crate::socket::census;

/// How long figures of the database stand while this node commits nothing; others may.
const STALE_AFTER: Duration = Duration::from_secs(5);
/// People asked about in one query.
const PEOPLE_A_QUERY: usize = 500;
/// The window of `conversations_active`, in hours.
const ACTIVE_HOURS: i64 = 24;

/// What the database says for those who listen.
#[derive(Debug, Clone, Default)]
struct Counted {
    people: Vec<(UserId, Role)>,
    own: HashMap<UserId, OwnFigures>,
    activity: ActivityFigures,
    /// Attempts of the last hour, and those that failed; counted when someone may see them.
    attempts: (i64, i64),
    /// Counted when someone may see it.
    dispatch: Option<Arc<DispatchFigures>>,
}

/// What this node counts by itself.
#[derive(Debug, Clone, Copy)]
struct Measured {
    deliveries_per_second: i64,
    connections: i64,
    writer_queue: i64,
    topics_live: i64,
    slow_sockets: i64,
    uptime_seconds: i64,
}

fn whole<T: TryInto<i64>>(count: T) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// Midnight before `now`, UTC.
pub fn midnight(now: NaiveDateTime) -> NaiveDateTime {
    now.date().and_time(NaiveTime::MIN)
}

fn count(conn: &mut DbConn, people: &[UserId], local_online: usize) -> Result<Counted, Fault> {
    let now = clock::now_naive();
    let mut counted = Counted { people: dashboard::roles(conn, people)?, ..Counted::default() };
    for some in people.chunks(PEOPLE_A_QUERY) {
        let notifications = notification::counts(conn, some)?;
        let messages = dashboard::unread(conn, some)?;
        for &user in some {
            let (unread_messages, unread_conversations) =
                messages.get(&user).copied().unwrap_or_default();
            let waiting = notifications.get(&user).copied().unwrap_or_default();
            let own = OwnFigures {
                unread_messages,
                unread_conversations,
                unread_notifications: waiting.unread,
                unseen_notifications: waiting.unseen,
            };
            counted.own.insert(user, own);
        }
    }
    let fresh = now - TimeDelta::seconds(NODE_FRESH_S);
    counted.activity = ActivityFigures {
        conversations_active: dashboard::conversations_active(
            conn,
            now - TimeDelta::hours(ACTIVE_HOURS),
        )?,
        messages_today: dashboard::messages_since(conn, midnight(now))?,
        // This node is ahead of what it has told the others.
        people_online: whole(local_online).max(online::count(conn, fresh)?),
    };
    if counted.people.iter().any(|(_, role)| sees_server(*role)) {
        counted.attempts = dashboard::attempts(conn, now - TimeDelta::hours(1))?;
    }
    if counted.people.iter().any(|(_, role)| sees_dispatch(*role)) {
        let since = now - TimeDelta::hours(ACTIVE_HOURS);
        counted.dispatch = Some(Arc::new(dispatch_figures::read(conn, since)?));
    }
    Ok(counted)
}

fn measure(house: &House) -> Measured {
    Measured {
        deliveries_per_second: house.pulse.deliveries_per_second(),
        connections: whole(census::alive_in_process()),
        writer_queue: whole(house.lane.depth()),
        topics_live: whole(house.exchange.topics()),
        slow_sockets: whole(Metrics::get().outbox_overflows.get()),
        uptime_seconds: whole(house.started.elapsed().as_secs()),
    }
}

fn sees_server(role: Role) -> bool {
    policy::role_may(TopicKind::Admin, Action::Read, role)
}

fn sees_dispatch(role: Role) -> bool {
    policy::role_may(TopicKind::Board, Action::Read, role)
}

fn figures_of(role: Role, counted: &Counted, measured: &Measured) -> RoleFigures {
    let server = sees_server(role).then_some(ServerFigures {
        connections: measured.connections,
        deliveries_per_second: measured.deliveries_per_second,
        attempts: counted.attempts.0,
        attempts_failed: counted.attempts.1,
        writer_queue: measured.writer_queue,
        topics_live: measured.topics_live,
        slow_sockets: measured.slow_sockets,
        uptime_seconds: measured.uptime_seconds,
    });
    let dispatch = counted.dispatch.clone().filter(|_| sees_dispatch(role));
    RoleFigures { role: role.to_string(), activity: counted.activity, dispatch, server }
}

/// One person's dashboard as it is now, for those who begin to listen.
///
/// # Errors
/// When the database failed.
pub fn now(conn: &mut DbConn, house: &House, user: UserId) -> Result<Option<DashboardView>, Fault> {
    let counted = count(conn, &[user], house.online.head_count())?;
    let Some((_, role)) = counted.people.first().copied() else { return Ok(None) };
    let figures = Arc::new(figures_of(role, &counted, &measure(house)));
    let own = counted.own.get(&user).copied().unwrap_or_default();
    Ok(Some(DashboardView { own, figures }))
}

/// Gives those who begin to listen to a dashboard what it shows now; other topics are left alone.
///
/// # Errors
/// When the database failed.
pub fn begin(
    conn: &mut DbConn,
    house: &House,
    topic: &Topic,
    user: UserId,
    prepared: Prepared,
) -> Result<Prepared, Fault> {
    if topic.kind() != TopicKind::Dashboard {
        return Ok(prepared);
    }
    let snapshot = now(conn, house, user)?.map(Snapshot::Dashboard);
    Ok(Prepared { snapshot, ..prepared })
}

/// What was counted last, and what each listener was told last.
#[derive(Debug, Default)]
struct Desk {
    counted: Option<(Instant, u64, Vec<UserId>, Counted)>,
    told: HashMap<UserId, DashboardView>,
}

impl Desk {
    /// Tells those who listen what has changed since the last tick.
    async fn tick(&mut self, house: &Arc<House>) -> Result<(), Refusal> {
        house.pulse.beat(Metrics::get().deliveries.get());
        let mut people = house.exchange.listened(|topic| match topic {
            Topic::Dashboard(user) => Some(*user),
            _ => None,
        });
        people.sort_unstable();
        if people.is_empty() {
            *self = Self::default();
            return Ok(());
        }
        self.told.retain(|user, _| people.binary_search(user).is_ok());
        self.recount(house, people).await?;
        let Some((.., counted)) = &self.counted else { return Ok(()) };
        let measured = measure(house);
        let mut by_role: HashMap<Role, Arc<RoleFigures>> = HashMap::new();
        let mut deliveries = Vec::new();
        for (user, role) in &counted.people {
            let figures = by_role.entry(*role).or_insert_with(|| {
                Metrics::get().dashboard_figures.increment(1);
                Arc::new(figures_of(*role, counted, &measured))
            });
            let own = counted.own.get(user).copied().unwrap_or_default();
            let view = DashboardView { own, figures: Arc::clone(figures) };
            if self.told.get(user) == Some(&view) {
                continue;
            }
            self.told.insert(*user, view.clone());
            let body = EventBody::Dashboard(view);
            let (topic, at) = (Topic::Dashboard(*user), clock::now_naive());
            deliveries.push(delivery(Event { topic, seq: None, at, body }));
        }
        // Every node tells its own listeners, so nothing travels between them.
        house.exchange.hear(Heard::Envelope(Envelope::Events(deliveries)));
        Ok(())
    }

    /// Asks the database anew when something was committed here, or someone new listens, or the
    /// figures are old.
    async fn recount(&mut self, house: &Arc<House>, people: Vec<UserId>) -> Result<(), Refusal> {
        let commits = Metrics::get().commit_seconds.count();
        let stands = self.counted.as_ref().is_some_and(|(at, seen, asked, _)| {
            at.elapsed() < STALE_AFTER && *seen == commits && *asked == people
        });
        if stands {
            return Ok(());
        }
        let (asked, online) = (people.clone(), house.online.head_count());
        let counted = house.lane.read(move |conn| count(conn, &asked, online)).await?;
        self.counted = Some((Instant::now(), commits, people, counted));
        Ok(())
    }
}

/// Runs until the process ends.
pub async fn run(house: Arc<House>, every: Duration) {
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut desk = Desk::default();
    loop {
        tick.tick().await;
        if let Err(refusal) = desk.tick(&house).await {
            warn!("dashboards are not told this time cause={refusal}");
        }
    }
}

/// How many events a second were handed to connections, looked at once a tick.
#[derive(Debug)]
pub struct Pulse {
    last: Mutex<(Instant, u64)>,
    rate: AtomicI64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { last: Mutex::new((Instant::now(), 0)), rate: AtomicI64::new(0) }
    }
}

impl Pulse {
    fn beat(&self, delivered: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, before) = std::mem::replace(&mut *last, (Instant::now(), delivered));
        let millis = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = delivered.saturating_sub(before).saturating_mul(1_000) / millis;
        self.rate.store(whole(rate), Ordering::Relaxed);
    }

    /// Events a second between the last two looks.
    pub fn deliveries_per_second(&self) -> i64 {
        self.rate.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_admin_sees_how_the_server_does_and_only_the_desk_what_dispatch_does() {
        let dispatch = Some(Arc::default());
        let counted = Counted { attempts: (9, 2), dispatch, ..Counted::default() };
        let measured = Measured {
            deliveries_per_second: 40,
            connections: 3,
            writer_queue: 0,
            topics_live: 2,
            slow_sockets: 1,
            uptime_seconds: 60,
        };
        for role in Role::ALL {
            let server = figures_of(role, &counted, &measured).server;
            assert_eq!(server.is_some(), role == Role::Admin, "{role}");
            let dispatch = figures_of(role, &counted, &measured).dispatch;
            let desk = [Role::Admin, Role::Dispatcher];
            assert_eq!(dispatch.is_some(), desk.contains(&role), "{role}");
            if let Some(server) = server {
                assert_eq!((server.attempts, server.attempts_failed), (9, 2));
                assert_eq!(server.deliveries_per_second, 40);
            }
        }
    }

    #[test]
    fn the_day_begins_at_midnight_utc() {
        let at: NaiveDateTime = "2026-11-21T10:00:00.5".parse().unwrap();
        assert_eq!(midnight(at), "2026-11-21T00:00:00".parse().unwrap());
    }
}
