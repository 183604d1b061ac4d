//! The fan-out: one actor a worker, which writes encoded frames straight into the outboxes of the
//! sessions on its own thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use bytes::Bytes;
use chrono::NaiveDateTime;

use crate::actors::expiries::Expiries;
use crate::actors::house::House;
use crate::actors::mail::{
    Alarm, Census, Collapse, CollapseSession, Farewell, Joined, Outbound, Owed, Revoke, Seat,
    TakeCensus, Unseat, Veil, person, tell,
};
use crate::actors::replay;
use crate::actors::seats::latest::{self, Pace};
use crate::actors::seats::{Hole, Listener, Seats, Sink};
use crate::actors::session::{Expiry, Session};
use crate::actors::turn::EndOfTurn;
use crate::auth::identity::Identity;
use crate::clock;
use crate::layer::contract::{Delivery, Manner, Whom};
use crate::metrics::Metrics;
use crate::protocol::topic::TopicKind;
use crate::socket::outbox::Outbox;

/// How long an event ahead of a hole waits for what is missing before the journal is read.
const HOLE_PATIENCE: Duration = Duration::from_millis(50);
/// How often credentials are looked at for their end; the close comes within a second of it.
const EXPIRY_SWEEP: Duration = Duration::from_millis(250);

impl Sink for Rc<Outbox> {
    fn write(&self, frames: Bytes) {
        Outbox::write(self, frames);
    }

    fn is_idle(&self) -> bool {
        self.waiting_bytes() == 0
    }
}

/// A session of this worker, as its fan-out knows it.
#[derive(Debug)]
pub struct Resident {
    pub address: Addr<Session>,
    pub outbox: Rc<Outbox>,
    /// Who it is; `None` for a socket that was refused and for one that needs no sign-in.
    pub identity: Option<Arc<Identity>>,
    pub manner: Manner,
    /// Whether the client was told that its credential is about to end.
    pub warned: bool,
}

/// The sessions and seats of this worker.
#[derive(Debug, Default)]
pub struct Floor {
    pub residents: HashMap<u64, Resident>,
    pub seats: Seats<Rc<Outbox>>,
    expiries: Expiries,
}

impl Floor {
    /// Takes in `resident` as session `number`.
    pub fn admit(&mut self, number: u64, resident: Resident, warn_ahead: Duration) {
        let ends = resident.identity.as_ref().and_then(|who| who.expires_at);
        self.residents.insert(number, resident);
        self.watch(number, ends, warn_ahead);
    }

    /// Knows session `number` by a renewed credential from now on.
    pub fn renew(&mut self, number: u64, identity: Arc<Identity>, warn_ahead: Duration) {
        let Some(resident) = self.residents.get_mut(&number) else { return };
        let ends = identity.expires_at;
        resident.identity = Some(identity);
        resident.warned = false;
        self.watch(number, ends, warn_ahead);
    }

    fn watch(&mut self, number: u64, ends: Option<NaiveDateTime>, warn_ahead: Duration) {
        if let Some(ends) = ends {
            self.expiries.watch(number, ends - warn_ahead);
            let residents = &self.residents;
            self.expiries.thin(residents.len(), |session| {
                let resident = residents.get(&session)?;
                let ends = resident.identity.as_ref()?.expires_at?;
                Some(if resident.warned { ends } else { ends - warn_ahead })
            });
        }
    }

    /// Those whose credential has ended, or is about to and they were not told.
    fn expiring(&mut self, now: NaiveDateTime, ahead: Duration) -> Vec<(Addr<Session>, Expiry)> {
        let mut due = Vec::new();
        while let Some(number) = self.expiries.next_due(now) {
            let Some(resident) = self.residents.get_mut(&number) else { continue };
            let ends = resident.identity.as_ref().and_then(|who| who.expires_at);
            let Some(ends) = ends else { continue };
            // A credential renewed meanwhile has an entry of its own.
            let Some(expiry) = expiry(now, ends, ahead, resident.warned) else { continue };
            if matches!(expiry, Expiry::Soon { .. }) {
                resident.warned = true;
                self.expiries.watch(number, ends);
            }
            due.push((resident.address.clone(), expiry));
        }
        due
    }
}

thread_local! {
    static FLOOR: RefCell<Floor> = RefCell::default();
}

/// Runs `visit` on this worker's floor. Not reentrant.
pub fn with_floor<T>(visit: impl FnOnce(&mut Floor) -> T) -> T {
    FLOOR.with(|floor| visit(&mut floor.borrow_mut()))
}

/// One worker's fan-out.
#[derive(Debug)]
pub struct Fanout {
    worker: usize,
    house: Arc<House>,
    flushing: bool,
    /// When newest values will be told next, if that is known.
    telling: Option<(Instant, SpawnHandle)>,
}

impl Fanout {
    /// The fan-out of `worker`; to be started on that worker's own thread.
    pub fn new(worker: usize, house: Arc<House>) -> Self {
        Self { worker, house, flushing: false, telling: None }
    }

