//! The `reactions` table: emojis that people put under messages, each once a person.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::{count_star, exists};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text, Timestamp};

use crate::ids::{MessageId, UserId};
use crate::models::error::StoreError;
use crate::models::named;
use crate::models::schema::{reactions, users};
use crate::models::store::{DbConn, on_engine};
use crate::models::user;
use crate::protocol::views::MessageView;
use crate::protocol::views::talk::{ReactionView, ReactorView};

/// Most people named under one emoji.
pub const NAMED: i64 = 20;
/// Most reactions of one message, person by person.
const EACH: i64 = 100;
/// Most people in the full list.
const LISTED: i64 = 1_000;

/// Puts an emoji under a message; `false` when this person's was there already.
pub fn add(
    conn: &mut DbConn,
    message: MessageId,
    user: UserId,
    emoji: &str,
    at: NaiveDateTime,
) -> Result<bool, StoreError> {
    let row = (
        reactions::message_id.eq(message),
        reactions::emoji.eq(emoji),
        reactions::user_id.eq(user),
        reactions::created_at.eq(at),
    );
    let statement = diesel::insert_into(reactions::table).values(row).on_conflict_do_nothing();
    let made: usize = on_engine!(conn, |inner| statement.execute(inner))?;
    Ok(made == 1)
}

/// Takes it away; `false` when it was not there.
pub fn remove(
    conn: &mut DbConn,
    message: MessageId,
    user: UserId,
    emoji: &str,
) -> Result<bool, StoreError> {
    Ok(diesel::delete(reactions::table.find((message, emoji, user))).execute(conn)? == 1)
}

/// Takes all away.
pub fn forget(conn: &mut DbConn, message: MessageId) -> Result<(), StoreError> {
    diesel::delete(reactions::table.filter(reactions::message_id.eq(message))).execute(conn)?;
    Ok(())
}

/// How many people put this emoji under a message.
pub fn count(conn: &mut DbConn, message: MessageId, emoji: &str) -> Result<i64, StoreError> {
    let rows = reactions::table.filter(reactions::message_id.eq(message));
    Ok(rows.filter(reactions::emoji.eq(emoji)).select(count_star()).first(conn)?)
}

/// How many people each emoji stands for under these messages.
pub fn counts(
    conn: &mut DbConn,
    messages: &[MessageId],
) -> Result<HashMap<(MessageId, String), i64>, StoreError> {
    let views = of(conn, messages)?;
    let each = |(id, views): (MessageId, Vec<ReactionView>)| {
        views.into_iter().map(move |view| ((id, view.emoji), view.count))
    };
    Ok(views.into_iter().flat_map(each).collect())
}

/// Whether this emoji would be one more than `limit` different ones under a message.
pub fn is_full(
    conn: &mut DbConn,
    message: MessageId,
    emoji: &str,
    limit: i64,
) -> Result<bool, StoreError> {
    let rows = || reactions::table.filter(reactions::message_id.eq(message));
    let known: bool =
        diesel::select(exists(rows().filter(reactions::emoji.eq(emoji)))).get_result(conn)?;
    if known {
        return Ok(false);
    }
    let different: i64 =
        rows().select(diesel::dsl::count(reactions::emoji).aggregate_distinct()).first(conn)?;
    Ok(different >= limit)
}

#[derive(QueryableByName)]
struct Ranked {
    #[diesel(sql_type = BigInt)]
    message_id: MessageId,
    #[diesel(sql_type = Text)]
    emoji: String,
    #[diesel(sql_type = BigInt)]
    user_id: UserId,
    #[diesel(sql_type = BigInt)]
    total: i64,
}

