//! Calls as an older messenger's clients make them, by socket and over REST, and beside native ones.

use serde_json::{Value, json};

use crate::harness::messenger::{group, is_silent, seated};
use crate::harness::older::{Rest, keys};
use crate::harness::server::on_each_engine;
use crate::harness::socket::{Socket, until};

async fn says(socket: &mut Socket, frame: Value) {
    socket.sends_text(&frame.to_string()).await;
}

#[tokio::test]
async fn a_call_rings_is_answered_connects_and_ends_in_frames_of_theirs() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (seated(&alice, id).await, seated(&bob, id).await);
        let wish = json!({"type": "call.initiate", "call_type": "video",
            "participant_ids": [bob.id.0]});
        says(&mut a, wish).await;
        let incoming = a.next().await.unwrap();
        let call = incoming["call_id"].clone();
        assert!(call.is_i64());
        let caller = json!({"id": alice.id.0, "username": "alice", "first_name": "",
            "last_name": ""});
        let told = json!({"type": "call.incoming", "call_id": call, "caller": caller,
            "call_type": "video"});
        assert_eq!(incoming, told, "the caller too");
        assert_eq!(b.next().await.unwrap(), told);

        // Devices begin while it still rings.
        let offer = json!({"type": "offer", "sdp": "v=0 …"});
        says(&mut a, json!({"type": "webrtc.offer", "call_id": call, "offer": offer})).await;
        let told = json!({"type": "webrtc.offer", "call_id": call, "offer": offer,
            "sender_id": alice.id.0});
        assert_eq!(b.next().await.unwrap(), told);
        says(&mut b, json!({"type": "call.answer", "call_id": call})).await;
        let answerer = json!({"id": bob.id.0, "username": "bob"});
        let told = json!({"type": "call.answered", "call_id": call, "answerer": answerer});
        for socket in [&mut a, &mut b] {
            assert_eq!(socket.next().await.unwrap(), told, "nothing of the offer to its sender");
        }
        let sdp = json!({"type": "answer", "sdp": "v=0 …"});
        says(&mut b, json!({"type": "webrtc.answer", "call_id": call, "answer": sdp})).await;
        let told = json!({"type": "webrtc.answer", "call_id": call, "answer": sdp,
            "sender_id": bob.id.0});
        assert_eq!(a.next().await.unwrap(), told);
        for candidate in [json!({"candidate": "udp 1", "sdpMLineIndex": 0}), Value::Null] {
            says(
                &mut a,
                json!({"type": "webrtc.ice_candidate", "call_id": call.to_string(),
                "candidate": candidate}),
            )
            .await;
            let told = json!({"type": "webrtc.ice_candidate", "call_id": call,
                "candidate": candidate, "sender_id": alice.id.0});
            assert_eq!(b.next().await.unwrap(), told);
        }
        is_silent(&mut a, "others only").await;
        says(&mut b, json!({"type": "call.end", "call_id": call})).await;
        let told = json!({"type": "call.ended", "call_id": call, "ended_by": answerer});
        for socket in [&mut a, &mut b] {
            assert_eq!(socket.next().await.unwrap(), told, "once");
            is_silent(socket, "once").await;
        }
        says(&mut a, json!({"type": "webrtc.offer", "call_id": call, "offer": 1})).await;
        is_silent(&mut a, "over").await;
        is_silent(&mut b, "nobody hears of a call that is over").await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_rejected_or_rings_out_stops_ringing_everywhere() {
    on_each_engine(&[("call_ring", "300ms")], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (seated(&alice, id).await, seated(&bob, id).await);
        says(&mut a, json!({"type": "call.initiate"})).await;
        let incoming = b.hears("call.incoming").await;
        assert_eq!(incoming["call_type"], "voice", "unless it is said");
        let call = incoming["call_id"].clone();
        says(&mut b, json!({"type": "call.reject", "call_id": call})).await;
        let rejector = json!({"id": bob.id.0, "username": "bob"});
        let told = json!({"type": "call.rejected", "call_id": call, "rejector": rejector});
        assert_eq!(a.hears("call.rejected").await, told);
        assert_eq!(b.hears("call.rejected").await, told);
        says(
            &mut a,
            json!({"type": "call.initiate", "call_type": "hologram",
            "participant_ids": []}),
        )
        .await;
        let incoming = b.hears("call.incoming").await;
        assert_eq!(incoming["call_type"], "voice", "what they do not know is voice");
        let by = json!({"id": alice.id.0, "username": "alice"});
        let told = json!({"type": "call.ended", "call_id": incoming["call_id"], "ended_by": by});
        assert_eq!(b.hears("call.ended").await, told, "nobody came in time");
        assert_eq!(a.hears("call.ended").await, told);
        let rest = Rest::bearer(&alice);
        let listed = rest.get(200, "/api/chat/calls/").await;
        let states: Vec<&Value> =
            listed.as_array().unwrap().iter().map(|one| &one["state"]).collect();
        assert_eq!(states, ["missed", "declined"], "newest first");
        assert_eq!(listed[0]["duration"], 0);
    })
    .await;
}

