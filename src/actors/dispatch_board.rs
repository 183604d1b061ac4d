//! DispatchBoard: owns the topics of the dispatch board, positions and units.

use std::sync::Arc;

use actix::{Actor, Context, Handler};

use crate::actors::house::House;
use crate::actors::mail::Perform;
use crate::actors::switchboard::own_topics;
use crate::actors::switchboard::{self, Switchboard};
use crate::protocol::command::Command;
use crate::protocol::refusal::{Code, Refusal};

/// The owner of the dispatch board, positions and units.
#[derive(Debug)]
pub struct DispatchBoard {
    switchboard: Switchboard,
}

own_topics!(DispatchBoard);

impl DispatchBoard {
    /// An owner with nothing in memory yet.
    pub fn new(house: Arc<House>) -> Self {
        Self { switchboard: Switchboard::new(house) }
    }
}

impl Actor for DispatchBoard {
    type Context = Context<Self>;
}

impl Handler<Perform> for DispatchBoard {
    type Result = ();

    fn handle(&mut self, mut perform: Perform, ctx: &mut Context<Self>) {
        if let Err(refusal) = self.switchboard.house.throttles.message(perform.who.user) {
            return perform.reply.send(Err(refusal));
        }
        match std::mem::replace(&mut perform.command, Command::Ping) {
            Command::TopicPublish(wish) => switchboard::publish(self, perform, wish, ctx),
            _ => perform
                .reply
                .send(Err(Refusal::new(Code::UnknownType, "not a command for this kind of topic"))),
        }
    }
}
