//! RoomSupervisor: owns the chat topics. Posting, editing, membership, typing.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, SpawnHandle};

use crate::actors::authorize::require;
use crate::actors::call_desk;
use crate::actors::chat_commands::Asked;
use crate::actors::effect_job::EffectJob;
use crate::actors::house::House;
use crate::actors::mail::{Perform, done, person};
use crate::actors::older_commands;
use crate::actors::post::{self, PostJob};
use crate::actors::switchboard::own_topics;
use crate::actors::switchboard::{self, Switchboard};
use crate::auth::policy::Action;
use crate::ids::UserId;
use crate::models::store::DbConn;
use crate::protocol::command::older::OlderCommand;
use crate::protocol::command::{Command, MessageSend, TopicPublish};
use crate::protocol::event::EventBody;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// The owner of conversations and rooms.
#[derive(Debug)]
pub struct RoomSupervisor {
    switchboard: Switchboard,
    /// Who is typing where, with the timer that ends it.
    typing: HashMap<(Topic, UserId), SpawnHandle>,
}

own_topics!(RoomSupervisor);

impl RoomSupervisor {
    /// An owner with nothing in memory yet.
    pub fn new(house: Arc<House>) -> Self {
        Self { switchboard: Switchboard::new(house), typing: HashMap::new() }
    }

    fn post(&self, perform: Perform, send: MessageSend) {
        let house = &self.switchboard.house;
        let Perform { who, topic, reply, .. } = perform;
        let Some(topic) = topic else {
            return reply.send(Err(Refusal::field("topic", "required")));
        };
        let settings = &house.settings;
        let (text, files) = (settings.message_bytes, settings.attachments_per_message);
        if let Err(refusal) = post::check(&send, text, files) {
            return reply.send(Err(refusal));
        }
        let job = PostJob::new(who, topic, send, Arc::clone(house), reply);
        house.lane.submit(Box::new(job));
    }

    fn signal_typing(&mut self, perform: Perform, on: bool, ctx: &mut Context<Self>) {
        let Perform { who, topic, seat, reply, .. } = perform;
        let (Some(topic), Some(relation)) = (topic, seat) else {
            return reply.send(Err(Refusal::field("topic", "one you are subscribed to")));
        };
        if let Err(refusal) = require(&who, topic.kind(), Action::Typing, relation) {
            return reply.send(Err(refusal));
        }
        let (key, user) = ((topic.clone(), who.user), person(&who));
        let expires = self.switchboard.house.settings.typing_ttl;
        if let Some(timer) = self.typing.remove(&key) {
            ctx.cancel_future(timer);
        }
        let expires_ms = u64::try_from(expires.as_millis()).unwrap_or(u64::MAX);
        let body = EventBody::Typing { user: user.clone(), on, expires_ms };
        self.switchboard.tell_listeners(topic.clone(), body);
        if on {
            let ended = key.clone();
            let timer = ctx.run_later(expires, move |rooms, _| {
                rooms.typing.remove(&ended);
                let body = EventBody::Typing { user, on: false, expires_ms };
                rooms.switchboard.tell_listeners(topic, body);
            });
            self.typing.insert(key, timer);
        }
        reply.send(Ok(done()));
    }
}

impl Actor for RoomSupervisor {
    type Context = Context<Self>;
}

impl Handler<Perform> for RoomSupervisor {
    type Result = ();

    fn handle(&mut self, mut perform: Perform, ctx: &mut Context<Self>) {
        let house = Arc::clone(&self.switchboard.house);
        if let Err(refusal) = house.throttles.message(perform.who.user) {
            return perform.reply.send(Err(refusal));
        }
        match std::mem::replace(&mut perform.command, Command::Ping) {
            Command::MessageSend(send) => self.post(perform, send),
            Command::Typing(typing) => self.signal_typing(perform, typing.on, ctx),
            Command::TopicPublish(wish) => {
                let wish: TopicPublish = wish;
                switchboard::publish(self, perform, wish, ctx);
            }
            Command::Call(command) => call_desk::serve(self, perform, command, ctx),
            Command::Older(OlderCommand::SendTwice { send, side }) => {
                older_commands::send_twice(&house, perform, send, side);
            }
            Command::Older(OlderCommand::Seat { taken }) => {
                older_commands::tell_seat(&self.switchboard, perform, taken);
            }
            command => {
                let Perform { who, topic, reply, .. } = perform;
                let asked = Asked { who, topic, command, house: Arc::clone(&house) };
                let work = move |conn: &mut DbConn| asked.perform_once(conn);
                house.lane.submit(Box::new(EffectJob::new(reply, work)));
            }
        }
    }
}
