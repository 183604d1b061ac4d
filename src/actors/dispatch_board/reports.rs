//! What the owner of the boards answers without the writer: positions as they come, and which units
//! would serve an incident.

use std::sync::Arc;
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;

use crate::actors::dispatch::job::{DispatchJob, Task};
use crate::actors::dispatch::positions::{self, Standing, Turn};
use crate::actors::dispatch::recommend;
use crate::actors::dispatch_board::DispatchBoard;
use crate::actors::mail::{Answer, ReplyTo, answer};
use crate::auth::identity::Identity;
use crate::auth::policy::{self, Action, Relation, Subject};
use crate::clock;
use crate::ids::{UnitId, UserId};
use crate::models::shift;
use crate::models::store::DbConn;
use crate::protocol::command::dispatch::IncidentRecommend;
use crate::protocol::command::fleet::PositionReport;
use crate::protocol::event::EventBody;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::positions::PositionView;

/// What a report is answered. It was told, and will be kept with the next write; a position is soon
/// superseded, so nobody waits for that.
#[derive(Debug, serde::Serialize)]
struct Reported {
    unit: UnitId,
    /// Whether the unit has a newer one, so that this one changed nothing.
    superseded: bool,
}

/// A report that waits until it is known who is of which crew.
#[derive(Debug)]
struct Waiting {
    who: Arc<Identity>,
    report: PositionReport,
    reply: ReplyTo,
    came: Instant,
}

/// Reports under way.
#[derive(Debug, Default)]
pub struct Reports {
    waiting: Vec<Waiting>,
    /// Whether it is being read who is of which crew.
    asking: bool,
    /// Whether positions are being written.
    keeping: bool,
}

impl DispatchBoard {
    /// Serves `position.report`.
    pub(super) fn report(
        &mut self,
        who: Arc<Identity>,
        report: PositionReport,
        reply: ReplyTo,
        ctx: &mut Context<Self>,
    ) {
        let came = Instant::now();
        let known = self.switchboard.house.positions.standing(who.user, report.unit, came);
        if let Standing::Crew(unit) = known {
            return reply.send(self.accept(&who, &report, unit, ctx));
        }
        // Whoever is not known to be of a crew may have just come on shift.
        self.reports.waiting.push(Waiting { who, report, reply, came });
        self.ask_who_is_on_duty(ctx);
    }

    fn ask_who_is_on_duty(&mut self, ctx: &mut Context<Self>) {
        if self.reports.asking || self.reports.waiting.is_empty() {
            return;
        }
        self.reports.asking = true;
        let (lane, began) = (self.switchboard.house.lane.clone(), Instant::now());
        let reading = async move { lane.read(|conn| Ok(shift::on_duty(conn)?)).await };
        ctx.spawn(reading.into_actor(self).map(move |found, board, ctx| {
            board.reports.asking = false;
            let waiting = std::mem::take(&mut board.reports.waiting);
            let (ready, later) = waiting.into_iter().partition(|one| one.came <= began);
            board.reports.waiting = later;
            board.answer_those(ready, found, began, ctx);
            board.ask_who_is_on_duty(ctx);
        }));
    }

    fn answer_those(
        &mut self,
        ready: Vec<Waiting>,
        found: Result<Vec<(UserId, UnitId)>, Refusal>,
        read_at: Instant,
        ctx: &mut Context<Self>,
    ) {
        match found {
            Ok(on_duty) => self.switchboard.house.positions.enlist(on_duty, read_at),
            Err(refusal) => {
                for one in ready {
                    one.reply.send(Err(refusal.clone()));
                }
                return;
            }
        }
        for Waiting { who, report, reply, .. } in ready {
            // Judged as of the reading, however long it took.
            let standing =
                self.switchboard.house.positions.standing(who.user, report.unit, read_at);
            reply.send(match standing {
                Standing::Crew(unit) => self.accept(&who, &report, unit, ctx),
                Standing::Stranger | Standing::Unknown => Err(refusal_to(&who)),
            });
        }
    }

    /// Takes a position of someone of the unit's crew.
    fn accept(
        &mut self,
        who: &Identity,
        report: &PositionReport,
        unit: UnitId,
        ctx: &mut Context<Self>,
    ) -> Result<Answer, Refusal> {
        decide(who, Relation::Crew)?;
        let house = Arc::clone(&self.switchboard.house);
        let settings = &house.settings.dispatch;
        let fix = positions::fix_of(report, settings, clock::now_naive())?;
        let pace = (settings.position_rest, settings.position_stale);
        let turn = house.positions.take(unit, fix, Instant::now(), pace);
        let superseded = turn == Turn::Old;
        match turn {
            Turn::Tell(view) => self.tell_position(view),
            Turn::Wait(left) => {
                ctx.run_later(left, move |board, _| {
                    let turn = board.switchboard.house.positions.turn_of(unit, Instant::now());
                    if let Some(view) = turn {
                        board.tell_position(view);
                    }
                });
            }
            Turn::Waits | Turn::Old => {}
        }
        Ok(answer(&Reported { unit, superseded }))
    }

    fn tell_position(&self, view: PositionView) {
        let body = EventBody::Positions { positions: vec![view] };
        self.switchboard.tell_listeners(Topic::Positions, body);
    }

    /// Has the writer keep what came since the last time.
    pub(super) fn keep_positions(&mut self, ctx: &mut Context<Self>) {
        if self.reports.keeping {
            return;
        }
        let house = Arc::clone(&self.switchboard.house);
        let all = Arc::new(house.positions.to_keep(&house.settings.dispatch));
        if all.is_empty() {
            return;
        }
        self.reports.keeping = true;
        let (reply, answered) = ReplyTo::call();
        let task = Task::Positions(Arc::clone(&all));
        house.lane.submit(Box::new(DispatchJob::new(&house, task, reply)));
        let keeping =
            async move { answered.await.unwrap_or_else(|_| Err(Refusal::unavailable(1_000))) };
        ctx.spawn(keeping.into_actor(self).map(move |kept, board, _| {
            board.reports.keeping = false;
            match kept {
                Ok(_) => board.switchboard.house.positions.have_kept(&all),
                Err(refusal) => {
                    warn!("positions were not kept and will be with the next cause={refusal}");
                }
            }
        }));
    }

    /// Serves `incident.recommend`.
    pub(super) fn recommend(
        &self,
        who: Arc<Identity>,
        wish: IncidentRecommend,
        reply: ReplyTo,
        ctx: &mut Context<Self>,
    ) {
        let house = Arc::clone(&self.switchboard.house);
        let reading = async move {
            let settings = house.settings.dispatch.clone();
            let asked = move |conn: &mut DbConn| {
                recommend::asked(conn, &who, &wish, &settings, clock::now_naive())
            };
            house.lane.read(asked).await
        };
        ctx.spawn(reading.into_actor(self).map(|found, _, _| {
            reply.send(found.map(|view| answer(&view)));
        }));
    }
}

/// What someone is told who is not of the crew.
fn refusal_to(who: &Identity) -> Refusal {
    decide(who, Relation::Stranger).err().unwrap_or_else(Refusal::not_found)
}

fn decide(who: &Identity, relation: Relation) -> Result<(), Refusal> {
    let subject = Subject::Person(who);
    policy::decide(TopicKind::Unit, Action::ReportPosition, subject, relation).map(drop)
}
