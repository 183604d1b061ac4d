//! People in bulk, as older clients know them, and who sits in which conversation.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use crate::ids::{ConversationId, UserId};
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::listing;
use crate::models::schema::{contacts, conversations, memberships, profiles, users};
use crate::models::store::DbConn;
use crate::models::user::{self, User};
use crate::protocol::dialect::face::{About, Face, Faces};
use crate::protocol::dialect::messenger::shapes::Fellow;
use crate::protocol::topic::Topic;
use crate::protocol::views::MemberRole;

/// Ids in one query; PostgreSQL and SQLite both take more.
const SLICE: usize = 1_000;

/// An account as older clients know it.
pub fn face(user: &User) -> Face {
    let person = user::person(user);
    Face {
        id: user.id,
        username: person.username,
        display_name: person.display_name,
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        email: user.email.clone(),
        phone: user.phone.clone(),
        role: user.role.as_str().to_owned(),
        title: user.title.clone(),
        is_active: user.is_active,
        is_staff: user.is_staff || user.role == crate::auth::identity::Role::Admin,
        is_superuser: user.is_superuser,
        is_available: user.is_available,
        date_joined: Some(user.date_joined),
        last_login: user.last_login,
        about: About::default(),
    }
}

/// The people with these ids; ids without an account are left out.
pub fn faces(
    conn: &mut DbConn,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<Faces, StoreError> {
    let ids: BTreeSet<UserId> = ids.into_iter().collect();
    let ids: Vec<UserId> = ids.into_iter().collect();
    let mut found = Faces::with_capacity(ids.len());
    for slice in ids.chunks(SLICE) {
        let rows = users::table.filter(users::id.eq_any(slice));
        let rows: Vec<User> = rows.select(User::as_select()).load(conn)?;
        found.extend(rows.iter().map(|user| (user.id, face(user))));
    }
    Ok(found)
}

/// The topics on which others have someone in sight: up to `limit` conversations, last written to
/// first, and as many inboxes of those whose contact they are.
pub fn in_sight_of(conn: &mut DbConn, user: UserId, limit: i64) -> Result<Vec<Topic>, StoreError> {
    let homes: Vec<Conversation> = memberships::table
        .inner_join(conversations::table)
        .filter(memberships::user_id.eq(user))
        .order(conversations::updated_at.desc())
        .limit(limit)
        .select(Conversation::as_select())
        .load(conn)?;
    let knowing: Vec<UserId> = contacts::table
        .filter(contacts::person_id.eq(user).and(contacts::is_listed.eq(true)))
        .order(contacts::owner_id)
        .limit(limit)
        .select(contacts::owner_id)
        .load(conn)?;
    let homes = homes.iter().map(Conversation::topic);
    Ok(homes.chain(knowing.into_iter().map(Topic::Inbox)).collect())
}

#[derive(QueryableByName)]
struct FellowRow {
    #[diesel(sql_type = BigInt)]
    conversation_id: ConversationId,
    #[diesel(sql_type = BigInt)]
    user_id: UserId,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Text)]
    nickname: String,
    #[diesel(sql_type = Timestamp)]
    joined_at: NaiveDateTime,
    #[diesel(sql_type = Nullable<Timestamp>)]
    muted_until: Option<NaiveDateTime>,
    #[diesel(sql_type = BigInt)]
    together: i64,
}

/// The people of one conversation: the first to join, and how many there are.
#[derive(Debug, Clone, Default)]
pub struct Company {
    pub fellows: Vec<Fellow>,
    pub count: i64,
}

