//! Search: both engines find the same, newest first, in one's own conversations alone.

use chrono::NaiveDateTime;
use serde_json::{Value, json};
use switchboard::clock;
use switchboard::ids::{ConversationId, MessageId, UserId};
use switchboard::models::conversation::{self, NewConversation};
use switchboard::models::membership;
use switchboard::models::message::{self, NewPost, Posted};
use switchboard::models::search::{self, Homes, Wanted, query};
use switchboard::models::store::{DbConn, Store};
use switchboard::models::user::{self, NewUser};
use switchboard::protocol::views::{ConversationKind, MemberRole, PersonView};

use crate::harness::engines::{Database, for_each_engine};
use crate::harness::rest::expect;
use crate::harness::seeded::Seeded;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};

fn write<T>(store: &Store, story: impl FnOnce(&mut DbConn) -> T) -> T {
    store.write(|conn| Ok(story(conn))).unwrap()
}

fn start() -> NaiveDateTime {
    "2026-01-01T10:00:00".parse().unwrap()
}

fn person(conn: &mut DbConn, name: &str) -> PersonView {
    user::person(&user::insert(conn, NewUser::member(name, "hash")).unwrap())
}

/// A group, and how to post in it.
struct Group {
    id: ConversationId,
    template: NewPost,
}

fn group(conn: &mut DbConn, owner: &PersonView) -> Group {
    let new = NewConversation {
        kind: ConversationKind::Group,
        name: None,
        direct: None,
        title: String::new(),
        description: String::new(),
        owner: Some(owner.id),
        is_public: false,
        at: start(),
    };
    let made = conversation::insert(conn, new).unwrap();
    membership::add_member(conn, made.id, owner.id, MemberRole::Owner, start()).unwrap();
    let template = NewPost {
        conversation: made.id,
        topic: made.topic_id,
        sender: owner.clone(),
        client_id: None,
        message_type: "text".to_owned(),
        content: String::new(),
        reply_to: None,
        mentions: Vec::new(),
        forward: None,
        at: start(),
    };
    Group { id: made.id, template }
}

fn post(conn: &mut DbConn, to: &Group, texts: &[&str]) -> Vec<MessageId> {
    let post = |text: &&str| NewPost { content: (*text).to_owned(), ..to.template.clone() };
    let posts: Vec<NewPost> = texts.iter().map(post).collect();
    let posted = message::post_many(conn, &posts).unwrap();
    let id = |posted: Posted| match posted {
        Posted::New(view) => view.id,
        other => panic!("{other:?}"),
    };
    posted.into_iter().map(id).collect()
}

fn index_all(conn: &mut DbConn) {
    while search::index_next(conn, 100, clock::now_naive()).unwrap() > 0 {}
    assert!(!search::is_behind(conn).unwrap());
}

fn found(conn: &mut DbConn, homes: &Homes, q: &str) -> Vec<MessageId> {
    let query = query::parse(q).unwrap();
    let wanted = Wanted { homes, query: &query, before: None, limit: 50 };
    search::find(conn, &wanted).unwrap().ids
}

#[test]
fn words_phrases_and_beginnings_are_found_whatever_their_case_and_accents() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let here = group(conn, &anna);
            let texts = [
                "Der Ärger über die STRASSE",
                "the red fox; a fox, red",
                "fox red, and \"quotes\" AND operators NOT near",
                "東京タワー tower",
                "winery and e-mail: me@example.org",
                "",
            ];
            let ids = post(conn, &here, &texts);
            index_all(conn);
            let homes = search::homes_of(conn, anna.id).unwrap();
            let mut finds = |q: &str, wanted: &[usize]| {
                let expected: Vec<MessageId> = wanted.iter().map(|index| ids[*index]).collect();
                assert_eq!(found(conn, &homes, q), expected, "{q}");
            };
            finds("arger", &[0]);
            finds("straße ÄRGER", &[0]);
            finds("fox", &[2, 1]);
            finds("fox red", &[2, 1]);
            finds("\"red fox\"", &[1]);
            finds("\"fox red\"", &[2, 1]);
            finds("AND NOT", &[2]);
            finds("quotes\"", &[2]);
            finds("東京", &[3]);
            finds("京東", &[]);
            finds("wine*", &[4]);
            finds("wine", &[]);
            finds("e-mail", &[4]);
            finds("\"example org\"", &[4]);
            finds("fox arger", &[]);
        });
    });
}

#[test]
fn what_is_edited_or_deleted_is_found_as_it_is_now() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let here = group(conn, &anna);
            let ids = post(conn, &here, &["alpha", "beta", "gamma"]);
            // Before the index has come to it, and after.
            message::edit(conn, ids[0], "early", start()).unwrap();
            message::delete(conn, ids[1], anna.id, start()).unwrap();
            index_all(conn);
            let homes = Homes::Named(vec![here.id]);
            assert_eq!(found(conn, &homes, "alpha"), []);
            assert_eq!(found(conn, &homes, "early"), [ids[0]]);
            assert_eq!(found(conn, &homes, "beta"), []);
            message::edit(conn, ids[0], "late", start()).unwrap();
            assert_eq!(found(conn, &homes, "early"), []);
            assert_eq!(found(conn, &homes, "late"), [ids[0]]);
            message::delete(conn, ids[2], anna.id, start()).unwrap();
            assert_eq!(found(conn, &homes, "gamma"), []);
        });
    });
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let (here, there) = (group(conn, &anna), group(conn, &anna));
            let mut ids = Vec::new();
            for _ in 0..60 {
                ids.extend(post(conn, &here, &["needle in hay"]));
                ids.extend(post(conn, &there, &["needle"]));
            }
            index_all(conn);
            ids.reverse();
            let homes = search::homes_of(conn, anna.id).unwrap();
            let query = query::parse("needle").unwrap();
            let (mut pages, mut before) = (Vec::new(), None);
            loop {
                let wanted = Wanted { homes: &homes, query: &query, before, limit: 50 };
                let page = search::find(conn, &wanted).unwrap();
                pages.extend(page.ids);
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
            assert_eq!(pages, ids);
            let only = Homes::Named(vec![there.id]);
            assert_eq!(found(conn, &only, "needle hay"), []);
            assert_eq!(found(conn, &Homes::Of(anna.id), "needle"), ids[..50]);
            assert_eq!(found(conn, &Homes::Of(UserId(999)), "needle"), []);
            assert_eq!(found(conn, &Homes::Named(Vec::new()), "needle"), []);
        });
    });
}

