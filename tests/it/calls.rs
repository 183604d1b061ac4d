//! Calls: ringing, answering, hanging up, signals, and what time and restarts do to them.

use serde_json::{Value, json};

use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::rest::expect;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

async fn on_each_engine(settings: &[(&str, &str)], story: impl AsyncFn(Server)) {
    story(Server::start_with(settings).await).await;
    if let Some(database) = Database::postgres() {
        story(Server::start_on(database, settings).await).await;
    }
}

/// A socket that listens to its person's inbox.
async fn at_inbox(person: &Person) -> Socket {
    let mut socket = person.connects().await;
    socket.joins(&format!("inbox:{}", person.id)).await;
    socket
}

async fn direct(socket: &mut Socket, with: &Person) -> String {
    let data = json!({"kind": "direct", "members": [with.id]});
    let opened = socket.asks("conversation.create", None, data).await;
    opened["data"]["topic"].as_str().unwrap().to_owned()
}

async fn asks(socket: &mut Socket, kind: &str, data: Value) -> Value {
    let reply = socket.asks(kind, None, data).await;
    assert_eq!(reply["type"], "ok", "{kind}: {reply}");
    reply["data"].clone()
}

fn part(call: &Value, person: &Person) -> Value {
    let parts = call["participants"].as_array().unwrap();
    let id = person.id.to_string();
    parts.iter().find(|part| part["user"]["id"] == id).unwrap()["state"].clone()
}

#[tokio::test]
async fn two_people_call_talk_and_hang_up() {
    on_each_engine(&[], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut bob_1) = (at_inbox(&ada).await, at_inbox(&bob).await);
        let topic = direct(&mut ada_1, &bob).await;
        let joined = ada_1.joins(&topic).await;
        let call = ada_1.does("call.start", &topic, json!({"kind": "video"})).await;
        assert_eq!((&call["state"], &call["kind"]), (&json!("initiated"), &json!("video")));
        let name = json!({"call": call["id"]});
        let incoming = bob_1.hears("call.incoming").await;
        assert_eq!(incoming["data"]["call"]["caller"]["username"], "ada");
        assert_eq!(asks(&mut bob_1, "call.ring", name.clone()).await["state"], "ringing");
        ada_1.hears("call.ringing").await;

        let again = ada_1.is_refused("call.start", &topic, json!({"kind": "voice"})).await;
        assert_eq!(again["code"], "conflict");
        let offer = json!({"call": call["id"], "payload": {"sdp": "offer"}});
        asks(&mut ada_1, "call.signal", offer).await;
        let heard = bob_1.hears("call.signal").await;
        assert_eq!(heard["data"]["payload"], json!({"sdp": "offer"}));
        assert_eq!(heard["data"]["from"], ada.id.to_string());
        let answered = asks(&mut bob_1, "call.answer", name.clone()).await;
        assert_eq!(
            (&answered["state"], part(&answered, &bob)),
            (&json!("active"), json!("joined"))
        );
        let told = ada_1.hears("call.answered").await;
        assert_eq!(told["data"]["by"], bob.id.to_string());
        bob_1.hears("call.answered").await;
        let answer = json!({"call": call["id"], "to": ada.id, "payload": [1]});
        asks(&mut bob_1, "call.signal", answer).await;
        assert_eq!(ada_1.hears("call.signal").await["data"]["payload"], json!([1]));

        let ended = asks(&mut bob_1, "call.end", name.clone()).await;
        assert_eq!((&ended["state"], &ended["ended_by"]), (&json!("ended"), &json!(bob.id)));
        ada_1.hears("call.ended").await;
        let late = ada_1.asks("call.end", None, name).await;
        assert_eq!(late["code"], "conflict");
        let mut fresh = ada.connects().await;
        fresh.joins_with(&topic, json!({"after": joined["seq"]})).await;
        for kind in ["call.started", "call.ringing", "call.answered", "call.ended"] {
            assert_eq!(fresh.hears(kind).await["data"]["call"]["state"], "ended", "{kind}");
        }
        let listed = expect(&bob, 200, ("GET", "/api/v1/calls"), None).await;
        assert_eq!(listed["calls"][0]["id"], call["id"]);
    })
    .await;
}