/// The first `most` members of each conversation that `reader` is in, with one query.
///
/// How long others have muted it is theirs to know: only the reader's own is filled in.
pub fn companies(
    conn: &mut DbConn,
    reader: UserId,
    most: i64,
) -> Result<HashMap<ConversationId, Company>, StoreError> {
    let query = diesel::sql_query(
        "SELECT conversation_id, user_id, role, nickname, joined_at, muted_until, together FROM \
         (SELECT m.conversation_id, m.user_id, m.role, m.nickname, m.joined_at, m.muted_until, \
         COUNT(*) OVER (PARTITION BY m.conversation_id) AS together, \
         ROW_NUMBER() OVER (PARTITION BY m.conversation_id ORDER BY m.joined_at, m.user_id) \
         AS place FROM memberships m WHERE m.conversation_id IN \
         (SELECT conversation_id FROM memberships WHERE user_id = $1)) ranked \
         WHERE place <= $2 ORDER BY conversation_id, place",
    );
    let rows: Vec<FellowRow> =
        query.bind::<BigInt, _>(reader).bind::<BigInt, _>(most).load(conn)?;
    let mut found: HashMap<ConversationId, Company> = HashMap::new();
    for row in rows {
        let company = found.entry(row.conversation_id).or_default();
        company.count = row.together;
        company.fellows.push(Fellow {
            user: row.user_id,
            role: MemberRole::parse(&row.role).unwrap_or(MemberRole::Member),
            nickname: row.nickname,
            joined_at: row.joined_at,
            muted_until: row.muted_until.filter(|_| row.user_id == reader),
        });
    }
    Ok(found)
}

/// The same for one conversation, whoever asks.
pub fn company(
    conn: &mut DbConn,
    conversation: ConversationId,
    reader: UserId,
    most: i64,
) -> Result<Company, StoreError> {
    let query = diesel::sql_query(
        "SELECT m.conversation_id, m.user_id, m.role, m.nickname, m.joined_at, m.muted_until, \
         (SELECT COUNT(*) FROM memberships c WHERE c.conversation_id = $1) AS together \
         FROM memberships m WHERE m.conversation_id = $1 \
         ORDER BY m.joined_at, m.user_id LIMIT $2",
    );
    let rows: Vec<FellowRow> =
        query.bind::<BigInt, _>(conversation).bind::<BigInt, _>(most).load(conn)?;
    let count = rows.first().map_or(0, |row| row.together);
    let fellow = |row: FellowRow| Fellow {
        user: row.user_id,
        role: MemberRole::parse(&row.role).unwrap_or(MemberRole::Member),
        nickname: row.nickname,
        joined_at: row.joined_at,
        muted_until: row.muted_until.filter(|_| row.user_id == reader),
    };
    Ok(Company { fellows: rows.into_iter().map(fellow).collect(), count })
}

/// Up to `limit` accounts other than `reader`'s, in the order they were made.
pub fn others(conn: &mut DbConn, reader: UserId, limit: i64) -> Result<Vec<User>, StoreError> {
    Ok(users::table
        .filter(users::id.ne(reader).and(users::is_active.eq(true)))
        .order(users::id)
        .limit(limit)
        .select(User::as_select())
        .load(conn)?)
}

/// Up to `limit` active accounts other than `reader`'s whose username, shown name or telephone
/// number holds `text`; a number that is not shown must be `text`.
pub fn found(
    conn: &mut DbConn,
    reader: UserId,
    text: &str,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let pattern = listing::holds(&user::name_key(text));
    let by_name = users::username_key.like(pattern.clone()).escape('\\');
    // What the engine cannot fold in a name, it must not fold in what is looked for.
    let shown = user::lower(listing::holds(text));
    let by_shown = user::lower(users::display_name).like(shown).escape('\\');
    // A number that is not shown is found by whoever knows all of it; by its parts it could be
    // guessed digit by digit.
    let hides = profiles::table
        .filter(profiles::user_id.eq(users::id))
        .filter(profiles::show_phone_number.eq(false));
    let holds = users::phone.assume_not_null().like(pattern).escape('\\');
    let by_phone = users::phone.assume_not_null().eq(text.trim()).or(holds.and(not(exists(hides))));
    let by_phone = users::phone.is_not_null().and(by_phone);
    Ok(users::table
        .filter(users::is_active.eq(true).and(users::id.ne(reader)))
        .filter(by_name.or(by_shown).or(by_phone))
        .order(users::username_key)
        .limit(limit)
        .select(User::as_select())
        .load(conn)?)
}
