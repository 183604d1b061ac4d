//! What readers ask most: a page of a long history, what is unread, and the list of conversations.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock;
use crate::commands::bench::ground::{Ground, Server, room};
use crate::commands::bench::report::{Figure, figure};
use crate::ids::UserId;
use crate::models::conversation::{self, Conversation, NewConversation};
use crate::models::error::StoreError;
use crate::models::membership;
use crate::models::message::{self, NewPost};
use crate::models::store::{DbConn, Store};
use crate::models::user;
use crate::protocol::views::{ConversationKind, MemberRole, PersonView};

/// Conversations of the reader.
pub const CONVERSATIONS: usize = 1_000;
/// Unread messages in each of them.
const UNREAD_EACH: usize = 20;
/// Messages written in one transaction.
const SLICE: usize = 2_000;
/// Messages of a page.
const PAGE: usize = 50;
/// Requests before what is measured.
const WARM_UP: usize = 20;

/// Fills a ground: `messages` in its first room, and a reader, its first person, with unread
/// messages in [`CONVERSATIONS`] others.
///
/// # Errors
/// Those of the database.
pub fn fill(store: &Store, messages: usize) -> Result<(), StoreError> {
    let (reader, writer, long) = store.write(|conn| {
        let people = user::list(conn, None, 2)?;
        let reader = people.first().map(user::person).ok_or(StoreError::Missing)?;
        let writer = people.last().map(user::person).ok_or(StoreError::Missing)?;
        let long = conversation::by_name(conn, &room(0))?.ok_or(StoreError::Missing)?;
        Ok((reader, writer, long))
    })?;
    let mut left = messages;
    while left > 0 {
        let slice = left.min(SLICE);
        let posts: Vec<NewPost> = (0..slice).map(|_| post(&long, &writer)).collect();
        store.write(|conn| message::post_many(conn, &posts))?;
        left -= slice;
    }
    store.write(|conn| {
        for _ in 0..CONVERSATIONS {
            let made = open(conn, &writer, reader.id)?;
            let posts: Vec<NewPost> = (0..UNREAD_EACH).map(|_| post(&made, &writer)).collect();
            message::post_many(conn, &posts)?;
        }
        Ok(())
    })
}

fn open(conn: &mut DbConn, owner: &PersonView, reader: UserId) -> Result<Conversation, StoreError> {
    let at = clock::now_naive();
    let made = conversation::insert(
        conn,
        NewConversation {
            kind: ConversationKind::Group,
            name: None,
            direct: None,
            title: "bench".to_owned(),
            description: String::new(),
            owner: Some(owner.id),
            is_public: false,
            at,
        },
    )?;
    membership::add_member(conn, made.id, owner.id, MemberRole::Owner, at)?;
    membership::add_member(conn, made.id, reader, MemberRole::Member, at)?;
    Ok(made)
}

fn post(to: &Conversation, sender: &PersonView) -> NewPost {
    NewPost {
        conversation: to.id,
        topic: to.topic_id,
        sender: sender.clone(),
        client_id: None,
        message_type: "text".to_owned(),
        content: "x".repeat(100),
        reply_to: None,
        mentions: Vec::new(),
        forward: None,
        at: clock::now_naive(),
    }
}

/// Asks one thing after another over one connection.
struct Asker {
    stream: TcpStream,
    at: SocketAddr,
    token: String,
    arrived: Vec<u8>,
}

impl Asker {
    async fn connect(at: SocketAddr, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(at).await.map_err(|fault| fault.to_string())?;
        stream.set_nodelay(true).map_err(|fault| fault.to_string())?;
        Ok(Self { stream, at, token: token.to_owned(), arrived: Vec::new() })
    }

    /// How long the whole answer to `path` takes; it must be 200.
    async fn ask(&mut self, path: &str) -> Result<Duration, String> {
        let request = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.at, self.token
        );
        let began = Instant::now();
        self.stream.write_all(request.as_bytes()).await.map_err(|fault| fault.to_string())?;
        let head = loop {
            if let Some(end) = self.arrived.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let text = String::from_utf8_lossy(&self.arrived[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length
            .and_then(|length| length.trim().parse().ok())
            .filter(|_| text.starts_with("http/1.1 200 "))
            .ok_or_else(|| format!("{path}: {}", text.lines().next().unwrap_or_default()))?;
        while self.arrived.len() < head + length {
            self.fill().await?;
        }
        self.arrived.clear();
        Ok(began.elapsed())
    }

    async fn fill(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.arrived).await {
            Ok(0) => Err("the server hung up".to_owned()),
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.to_string()),
        }
    }

    /// The latencies of `count` requests, in milliseconds, sorted.
    async fn latencies(
        &mut self,
        count: usize,
        path: impl Fn(usize) -> String,
    ) -> Result<Vec<f64>, String> {
        for number in 0..WARM_UP {
            self.ask(&path(number)).await?;
        }
        let mut all = Vec::with_capacity(count);
        for number in 0..count {
            all.push(self.ask(&path(number)).await?.as_secs_f64() * 1_000.0);
        }
        all.sort_by(f64::total_cmp);
        Ok(all)
    }
}

/// The value that `percent` of a hundred are not above; 0 of none.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Pages anywhere in a history of `messages`, what is unread, and the list of conversations.
///
/// # Errors
/// A sentence when the server does not answer as it should.
pub async fn read(
    server: &Server,
    ground: &Ground,
    messages: usize,
) -> Result<Vec<Figure>, String> {
    let mut asker = Asker::connect(server.at, ground.token(0)).await?;
    // Places that follow no order, so that the next page is seldom the last one's neighbor.
    let anywhere = |number: usize| {
        let before = number.wrapping_mul(7_919_999) % messages.max(1) + PAGE;
        format!("/conversations/{}/messages?limit={PAGE}&before={before}", room(0))
    };
    let pages = asker.latencies(1_000, anywhere).await?;
    let unread = asker.latencies(100, |_| "/conversations/unread".to_owned()).await?;
    let lists = asker.latencies(20, |_| "/conversations".to_owned()).await?;
    Ok(vec![
        figure("page_p50_ms", "page of history, ms, p50", percentile(&pages, 50)),
        figure("page_p95_ms", "page of history, ms, p95", percentile(&pages, 95)),
        figure("unread_p50_ms", "unread of 1,000 conversations, ms, p50", percentile(&unread, 50)),
        figure("unread_p95_ms", "unread of 1,000 conversations, ms, p95", percentile(&unread, 95)),
        figure("list_p50_ms", "list of 1,000 conversations, ms, p50", percentile(&lists, 50)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&sorted, 95) - 95.0).abs() < f64::EPSILON);
        assert!((percentile(&sorted[..1], 95) - 1.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50).abs() < f64::EPSILON);
    }
}
