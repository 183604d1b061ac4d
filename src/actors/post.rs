//! Posting messages: the busiest command, stored in batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDateTime;

use crate::actors::attachments;
use crate::actors::authorize::{self, Admission};
use crate::actors::faces;
use crate::actors::house::House;
use crate::actors::lane::{Aftermath, Fault, Job};
use crate::actors::mail::{Answer, ReplyTo, answer, person};
use crate::actors::notify::posts::{self, Said};
use crate::actors::slow_mode;
use crate::actors::threads;
use crate::auth::identity::Identity;
use crate::auth::policy::Action;
use crate::clock;
use crate::ids::{ConversationId, MessageId, UserId};
use crate::layer::contract::{Delivery, Envelope};
use crate::metrics::Metrics;
use crate::models::error::StoreError;
use crate::models::mention as rows;
use crate::models::message::{self, NewPost, Posted};
use crate::models::store::DbConn;
use crate::protocol::command::MessageSend;
use crate::protocol::event::{Event, EventBody};
use crate::protocol::frame;
use crate::protocol::mention;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::topic::Topic;
use crate::protocol::views::{MessageView, PersonView};
use crate::socket::wire;

/// Longest `client_id`, in bytes.
pub const MAX_CLIENT_ID_BYTES: usize = 64;
/// Longest `message_type`, in bytes.
const MAX_TYPE_BYTES: usize = 32;

/// What the sender of a message is told.
#[derive(Debug, serde::Serialize)]
struct Acknowledged {
    id: MessageId,
    seq: i64,
}

/// Checks what the database does not.
///
/// # Errors
/// `bad_request` or `too_large` naming the field and the rule.
pub fn check(send: &MessageSend, content_bytes: usize, most_files: usize) -> Result<(), Refusal> {
    attachments::check(send, most_files)?;
    // A picture may come without a word.
    let may_be_blank = send.may_be_blank || !send.attachments.is_empty();
    if may_be_blank && send.content.trim().is_empty() {
        check_size(&send.content, content_bytes)?;
    } else {
        check_content(&send.content, content_bytes)?;
    }
    check_client_id(send.client_id.as_deref())?;
    if let Some(kind) = &send.message_type {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if kind.is_empty() || kind.len() > MAX_TYPE_BYTES || !kind.bytes().all(plain) {
            return Err(Refusal::field("data.message_type", "1 to 32 of a-z, 0-9 and _"));
        }
    }
    Ok(())
}

/// Checks the text of a message.
///
/// # Errors
/// `bad_request` when it is blank or holds a NUL; `too_large` when it is over `limit_bytes`.
pub fn check_content(content: &str, limit_bytes: usize) -> Result<(), Refusal> {
    if content.trim().is_empty() {
        return Err(Refusal::field("data.content", "not blank"));
    }
    check_size(content, limit_bytes)
}

fn check_size(content: &str, limit_bytes: usize) -> Result<(), Refusal> {
    if content.contains('\0') {
        return Err(Refusal::field("data.content", "without NUL characters"));
    }
    if content.len() > limit_bytes {
        let rule = format!("at most {limit_bytes} bytes");
        return Err(Refusal { code: Code::TooLarge, ..Refusal::field("data.content", rule) });
    }
    Ok(())
}

/// Checks a `client_id`.
///
/// # Errors
/// `bad_request` naming the rule.
pub fn check_client_id(client_id: Option<&str>) -> Result<(), Refusal> {
    let fits = |id: &str| (1..=MAX_CLIENT_ID_BYTES).contains(&id.len()) && !id.contains('\0');
    match client_id {
        Some(id) if !fits(id) => Err(Refusal::field("data.client_id", "1 to 64 bytes, no NUL")),
        _ => Ok(()),
    }
}

/// One message on its way to the database.
pub struct PostJob {
    who: Arc<Identity>,
    topic: Topic,
    send: MessageSend,
    house: Arc<House>,
    reply: ReplyTo,
    outcome: Option<Result<Stored, Refusal>>,
}

struct Stored {
    acknowledged: Acknowledged,
    event: Option<Event>,
    /// Notifications of this post and of those before it in the same batch.
    notices: Vec<Event>,
}

impl PostJob {
    /// A message that passed [`check`].
    pub fn new(
        who: Arc<Identity>,
        topic: Topic,
        send: MessageSend,
        house: Arc<House>,
        reply: ReplyTo,
    ) -> Self {
        Self { who, topic, send, house, reply, outcome: None }
    }

    /// Settles it as a repeat of a message that is there.
    pub(super) fn settle(&mut self, id: MessageId, seq: i64) {
        let acknowledged = Acknowledged { id, seq };
        self.outcome = Some(Ok(Stored { acknowledged, event: None, notices: Vec::new() }));
    }

    /// The message it made, once it has run and was no repeat.
    pub(super) fn made(&self) -> Option<&MessageView> {
        match self.outcome.as_ref()?.as_ref().ok()?.event.as_ref()?.body {
            EventBody::MessageNew(ref made) => Some(made),
            _ => None,
        }
    }

