//! Who may import whom: the floors between rooms, and the doorkeepers of outside crates.

use crate::Rule;
use crate::source::{Source, first_names, words};

/// One room of the house and the rooms below that it may import.
struct Room {
    name: &'static str,
    may: &'static [&'static str],
}

const fn room(name: &'static str, may: &'static [&'static str]) -> Room {
    Room { name, may }
}

const BELOW_ACTORS: &[&str] =
    &["models", "layer", "auth", "protocol", "socket", "objects", "metrics", "ids", "clock"];
const BELOW_HTTP: &[&str] = &[
    "ids", "clock", "metrics", "config", "socket", "objects", "protocol", "auth", "layer",
    "models", "actors",
];
const BELOW_BOOT: &[&str] = &[
    "ids", "clock", "metrics", "config", "socket", "objects", "protocol", "auth", "layer",
    "models", "actors", "http",
];
const BELOW_COMMANDS: &[&str] = &[
    "ids", "clock", "metrics", "config", "socket", "objects", "protocol", "auth", "layer",
    "models", "actors", "http", "boot",
];

/// Every room, from the street upwards. A name after `::` narrows to one file of that room.
const ROOMS: &[Room] = &[
    room("ids", &[]),
    room("clock", &[]),
    room("metrics", &[]),
    room("config", &[]),
    room("socket", &["metrics", "clock"]),
    room("objects", &[]),
    room("protocol", &["ids", "clock"]),
    room("auth", &["protocol", "ids", "clock"]),
    room("layer", &["protocol", "ids", "socket"]),
    room("models", &["protocol", "auth::identity", "ids", "clock"]),
    room("actors", BELOW_ACTORS),
    room("http", BELOW_HTTP),
    room("boot", BELOW_BOOT),
    room("commands", BELOW_COMMANDS),
];

/// Single files that may import one room more than their own room may.
const PASSES: &[(&str, &str)] = &[
    ("src/layer/redis.rs", "metrics"),
    // The transport's violations become close codes here.
    ("src/protocol/close.rs", "socket"),
];

/// An outside name and the only files (or folders, with a final `/`) that may say it.
struct Door {
    name: &'static str,
    open_to: &'static [&'static str],
}

const fn door(name: &'static str, open_to: &'static [&'static str]) -> Door {
    Door { name, open_to }
}

const DIESEL: &[&str] = &["src/models/", "src/ids.rs"];
const TRANSPORT: &[&str] = &["src/http/", "src/socket/"];
const HASHES: &[&str] = &["src/auth/"];

const DOORS: &[Door] = &[
    door("object_store", &["src/objects/store.rs"]),
    door("flate2", &["src/socket/"]),
    door("infer", &["src/objects/sniff.rs"]),
    door("image", &["src/objects/thumbnail.rs"]),
    door("actix_multipart", &["src/http/"]),
    door("actix_web_actors", &["src/http/handshake.rs", "src/socket/"]),
    door("actix_web", &["src/http/", "src/boot.rs", "src/boot/"]),
    door("actix_http", TRANSPORT),
    door("actix_server", &["src/http/", "src/socket/", "src/boot.rs"]),
    door("actix", &["src/actors/", "src/boot.rs", "src/boot/", "src/http/server.rs"]),
    door("diesel", DIESEL),
    door("diesel_migrations", DIESEL),
    door("libsqlite3_sys", DIESEL),
    door("redis", &["src/layer/redis.rs"]),
    door("jsonwebtoken", &["src/auth/token.rs"]),
    door("argon2", HASHES),
    door("bcrypt", HASHES),
    door("pbkdf2", HASHES),
    door("scrypt", HASHES),
    door("env_logger", &["src/main.rs"]),
    door("tokio_tungstenite", &["src/commands/"]),
    door("std::env", &["src/config.rs", "src/config/"]),
    door("SystemTime::now", &["src/clock.rs"]),
    door("Utc::now", &["src/clock.rs"]),
    door("Local::now", &["src/clock.rs"]),
    door("do_send", &["src/actors/mail.rs"]),
];

fn floors(source: &Source) -> Vec<String> {
    let Some(name) = source.room().filter(|name| *name != "main") else { return Vec::new() };
    if name == "lib" {
        return words(&source.shipped, "use")
            .map(|at| source.finding(at, "lib.rs imports nothing"))
            .collect();
    }
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        return vec![source.finding(0, format!("room `{name}` stands on no floor"))];
    };
    let known = |name: &str| ROOMS.iter().any(|room| room.name == name);
    let mut out = Vec::new();
    for prefix in ["crate::", "super::"] {
        for (at, target) in first_names(&source.shipped, prefix) {
            // `super::` names a room only from the ground floor's own files.
            if (prefix == "super::" && !known(&target)) || target == name || target.is_empty() {
                continue;
            }
            let rest = &source.shipped[at..];
            let allowed = room.may.iter().any(|may| {
                may.split("::").next() == Some(&target)
                    && (!may.contains("::") || rest.starts_with(&format!("{prefix}{may}")))
            });
            let pass = PASSES.contains(&(source.path.as_str(), target.as_str()));
            if !allowed && !pass {
                out.push(source.finding(at, format!("`{name}` may not import `{target}`")));
            }
        }
    }
    for at in words(&source.shipped, "super::super") {
        out.push(source.finding(at, "name the room: `crate::…`, not `super::super`"));
    }
    out
}

