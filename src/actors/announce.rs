//! Notifications that an admin or a service makes: whom they reach, in how many transactions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::actors::authorize::require;
use crate::actors::chat_commands::Effect;
use crate::actors::effect_job;
use crate::actors::house::House;
use crate::actors::inbox_commands::check_kind;
use crate::actors::lane::Fault;
use crate::actors::notify::{self, MESSAGE_CHARS, TITLE_CHARS};
use crate::actors::post::check_client_id;
use crate::auth::identity::{Identity, Role};
use crate::auth::policy::{Action, Relation};
use crate::clock;
use crate::ids::UserId;
use crate::models::answer as answers;
use crate::models::notification::Content;
use crate::models::recipients;
use crate::models::store::DbConn;
use crate::protocol::refusal::Refusal;
use crate::protocol::topic::TopicKind;
use crate::protocol::views::inbox::{ObjectView, Priority};

/// Most people named one by one.
const USERS_MAX: usize = 1_000;
/// People reached by one transaction, so that no announcement holds up the writer.
const BATCH: i64 = 500;
/// Most bytes of `data`.
const DATA_BYTES: usize = 8 * 1_024;
/// Longest address, in characters.
const URL_CHARS: usize = 2_000;
/// The command under which answers to repeats are kept.
const COMMAND: &str = "notification.create";

/// A notification to make, and for whom.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// A word of at most 64 of `a-z0-9_`; `broadcast` when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// 1 to 200 characters.
    pub title: String,
    /// At most 1000 characters.
    #[serde(default)]
    pub message: String,
    /// An urgent one breaks quiet hours and preferences.
    #[serde(default)]
    pub priority: Priority,
    pub object: Option<ObjectView>,
    /// Where a click leads: a path of this site, or an http(s) address.
    pub action_url: Option<String>,
    /// An object of at most 8 KiB.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// What repeats of it have in common: while one is unread, a repeat makes it grow.
    pub group: Option<String>,
    /// These people, at most 1000 …
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub users: Vec<UserId>,
    /// … and everyone active in these roles …
    #[serde(default)]
    pub roles: Vec<Role>,
    /// … or everyone active.
    #[serde(default)]
    pub everyone: bool,
    /// Makes it idempotent for 24 h: the repeat gets the first answer. 1 to 64 bytes.
    pub client_id: Option<String>,
}

/// Whom an announcement reached.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct Announced {
    /// People in whose inbox it is; those who turned its type off are not among them.
    pub notified: usize,
}

fn check_text(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Refusal> {
    let fits = (least..=most).contains(&text.trim().chars().count()) && !text.contains('\0');
    if fits {
        return Ok(());
    }
    Err(Refusal::field(field, format!("{least} to {most} characters")))
}

/// A page's own address may not be told to run a script: only these lead somewhere.
fn check_url(url: &str) -> Result<(), Refusal> {
    let leads = (url.starts_with('/') && !url.starts_with("//"))
        || url.starts_with("https://")
        || url.starts_with("http://");
    if leads && url.chars().count() <= URL_CHARS && !url.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Refusal::field("action_url", "a path, or an http or https address"))
}

/// Checks an announcement and answers what each person gets.
fn check(wish: &Announcement, who: &Identity) -> Result<Content, Refusal> {
    let kind = wish.kind.as_deref().unwrap_or("broadcast");
    check_kind("type", kind)?;
    check_text("title", &wish.title, 1, TITLE_CHARS)?;
    check_text("message", &wish.message, 0, MESSAGE_CHARS)?;
    if let Some(group) = &wish.group {
        check_text("group", group, 1, 128)?;
    }
    if let Some(object) = &wish.object {
        check_kind("object.type", &object.kind)?;
        check_text("object.id", &object.id, 1, 128)?;
    }
    wish.action_url.as_deref().map_or(Ok(()), check_url)?;
    let facts = match &wish.data {
        None => None,
        Some(data @ Value::Object(_)) => Some(data.to_string()),
        Some(_) => return Err(Refusal::field("data", "an object")),
    };
    if facts.as_ref().is_some_and(|facts| facts.len() > DATA_BYTES) {
        return Err(Refusal::field("data", format!("at most {DATA_BYTES} bytes")));
    }
    check_client_id(wish.client_id.as_deref())
        .map_err(|_| Refusal::field("client_id", "1 to 64 bytes, no NUL"))?;
    let named = !wish.users.is_empty() || !wish.roles.is_empty();
    if named == wish.everyone {
        return Err(Refusal::field("users", "people, roles, or everyone: true in their place"));
    }
    if wish.users.len() > USERS_MAX {
        return Err(Refusal::field("users", format!("at most {USERS_MAX}")));
    }
    Ok(Content {
        kind: kind.to_owned(),
        priority: wish.priority,
        title: wish.title.trim().to_owned(),
        message: wish.message.clone(),
        object: wish.object.clone(),
        action_url: wish.action_url.clone(),
        facts,
        actor: Some(who.user),
        group: wish.group.clone(),
        times: 1,
    })
}

