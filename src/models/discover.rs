//! Public conversations, found by their words and paged.

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::ids::{ConversationId, UserId};
use crate::models::conversation::Conversation;
use crate::models::error::StoreError;
use crate::models::membership::StoredMemberRole;
use crate::models::schema::{conversations, memberships};
use crate::models::store::DbConn;
use crate::protocol::views::rooms::DiscoveredView;

/// A place in the list: the entry it stands behind.
pub type Place = (NaiveDateTime, ConversationId);

const MEMBERS: &str =
    "(SELECT COUNT(*) FROM memberships n WHERE n.conversation_id = conversations.id)";

/// The text a conversation is found by: its words in lower case.
pub fn search_key(name: Option<&str>, title: &str, description: &str) -> String {
    format!("{} {title} {description}", name.unwrap_or("")).to_lowercase()
}

/// A page of public conversations that hold every word of `words`, last written to first, after
/// `after`; each with its place.
pub fn page(
    conn: &mut DbConn,
    reader: UserId,
    words: &str,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<(Place, DiscoveredView)>, StoreError> {
    let mine =
        memberships::conversation_id.eq(conversations::id).and(memberships::user_id.eq(reader));
    let mut query = conversations::table
        .left_join(memberships::table.on(mine))
        .filter(conversations::is_public)
        .order((conversations::updated_at.desc(), conversations::id.desc()))
        .limit(limit)
        .select((Conversation::as_select(), sql::<BigInt>(MEMBERS), memberships::role.nullable()))
        .into_boxed();
    for word in words.to_lowercase().split_whitespace() {
        let plain = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query = query.filter(conversations::search_key.like(format!("%{plain}%")).escape('\\'));
    }
    if let Some((at, id)) = after {
        let earlier = conversations::updated_at.lt(at);
        let beside = conversations::updated_at.eq(at).and(conversations::id.lt(id));
        query = query.filter(earlier.or(beside));
    }
    let rows: Vec<(Conversation, i64, Option<StoredMemberRole>)> = query.load(conn)?;
    let entry = |(found, member_count, role): (Conversation, _, Option<StoredMemberRole>)| {
        let view = DiscoveredView {
            conversation: found.view(),
            member_count,
            my_role: role.map(Into::into),
        };
        ((found.updated_at, found.id), view)
    };
    Ok(rows.into_iter().map(entry).collect())
}