/// What stands under these messages, in the order the emojis came, in one query.
pub fn of(
    conn: &mut DbConn,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<ReactionView>>, StoreError> {
    let mut found: HashMap<MessageId, Vec<ReactionView>> = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    // Numbers of our own, so that the text is safe; the engines share no way to bind a list.
    let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let query = diesel::sql_query(format!(
        "SELECT message_id, emoji, user_id, total FROM (SELECT message_id, emoji, user_id, \
         COUNT(*) OVER (PARTITION BY message_id, emoji) AS total, \
         MIN(created_at) OVER (PARTITION BY message_id, emoji) AS began, \
         ROW_NUMBER() OVER (PARTITION BY message_id, emoji ORDER BY created_at, user_id) AS place \
         FROM reactions WHERE message_id IN ({})) AS ranked WHERE place <= {NAMED} \
         ORDER BY message_id, began, emoji, place",
        ids.join(", ")
    ));
    let rows: Vec<Ranked> = query.load(conn)?;
    for row in rows {
        let views = found.entry(row.message_id).or_default();
        match views.last_mut() {
            Some(view) if view.emoji == row.emoji => view.users.push(row.user_id),
            _ => views.push(ReactionView {
                emoji: row.emoji,
                count: row.total,
                users: vec![row.user_id],
                each: Vec::new(),
            }),
        }
    }
    Ok(found)
}

/// Names those who stand under a message, for those who are told of the whole message anew. Asks
/// nothing when nobody does.
pub fn name(conn: &mut DbConn, message: &mut MessageView) -> Result<(), StoreError> {
    if message.reactions.is_empty() {
        return Ok(());
    }
    let reactors = reactors(conn, message.id)?;
    for view in &mut message.reactions {
        let theirs = reactors.iter().filter(|one| one.emoji == view.emoji);
        view.each = theirs.take(view.users.len()).cloned().collect();
    }
    let named = message.reactions.iter_mut().flat_map(|view| &mut view.each);
    let ids: Vec<UserId> = named.map(|one| one.user.id).collect();
    let people = user::persons(conn, &ids)?;
    for one in message.reactions.iter_mut().flat_map(|view| &mut view.each) {
        if let Some(person) = people.get(&one.user.id) {
            one.user = person.clone();
        }
    }
    Ok(())
}

/// One person's emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reactor {
    pub user: UserId,
    pub emoji: String,
    pub at: NaiveDateTime,
}

/// Who reacted to these messages and when, the first of each message, in one query.
pub fn each(
    conn: &mut DbConn,
    messages: &[MessageId],
) -> Result<HashMap<MessageId, Vec<Reactor>>, StoreError> {
    let mut found: HashMap<MessageId, Vec<Reactor>> = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    // Numbers of our own, so that the text is safe; the engines share no way to bind a list.
    let ids: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let query = diesel::sql_query(format!(
        "SELECT message_id, emoji, user_id, created_at FROM (SELECT message_id, emoji, user_id, \
         created_at, ROW_NUMBER() OVER (PARTITION BY message_id \
         ORDER BY created_at, emoji, user_id) AS place \
         FROM reactions WHERE message_id IN ({})) AS ranked WHERE place <= {EACH} \
         ORDER BY message_id, place",
        ids.join(", ")
    ));
    let rows: Vec<EachRow> = query.load(conn)?;
    for EachRow { message_id, emoji, user_id, created_at } in rows {
        let reactor = Reactor { user: user_id, emoji, at: created_at };
        found.entry(message_id).or_default().push(reactor);
    }
    Ok(found)
}

/// When someone put an emoji under a message, if they did.
pub fn of_one(
    conn: &mut DbConn,
    message: MessageId,
    user: UserId,
    emoji: &str,
) -> Result<Option<NaiveDateTime>, StoreError> {
    let row = reactions::table.find((message, emoji, user)).select(reactions::created_at);
    Ok(row.first(conn).optional()?)
}

#[derive(QueryableByName)]
struct EachRow {
    #[diesel(sql_type = BigInt)]
    message_id: MessageId,
    #[diesel(sql_type = Text)]
    emoji: String,
    #[diesel(sql_type = BigInt)]
    user_id: UserId,
    #[diesel(sql_type = Timestamp)]
    created_at: NaiveDateTime,
}

/// Everyone who reacted to a message, in the order they came.
pub fn reactors(conn: &mut DbConn, message: MessageId) -> Result<Vec<ReactorView>, StoreError> {
    let rows: Vec<(String, NaiveDateTime, named::Named)> = reactions::table
        .inner_join(users::table)
        .filter(reactions::message_id.eq(message))
        .order((reactions::created_at, reactions::emoji, reactions::user_id))
        .limit(LISTED)
        .select((reactions::emoji, reactions::created_at, named::NAMED))
        .load(conn)?;
    let view = |(emoji, at, person)| ReactorView { emoji, user: named::named(person), at };
    Ok(rows.into_iter().map(view).collect())
}
