//! NotificationHub: owns the topics of inboxes, dashboards and admin lists.

use std::sync::Arc;

use actix::{Actor, Context, Handler};

use crate::actors::house::House;
use crate::actors::mail::Perform;
use crate::actors::switchboard::own_topics;
use crate::actors::switchboard::{self, Switchboard};
use crate::protocol::command::Command;
use crate::protocol::refusal::{Code, Refusal};

/// The owner of inboxes, dashboards and admin lists.
#[derive(Debug)]
pub struct NotificationHub {
    switchboard: Switchboard,
}

own_topics!(NotificationHub);

impl NotificationHub {
    /// An owner with nothing in memory yet.
    pub fn new(house: Arc<House>) -> Self {
        Self { switchboard: Switchboard::new(house) }
    }
}

impl Actor for NotificationHub {
    type Context = Context<Self>;
}

impl Handler<Perform> for NotificationHub {
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
