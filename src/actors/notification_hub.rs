//! NotificationHub: owns the topics of inboxes, dashboards and admin lists.

use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, WrapFuture};

use crate::actors::chat_commands::Effect;
use crate::actors::effect_job::EffectJob;
use crate::actors::house::House;
use crate::actors::inbox_commands as inbox;
use crate::actors::lane::Fault;
use crate::actors::mail::{Perform, answer};
use crate::actors::switchboard::own_topics;
use crate::actors::switchboard::{self, Switchboard};
use crate::auth::identity::Identity;
use crate::models::store::DbConn;
use crate::protocol::command::Command;
use crate::protocol::command::inbox::InboxCommand;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;

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

impl NotificationHub {
    fn serve_inbox(&self, perform: Perform, command: InboxCommand, ctx: &mut Context<Self>) {
        let Perform { who, topic, reply, .. } = perform;
        let Some(topic) = topic else {
            return reply.send(Err(Refusal::field("topic", "required")));
        };
        let lane = self.switchboard.house.lane.clone();
        match command {
            InboxCommand::List(wish) => {
                let reading = async move {
                    let read = lane.read(move |conn| inbox::list(conn, &who, &topic, &wish));
                    reply.send(read.await.map(|page| answer(&page)));
                };
                ctx.spawn(reading.into_actor(self));
            }
            InboxCommand::Preferences => {
                let reading = async move {
                    let read = lane.read(move |conn| inbox::preferences(conn, &who, &topic));
                    reply.send(read.await.map(|wishes| answer(&wishes)));
                };
                ctx.spawn(reading.into_actor(self));
            }
            change => {
                let work = move |conn: &mut DbConn| change_inbox(conn, &who, &topic, &change);
                lane.submit(Box::new(EffectJob::new(reply, work)));
            }
        }
    }
}

fn change_inbox(
    conn: &mut DbConn,
    who: &Identity,
    topic: &Topic,
    change: &InboxCommand,
) -> Result<Effect, Fault> {
    match change {
        InboxCommand::MarkRead(mark) => inbox::mark_read(conn, who, topic, mark),
        InboxCommand::MarkSeen => inbox::mark_seen(conn, who, topic),
        InboxCommand::Delete(wish) => inbox::delete(conn, who, topic, wish),
        InboxCommand::Prefer(wish) => inbox::prefer(conn, who, topic, wish),
        InboxCommand::List(_) | InboxCommand::Preferences => {
            Err(Refusal::new(Code::UnknownType, "this changes nothing").into())
        }
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
            Command::Inbox(command) => self.serve_inbox(perform, command, ctx),
            _ => perform
                .reply
                .send(Err(Refusal::new(Code::UnknownType, "not a command for this kind of topic"))),
        }
    }
}