    fn take(&mut self, events: Vec<Arc<Delivery>>, ctx: &mut Context<Self>) {
        let mut holes = Vec::new();
        let has_newest = events.iter().any(|event| latest::kind_of(event.topic()).is_some());
        let (dirty, due) = with_floor(|floor| {
            holes.extend(events.into_iter().filter_map(|event| floor.seats.deliver(event)));
            let due = has_newest.then(|| floor.seats.due(Instant::now()));
            (floor.seats.is_dirty(), due.flatten())
        });
        self.tell_at(due, ctx);
        if dirty && !self.flushing {
            self.flushing = true;
            ctx.spawn(EndOfTurn::default().into_actor(self).map(|(), fanout, _| {
                fanout.flushing = false;
                let written = with_floor(|floor| floor.seats.flush());
                Metrics::get().deliveries.increment(written);
            }));
        }
        for hole in holes {
            ctx.run_later(HOLE_PATIENCE, move |fanout, ctx| fanout.mend(hole, ctx));
        }
    }

    /// Tells newest values when they are due, at the end of this turn at the earliest.
    fn tell_at(&mut self, due: Option<Instant>, ctx: &mut Context<Self>) {
        let Some(due) = due else { return };
        if let Some((at, earlier)) = self.telling {
            if at <= due {
                return;
            }
            ctx.cancel_future(earlier);
        }
        let wait = due.saturating_duration_since(Instant::now());
        let handle = ctx.run_later(wait, |fanout, ctx| {
            fanout.telling = None;
            let next = with_floor(|floor| {
                let now = Instant::now();
                let written = floor.seats.tell_newest(now);
                Metrics::get().deliveries.increment(written);
                floor.seats.due(now)
            });
            fanout.tell_at(next, ctx);
        });
        self.telling = Some((due, handle));
    }

    fn mend(&mut self, hole: Hole, ctx: &mut Context<Self>) {
        if !with_floor(|floor| floor.seats.is_open(&hole)) {
            return;
        }
        let lane = self.house.lane.clone();
        let wanted = hole.clone();
        let reading = async move { lane.read(move |conn| replay::between(conn, &wanted)).await };
        ctx.spawn(reading.into_actor(self).map(move |found, fanout, ctx| {
            // While the database does not answer the hole stays, and is tried again.
            if let Ok(events) = found {
                fanout.take(events, ctx);
                if with_floor(|floor| floor.seats.is_open(&hole)) {
                    with_floor(|floor| floor.seats.skip(&hole));
                    fanout.take(Vec::new(), ctx);
                }
            }
            if let Some(left) = with_floor(|floor| floor.seats.hole(&hole.topic)) {
                ctx.run_later(HOLE_PATIENCE, move |fanout, ctx| fanout.mend(left, ctx));
            }
        }));
    }

    fn sweep_expiries(&mut self) {
        let (now, ahead) = (clock::now_naive(), self.house.settings.auth_warning);
        for (address, expiry) in with_floor(|floor| floor.expiring(now, ahead)) {
            tell(&address, expiry);
        }
    }
}

fn expiry(
    now: NaiveDateTime,
    ends: NaiveDateTime,
    warn_ahead: Duration,
    warned: bool,
) -> Option<Expiry> {
    let left = ends - now;
    if left <= chrono::Duration::zero() {
        return Some(Expiry::Ended);
    }
    let left = left.to_std().unwrap_or_default();
    (!warned && left <= warn_ahead).then_some(Expiry::Soon { left })
}

impl Actor for Fanout {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let settings = &self.house.settings;
        let (latest, per_key) = (settings.latest_every, settings.positions_every);
        with_floor(|floor| floor.seats.set_pace(Pace { latest, per_key }));
        self.house.exchange.register(self.worker, ctx.address());
        ctx.run_interval(EXPIRY_SWEEP, |fanout, _| fanout.sweep_expiries());
    }
}

impl Handler<Outbound> for Fanout {
    type Result = ();

    fn handle(&mut self, outbound: Outbound, ctx: &mut Context<Self>) {
        if !outbound.replies.is_empty() {
            with_floor(|floor| {
                for reply in outbound.replies {
                    if let Some(resident) = floor.residents.get(&reply.to.number) {
                        resident.outbox.push(reply.frame);
                    }
                }
            });
        }
        if !outbound.events.is_empty() {
            self.take(outbound.events, ctx);
        }
    }
}

impl Handler<Owed> for Fanout {
    type Result = ();

    fn handle(&mut self, Owed(topic): Owed, ctx: &mut Context<Self>) {
        let (due, hole) =
            with_floor(|floor| (floor.seats.due(Instant::now()), floor.seats.hole(&topic)));
        self.tell_at(due, ctx);
        if let Some(hole) = hole {
            ctx.run_later(HOLE_PATIENCE, move |fanout, ctx| fanout.mend(hole, ctx));
        }
    }
}

impl Handler<Alarm> for Fanout {
    type Result = ();