/// Common and rare words in thousands of messages: more than a first look reads.
#[test]
fn both_engines_find_the_same_among_many() {
    let mut answers: Vec<Vec<Vec<i64>>> = Vec::new();
    let all = std::cell::RefCell::new(&mut answers);
    for_each_engine(|store| {
        let mut seeded = Seeded::new(7);
        let found = write(store, |conn| {
            let anna = person(conn, "anna");
            let (here, there) = (group(conn, &anna), group(conn, &anna));
            for batch in 0..30 {
                let texts: Vec<String> = (0..200)
                    .map(|_| {
                        let word = |seeded: &mut Seeded| format!("w{}", seeded.below(40));
                        let rare = if seeded.below(500) == 0 { " needle" } else { "" };
                        let old = if batch < 10 { " old" } else { "" };
                        format!("the {} {}{rare}{old}", word(&mut seeded), word(&mut seeded))
                    })
                    .collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                post(conn, if batch % 3 == 0 { &there } else { &here }, &texts);
            }
            index_all(conn);
            let one = Homes::Named(vec![there.id]);
            let homes = search::homes_of(conn, anna.id).unwrap();
            let searches =
                ["the", "needle", "old", "old w3", "w1 w2", "\"w1 w2\"", "nee*", "w39 the"];
            let mut found_ids = Vec::new();
            for homes in [&one, &homes, &Homes::Of(anna.id)] {
                for q in searches {
                    let ids = found(conn, homes, q);
                    assert!(ids.is_sorted_by(|a, b| a > b), "{q}");
                    found_ids.push(ids.into_iter().map(|id| id.0).collect());
                }
            }
            found_ids
        });
        assert!(found.iter().filter(|ids: &&Vec<i64>| !ids.is_empty()).count() > 18);
        all.borrow_mut().push(found);
    });
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

async fn asked(socket: &mut Socket, data: Value) -> Value {
    let reply = socket.asks("search", None, data).await;
    assert_eq!(reply["type"], "ok", "{reply}");
    reply["data"].clone()
}

#[tokio::test]
async fn messages_are_found_within_a_second_by_members_alone() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let server = Server::start_on(database, &[("search_every", "20ms")]).await;
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("plans", &[&bob]).await;
        let said = ada_1.says(&room, "the <b>Café</b> opens at nine").await;
        until("it is found", async || {
            !asked(&mut bob_1, json!({"q": "cafe"})).await["hits"].as_array().unwrap().is_empty()
        })
        .await;
        let page = asked(&mut bob_1, json!({"q": "cafe opens"})).await;
        let hit = &page["hits"][0];
        assert_eq!((&hit["message"]["id"], &hit["topic"]), (&said["id"], &json!("chat:plans")));
        assert_eq!(hit["snippet"][1], json!({"text": "Café", "hit": true}));
        assert_eq!(hit["snippet"][0]["text"], "the <b>");
        assert_eq!((&page["more"], &page["before"]), (&json!(false), &Value::Null));

        let path = "/api/v1/search/messages?q=caf*&topic=chat:plans&limit=1";
        let same = expect(&bob, 200, ("GET", path), None).await;
        assert_eq!(same["hits"][0]["message"]["id"], said["id"]);
        let mut eve_1 = eve.connects().await;
        assert_eq!(asked(&mut eve_1, json!({"q": "cafe"})).await["hits"], json!([]));
        expect(&eve, 404, ("GET", path), None).await;
        bob_1.does("conversation.leave", &room, json!({})).await;
        assert_eq!(asked(&mut bob_1, json!({"q": "cafe"})).await["hits"], json!([]));

        let edit = json!({"id": said["id"], "content": "the Teahouse"});
        ada_1.does("message.edit", &room, edit).await;
        assert_eq!(asked(&mut ada_1, json!({"q": "cafe"})).await["hits"], json!([]));
        let page = asked(&mut ada_1, json!({"q": "teahouse"})).await;
        assert_eq!(page["hits"].as_array().unwrap().len(), 1);
        ada_1.does("message.delete", &room, json!({"id": said["id"]})).await;
        assert_eq!(asked(&mut ada_1, json!({"q": "teahouse"})).await["hits"], json!([]));
        for (data, field) in [
            (json!({"q": " "}), "data.q"),
            (json!({"q": "a*"}), "data.q"),
            (json!({"q": "x", "limit": 51}), "data.limit"),
            (json!({}), "data.q"),
        ] {
            assert_eq!(ada_1.asks("search", None, data).await["field"], field);
        }
    }
}
