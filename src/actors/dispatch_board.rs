//! DispatchBoard: owns the topics of the dispatch board, positions and units, and looks at their
//! deadlines.

pub mod reports;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use log::warn;

use crate::actors::dispatch::job::{DispatchJob, Task};
use crate::actors::dispatch::sweep;
use crate::actors::dispatch::unkept;
use crate::actors::dispatch_board::reports::Reports;
use crate::actors::house::House;
use crate::actors::lane::Aftermath;
use crate::actors::mail::{Perform, ReplyTo};
use crate::actors::switchboard::own_topics;
use crate::actors::switchboard::{self, Switchboard};
use crate::auth::identity::Identity;
use crate::clock;
use crate::ids::{UnitId, UserId};
use crate::models::store::DbConn;
use crate::models::{deadline, incident, order};
use crate::protocol::command::Command;
use crate::protocol::command::dispatch::DispatchCommand;
use crate::protocol::command::fleet::MaydayRaise;
use crate::protocol::command::older::OlderCommand;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

/// How often it is looked who fell silent or lost their account: what is told in seconds and
/// minutes need not be asked with every look at the deadlines.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The owner of the dispatch board, positions and units. Holds no truth: every deadline stands in
/// the database, so one that is rebuilt goes on where the last one was.
#[derive(Debug)]
pub struct DispatchBoard {
    switchboard: Switchboard,
    /// Whether a look at the deadlines is under way.
    sweeping: bool,
    /// When it was last looked who fell silent or lost their account.
    watched: Option<Instant>,
    reports: Reports,
}

own_topics!(DispatchBoard, DispatchBoard::log_reader, DispatchBoard::log_leaving);

impl DispatchBoard {
    /// An owner with nothing in memory yet.
    pub fn new(house: Arc<House>) -> Self {
        let (switchboard, reports) = (Switchboard::new(house), Reports::default());
        Self { switchboard, sweeping: false, watched: None, reports }
    }

    fn obey(
        &mut self,
        command: DispatchCommand,
        who: Arc<Identity>,
        reply: ReplyTo,
        ctx: &mut Context<Self>,
    ) {
        let house = &self.switchboard.house;
        // A call for help is never one too many; of positions the newest counts, however many come.
        let counts = !matches!(
            command,
            DispatchCommand::MaydayRaise(_) | DispatchCommand::PositionReport(_)
        );
        if let (true, Err(refusal)) = (counts, house.throttles.message(who.user)) {
            return reply.send(Err(refusal));
        }
        match command {
            DispatchCommand::PositionReport(report) => self.report(who, report, reply, ctx),
            DispatchCommand::MaydayRaise(wish) => self.raise(who, wish, reply, ctx),
            DispatchCommand::IncidentRecommend(wish) => self.recommend(who, wish, reply, ctx),
            command => {
                let task = Task::Command(who, Box::new(command));
                house.lane.submit(Box::new(DispatchJob::new(house, task, reply)));
            }
        }
    }

    /// Serves `mayday.raise`. While the writer waits for the database, the boards are told without
    /// it; the mayday itself comes when it is kept.
    fn raise(
        &self,
        who: Arc<Identity>,
        wish: MaydayRaise,
        reply: ReplyTo,
        ctx: &mut Context<Self>,
    ) {
        let house = &self.switchboard.house;
        let command = DispatchCommand::MaydayRaise(wish.clone());
        let task = Task::Command(Arc::clone(&who), Box::new(command));
        let job = DispatchJob::new(house, task, reply);
        let told = job.told();
        house.lane.submit(Box::new(job));
        ctx.run_later(unkept::PATIENCE, move |board, _| {
            let house = &board.switchboard.house;
            if told.swap(true, Ordering::Relaxed) {
                return;
            }
            let now = clock::now_naive();
            let unkept = unkept::told(&who, &wish, &house.exchange, &*house.notifier, now);
            let Some(unkept) = unkept else { return };
            let mut aftermath = Aftermath::default();
            unkept.tell(&mut aftermath);
            house.lane.say(aftermath);
        });
    }