    fn handle(&mut self, Alarm(alarm): Alarm, _: &mut Context<Self>) {
        with_floor(|floor| {
            for session in floor.seats.sessions(alarm.topic()) {
                // A dialect says what it knows of the event itself, in its turn.
                let resident = floor.residents.get(&session);
                if let Some(resident) = resident.filter(|there| there.manner.dialect.is_none()) {
                    let frame = alarm.frame.shaped(resident.manner.window).clone();
                    resident.outbox.push_ahead(frame);
                }
            }
        });
    }
}

impl Handler<Seat> for Fanout {
    type Result = ();

    fn handle(&mut self, seat: Seat, _: &mut Context<Self>) {
        let seated = with_floor(|floor| {
            let resident = floor.residents.get(&seat.session)?;
            let listener = Listener {
                session: seat.session,
                ticket: seat.ticket,
                is_let_in: false,
                user: resident.identity.as_ref().map(|who| who.user),
                manner: Manner { is_veiled: seat.is_veiled, ..resident.manner },
                sink: Rc::clone(&resident.outbox),
            };
            Some(floor.seats.add(&seat.topic, listener))
        });
        // The session left meanwhile, or sat here already: the new place is not needed.
        if seated != Some(true) {
            self.house.exchange.ebb(&seat.topic, self.worker);
        }
    }
}

impl Handler<Veil> for Fanout {
    type Result = ();

    fn handle(&mut self, Veil { user, is_veiled }: Veil, _: &mut Context<Self>) {
        with_floor(|floor| floor.seats.veil(user, is_veiled));
    }
}

impl Handler<Joined> for Fanout {
    type Result = ();

    fn handle(&mut self, joined: Joined, _: &mut Context<Self>) {
        let address = with_floor(|floor| {
            if joined.outcome.is_ok() {
                floor.seats.let_in(&joined.topic, joined.session, joined.ticket);
            }
            floor.residents.get(&joined.session).map(|resident| resident.address.clone())
        });
        match address {
            Some(address) => tell(&address, joined),
            None => {
                let (house, session) = (&self.house, joined.session);
                with_floor(|floor| {
                    if floor.seats.remove(&joined.topic, session) {
                        house.exchange.ebb(&joined.topic, self.worker);
                    }
                });
                house.leave_for_ghost(joined);
            }
        }
    }
}

impl Handler<Revoke> for Fanout {
    type Result = ();

    fn handle(&mut self, revoke: Revoke, _: &mut Context<Self>) {
        let hit = with_floor(|floor| {
            let residents = floor.residents.values();
            let hit = residents.filter(|resident| match (&resident.identity, revoke.whom) {
                (Some(who), Whom::Login(login)) => who.login == Some(login),
                (Some(who), Whom::User(user)) => who.user == user,
                (Some(who), Whom::UserExcept(user, login)) => {
                    who.user == user && who.login != Some(login)
                }
                (None, _) => false,
            });
            hit.map(|resident| resident.address.clone()).collect::<Vec<_>>()
        });
        for address in hit {
            tell(&address, revoke.clone());
        }
    }
}

impl Handler<Unseat> for Fanout {
    type Result = ();

    fn handle(&mut self, unseat: Unseat, _: &mut Context<Self>) {
        let hit = with_floor(|floor| {
            let sessions = floor.seats.sessions(&unseat.topic);
            let residents = sessions.iter().filter_map(|session| floor.residents.get(session));
            residents
                .filter(|resident| {
                    resident.identity.as_ref().is_some_and(|who| who.user == unseat.user)
                })
                .map(|resident| resident.address.clone())
                .collect::<Vec<_>>()
        });
        for address in hit {
            tell(&address, unseat.clone());
        }
    }
}

impl Handler<Farewell> for Fanout {
    type Result = ();

    fn handle(&mut self, farewell: Farewell, _: &mut Context<Self>) {
        let all = with_floor(|floor| {
            floor.residents.values().map(|resident| resident.address.clone()).collect::<Vec<_>>()
        });
        for address in all {
            tell(&address, farewell.clone());
        }
    }
}

impl Handler<CollapseSession> for Fanout {
    type Result = ();

    fn handle(&mut self, collapse: CollapseSession, _: &mut Context<Self>) {
        let address = with_floor(|floor| {
            floor.residents.get(&collapse.session).map(|resident| resident.address.clone())
        });
        if let Some(address) = address {
            tell(&address, Collapse);
        }
    }
}

impl Handler<TakeCensus> for Fanout {
    type Result = ();

    fn handle(&mut self, _: TakeCensus, _: &mut Context<Self>) {
        let mut present: HashMap<TopicKind, Vec<_>> = HashMap::new();
        with_floor(|floor| {
            for (topic, sessions) in floor.seats.present() {
                let seated = sessions.iter().filter_map(|session| floor.residents.get(session));
                for who in seated.filter_map(|resident| resident.identity.as_deref()) {
                    let people = present.entry(topic.kind()).or_default();
                    people.push((topic.clone(), person(who)));
                }
            }
        });
        for (kind, present) in present {
            self.house.owners.census(kind, Census { present });
        }
    }
}