#[tokio::test]
async fn declined_by_everyone_a_call_is_over() {
    on_each_engine(&[], async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mut ada_1 = at_inbox(&ada).await;
        let room = ada_1.opens_room("team", &[&bob, &eve]).await;
        ada_1.joins(&room).await;
        let start = json!({"kind": "voice", "client_id": "c1"});
        let path = "/api/v1/conversations/team/calls";
        let call = expect(&ada, 201, ("POST", path), Some(start.clone())).await;
        let again = expect(&ada, 201, ("POST", path), Some(start)).await;
        assert_eq!(call["id"], again["id"], "a repeat gets the first answer");
        let decline = format!("/api/v1/calls/{}/decline", call["id"].as_str().unwrap());
        let one = expect(&bob, 200, ("POST", &decline), None).await;
        assert_eq!((&one["state"], part(&one, &bob)), (&json!("initiated"), json!("declined")));
        let two = expect(&eve, 200, ("POST", &decline), None).await;
        assert_eq!(two["state"], "declined");
        assert!(two["ended_at"].is_string());
        ada_1.hears("call.declined").await;
        let listed = expect(&ada, 200, ("GET", path), None).await;
        assert_eq!(listed["calls"][0]["state"], "declined");
    })
    .await;
}

#[tokio::test]
async fn in_a_group_one_hangs_up_and_the_others_talk_on() {
    on_each_engine(&[], async |server| {
        let (ada, bob, eve, dan) = (
            server.person("ada").await,
            server.person("bob").await,
            server.person("eve").await,
            server.person("dan").await,
        );
        let mut ada_1 = at_inbox(&ada).await;
        let room = ada_1.opens_room("team", &[&bob, &eve, &dan]).await;
        ada_1.joins(&room).await;
        let start = json!({"kind": "voice", "participants": [bob.id, eve.id]});
        let call = ada_1.does("call.start", &room, start).await;
        assert_eq!(call["participants"].as_array().unwrap().len(), 3);
        let at = |verb: &str| format!("/api/v1/calls/{}/{verb}", call["id"].as_str().unwrap());
        expect(&dan, 404, ("POST", &at("answer")), None).await;
        expect(&bob, 200, ("POST", &at("answer")), None).await;
        expect(&eve, 200, ("POST", &at("answer")), None).await;
        let came = expect(&dan, 200, ("POST", &at("answer")), None).await;
        assert_eq!(part(&came, &dan), json!("joined"), "a member may come into one that is on");
        let left = expect(&bob, 200, ("POST", &at("end")), Some(json!({}))).await;
        assert_eq!((&left["state"], part(&left, &bob)), (&json!("active"), json!("left")));
        ada_1.hears("call.left").await;
        let all = Some(json!({"for_all": true}));
        expect(&eve, 403, ("POST", &at("end")), all.clone()).await;
        let ended = expect(&ada, 200, ("POST", &at("end")), all).await;
        assert_eq!(ended["state"], "ended");
    })
    .await;
}

#[tokio::test]
async fn who_does_not_answer_in_time_has_missed_it_even_over_a_restart() {
    for database in [Some(Database::sqlite()), Database::postgres()].into_iter().flatten() {
        let settings = [("call_ring", "300ms")];
        let server = Server::start_on(database, &settings).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let topic = direct(&mut ada_1, &bob).await;
        ada_1.joins(&topic).await;
        let call = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        let missed = ada_1.hears("call.missed").await;
        assert_eq!(missed["data"]["call"]["state"], "missed");
        assert_eq!(part(&missed["data"]["call"], &bob), json!("missed"));
        assert_eq!(missed["data"]["by"], Value::Null);
        let inbox = bob.connects().await.joins(&format!("inbox:{}", bob.id)).await;
        let second = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        assert_ne!(second["id"], call["id"], "the conversation is free again");

        let database = server.stops().await;
        let server = Server::start_on(database, &settings).await;
        let mut bob_1 = bob.at(server.address).connects().await;
        let wish = json!({"after": inbox["seq"]});
        bob_1.joins_with(&format!("inbox:{}", bob.id), wish).await;
        let missed = bob_1.hears("call.missed").await;
        assert_eq!(missed["data"]["call"]["id"], second["id"]);
    }
}

#[tokio::test]
async fn a_missed_call_waits_as_a_notification_on_all_devices() {
    on_each_engine(&[("call_ring", "200ms")], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let (mut phone, mut desk) = (at_inbox(&bob).await, at_inbox(&bob).await);
        let topic = direct(&mut ada_1, &bob).await;
        let call = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        for device in [&mut phone, &mut desk] {
            let told = device.hears("notification.new").await;
            let missed = &told["data"]["notification"];
            assert_eq!(
                (&missed["type"], &missed["title"], &missed["priority"]),
                (&json!("call_missed"), &json!("Missed voice call from ada"), &json!("high"))
            );
            assert_eq!(missed["data"]["call"], call["id"]);
        }
        ada_1.does("call.start", &topic, json!({"kind": "video"})).await;
        let grown = phone.hears("notification.new").await;
        assert_eq!(grown["data"]["notification"]["count"], 2, "one group");
        assert_eq!(grown["data"]["notification"]["title"], "Missed video call from ada");
        let none = json!({"types": {"call_missed": "off"}});
        expect(&bob, 200, ("PATCH", "/api/v1/notifications/preferences"), Some(none)).await;
        let third = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        let is_third = |frame: &Value| {
            frame["type"] == "call.missed" && frame["data"]["call"]["id"] == third["id"]
        };
        phone.hears_that("the third is missed", is_third).await;
        phone.is_served().await;
        assert!(phone.overheard("notification.new").is_empty(), "not wanted");
    })
    .await;
}

