//! A dispatch command on its way to the database: once for each `client_id`, whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::value::RawValue;

use crate::actors::dispatch::incidents::Report;
use crate::actors::dispatch::notifier::Unheard;
use crate::actors::dispatch::positions::{self, Kept};
use crate::actors::dispatch::work::{DispatchSettings, Doer, Work};
use crate::actors::dispatch::{
    alarms, ambulance, answers, assign, attempt, correct, crews, fleet, incidents, offline,
    pictures, progress, sweep, unkept,
};
use crate::actors::exchange::Exchange;
use crate::actors::house::House;
use crate::actors::lane::{Aftermath, Fault, Job};
use crate::actors::mail::{Answer, ReplyTo, done};
use crate::actors::notifier::Notifier;
use crate::actors::post::check_client_id;
use crate::auth::identity::Identity;
use crate::clock;
use crate::ids::UserId;
use crate::layer::contract::Envelope;
use crate::models::answer as kept;
use crate::models::error::StoreError;
use crate::models::journal;
use crate::models::store::DbConn;
use crate::protocol::command::ambulance::AmbulanceCommand;
use crate::protocol::command::dispatch::DispatchCommand;
use crate::protocol::event::dispatch::DispatchEvent;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// A command of someone with an account.
    Command(Arc<Identity>, Box<DispatchCommand>),
    /// What a client of the older ambulance system asks.
    Older(Arc<Identity>, Box<AmbulanceCommand>),
    /// A call that came in without an account.
    Report(Box<Report>),
    /// Deadlines that have come.
    Sweep,
    /// Positions that came since the last of these.
    Positions(Arc<Vec<Kept>>),
}

/// What became of it.
struct Outcome {
    answer: Answer,
    events: Vec<Event>,
    unseated: Vec<(Topic, UserId)>,
    unheard: Vec<Unheard>,
}

/// One command of dispatch.
pub struct DispatchJob {
    task: Task,
    settings: DispatchSettings,
    exchange: Arc<Exchange>,
    notifier: Arc<dyn Notifier>,
    reply: ReplyTo,
    outcome: Option<Result<Outcome, Refusal>>,
    /// Whether the boards have been told what came of it.
    told: Arc<AtomicBool>,
}

impl DispatchJob {
    /// A task of this house.
    pub fn new(house: &House, task: Task, reply: ReplyTo) -> Self {
        Self {
            task,
            settings: house.settings.dispatch.clone(),
            exchange: Arc::clone(&house.exchange),
            notifier: Arc::clone(&house.notifier),
            reply,
            outcome: None,
            told: Arc::default(),
        }
    }

    /// Set once the boards have been told what came of it, by this job or by whoever sets it.
    pub fn told(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.told)
    }

    fn perform(&self, conn: &mut DbConn) -> Result<Outcome, Fault> {
        let who = match &self.task {
            Task::Command(who, _) | Task::Older(who, _) => Doer::Person(who),
            Task::Report(_) | Task::Sweep | Task::Positions(_) => Doer::Server,
        };
        let now = clock::now_naive();
        let mut work = Work::new(conn, who, &self.settings, &self.exchange, now);
        let answer = match &self.task {
            Task::Command(_, command) => obey(&mut work, command)?,
            Task::Older(_, command) => ambulance::obey(&mut work, command)?,
            Task::Report(report) => incidents::report(&mut work, report)?,
            Task::Sweep => {
                sweep::sweep(&mut work)?;
                done()
            }
            Task::Positions(all) => {
                positions::keep(&mut work, all)?;
                done()
            }
        };
        let Work { conn, ledger, unheard, .. } = work;
        let events = ledger.settle(conn, who.id(), now)?;
        Ok(Outcome { answer, events, unseated: ledger.unseated, unheard })
    }

    /// Does the command once for each `client_id`: a repeat gets the first answer.
    fn perform_once(&self, conn: &mut DbConn) -> Result<Outcome, Fault> {
        // One dispatch command at a time, on however many nodes: two dispatchers who want one unit
        // are served one after the other, and the second sees what the first did.
        journal::lock(conn, &Topic::Board.to_string())?;
        let Task::Command(who, command) = &self.task else { return self.perform(conn) };
        check_client_id(command.client_id())?;
        let Some(client_id) = command.client_id() else { return self.perform(conn) };
        let (name, topic) = (command.name(), Topic::Board.to_string());
        if let Some(first) = kept::find(conn, who.user, name, &topic, client_id)? {
            let answer = RawValue::from_string(first)
                .map_err(|cause| StoreError::Broken(cause.to_string()))?;
            let (events, unseated, unheard) = (Vec::new(), Vec::new(), Vec::new());
            return Ok(Outcome { answer, events, unseated, unheard });
        }
        let outcome = self.perform(conn)?;
        let answer = outcome.answer.get();
        kept::keep(conn, who.user, name, &topic, client_id, answer, clock::now_naive())?;
        Ok(outcome)
    }
}