/// Makes a notification for all whom `wish` names.
///
/// Very many are reached by several transactions; should one fail, those before it stand, and a
/// repeat with the same `client_id` reaches the rest only when a `group` joins it to the first.
///
/// # Errors
/// The policy's refusal, `bad_request` naming the field, or `unavailable`.
pub async fn announce(
    house: &House,
    who: &Arc<Identity>,
    wish: Announcement,
) -> Result<Announced, Refusal> {
    require(who, TopicKind::Admin, Action::Notify, Relation::Stranger)?;
    let content = check(&wish, who)?;
    let (client_id, user) = (wish.client_id.clone(), who.user);
    if let Some(client_id) = client_id.clone() {
        let first = house
            .lane
            .read(move |conn| Ok(answers::find(conn, user, COMMAND, "", &client_id)?))
            .await?;
        if let Some(first) = first.and_then(|text| serde_json::from_str(&text).ok()) {
            return Ok(first);
        }
    }
    let (users, roles, everyone) = (wish.users, wish.roles, wish.everyone);
    let named = house.lane.read(move |conn| known(conn, &users)).await?;
    let mut announced = Announced { notified: 0 };
    for some in named.chunks(usize::try_from(BATCH).unwrap_or(1)) {
        announced.notified += reach(house, &content, some.to_vec()).await?;
    }
    let mut after = None;
    while everyone || !roles.is_empty() {
        let wanted = roles.clone();
        let page = house.lane.read(move |conn| {
            let wanted = if everyone { None } else { Some(wanted.as_slice()) };
            Ok(recipients::active_ids(conn, wanted, after, BATCH)?)
        });
        let page = page.await?;
        let Some(last) = page.last().copied() else { break };
        after = Some(last);
        let fresh: Vec<UserId> = page.into_iter().filter(|user| !named.contains(user)).collect();
        announced.notified += reach(house, &content, fresh).await?;
    }
    if let Some(client_id) = client_id {
        let kept = serde_json::to_string(&announced).unwrap_or_default();
        let now = clock::now_naive();
        house
            .lane
            .write(move |conn| Ok(answers::keep(conn, user, COMMAND, "", &client_id, &kept, now)?))
            .await?;
    }
    Ok(announced)
}

/// The people named, if all are active.
fn known(conn: &mut DbConn, users: &[UserId]) -> Result<Vec<UserId>, Fault> {
    let mut users = users.to_vec();
    users.sort_unstable();
    users.dedup();
    let found = recipients::active_of(conn, &users)?;
    if found.len() < users.len() {
        return Err(Refusal::field("users", "people who have an active account").into());
    }
    Ok(found)
}

/// Reaches these people in one transaction; answers how many it did.
async fn reach(house: &House, content: &Content, users: Vec<UserId>) -> Result<usize, Refusal> {
    let content = content.clone();
    let answer = effect_job::write(house, move |conn| {
        let mut events = Vec::new();
        notify::put(conn, &content, &users, &mut events)?;
        let count = events.len();
        Ok(Effect { events, ..Effect::quiet(&count) })
    });
    Ok(answer.await?.get().parse().unwrap_or(0))
}
