//! Messages that a client sends by two ways at once: one row, one event, whichever comes first.
//!
//! The pages of one older system say each message over the socket and over REST. The decision is
//! made in the writer's transaction, so that neither order nor speed makes two of one; on
//! PostgreSQL the topic's lock keeps other processes out meanwhile.

use std::time::Duration;

use chrono::TimeDelta;

use crate::actors::authorize::admit;
use crate::actors::lane::{Aftermath, Fault, Job};
use crate::actors::post::PostJob;
use crate::auth::secret;
use crate::clock;
use crate::ids::ConversationId;
use crate::models::error::StoreError;
use crate::models::store::DbConn;
use crate::models::twin::{self, Twin};
use crate::protocol::command::older::Side;
use crate::protocol::refusal::Refusal;

/// A message that may have come by the other way already.
pub struct TwinJob {
    post: PostJob,
    side: Side,
    /// For how long what comes by the other way is the same message.
    window: Duration,
}

impl TwinJob {
    /// A message that came by `side`.
    pub fn new(post: PostJob, side: Side, window: Duration) -> Self {
        Self { post, side, window }
    }

    fn home(&self, conn: &mut DbConn) -> Result<Option<ConversationId>, StoreError> {
        let (who, topic, _) = self.post.asked();
        match admit(conn, who, topic) {
            Ok(admission) => {
                let Some(found) = admission.conversation else { return Ok(None) };
                twin::lock(conn, found.topic_id)?;
                Ok(Some(found.id))
            }
            Err(Fault::Refused(_)) => Ok(None),
            Err(Fault::Store(fault)) => Err(fault),
        }
    }

    fn twin(&self, home: ConversationId) -> Twin {
        let (who, _, send) = self.post.asked();
        Twin {
            conversation: home,
            sender: who.user,
            content_hash: secret::hash_at_rest(&send.content),
            side: self.side,
            at: clock::now_naive(),
        }
    }
}

impl Job for TwinJob {
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        // Who may not even see the room is told so by the post itself.
        let Some(home) = self.home(conn)? else { return self.post.run(conn) };
        let mine = self.twin(home);
        let since = TimeDelta::from_std(self.window).unwrap_or(TimeDelta::MAX);
        if let Some((id, seq)) = twin::meet(conn, &mine, since)? {
            if let Some(reply_to) = self.post.asked().2.reply_to {
                twin::complete(conn, id, reply_to)?;
            }
            self.post.settle(id, seq);
            return Ok(());
        }
        self.post.run(conn)?;
        match self.post.made().map(|made| made.id) {
            Some(id) => twin::await_other(conn, &mine, id),
            None => Ok(()),
        }
    }

    fn committed(self: Box<Self>, aftermath: &mut Aftermath) {
        Box::new(self.post).committed(aftermath);
    }

    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath) {
        Box::new(self.post).failed(refusal, aftermath);
    }
}