#[tokio::test]
async fn a_call_is_missed_when_its_caller_gives_up_and_not_when_it_was_declined() {
    on_each_engine(&[], async |server| {
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (mut ada_1, mut phone) = (ada.connects().await, at_inbox(&bob).await);
        let topic = direct(&mut ada_1, &bob).await;
        let declined = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        asks(&mut phone, "call.decline", json!({"call": declined["id"]})).await;
        let given_up = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        asks(&mut ada_1, "call.end", json!({"call": given_up["id"]})).await;
        let told = phone.hears("notification.new").await;
        let missed = &told["data"]["notification"];
        assert_eq!((&missed["type"], &missed["count"]), (&json!("call_missed"), &json!(1)));
        assert_eq!(missed["data"]["call"], given_up["id"]);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_everyone_left_without_hanging_up_ends() {
    let settings = [("presence_grace", "50ms"), ("call_ring", "200ms")];
    on_each_engine(&settings, async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
        let room = ada_1.opens_room("team", &[&bob, &eve]).await;
        let start = json!({"kind": "voice", "participants": [bob.id]});
        let call = ada_1.does("call.start", &room, start).await;
        asks(&mut bob_1, "call.answer", json!({"call": call["id"]})).await;
        let mut eve_1 = eve.connects().await;
        eve_1.joins(&room).await;
        ada_1.leaves().await;
        bob_1.leaves().await;
        let ended = eve_1.hears("call.ended").await;
        assert_eq!(
            (&ended["data"]["by"], &ended["data"]["call"]["state"]),
            (&Value::Null, &json!("ended"))
        );
    })
    .await;
}

#[tokio::test]
async fn who_may_not_be_called_is_not_and_strangers_learn_nothing() {
    on_each_engine(&[], async |server| {
        let (ada, bob, eve) =
            (server.person("ada").await, server.person("bob").await, server.person("eve").await);
        let mut ada_1 = ada.connects().await;
        let topic = direct(&mut ada_1, &bob).await;
        let quiet = Some(json!({"allow_calls": false}));
        expect(&bob, 200, ("PATCH", "/api/v1/profile"), quiet).await;
        let refused = ada_1.is_refused("call.start", &topic, json!({"kind": "voice"})).await;
        assert_eq!(refused["code"], "forbidden");
        let open = Some(json!({"allow_calls": true}));
        expect(&bob, 200, ("PATCH", "/api/v1/profile"), open).await;
        let block = format!("/api/v1/contacts/{}/block", ada.id);
        expect(&bob, 200, ("POST", &block), None).await;
        let refused = ada_1.is_refused("call.start", &topic, json!({"kind": "voice"})).await;
        assert_eq!(refused["code"], "forbidden");
        expect(&bob, 200, ("DELETE", &block), None).await;

        let call = ada_1.does("call.start", &topic, json!({"kind": "voice"})).await;
        let id = call["id"].as_str().unwrap();
        for (method, verb) in [("GET", ""), ("POST", "/answer"), ("POST", "/decline")] {
            expect(&eve, 404, (method, &format!("/api/v1/calls/{id}{verb}")), None).await;
        }
        let signal = format!("/api/v1/calls/{id}/signal");
        expect(&eve, 404, ("POST", &signal), Some(json!({"payload": 1}))).await;
        let long = Some(json!({"payload": "x".repeat(40_000)}));
        let refused = expect(&ada, 413, ("POST", &signal), long).await;
        assert_eq!(refused["error"]["field"], "payload");
        let nobody = Some(json!({"payload": 1, "to": eve.id}));
        let refused = expect(&ada, 400, ("POST", &signal), nobody).await;
        assert_eq!(refused["error"]["field"], "to");
        let stranger = json!({"kind": "voice", "participants": [eve.id]});
        let mut bob_1 = bob.connects().await;
        let refused = bob_1.is_refused("call.start", &topic, stranger).await;
        assert_eq!(refused["field"], "data.participants");
        expect(&ada, 404, ("GET", "/api/v1/calls/999999"), None).await;
    })
    .await;
}