#[tokio::test]
async fn whatever_names_no_call_of_theirs_is_silence() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let eve = server.person("eve").await;
        let (id, other) = (group(&[&alice, &bob]).await, group(&[&eve, &alice]).await);
        let (mut a, mut b) = (seated(&alice, id).await, seated(&bob, id).await);
        let mut e = seated(&eve, other).await;
        says(&mut a, json!({"type": "call.initiate", "participant_ids": [bob.id.0]})).await;
        let call = a.hears("call.incoming").await["call_id"].clone();
        b.hears("call.incoming").await;
        for silence in [
            json!({"type": "call.initiate"}),
            json!({"type": "call.initiate", "participant_ids": [eve.id.0]}),
            json!({"type": "call.answer"}),
            json!({"type": "call.answer", "call_id": 424_242}),
            json!({"type": "call.answer", "call_id": "x"}),
            json!({"type": "call.reject", "call_id": null}),
            json!({"type": "call.end", "call_id": [call]}),
            json!({"type": "call.hold", "call_id": call}),
            json!({"type": "webrtc.offer", "offer": {}}),
            json!({"type": "webrtc.offer", "call_id": 424_242, "offer": {}}),
            json!({"type": "webrtc.rollback", "call_id": call}),
            json!({"type": "webrtc.offer", "call_id": call, "offer": "x".repeat(33 * 1024)}),
        ] {
            let name: String = silence.to_string().chars().take(80).collect();
            says(&mut a, silence).await;
            is_silent(&mut a, &name).await;
        }
        for theirs in ["call.answer", "call.reject", "call.end", "webrtc.offer"] {
            says(&mut e, json!({"type": theirs, "call_id": call, "offer": {}})).await;
            is_silent(&mut e, theirs).await;
        }
        is_silent(&mut b, "nobody else heard of it either").await;
        Rest::bearer(&eve).get(404, &format!("/api/chat/calls/{call}/")).await;
    })
    .await;
}

