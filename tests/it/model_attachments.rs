//! Files of messages as rows, on both engines.

use chrono::NaiveDateTime;
use switchboard::ids::{AttachmentId, MessageId, UserId};
use switchboard::models::attachment::{self, Arrived, AttachmentRow, NewAttachment};
use switchboard::models::attachment_part as part;
use switchboard::models::conversation::{self, NewConversation};
use switchboard::models::error::StoreError;
use switchboard::models::message::{self, NewPost, Posted};
use switchboard::models::store::{DbConn, Store};
use switchboard::models::user::{self, NewUser};
use switchboard::protocol::views::ConversationKind;

use crate::harness::engines::for_each_engine;

fn second(count: i64) -> NaiveDateTime {
    let start: NaiveDateTime = "2026-01-01T10:00:00".parse().unwrap();
    start + chrono::Duration::seconds(count)
}

fn write<T>(store: &Store, story: impl FnOnce(&mut DbConn) -> T) -> T {
    store.write(|conn| Ok(story(conn))).unwrap()
}

fn person(conn: &mut DbConn, name: &str) -> UserId {
    user::insert(conn, NewUser::member(name, "hash")).unwrap().id
}

fn announced(conn: &mut DbConn, uploader: Option<UserId>, key: &str, size: i64) -> AttachmentId {
    let (object_key, name, at) = (key.to_owned(), "a.png".to_owned(), second(0));
    let new = NewAttachment { object_key, uploader, name, size, sha256: None, at };
    attachment::begin(conn, &new).unwrap()
}

fn arrived(size: i64) -> Arrived {
    Arrived {
        content_type: "image/png".to_owned(),
        size,
        sha256: "ab".repeat(32),
        width: Some(640),
        height: Some(480),
        thumbnail_type: Some("image/jpeg".to_owned()),
    }
}

fn ready(conn: &mut DbConn, uploader: Option<UserId>, key: &str) -> AttachmentId {
    let id = announced(conn, uploader, key, 10);
    assert!(attachment::finish(conn, id, &arrived(10), second(1)).unwrap());
    id
}

fn row(conn: &mut DbConn, id: AttachmentId) -> AttachmentRow {
    attachment::by_id(conn, id).unwrap().unwrap()
}

/// Posts as many messages by `sender` into a room of their own.
fn posts(conn: &mut DbConn, sender: UserId, count: usize) -> Vec<MessageId> {
    let new = NewConversation {
        kind: ConversationKind::Room,
        name: Some("general".to_owned()),
        direct: None,
        title: String::new(),
        description: String::new(),
        owner: Some(sender),
        is_public: true,
        at: second(0),
    };
    let room = conversation::insert(conn, new).unwrap();
    let sender = user::persons(conn, &[sender]).unwrap().remove(&sender).unwrap();
    let post = NewPost {
        conversation: room.id,
        topic: room.topic_id,
        sender,
        client_id: None,
        message_type: "text".to_owned(),
        content: "look".to_owned(),
        reply_to: None,
        at: second(2),
    };
    let posted = message::post_many(conn, &vec![post; count]).unwrap();
    let id = |posted: Posted| match posted {
        Posted::New(view) => view.id,
        other => panic!("not new: {other:?}"),
    };
    posted.into_iter().map(id).collect()
}

#[test]
fn a_file_is_ready_once_and_is_told_with_its_message() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let id = announced(conn, Some(anna), "k1", 10);
            assert!(!row(conn, id).is_ready());
            assert_eq!(attachment::waiting_bytes(conn, anna), Ok(10));
            assert!(attachment::finish(conn, id, &arrived(12), second(1)).unwrap());
            assert!(!attachment::finish(conn, id, &arrived(13), second(1)).unwrap());
            assert_eq!(attachment::waiting_bytes(conn, anna), Ok(12));
            let second_id = ready(conn, Some(anna), "k2");
            let messages = posts(conn, anna, 2);
            // In the order given, not that of their ids.
            attachment::attach(conn, messages[0], &[second_id, id], second(2)).unwrap();
            assert_eq!(attachment::waiting_bytes(conn, anna), Ok(0));
            let view = message::views(conn, &messages).unwrap().remove(&messages[0]).unwrap();
            let told: Vec<_> = view.attachments.iter().map(|file| file.id).collect();
            assert_eq!(told, [second_id, id]);
            assert_eq!(view.attachments[1].size, 12);
            let small = format!("/api/v1/attachments/{id}/thumbnail");
            assert_eq!(view.attachments[1].thumbnail_url, Some(small));
        });
    });
}

#[test]
fn a_file_is_sent_once_and_only_when_it_is_ready() {
    for_each_engine(|store| {
        let (messages, id, arriving) = write(store, |conn| {
            let anna = person(conn, "anna");
            let (id, arriving) = (ready(conn, Some(anna), "k1"), announced(conn, None, "k2", 5));
            let messages = posts(conn, anna, 2);
            attachment::attach(conn, messages[0], &[id], second(2)).unwrap();
            (messages, id, arriving)
        });
        for wrong in [id, arriving, AttachmentId(99)] {
            let again =
                store.write(|conn| attachment::attach(conn, messages[1], &[wrong], second(3)));
            assert!(matches!(again, Err(StoreError::Conflict(_))), "{wrong}");
        }
        write(store, |conn| assert!(!attachment::doom(conn, id, second(4)).unwrap()));
    });
}

