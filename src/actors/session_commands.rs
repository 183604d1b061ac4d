//! A session obeys: reads a frame, finds its command, does it or asks an owner to.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::actors::authenticate::Credential;
use crate::actors::chat_reads;
use crate::actors::fanout::with_floor;
use crate::actors::looks;
use crate::actors::mail::{Answer, Perform, ReplyTo, answer, done};
use crate::actors::people_reads;
use crate::actors::search_reads;
use crate::actors::session::Session;
use crate::actors::session_topics::Unsubscribed;
use crate::auth::identity::Identity;
use crate::clock;
use crate::models::store::DbConn;
use crate::protocol::command::look::Look;
use crate::protocol::command::{self, AuthRefresh, Command};
use crate::protocol::frame::{self, Reference};
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::Topic;

/// A refusal with the `ref` and topic its frame carries.
pub type Refused = Box<(Option<Reference>, Option<Topic>, Refusal)>;

#[derive(Serialize)]
struct Renewed {
    expires_at: Option<String>,
}

impl Session {
    /// Does what a frame says.
    ///
    /// # Errors
    /// When the frame itself is refused; what owners refuse, they answer themselves.
    pub(super) fn obey(&mut self, text: &str, ctx: &mut Context<Self>) -> Result<(), Refused> {
        let inbound = frame::parse(text).map_err(|refusal| Box::new((None, None, refusal)))?;
        let reference: Option<Reference> = inbound.reference.map(RawValue::to_owned);
        let refused = |topic: Option<Topic>, refusal| Box::new((reference.clone(), topic, refusal));
        let topic = match inbound.topic.as_deref() {
            Some(name) => Some(
                name.parse::<Topic>()
                    .map_err(|fault| refused(None, Refusal::field("topic", fault.to_string())))?,
            ),
            None => self.lone.as_deref().cloned(),
        };
        let (row, command) = command::read(&inbound.kind, inbound.data)
            .map_err(|refusal| refused(topic.clone(), refusal))?;
        if row.needs_topic && topic.is_none() {
            return Err(refused(None, Refusal::field("topic", "required")));
        }
        let Some(who) = self.who.clone() else {
            return Err(refused(topic, Refusal::not_authenticated("sign in first")));
        };
        self.dispatch(who, topic, reference, command, ctx)
    }

    pub(super) fn dispatch(
        &mut self,
        who: Arc<Identity>,
        topic: Option<Topic>,
        reference: Option<Reference>,
        command: Command,
        ctx: &mut Context<Self>,
    ) -> Result<(), Refused> {
        match (command, topic) {
            (Command::Ping, _) if self.manner.dialect.is_none() => {
                self.say(&frame::pong(clock::now_naive()));
            }
            (Command::Ping, topic) => self.reply(reference, topic, Ok(done())),
            (Command::Subscribe(wish), Some(topic)) => {
                let asked = self.subscribe(topic.clone(), wish, reference.clone());
                asked.map_err(|refusal| Box::new((reference, Some(topic), refusal)))?;
            }
            (Command::Unsubscribe, Some(topic)) => {
                let subscribed = self.leave(&topic);
                self.reply(reference, Some(topic), Ok(answer(&Unsubscribed { subscribed })));
            }
            (Command::AuthRefresh(renewal), _) => self.renew(who, reference, renewal, ctx),
            (Command::ConversationList, _) => {
                let lane = self.house.lane.clone();
                let reading = async move {
                    lane.read(move |conn| chat_reads::conversations(conn, &who))
                        .await
                        .map(|entries| answer(&entries))
                };
                self.reply_later(reference, None, reading, ctx);
            }
            (Command::People(question), _) if question.is_question() => {
                let house = Arc::clone(&self.house);
                let reading = async move {
                    let online = Arc::clone(&house);
                    let read = move |conn: &mut DbConn| {
                        people_reads::answer_to(conn, &online.online, &who, &question)
                    };
                    house.lane.read(read).await
                };
                self.reply_later(reference, None, reading, ctx);
            }
            (Command::Search(wish), topic) => {
                let (lane, place) = (self.house.lane.clone(), topic.clone());
                let reading = async move {
                    lane.read(move |conn| search_reads::search(conn, &who, place.as_ref(), &wish))
                        .await
                        .map(|page| answer(&page))
                };
                self.reply_later(reference, topic, reading, ctx);
            }
            (Command::History(wish), Some(topic)) => {
                let (lane, asked) = (self.house.lane.clone(), topic.clone());
                let reading = async move {
                    lane.read(move |conn| chat_reads::history(conn, &who, &asked, &wish))
                        .await
                        .map(|page| answer(&page))
                };
                self.reply_later(reference, Some(topic), reading, ctx);
            }
            (Command::Look(look), topic) => self.look(who, topic, reference, look, ctx),
            (command, topic) => {
                let seat = topic.as_ref().and_then(|topic| self.relation(topic));
                let reply = self.reply_to(reference, topic.clone());
                self.house.owners.perform(Perform { who, topic, command, seat, reply });
            }
        }
        Ok(())
    }

    /// Answers a question from the database, beside whatever else goes on.
    fn look(
        &self,
        who: Arc<Identity>,
        topic: Option<Topic>,
        reference: Option<Reference>,
        look: Look,
        ctx: &mut Context<Self>,
    ) {
        let (lane, asked) = (self.house.lane.clone(), topic.clone());
        let reading = async move {
            lane.read(move |conn| looks::look(conn, &who, asked.as_ref(), &look)).await
        };
        self.reply_later(reference, topic, reading, ctx);
    }

    /// Where an owner sends the answer to a request.
    fn reply_to(&self, reference: Option<Reference>, topic: Option<Topic>) -> ReplyTo {
        let dialect = self.manner.dialect;
        if dialect.is_some() && reference.is_none() {
            return ReplyTo::nobody();
        }
        let exchange = Arc::clone(&self.house.exchange);
        ReplyTo::socket(self.at, dialect, reference, topic, exchange)
    }

    fn reply_later(
        &self,
        reference: Option<Reference>,
        topic: Option<Topic>,
        work: impl Future<Output = Result<Answer, Refusal>> + 'static,
        ctx: &mut Context<Self>,
    ) {
        ctx.spawn(work.into_actor(self).map(move |outcome, session, _| {
            session.reply(reference, topic, outcome);
        }));
    }

    /// Renews the socket's credential in place, for the same person only.
    fn renew(
        &self,
        who: Arc<Identity>,
        reference: Option<Reference>,
        renewal: AuthRefresh,
        ctx: &mut Context<Self>,
    ) {
        let authenticator = Arc::clone(&self.house.authenticator);
        let asking = async move { authenticator.identify(&Credential::Token(renewal.token)).await };
        ctx.spawn(asking.into_actor(self).map(move |found, session, _| {
            let renewed = found.and_then(|found| {
                if found.user != who.user {
                    return Err(Refusal::forbidden("the token is someone else's"));
                }
                Ok(found)
            });
            let outcome = renewed.map(|found| {
                let expires_at = found.expires_at.map(clock::rfc3339);
                session.who = Some(Arc::clone(&found));
                let warn_ahead = session.house.settings.auth_warning;
                with_floor(|floor| floor.renew(session.at.number, found, warn_ahead));
                answer(&Renewed { expires_at })
            });
            session.reply(reference, None, outcome);
        }));
    }
}