fn doors(source: &Source) -> Vec<String> {
    if source.room().is_none() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for door in DOORS {
        let open = |place: &&str| {
            source.path == **place || (place.ends_with('/') && source.path.starts_with(*place))
        };
        if door.open_to.iter().any(open) {
            continue;
        }
        for at in uses(&source.shipped, door.name) {
            let addr_only = door.name == "actix"
                && source.path.starts_with("src/http/")
                && words(&source.shipped[at..], "actix::Addr").next() == Some(0);
            if !addr_only {
                let places = door.open_to.join(", ");
                out.push(source.finding(at, format!("`{}` is named only in {places}", door.name)));
            }
        }
    }
    out
}

/// Where `name` is used as a path's first part (or anywhere, for a name that is not a crate's).
fn uses(text: &str, name: &str) -> Vec<usize> {
    if name == "std::env" {
        let grouped = first_names(text, "std::").into_iter();
        return grouped.filter(|(_, name)| name == "env").map(|(at, _)| at).collect();
    }
    let is_crate = !name.contains("::") && name != "do_send";
    words(text, name)
        .filter(|&at| {
            let (before, after) = (&text[..at], &text[at + name.len()..]);
            let inner = before.ends_with("::") && !before.ends_with(" ::");
            let path = after.starts_with("::") || before.ends_with("use ") || after == ";";
            !is_crate || (path && !inner)
        })
        .collect()
}

/// The rules of this file.
pub const RULES: &[Rule] = &[
    Rule {
        name: "a room imports only from the floors below it",
        check: floors,
        bad: &[
            ("src/socket/x.rs", "use crate::protocol::topic::Topic;"),
            ("src/protocol/x.rs", "use crate::{\n  ids::UserId,\n  models::user,\n};"),
            ("src/protocol/x.rs", "use crate::socket::frame::Violation;"),
            ("src/auth/x.rs", "fn f() { crate::models::user::find() }"),
            ("src/models/x.rs", "use crate::auth::policy::decide;"),
            ("src/models/x.rs", "use crate::auth::{identity::Role, policy};"),
            ("src/layer/memory.rs", "use crate::metrics::count;"),
            ("src/actors/x.rs", "use crate::http::state::State;"),
            ("src/http/x.rs", "use crate::boot::run;"),
            ("src/boot.rs", "use crate::commands::serve;"),
            ("src/clock.rs", "use super::ids::UserId;"),
            ("src/http/admin/x.rs", "use super::super::state::State;"),
            ("src/cellar/x.rs", "fn f() {}"),
            ("src/lib.rs", "pub use crate::ids::UserId;"),
        ],
        good: &[
            ("src/models/x.rs", "use crate::auth::identity::Role;"),
            ("src/models/x.rs", "#[cfg(test)]\nmod tests { use crate::auth::policy; }"),
            ("src/auth/x.rs", "// crate::models\nuse crate::auth::token;"),
            ("src/layer/redis.rs", "use crate::metrics::count;"),
            ("src/protocol/close.rs", "use crate::socket::frame::Violation;"),
            ("src/boot.rs", "use crate::http::server;"),
            ("src/actors/x.rs", "use crate::actors::switchboard::{self, Switchboard};"),
            ("src/clock.rs", "mod stamp { fn f() { super::rfc3339() } }"),
        ],
    },
    Rule {
        name: "an outside crate is named only by its doorkeeper",
        check: doors,
        bad: &[
            ("src/actors/x.rs", "use actix_web_actors::ws;"),
            ("src/actors/x.rs", "use actix_web::HttpRequest;"),
            ("src/actors/x.rs", "fn f() { actix_http::x() }"),
            ("src/models/user.rs", "use actix_server::Server;"),
            ("src/socket/x.rs", "use actix::Actor;"),
            ("src/http/x.rs", "use actix::{Addr, Actor};"),
            ("src/http/x.rs", "use actix::AddressBook;"),
            ("src/http/x.rs", "fn f() { ::diesel::sql_query(\"\") }"),
            ("src/boot.rs", "use diesel_migrations::embed_migrations;"),
            ("src/boot.rs", "use libsqlite3_sys as sqlite;"),
            ("src/layer/memory.rs", "use redis::Client;"),
            ("src/auth/policy.rs", "use jsonwebtoken::decode;"),
            ("src/models/user.rs", "use argon2::Argon2;"),
            ("src/models/user.rs", "use bcrypt::verify;"),
            ("src/models/user.rs", "use pbkdf2::pbkdf2_hmac;"),
            ("src/models/user.rs", "use scrypt::scrypt;"),
            ("src/boot.rs", "use env_logger::Builder;"),
            ("src/actors/x.rs", "use tokio_tungstenite::connect_async;"),
            ("src/main.rs", "fn f() { std::env::args(); }"),
            ("src/main.rs", "use std::{env, fs};"),
            ("src/auth/x.rs", "fn f() { std::time::SystemTime::now(); }"),
            ("src/auth/x.rs", "fn f() { chrono::Utc::now(); }"),
            ("src/auth/x.rs", "fn f() { chrono::Local::now(); }"),
            ("src/actors/x.rs", "fn f() { addr.do_send(x); }"),
        ],
        good: &[
            ("src/http/handshake.rs", "use actix_web_actors::ws;"),
            ("src/http/x.rs", "use actix::Addr;\nuse actix_web::web;"),
            ("src/actors/x.rs", "use actix::{Actor, Addr};"),
            ("src/models/x.rs", "use diesel::prelude::*;"),
            ("src/boot.rs", "use crate::layer::redis;\nfn f() { crate::layer::redis::open() }"),
            ("src/layer/redis.rs", "use redis::Client;"),
            ("src/config.rs", "fn f() { std::env::var_os(\"X\"); }"),
            ("src/main.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\"); // std::env"),
            ("src/clock.rs", "fn f() { Utc::now(); }"),
        ],
    },
];