#[test]
fn a_message_taken_back_gives_up_its_files_and_a_copy_keeps_their_object() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let id = ready(conn, Some(anna), "k1");
            let messages = posts(conn, anna, 2);
            attachment::attach(conn, messages[0], &[id], second(2)).unwrap();
            attachment::copy_to(conn, messages[0], messages[1], second(3)).unwrap();
            message::delete(conn, messages[0], anna, second(4)).unwrap();
            let views = message::views(conn, &messages).unwrap();
            assert!(views[&messages[0]].attachments.is_empty());
            assert_eq!(views[&messages[1]].attachments.len(), 1);
            let doomed = attachment::doomed(conn, 10).unwrap();
            assert_eq!((doomed[0].id, doomed[0].keys.len()), (id, 0), "the copy names it still");
            attachment::forget(conn, id).unwrap();
            message::delete(conn, messages[1], anna, second(5)).unwrap();
            let doomed = attachment::doomed(conn, 10).unwrap();
            assert_eq!(doomed[0].keys, ["k1", "k1.thumbnail"]);
            attachment::forget(conn, doomed[0].id).unwrap();
            assert_eq!(attachment::doomed(conn, 10), Ok(Vec::new()));
        });
    });
}

#[test]
fn what_nothing_keeps_for_long_is_to_be_removed_and_nothing_else() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let stale = ready(conn, Some(anna), "k1");
            let arriving = announced(conn, Some(anna), "k2", 10);
            let (sent, held) = (ready(conn, Some(anna), "k3"), ready(conn, Some(anna), "k4"));
            let messages = posts(conn, anna, 1);
            attachment::attach(conn, messages[0], &[sent], second(2)).unwrap();
            assert!(attachment::hold(conn, held, Some(anna), "avatar:1", second(2)).unwrap());
            let fresh = ready(conn, Some(anna), "k5");
            assert_eq!(attachment::doom_unkept(conn, second(1), second(9), 10), Ok(1));
            assert!(row(conn, arriving).doomed_at.is_some(), "begun at 0, not gone on with");
            assert_eq!(attachment::doom_unkept(conn, second(2), second(9), 10), Ok(2));
            for (id, gone) in [(stale, true), (fresh, true), (sent, false), (held, false)] {
                assert_eq!(row(conn, id).doomed_at.is_some(), gone);
            }
            assert!(!attachment::finish(conn, arriving, &arrived(1), second(9)).unwrap());
        });
    });
}

#[test]
fn a_holder_keeps_one_of_its_own_files_and_lets_go_of_the_one_before() {
    for_each_engine(|store| {
        write(store, |conn| {
            let (anna, ben) = (person(conn, "anna"), person(conn, "ben"));
            let (first, other) = (ready(conn, Some(anna), "k1"), ready(conn, Some(anna), "k2"));
            assert!(!attachment::hold(conn, first, Some(ben), "user:2", second(2)).unwrap());
            assert!(attachment::hold(conn, first, Some(anna), "user:1", second(2)).unwrap());
            assert!(!attachment::hold(conn, first, Some(anna), "user:1", second(2)).unwrap());
            assert_eq!(attachment::held_by_key(conn, "k1").unwrap().unwrap().id, first);
            assert_eq!(attachment::held_by_key(conn, "k2"), Ok(None), "not held, not public");
            assert!(attachment::hold(conn, other, Some(anna), "user:1", second(3)).unwrap());
            assert_eq!(attachment::release(conn, "user:1", Some(other), second(3)), Ok(1));
            assert_eq!(attachment::held(conn, "user:1").unwrap().unwrap().id, other);
            assert_eq!(attachment::held_by_key(conn, "k1"), Ok(None));
            let public = ready(conn, None, "k3");
            assert!(attachment::hold(conn, public, None, "call:1", second(3)).unwrap());
        });
    });
}

#[test]
fn of_two_pieces_from_one_offset_one_counts_and_a_late_one_does_not() {
    for_each_engine(|store| {
        write(store, |conn| {
            let anna = person(conn, "anna");
            let id = announced(conn, Some(anna), "k1", 10);
            let first = part::begin(conn, id, 0, "p1", second(1)).unwrap();
            let twin = part::begin(conn, id, 0, "p2", second(1)).unwrap();
            assert!(part::finish(conn, id, first, 4, second(2)).unwrap());
            assert!(!part::finish(conn, id, twin, 6, second(2)).unwrap());
            let rest = part::begin(conn, id, 4, "p3", second(3)).unwrap();
            assert!(part::finish(conn, id, rest, 6, second(3)).unwrap());
            assert_eq!(row(conn, id).received_bytes, 10);
            let keys: Vec<_> =
                part::whole(conn, id).unwrap().into_iter().map(|part| part.object_key).collect();
            assert_eq!(keys, ["p1", "p3"]);
            assert_eq!(part::left_over(conn, second(0), 10), Ok(Vec::new()));
            attachment::finish(conn, id, &arrived(10), second(4)).unwrap();
            assert_eq!(part::left_over(conn, second(0), 10).unwrap().len(), 2);
            assert_eq!(part::left_over(conn, second(9), 10).unwrap().len(), 3, "and an old one");
            let late = part::begin(conn, id, 10, "p4", second(5)).unwrap();
            assert!(!part::finish(conn, id, late, 1, second(5)).unwrap());
            part::forget(conn, &[first, twin, rest, late]).unwrap();
            assert_eq!(part::all(conn, id), Ok(Vec::new()));
        });
    });
}
