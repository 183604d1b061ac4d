//! kill -9 under load: whatever was acknowledged is there afterwards, once and in order.

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::harness::child::{Child, enroll};
use crate::harness::engines::Database;
use crate::harness::history::{Seen, Sent, check};
use crate::harness::people::Person;
use crate::harness::seeded::Seeded;
use crate::harness::socket::{PATIENCE, Socket};

const KILLS: usize = 10;
/// Commands that each sender has under way at once.
const IN_FLIGHT: usize = 16;
const FAST: [(&str, &str); 2] = [("frames_per_second", "0"), ("messages_per_second_per_user", "0")];

/// Sends without an end until the server is gone, those without an answer first; returns all that
/// this sender has sent so far, with the answers.
async fn talks_until_killed(
    mut socket: Socket,
    sender: usize,
    mut sent: Vec<Sent>,
    acks: UnboundedSender<()>,
) -> Vec<Sent> {
    let mut repeats: Vec<usize> =
        (0..sent.len()).filter(|index| sent[*index].acked.is_none()).rev().collect();
    let mut waiting = 0;
    loop {
        while waiting < IN_FLIGHT {
            let index = repeats.pop().unwrap_or(sent.len());
            if index == sent.len() {
                let client_id = format!("s{sender}-{index}");
                sent.push(Sent { sender, client_id, acked: None });
            }
            let client_id = &sent[index].client_id;
            let request = json!({"type": "message.send", "ref": index, "topic": "chat:general",
                "data": {"content": client_id, "client_id": client_id}});
            if !socket.tries_to_send(&request.to_string()).await {
                return sent;
            }
            waiting += 1;
        }
        let Some(frame) = socket.next().await else { return sent };
        if frame["type"] == "ok" {
            let index = usize::try_from(frame["ref"].as_u64().unwrap()).unwrap();
            sent[index].acked = frame["data"]["seq"].as_i64();
            waiting -= 1;
            let _ = acks.send(());
        }
        assert_ne!(frame["type"], "error", "{frame}");
    }
}

/// What a member sees behind a position, the epoch being what it was.
async fn sees_after(member: &Person, after: i64, epoch: &Value) -> Vec<Seen> {
    let mut socket = member.connects().await;
    let wish = json!({"after": after, "epoch": epoch});
    let joined = socket.asks("subscribe", Some("chat:general"), wish).await;
    assert_eq!(joined["data"]["recovered"], true, "{joined}");
    let mut seen = Vec::new();
    loop {
        let frame = socket.next().await.expect("the replay ends with live");
        if frame["type"] == "live" {
            return seen;
        }
        let client_id = frame["data"]["client_id"].as_str().map(ToOwned::to_owned);
        seen.push(Seen { seq: frame["seq"].as_i64().unwrap(), client_id });
    }
}

async fn keeps_its_word(database: Database) {
    let people = enroll(&database, &["ada", "bob", "eve"]);
    let mut seeded = Seeded::new(20_261_121);
    let mut sent: Vec<Vec<Sent>> = vec![Vec::new(); people.len()];
    let (mut reached, mut epoch) = (0, Value::Null);
    for round in 0..=KILLS {
        let child = Child::start(&database, &FAST);
        let here: Vec<Person> = people.iter().map(|person| person.at(child.address)).collect();
        if round == 0 {
            let mut owner = here[0].connects().await;
            let room = owner.opens_room("general", &[&here[1], &here[2]]).await;
            epoch = owner.joins(&room).await["epoch"].clone();
        }
        // A client with `after` gets exactly what it missed.
        let all: Vec<Sent> = sent.concat();
        let tail = sees_after(&here[round % here.len()], reached, &epoch).await;
        check(&all, &tail, reached).unwrap_or_else(|lie| panic!("after kill {round}: {lie}"));
        reached = tail.last().map_or(reached, |event| event.seq);
        if round == KILLS {
            for member in &here {
                let whole = sees_after(member, 0, &epoch).await;
                check(&all, &whole, 0).unwrap_or_else(|lie| panic!("{}: {lie}", member.name));
            }
            let acked = all.iter().filter(|sent| sent.acked.is_some()).count();
            println!("sent {} acknowledged {acked} kills {KILLS}", all.len());
            assert!(acked > KILLS * 40, "there was a load: {acked}");
            return;
        }
        let (acks, mut acked) = unbounded_channel();
        let mut talking = Vec::new();
        for (sender, person) in here.iter().enumerate() {
            let socket = person.connects().await;
            let so_far = std::mem::take(&mut sent[sender]);
            talking.push(tokio::spawn(talks_until_killed(socket, sender, so_far, acks.clone())));
        }
        drop(acks);
        let enough = 60 + seeded.below(150);
        let counting = async {
            for _ in 0..enough {
                acked.recv().await.expect("senders go on until the kill");
            }
        };
        tokio::time::timeout(PATIENCE * 2, counting).await.expect("acknowledgements flow");
        child.dies();
        for (sender, talk) in talking.into_iter().enumerate() {
            sent[sender] = talk.await.unwrap();
        }
    }
}

#[tokio::test]
async fn ten_kills_under_load_on_sqlite_lose_double_and_reorder_nothing() {
    keeps_its_word(Database::sqlite()).await;
}

#[tokio::test]
async fn ten_kills_under_load_on_postgres_lose_double_and_reorder_nothing() {
    if let Some(database) = Database::postgres() {
        keeps_its_word(database).await;
    }
}

#[tokio::test]
async fn a_server_asked_to_stop_under_load_keeps_its_word_says_goodbye_and_ends_well() {
    let database = Database::sqlite();
    let people = enroll(&database, &["ada", "bob"]);
    let child = Child::start(&database, &FAST);
    let [ada, bob] = [0, 1].map(|index: usize| people[index].at(child.address));
    let mut owner = ada.connects().await;
    owner.opens_room("general", &[&bob]).await;
    let epoch = owner.joins("chat:general").await["epoch"].clone();
    owner.does("unsubscribe", "chat:general", json!({})).await;
    let (acks, mut acked) = unbounded_channel();
    let talking = tokio::spawn(talks_until_killed(bob.connects().await, 0, Vec::new(), acks));
    for _ in 0..100 {
        acked.recv().await.unwrap();
    }
    child.is_asked_to_stop();
    assert_eq!(owner.hears("goodbye").await["data"]["code"], 1012);
    assert_eq!(owner.ends().await.code, Some(1012));
    let sent = talking.await.unwrap();
    assert!(child.ends().await, "the process ends well");
    let child = Child::start(&database, &FAST);
    let seen = sees_after(&ada.at(child.address), 0, &epoch).await;
    assert_eq!(check(&sent, &seen, 0), Ok(()));
}