#[tokio::test]
async fn a_group_goes_on_without_who_leaves_and_ends_with_its_caller() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let carol = server.person("carol").await;
        let id = group(&[&alice, &bob, &carol]).await;
        let mut a = seated(&alice, id).await;
        let (mut b, mut c) = (seated(&bob, id).await, seated(&carol, id).await);
        says(&mut a, json!({"type": "call.initiate", "call_type": "voice"})).await;
        let call = a.hears("call.incoming").await["call_id"].clone();
        for (socket, who) in [(&mut b, "bob"), (&mut c, "carol")] {
            socket.hears("call.incoming").await;
            says(socket, json!({"type": "call.answer", "call_id": call})).await;
            assert_eq!(a.hears("call.answered").await["answerer"]["username"], who);
        }
        says(&mut a, json!({"type": "webrtc.offer", "call_id": call, "offer": {"n": 1}})).await;
        b.hears("webrtc.offer").await;
        c.hears("webrtc.offer").await;
        says(&mut b, json!({"type": "call.end", "call_id": call})).await;
        assert_eq!(b.hears("call.ended").await["ended_by"]["username"], "bob");
        says(&mut a, json!({"type": "webrtc.offer", "call_id": call, "offer": {"n": 2}})).await;
        assert_eq!(c.hears("webrtc.offer").await["offer"], json!({"n": 2}));
        assert_eq!(c.overheard("call.ended"), [] as [Value; 0], "it goes on without him");
        assert_eq!(a.overheard("call.ended"), [] as [Value; 0]);
        says(&mut a, json!({"type": "call.end", "call_id": call})).await;
        for socket in [&mut a, &mut b, &mut c] {
            assert_eq!(socket.hears("call.ended").await["ended_by"]["username"], "alice");
        }
        assert_eq!(b.overheard("webrtc.offer"), [] as [Value; 0], "he had left");
    })
    .await;
}

#[tokio::test]
async fn a_native_client_and_an_older_one_call_each_other() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let mut a = seated(&alice, id).await;
        let mut b = bob.connects().await;
        b.joins(&format!("inbox:{}", bob.id)).await;
        says(&mut a, json!({"type": "call.initiate", "call_type": "video"})).await;
        let call = a.hears("call.incoming").await["call_id"].clone();
        let incoming = b.hears("call.incoming").await;
        assert_eq!(incoming["data"]["call"]["id"], call.to_string());
        says(&mut a, json!({"type": "webrtc.offer", "call_id": call, "offer": {"sdp": "o"}})).await;
        let signal = b.hears("call.signal").await;
        assert_eq!(signal["data"]["payload"], json!({"offer": {"sdp": "o"}}));
        b.asks("call.answer", None, json!({"call": call.to_string()})).await;
        assert_eq!(a.hears("call.answered").await["answerer"]["username"], "bob");
        for (payload, heard) in [
            (json!({"answer": {"sdp": "a"}}), Some("webrtc.answer")),
            (json!({"candidate": {"candidate": "c"}}), Some("webrtc.ice_candidate")),
            (json!({"something": "else"}), None),
            (json!([1]), None),
        ] {
            let signal = json!({"call": call.to_string(), "payload": payload});
            assert_eq!(b.asks("call.signal", None, signal).await["type"], "ok");
            match heard {
                Some(name) => {
                    let frame = a.next().await.unwrap();
                    assert_eq!(
                        (&frame["type"], &frame["sender_id"]),
                        (&json!(name), &json!(bob.id.0))
                    );
                }
                None => is_silent(&mut a, "no word of theirs for it").await,
            }
        }
    })
    .await;
}

