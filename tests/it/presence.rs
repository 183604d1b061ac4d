//! Presence: who is here, by person, with a grace, and counted anew after a fault.

use serde_json::{Value, json};
use switchboard::protocol::topic::Owner;

use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};

fn names(people: &Value) -> Vec<String> {
    let people = people.as_array().expect("a list of people").iter();
    people.map(|person| person["username"].as_str().unwrap().to_owned()).collect()
}

/// Hears presence until everyone of `joined` has come and everyone of `left` has gone; returns all
/// names that were told on the way.
pub async fn hears_of(socket: &mut Socket, joined: &[&str], left: &[&str]) -> Vec<String> {
    let (mut came, mut went) = (Vec::new(), Vec::new());
    let all = |told: &[String], wanted: &[&str]| {
        wanted.iter().all(|name| told.iter().any(|told| told == name))
    };
    while !(all(&came, joined) && all(&went, left)) {
        let presence = socket.hears("presence").await;
        came.extend(names(&presence["data"]["joined"]));
        went.extend(names(&presence["data"]["left"]));
    }
    came.into_iter().chain(went).collect()
}

#[tokio::test]
async fn a_person_with_three_tabs_is_here_once() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut bob_1 = bob.connects().await;
    let room = bob_1.opens_room("general", &[&ada]).await;
    assert_eq!(names(&bob_1.joins(&room).await["presence"]), ["bob"]);
    let mut tabs = Vec::new();
    for _ in 0..3 {
        let mut tab = ada.connects().await;
        assert_eq!(names(&tab.joins(&room).await["presence"]), ["ada", "bob"]);
        tabs.push(tab);
    }
    let told = hears_of(&mut bob_1, &["ada"], &[]).await;
    assert_eq!(told.iter().filter(|name| *name == "ada").count(), 1, "{told:?}");
    let again = bob.connects().await.joins(&room).await;
    assert_eq!((names(&again["presence"]).len(), &again["presence_count"]), (2, &json!(2)));
}

#[tokio::test]
async fn the_last_tab_to_go_is_the_one_that_counts() {
    let server = Server::start_with(&[("presence_grace", "100ms")]).await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut bob_1 = bob.connects().await;
    let room = bob_1.opens_room("general", &[&ada, &eve]).await;
    bob_1.joins(&room).await;
    let (mut tab_1, mut tab_2) = (ada.connects().await, ada.connects().await);
    tab_1.joins(&room).await;
    tab_2.joins(&room).await;
    hears_of(&mut bob_1, &["ada"], &[]).await;
    tab_1.leaves().await;
    let mut eve_1 = eve.connects().await;
    eve_1.joins(&room).await;
    eve_1.leaves().await;
    let told = hears_of(&mut bob_1, &["eve"], &["eve"]).await;
    assert!(!told.contains(&"ada".to_owned()), "one tab is still open: {told:?}");
    drop(tab_2);
    hears_of(&mut bob_1, &[], &["ada"]).await;
}

#[tokio::test]
async fn who_comes_back_within_the_grace_was_never_gone() {
    let server = Server::start().await;
    let (ada, bob, eve) =
        (server.person("ada").await, server.person("bob").await, server.person("eve").await);
    let mut bob_1 = bob.connects().await;
    let room = bob_1.opens_room("general", &[&ada, &eve]).await;
    bob_1.joins(&room).await;
    let mut ada_1 = ada.connects().await;
    ada_1.joins(&room).await;
    hears_of(&mut bob_1, &["ada"], &[]).await;
    ada_1.leaves().await;
    let mut ada_2 = ada.connects().await;
    ada_2.joins(&room).await;
    let mut eve_1 = eve.connects().await;
    eve_1.joins(&room).await;
    assert_eq!(hears_of(&mut bob_1, &["eve"], &[]).await, ["eve"]);
}

#[tokio::test]
async fn who_is_here_is_counted_anew_after_the_owner_died() {
    let settings = [("watchdog", "40ms"), ("presence_grace", "100ms")];
    let server = Server::start_with(&settings).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let (mut ada_1, mut bob_1) = (ada.connects().await, bob.connects().await);
    let room = bob_1.opens_room("general", &[&ada]).await;
    ada_1.joins(&room).await;
    bob_1.joins(&room).await;
    hears_of(&mut bob_1, &[], &[]).await;
    server.house.owners.collapse(Owner::RoomSupervisor);
    until("a newcomer is shown who is here", async || {
        let mut tab = bob.connects().await;
        let reply = tab.asks("subscribe", Some(&room), json!({})).await;
        reply["type"] == "ok" && names(&reply["data"]["presence"]) == ["ada", "bob"]
    })
    .await;
    ada_1.leaves().await;
    hears_of(&mut bob_1, &[], &["ada"]).await;
}
