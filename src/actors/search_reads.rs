//! Looking for messages: who may look where, and what of a message is shown.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::actors::authorize::{admit_for, require};
use crate::actors::lane::Fault;
use crate::auth::identity::Identity;
use crate::auth::policy::{Action, Relation};
use crate::ids::ConversationId;
use crate::models::search::query::{self, Query};
use crate::models::search::snippet::snippet;
use crate::models::search::{self, Homes, Wanted};
use crate::models::store::DbConn;
use crate::models::{conversation, message};
use crate::protocol::command::search::Search;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::{Topic, TopicKind};
use crate::protocol::views::search::{SearchHit, SearchPage};

/// Messages in a page, and the most of them.
const PAGE: usize = 50;

/// The newest messages that hold what is looked for, in all conversations of which the asker is a
/// member, or in one that they may read.
///
/// # Errors
/// `bad_request` naming the rule, the policy's refusal, or a fault.
pub fn search(
    conn: &mut DbConn,
    who: &Identity,
    topic: Option<&Topic>,
    wish: &Search,
) -> Result<SearchPage, Fault> {
    let query = query::parse(&wish.q).map_err(|rule| Refusal::field("data.q", rule))?;
    let limit = match wish.limit.map(usize::try_from) {
        None => PAGE,
        Some(Ok(limit)) if (1..=PAGE).contains(&limit) => limit,
        Some(_) => return Err(Refusal::field("data.limit", format!("from 1 to {PAGE}")).into()),
    };
    let homes = match topic {
        Some(topic) => {
            let (admission, _grant) = admit_for(conn, who, topic, Action::Read)?;
            Homes::Named(vec![admission.conversation()?.id])
        }
        None => {
            require(who, TopicKind::Inbox, Action::Read, Relation::Oneself)?;
            search::homes_of(conn, who.user)?
        }
    };
    let wanted = Wanted { homes: &homes, query: &query, before: wish.before, limit };
    let found = search::find(conn, &wanted)?;
    let hits = show(conn, &query, &found.ids)?;
    Ok(SearchPage { hits, more: found.next.is_some(), before: found.next })
}

fn show(
    conn: &mut DbConn,
    query: &Query,
    ids: &[crate::ids::MessageId],
) -> Result<Vec<SearchHit>, Fault> {
    let mut views = message::views(conn, ids)?;
    let mut topics: HashMap<ConversationId, String> = HashMap::new();
    let mut hits = Vec::with_capacity(ids.len());
    for view in ids.iter().filter_map(|id| views.remove(id)) {
        let home = view.conversation;
        let topic = match topics.entry(home) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let Some(found) = conversation::by_id(conn, home)? else { continue };
                unknown.insert(found.topic().to_string()).clone()
            }
        };
        let snippet = snippet(&view.content, query);
        hits.push(SearchHit { message: view, topic, snippet });
    }
    Ok(hits)
}