#[tokio::test]
async fn calls_are_begun_answered_rejected_listed_and_ended_by_rest() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let eve = server.person("eve").await;
        let id = group(&[&alice, &bob]).await;
        let mut b = seated(&bob, id).await;
        let (rest, other, stranger) =
            (Rest::bearer(&alice), Rest::bearer(&bob), Rest::bearer(&eve));
        let calls = "/api/chat/calls/";
        assert_eq!(rest.get(200, calls).await, json!([]));
        let wish = json!({"conversation_id": id, "call_type": "video"});
        let made = rest.post(201, calls, wish.clone()).await;
        let wanted = [
            "call_type",
            "caller",
            "conversation",
            "duration",
            "ended_at",
            "id",
            "participants",
            "started_at",
            "state",
        ];
        assert_eq!(keys(&made), wanted);
        assert_eq!(
            (&made["call_type"], &made["state"], &made["conversation"]),
            (&json!("video"), &json!("initiated"), &json!(id))
        );
        assert_eq!(made["caller"]["username"], "alice");
        let part = &made["participants"][0];
        assert_eq!(keys(part), ["id", "is_answered", "joined_at", "left_at", "user"]);
        assert_eq!(
            (&part["user"]["username"], &part["is_answered"]),
            (&json!("alice"), &json!(true))
        );
        assert_eq!(made["participants"][1]["is_answered"], false);
        assert_eq!(b.hears("call.incoming").await["call_id"], made["id"]);
        rest.post(409, calls, wish).await;

        let one = format!("{calls}{}/", made["id"]);
        assert_eq!(other.get(200, &one).await["id"], made["id"]);
        assert_eq!(other.get(200, &format!("{calls}active/")).await[0]["id"], made["id"]);
        let answered = other.post(200, &format!("{one}answer/"), json!({})).await;
        assert_eq!(answered, json!({"status": "answered"}));
        assert_eq!(b.hears("call.answered").await["answerer"]["username"], "bob");
        assert_eq!(other.get(200, &one).await["state"], "active");
        let ended = rest.post(200, &format!("{one}end/"), json!({})).await;
        assert_eq!((keys(&ended), &ended["status"]), (vec!["duration", "status"], &json!("ended")));
        b.hears("call.ended").await;
        rest.post(200, &format!("{one}end/"), json!({})).await;
        other.post(409, &format!("{one}answer/"), json!({})).await;
        assert_eq!(rest.get(200, &format!("{calls}active/")).await, json!([]));
        let shown = rest.get(200, &one).await;
        assert!(shown["ended_at"].is_string() && shown["duration"].is_i64());

        let again = rest.post(201, calls, json!({"conversation_id": id})).await;
        assert_eq!(again["call_type"], "voice");
        let reject = format!("{calls}{}/reject/", again["id"]);
        assert_eq!(other.post(200, &reject, json!({})).await, json!({"status": "rejected"}));
        let listed = rest.get(200, calls).await;
        let ids: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&again["id"], &made["id"]], "newest first");

        let missing = json!({"detail": "No Call matches the given query."});
        for path in [one.clone(), format!("{one}x/"), format!("{calls}424242/")] {
            let got = stranger.asks("GET", &path, None).await;
            assert_eq!(got.status(), 404, "{path}");
        }
        assert_eq!(stranger.get(404, &one).await, missing);
        for step in ["answer", "reject", "end"] {
            assert_eq!(stranger.post(404, &format!("{one}{step}/"), json!({})).await, missing);
        }
        let denied = stranger.post(403, calls, json!({"conversation_id": id})).await;
        assert_eq!(denied, json!({"detail": "You are not a member of this conversation."}));
        let nowhere = json!({"detail": "No Conversation matches the given query."});
        assert_eq!(rest.post(404, calls, json!({})).await, nowhere);
        let odd = json!({"conversation_id": id, "call_type": "song"});
        let odd = rest.post(400, calls, odd).await;
        assert_eq!(odd, json!({"call_type": ["\"song\" is not a valid choice."]}));
        Rest::anonymous(server.address).get(401, calls).await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_goes_away_in_mid_call_finds_the_call_again() {
    on_each_engine(&[], async |server| {
        let (alice, bob) = (server.person("alice").await, server.person("bob").await);
        let id = group(&[&alice, &bob]).await;
        let (mut a, mut b) = (seated(&alice, id).await, seated(&bob, id).await);
        says(&mut a, json!({"type": "call.initiate"})).await;
        let call = b.hears("call.incoming").await["call_id"].clone();
        says(&mut b, json!({"type": "call.answer", "call_id": call})).await;
        a.hears("call.answered").await;
        a.closes(1001).await;
        let mut a = seated(&alice, id).await;
        says(&mut b, json!({"type": "webrtc.offer", "call_id": call, "offer": {}})).await;
        assert_eq!(a.hears("webrtc.offer").await["call_id"], call);
        let rest = Rest::bearer(&alice);
        until("it is still on", async || {
            rest.get(200, "/api/chat/calls/active/").await[0]["state"] == "active"
        })
        .await;
        says(&mut a, json!({"type": "call.end", "call_id": call})).await;
        b.hears("call.ended").await;
    })
    .await;
}