    /// Who sends what and where.
    pub(super) fn asked(&self) -> (&Arc<Identity>, &Topic, &MessageSend) {
        (&self.who, &self.topic, &self.send)
    }

    fn new_post(&self, conn: &mut DbConn, admitted: &mut Admitted) -> Result<NewPost, Fault> {
        threads::check_open(conn, &self.who, &admitted.admission, self.send.reply_to)?;
        let conversation = admitted.admission.conversation()?;
        let mentions = mentioned(conn, conversation.id, self.who.user, &self.send.content)?;
        let post = NewPost {
            conversation: conversation.id,
            topic: conversation.topic_id,
            sender: (!self.who.is_nobody()).then(|| person(&self.who)),
            sender_name: self.send.sender_name.clone(),
            client_id: self.send.client_id.clone(),
            message_type: self.send.message_type.clone().unwrap_or_else(|| "text".to_owned()),
            content: self.send.content.clone(),
            reply_to: self.send.reply_to,
            mentions,
            forward: None,
            at: clock::now_naive(),
        };
        match self.pace(conn, admitted, post.at)? {
            Ok(()) => Ok(post),
            Err(refusal) => self.unless_repeat(conn, post, refusal),
        }
    }

    /// Asks whether this person may write here again already.
    fn pace(
        &self,
        conn: &mut DbConn,
        admitted: &mut Admitted,
        now: NaiveDateTime,
    ) -> Result<Result<(), Refusal>, Fault> {
        // Whoever is not signed in is paced by address, before this.
        if admitted.is_exempt || self.who.is_nobody() {
            return Ok(Ok(()));
        }
        let conversation = admitted.admission.conversation()?;
        if conversation.slow_mode_s > 0 {
            let last = match admitted.last {
                Some(last) => Some(last),
                None => message::last_written(conn, conversation.id, self.who.user)?,
            };
            if let Err(refusal) = slow_mode::waited(last, conversation.slow_mode_s, now) {
                return Ok(Err(refusal));
            }
        }
        let flood = self.house.throttles.flood(self.who.user, conversation.id);
        if flood.is_ok() {
            admitted.last = Some(now);
        }
        Ok(flood)
    }

    /// A repeat of what is stored gets its first answer, however soon it comes.
    fn unless_repeat(
        &self,
        conn: &mut DbConn,
        post: NewPost,
        refusal: Refusal,
    ) -> Result<NewPost, Fault> {
        let Some(client_id) = &post.client_id else { return Err(refusal.into()) };
        if message::is_repeat(conn, post.conversation, self.who.user, client_id)? {
            return Ok(post);
        }
        Err(refusal.into())
    }
}

/// How one person stands to one conversation, for all their posts of a transaction.
struct Admitted {
    admission: Admission,
    /// Whether they write without waiting.
    is_exempt: bool,
    /// When they wrote last, as far as this transaction knows.
    last: Option<NaiveDateTime>,
}

/// Those members whom a text mentions, its author left out. Asks nothing for a text without `@`.
///
/// # Errors
/// When the database failed.
pub fn mentioned(
    conn: &mut DbConn,
    conversation: ConversationId,
    author: UserId,
    text: &str,
) -> Result<Vec<PersonView>, StoreError> {
    if !text.contains('@') {
        return Ok(Vec::new());
    }
    let names = mention::names(text);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut people = rows::members_called(conn, conversation, &names)?;
    people.retain(|person| person.id != author);
    Ok(people)
}

impl Job for PostJob {
    fn run(&mut self, conn: &mut DbConn) -> Result<(), StoreError> {
        run_posts(conn, &mut [self])
    }

    fn committed(self: Box<Self>, aftermath: &mut Aftermath) {
        let outcome = self.outcome.unwrap_or_else(|| Err(Refusal::internal()));
        let replied: Result<Answer, Refusal> = match &outcome {
            Ok(stored) => Ok(answer(&stored.acknowledged)),
            Err(refusal) => Err(refusal.clone()),
        };
        self.reply.send_with(replied, &mut aftermath.replies);
        if let Ok(Stored { event: Some(event), notices, .. }) = outcome {
            Metrics::get().messages_acked.increment(1);
            aftermath.envelopes.push(Envelope::Events(vec![delivery(event)]));
            aftermath.publish(notices);
        }
    }

    fn failed(self: Box<Self>, refusal: Refusal, aftermath: &mut Aftermath) {
        self.reply.send_with(Err(refusal), &mut aftermath.replies);
    }

    fn as_post(&mut self) -> Option<&mut PostJob> {
        Some(self)
    }
}

/// An event encoded for every native subscriber; without a native frame when it is for dialects
/// alone.
pub fn delivery(event: Event) -> Arc<Delivery> {
    let is_native = event.body.is_native();
    let frame = if is_native { wire::text(&frame::event(&event)) } else { Bytes::new() };
    Arc::new(Delivery::new(event, frame))
}