    /// Looks whether deadlines have come, and serves them.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.sweeping {
            return;
        }
        self.sweeping = true;
        let watches = self.watched.is_none_or(|last| last.elapsed() >= WATCH_EVERY);
        if watches {
            self.watched = Some(Instant::now());
        }
        let house = Arc::clone(&self.switchboard.house);
        let looking = async move {
            let now = clock::now_naive();
            let settings = house.settings.dispatch.clone();
            let look = move |conn: &mut DbConn| {
                let due = deadline::is_due(conn, now)?;
                Ok(due || (watches && sweep::is_amiss(conn, &settings, now)?))
            };
            if house.lane.read(look).await? {
                let (reply, answer) = ReplyTo::call();
                house.lane.submit(Box::new(DispatchJob::new(&house, Task::Sweep, reply)));
                answer.await.unwrap_or_else(|_| Err(Refusal::unavailable(1_000)))?;
            }
            Ok(())
        };
        ctx.spawn(looking.into_actor(self).map(|looked: Result<(), Refusal>, board, _| {
            board.sweeping = false;
            if let Err(refusal) = looked {
                warn!("deadlines could not be looked at and will be again cause={refusal}");
            }
        }));
    }

    /// Logs that someone was sent patients' data with a snapshot or replay.
    fn log_reader(&mut self, who: &Identity, topic: &Topic, ctx: &mut Context<Self>) {
        match *topic {
            Topic::Board => self.log_reading(who.user, None, "board", ctx),
            Topic::Unit(unit) => self.log_reading(who.user, Some(unit), "unit", ctx),
            _ => {}
        }
    }

    /// Logs that someone no longer looks at the board.
    fn log_leaving(&mut self, user: UserId, topic: &Topic, ctx: &mut Context<Self>) {
        if *topic == Topic::Board {
            self.log_reading(user, None, incident::BOARD_LEFT, ctx);
        }
    }

    fn log_reading(
        &self,
        reader: UserId,
        unit: Option<UnitId>,
        way: &'static str,
        ctx: &mut Context<Self>,
    ) {
        let house = Arc::clone(&self.switchboard.house);
        let logging = async move {
            let log = house.lane.write(move |conn| {
                let bound = match unit {
                    Some(unit) => match order::of_unit(conn, unit)? {
                        Some(order) => Some(order.incident_id),
                        None => return Ok(()),
                    },
                    None => None,
                };
                Ok(incident::note_read(conn, bound, reader, way, clock::now_naive())?)
            });
            log.await
        };
        ctx.spawn(logging.into_actor(self).map(|logged, _, _| {
            if let Err(refusal) = logged {
                warn!("who saw which patient could not be logged cause={refusal}");
            }
        }));
    }
}

impl Actor for DispatchBoard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let every = self.switchboard.house.settings.dispatch.sweep;
        ctx.run_interval(every, |board, ctx| board.look(ctx));
        let every = self.switchboard.house.settings.dispatch.position_keep;
        ctx.run_interval(every, |board, ctx| board.keep_positions(ctx));
    }
}

impl Handler<Perform> for DispatchBoard {
    type Result = ();

    fn handle(&mut self, mut perform: Perform, ctx: &mut Context<Self>) {
        let house = Arc::clone(&self.switchboard.house);
        match std::mem::replace(&mut perform.command, Command::Ping) {
            Command::Dispatch(command) => self.obey(*command, perform.who, perform.reply, ctx),
            command => {
                if let Err(refusal) = house.throttles.message(perform.who.user) {
                    return perform.reply.send(Err(refusal));
                }
                match command {
                    Command::Older(OlderCommand::Ambulance(command)) => {
                        let task = Task::Older(perform.who, command);
                        house.lane.submit(Box::new(DispatchJob::new(&house, task, perform.reply)));
                    }
                    Command::TopicPublish(wish) => switchboard::publish(self, perform, wish, ctx),
                    _ => perform.reply.send(Err(Refusal::new(
                        Code::UnknownType,
                        "not a command for this kind of topic",
                    ))),
                }
            }
        }
    }
}