fn obey(work: &mut Work<'_>, command: &DispatchCommand) -> Result<Answer, Fault> {
    match command {
        DispatchCommand::IncidentCreate(data) => incidents::create(work, data),
        DispatchCommand::IncidentChange(data) => incidents::change(work, data),
        DispatchCommand::IncidentAssign(data) => assign::assign(work, data),
        DispatchCommand::IncidentRelease(data) => assign::release(work, data),
        DispatchCommand::IncidentReassign(data) => assign::reassign(work, data),
        DispatchCommand::IncidentStep(data) => progress::step(work, data),
        DispatchCommand::IncidentClose(data) => progress::close(work, data),
        DispatchCommand::IncidentCancel(data) => progress::cancel(work, data),
        DispatchCommand::IncidentCorrect(data) => correct::correct(work, data),
        DispatchCommand::IncidentLink(data) => incidents::link(work, data),
        DispatchCommand::IncidentMark(data) => incidents::mark(work, data),
        DispatchCommand::IncidentNote(data) => incidents::note(work, data),
        DispatchCommand::IncidentImage(data) => pictures::add(work, data),
        DispatchCommand::OrderReceived(data) => answers::confirm(work, data.order, false),
        DispatchCommand::OrderSeen(data) => answers::confirm(work, data.order, true),
        DispatchCommand::OrderAccept(data) => answers::accept(work, data.order),
        DispatchCommand::OrderDecline(data) => answers::decline(work, data),
        DispatchCommand::StatusBatch(data) => offline::merge(work, data),
        DispatchCommand::UnitSave(data) => fleet::save_unit(work, data),
        DispatchCommand::UnitSetStatus(data) => fleet::set_status(work, data),
        DispatchCommand::ShiftStart(data) => crews::start(work, data),
        DispatchCommand::ShiftEnd(data) => crews::end(work, data),
        DispatchCommand::ShiftRest(data) => crews::rest(work, data),
        DispatchCommand::HospitalSave(data) => fleet::save_hospital(work, data),
        DispatchCommand::HospitalBeds(data) => fleet::set_beds(work, data),
        DispatchCommand::HospitalDivert(data) => fleet::divert(work, data),
        DispatchCommand::MaydayRaise(data) => alarms::raise(work, data),
        DispatchCommand::MaydayAcknowledge(data) => alarms::acknowledge(work, data),
        DispatchCommand::MaydayEnd(data) => alarms::end(work, data),
        DispatchCommand::ParCheck(data) => alarms::check_in(work, data),
        DispatchCommand::ParSet(data) => alarms::set_timer(work, data),
        // The owner answers these itself: one asks, the other is kept with those of all units.
        DispatchCommand::IncidentRecommend(_) | DispatchCommand::PositionReport(_) => {
            Err(Fault::Refused(Refusal::internal()))
        }
    }
}

impl Job for DispatchJob {
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        self.outcome = Some(attempt::whole(conn, |conn| self.perform_once(conn))?);
        Ok(())
    }

    fn committed(self: Box<Self>, aftermath: &mut Aftermath) {
        self.told.store(true, Ordering::Relaxed);
        match self.outcome.unwrap_or_else(|| Err(Refusal::internal())) {
            Err(refusal) => self.reply.send_with(Err(refusal), &mut aftermath.replies),
            Ok(outcome) => {
                self.reply.send_with(Ok(outcome.answer), &mut aftermath.replies);
                aftermath.alarms.extend(outcome.events.iter().filter_map(alarm));
                aftermath.publish(outcome.events);
                for (topic, user) in outcome.unseated {
                    let refusal = Refusal::forbidden("you are no longer of this crew");
                    aftermath.envelopes.push(Envelope::Unseated { topic, user, refusal });
                }
                for unheard in &outcome.unheard {
                    unheard.hand_over(&*self.notifier);
                }
            }
        }
    }

    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath) {
        if let Task::Command(who, command) = &self.task
            && let DispatchCommand::MaydayRaise(wish) = &**command
            && !self.told.swap(true, Ordering::Relaxed)
            && let Some(unkept) =
                unkept::told(who, wish, &self.exchange, &*self.notifier, clock::now_naive())
        {
            unkept.tell(aftermath);
        }
        self.reply.send_with(Err(refusal), &mut aftermath.replies);
    }
}

/// The alarm that goes ahead of a mayday's event on the board.
fn alarm(event: &Event) -> Option<Event> {
    let EventBody::Dispatch(body) = &event.body else { return None };
    let (DispatchEvent::MaydayRaised { mayday } | DispatchEvent::MaydayRepeated { mayday }) =
        &**body
    else {
        return None;
    };
    if event.topic != Topic::Board {
        return None;
    }
    let body = DispatchEvent::MaydayAlarm { mayday: mayday.clone() };
    let body = EventBody::Dispatch(Box::new(body));
    Some(Event { topic: Topic::Board, seq: None, at: event.at, body })
}

/// Opens an incident for someone without an account: the public form.
///
/// # Errors
/// The refusal of [`incidents::report`].
pub async fn report(house: &House, report: Report) -> Result<Answer, Refusal> {
    let (reply, answer) = ReplyTo::call();
    let task = Task::Report(Box::new(report));
    house.lane.submit(Box::new(DispatchJob::new(house, task, reply)));
    answer.await.unwrap_or_else(|_| Err(Refusal::unavailable(1_000)))
}
