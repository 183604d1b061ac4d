//! Dashboards: true figures, told when they change, to those who look.

use serde_json::{Value, json};
use switchboard::auth::identity::Role;

use crate::harness::engines::Database;
use crate::harness::people::Person;
use crate::harness::server::Server;
use crate::harness::socket::{Socket, until};

/// Ticks fast, so that stories need not wait.
const FAST: &[(&str, &str)] = &[("dashboard_every", "30ms"), ("presence_grace", "0s")];

fn databases() -> impl Iterator<Item = Database> {
    [Some(Database::sqlite()), Database::postgres()].into_iter().flatten()
}

fn dashboard(person: &Person) -> String {
    format!("dashboard:{}", person.id.0)
}

/// The first dashboard, told or from the beginning, for which `wanted` holds.
async fn shows(socket: &mut Socket, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let holds = |frame: &Value| frame["type"] == "dashboard" && wanted(&frame["data"]);
    socket.hears_that(what, holds).await["data"].clone()
}

#[tokio::test]
async fn ones_own_figures_and_those_of_all_change_as_things_happen() {
    for database in databases() {
        let server = Server::start_on(database, FAST).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let mut ada_1 = ada.connects().await;
        let room = ada_1.opens_room("talk", &[&bob]).await;
        ada_1.joins(&room).await;
        let mut bob_1 = bob.connects().await;
        let start = bob_1.joins(&dashboard(&bob)).await["snapshot"].clone();
        assert_eq!(start["role"], "member", "{start}");
        assert_eq!(start["own"]["unread_messages"], 0);
        assert_eq!(start["own"]["unread_notifications"], 1, "the invitation");
        assert_eq!(start["activity"]["messages_today"], 0);
        assert!(start.get("server").is_none(), "for admins");
        ada_1.says(&room, "one").await;
        let said = ada_1.says(&room, "two").await;
        let told =
            shows(&mut bob_1, "two unread", |data| data["own"]["unread_messages"] == 2).await;
        assert_eq!(told["own"]["unread_conversations"], 1);
        assert_eq!(told["own"]["unread_notifications"], 2);
        assert_eq!(told["activity"]["messages_today"], 2);
        assert_eq!(told["activity"]["conversations_active"], 1);
        assert_eq!(told["activity"]["people_online"], 2);
        bob_1.does("read.mark", &room, json!({"seq": said["seq"]})).await;
        shows(&mut bob_1, "all read", |data| data["own"]["unread_messages"] == 0).await;
        let rest = bob.gets(200, "GET", "/api/v1/dashboard", None).await;
        assert_eq!(rest["own"]["unread_notifications"], 1);
        ada_1.leaves().await;
        shows(&mut bob_1, "ada gone", |data| data["activity"]["people_online"] == 1).await;
    }
}

#[tokio::test]
async fn an_admin_sees_how_the_server_does_and_another_role_does_not() {
    let server = Server::start_with(FAST).await;
    let root = server.person_as("root", Role::Admin).await;
    let desk = server.person_as("desk", Role::Dispatcher).await;
    let (mut root_1, mut desk_1) = (root.connects().await, desk.connects().await);
    let seen = root_1.joins(&dashboard(&root)).await["snapshot"]["server"].clone();
    for figure in [
        "connections",
        "deliveries_per_second",
        "attempts",
        "attempts_failed",
        "writer_queue",
        "topics_live",
        "slow_sockets",
        "uptime_seconds",
    ] {
        assert!(seen[figure].is_i64(), "{figure}: {seen}");
    }
    assert!(desk_1.joins(&dashboard(&desk)).await["snapshot"].get("server").is_none());
    // A refused attempt is counted once it is written down.
    let mut refused = Socket::open(server.address, "/ws/v1/", &[]).await;
    assert_eq!(refused.ends().await.code, Some(4001));
    let failed = |data: &Value| data["server"]["attempts_failed"].as_i64() >= Some(1);
    shows(&mut root_1, "the refused attempt", failed).await;
}

#[tokio::test]
async fn nobody_sees_the_dashboard_of_another_and_what_stays_the_same_is_not_told_again() {
    let server = Server::start_with(FAST).await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let mut bob_1 = bob.connects().await;
    let refused = bob_1.is_refused("subscribe", &dashboard(&ada), json!({})).await;
    assert_eq!(refused["code"], "not_found");
    bob_1.joins(&dashboard(&bob)).await;
    bob_1.hears("dashboard").await;
    // Sixty looks later there was nothing new to tell.
    let mut looks = 0;
    until("time has passed", async || {
        looks += 1;
        looks > 60
    })
    .await;
    bob_1.is_served().await;
    let told = bob_1.overheard("dashboard").len();
    assert!(told <= 3, "told {told} times");
}
