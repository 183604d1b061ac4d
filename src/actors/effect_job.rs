//! A write made of a closure, answered and published like any command: commit, ack, publish.

use crate::actors::chat_commands::Effect;
use crate::actors::house::House;
use crate::actors::lane::{Aftermath, Fault, Job};
use crate::actors::mail::{Answer, ReplyTo};
use crate::actors::veil;
use crate::layer::contract::Envelope;
use crate::models::error::StoreError;
use crate::models::store::DbConn;
use crate::protocol::refusal::Refusal;

impl Effect {
    /// Answers, then hands over what is to be published.
    pub fn conclude(self, reply: ReplyTo, aftermath: &mut Aftermath) {
        reply.send_with(Ok(self.answer), &mut aftermath.replies);
        let veils: Vec<_> = self.events.iter().filter_map(veil::drawn).collect();
        aftermath.publish(self.events);
        for (user, is_veiled) in veils {
            aftermath.envelopes.push(Envelope::Veiled { user, is_veiled });
        }
        for (topic, user) in self.unseated {
            let refusal = Refusal::forbidden("you are no longer a member here");
            aftermath.envelopes.push(Envelope::Unseated { topic, user, refusal });
        }
    }
}

/// A write on its way to the database. It may run twice, so it must refuse before it writes.
pub struct EffectJob<F> {
    work: F,
    reply: ReplyTo,
    outcome: Option<Result<Effect, Refusal>>,
}

impl<F> EffectJob<F>
where
    F: FnMut(&mut DbConn) -> Result<Effect, Fault> + Send + 'static,
{
    /// A job that does `work` and answers to `reply`.
    pub fn new(reply: ReplyTo, work: F) -> Self {
        Self { work, reply, outcome: None }
    }
}

impl<F> Job for EffectJob<F>
where
    F: FnMut(&mut DbConn) -> Result<Effect, Fault> + Send + 'static,
{
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        self.outcome = Some(match (self.work)(conn) {
            Ok(effect) => Ok(effect),
            Err(Fault::Refused(refusal)) => Err(refusal),
            Err(Fault::Store(fault)) => return Err(fault),
        });
        Ok(())
    }

    fn committed(self: Box<Self>, aftermath: &mut Aftermath) {
        match self.outcome.unwrap_or_else(|| Err(Refusal::internal())) {
            Err(refusal) => self.reply.send_with(Err(refusal), &mut aftermath.replies),
            Ok(effect) => effect.conclude(self.reply, aftermath),
        }
    }

    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath) {
        self.reply.send_with(Err(refusal), &mut aftermath.replies);
    }
}

/// Runs `work` in the writer's next transaction, publishes what it caused, and waits for its
/// answer.
///
/// # Errors
/// The refusal of `work`, or `unavailable`/`internal` when the database failed.
pub async fn write<F>(house: &House, work: F) -> Result<Answer, Refusal>
where
    F: FnMut(&mut DbConn) -> Result<Effect, Fault> + Send + 'static,
{
    let (reply, answer) = ReplyTo::call();
    house.lane.submit(Box::new(EffectJob::new(reply, work)));
    answer.await.unwrap_or_else(|_| Err(Refusal::unavailable(1_000)))
}