/// Runs a batch in order; neighbouring posts are stored together.
///
/// # Errors
/// When the database failed.
pub fn run_batch(conn: &mut DbConn, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let mut rest = batch;
    while !rest.is_empty() {
        let posts = rest.iter_mut().map_while(|job| job.as_post()).count();
        if posts == 0 {
            let (other, after) = rest.split_at_mut(1);
            other[0].run(conn)?;
            rest = after;
        } else {
            let (run, after) = rest.split_at_mut(posts);
            let mut run: Vec<&mut PostJob> =
                run.iter_mut().filter_map(|job| job.as_post()).collect();
            run_posts(conn, &mut run)?;
            rest = after;
        }
    }
    Ok(())
}

fn run_posts(conn: &mut DbConn, posts: &mut [&mut PostJob]) -> Result<(), StoreError> {
    // Relations cannot change between neighbouring posts of one transaction.
    let mut known: HashMap<(Topic, UserId), Result<Admitted, Refusal>> = HashMap::new();
    let mut accepted = Vec::with_capacity(posts.len());
    let mut rows = Vec::with_capacity(posts.len());
    let mut claimed = attachments::Claimed::new();
    for (index, post) in posts.iter_mut().enumerate() {
        let admitted = match known.entry((post.topic.clone(), post.who.user)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(admit(conn, post)?),
        };
        let row = match admitted {
            Ok(admitted) => match attachments::claim(
                conn,
                (&post.who, &post.send),
                &admitted.admission,
                &mut claimed,
            ) {
                Ok(()) => post.new_post(conn, admitted),
                Err(fault) => Err(fault),
            },
            Err(refusal) => Err(refusal.clone().into()),
        };
        match row {
            Ok(row) => {
                accepted.push(index);
                rows.push(row);
            }
            Err(Fault::Refused(refusal)) => post.outcome = Some(Err(refusal)),
            Err(Fault::Store(fault)) => return Err(fault),
        }
    }
    faces::renew(conn, &mut rows)?;
    let mut stored = message::post_many(conn, &rows)?;
    for (index, stored) in accepted.iter().zip(&mut stored) {
        attachments::attach(conn, &posts[*index].send, stored)?;
    }
    let mut notices = notices(conn, posts, &accepted, &known, &stored)?;
    let last = stored.iter().rposition(|stored| matches!(stored, Posted::New(_)));
    for (order, ((index, row), stored)) in accepted.into_iter().zip(rows).zip(stored).enumerate() {
        let post = &mut *posts[index];
        let topic = known
            .get(&(post.topic.clone(), post.who.user))
            .and_then(|found| found.as_ref().ok())
            .map_or_else(|| post.topic.clone(), |found| found.admission.topic.clone());
        post.outcome = Some(conclude(topic, row, stored));
        if let (true, Some(Ok(stored))) = (Some(order) == last, &mut post.outcome) {
            stored.notices = std::mem::take(&mut notices);
        }
    }
    Ok(())
}

/// Notifies of what was stored, once for all posts of the batch.
fn notices(
    conn: &mut DbConn,
    posts: &[&mut PostJob],
    accepted: &[usize],
    known: &HashMap<(Topic, UserId), Result<Admitted, Refusal>>,
    stored: &[Posted],
) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    let said: Vec<Said<'_>> = accepted
        .iter()
        .zip(stored)
        .filter_map(|(&index, stored)| {
            let Posted::New(message) = stored else { return None };
            let post = &posts[index];
            let found = known.get(&(post.topic.clone(), post.who.user))?.as_ref().ok()?;
            let admission = &found.admission;
            let (conversation, topic) = (admission.conversation.as_ref()?, &admission.topic);
            Some(Said { conversation, topic, message }).filter(Said::may_concern)
        })
        .collect();
    if let (Some(post), false) = (posts.first(), said.is_empty()) {
        posts::notify_of(conn, &post.house, &said, &mut events)?;
    }
    Ok(events)
}

fn admit(conn: &mut DbConn, post: &PostJob) -> Result<Result<Admitted, Refusal>, StoreError> {
    match authorize::admit_for(conn, &post.who, &post.topic, Action::Post) {
        Ok((admission, _grant)) => {
            let is_exempt = slow_mode::is_exempt(&post.who, admission.relation);
            Ok(Ok(Admitted { admission, is_exempt, last: None }))
        }
        Err(Fault::Refused(refusal)) => Ok(Err(refusal)),
        Err(Fault::Store(fault)) => Err(fault),
    }
}

fn conclude(topic: Topic, row: NewPost, stored: Posted) -> Result<Stored, Refusal> {
    match stored {
        Posted::New(view) => Ok(Stored {
            acknowledged: Acknowledged { id: view.id, seq: view.seq },
            event: Some(Event {
                topic,
                seq: Some(view.seq),
                at: row.at,
                body: EventBody::MessageNew(view),
            }),
            notices: Vec::new(),
        }),
        Posted::Repeat { id, seq } => {
            let acknowledged = Acknowledged { id, seq };
            Ok(Stored { acknowledged, event: None, notices: Vec::new() })
        }
        Posted::NoSuchReply => {
            Err(Refusal::field("data.reply_to", "a message of the same conversation"))
        }
    }
}
