//! People, for admins: who works with ambulances, in which role.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use log::info;
use serde_json::{Value, json};

use crate::actors::erasure;
use crate::auth::identity::Role;
use crate::auth::password;
use crate::clock;
use crate::http::accounts;
use crate::http::ambulance::input::Form;
use crate::http::ambulance::{Caller, KEEPERS, admit, error};
use crate::http::drf::{Fail, Fields, Told, path_id};
use crate::http::profile;
use crate::http::state::State;
use crate::ids::UserId;
use crate::layer::contract::Whom;
use crate::models::login;
use crate::models::store::DbConn;
use crate::models::user::{self, NewUser, ProfileChange, User};
use crate::protocol::dialect::moment::zulu;
use crate::protocol::refusal::{Code, Refusal};

/// What refusals call one.
const MODEL: &str = "User";
/// Most people in a list.
const USERS_MAX: i64 = 5_000;

/// A person as those clients read them.
pub fn written(user: &User) -> Value {
    json!({
        "id": user.id.0,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "role": user.role.as_str(),
        "is_active": user.is_active,
        "is_available_for_dispatch": user.is_available,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "date_joined": zulu(user.date_joined),
        "last_login": user.last_login.map(zulu),
    })
}

async fn one(state: &State, id: UserId) -> Result<User, Fail> {
    let found = state.house.lane.read(move |conn| Ok(user::by_id(conn, id)?)).await?;
    found.ok_or_else(|| Fail::missing(MODEL))
}

fn user_of(path: &str) -> Result<UserId, Fail> {
    path_id(path).map_err(|_| Fail::missing(MODEL))
}

/// All of them.
pub async fn list(state: web::Data<State>, who: Caller) -> Told {
    admit(&who, KEEPERS)?;
    let all = state.house.lane.read(|conn| Ok(user::list(conn, None, USERS_MAX)?)).await?;
    Ok(HttpResponse::Ok().json(all.iter().map(written).collect::<Vec<_>>()))
}

/// One of them.
pub async fn show(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit(&who, KEEPERS)?;
    Ok(HttpResponse::Ok().json(written(&one(&state, user_of(&path)?).await?)))
}

/// What is given of a person.
struct Given {
    username: Option<String>,
    password: Option<String>,
    role: Option<Role>,
    is_active: Option<bool>,
    is_staff: Option<bool>,
    is_superuser: Option<bool>,
    profile: ProfileChange,
}

fn read(fields: Fields, is_new: bool) -> Result<Given, Fail> {
    let mut form = Form::new(fields);
    let username = match is_new {
        true => Some(form.needed("username", 150)),
        false => form.said("username", 150),
    };
    let given = Given {
        username,
        password: form.verbatim("password", password::MAX_PASSWORD_BYTES),
        role: form.choice("role", |word| word.parse().ok()),
        is_active: form.flag("is_active"),
        is_staff: form.flag("is_staff"),
        is_superuser: form.flag("is_superuser"),
        profile: ProfileChange {
            first_name: form.text("first_name", 150),
            last_name: form.text("last_name", 150),
            email: form.text("email", 254),
            is_available: form.flag("is_available_for_dispatch"),
            ..ProfileChange::default()
        },
    };
    let short = |word: &String| (1..password::MIN_PASSWORD_BYTES).contains(&word.len());
    if given.password.as_ref().is_some_and(short) {
        form.wrong("password", "Ensure this field has at least 8 characters.");
    }
    form.ends()?;
    // An empty password leaves it as it is.
    Ok(Given { password: given.password.filter(|word| !word.is_empty()), ..given })
}

/// Makes an account; without a password nobody signs in to it before one is set.
pub async fn create(state: web::Data<State>, who: Caller, fields: Fields) -> Told {
    admit(&who, KEEPERS)?;
    let given = read(fields, true)?;
    let username = given.username.unwrap_or_default();
    profile::check_username(&username)?;
    let email = given.profile.email.clone().unwrap_or_default();
    profile::check_email(&email)?;
    let hash = match given.password {
        Some(word) => {
            password::check_new(&word, &username, &email)?;
            state.hashing.hash(word).await?
        }
        None => password::unusable(),
    };
    let is_superuser = given.is_superuser.unwrap_or(false);
    let role = if is_superuser { Role::Admin } else { given.role.unwrap_or(Role::Dispatcher) };
    let new = NewUser {
        email,
        first_name: given.profile.first_name.unwrap_or_default(),
        last_name: given.profile.last_name.unwrap_or_default(),
        role,
        is_staff: given.is_staff.unwrap_or(false),
        is_superuser,
        ..NewUser::member(&username, &hash)
    };
    let (is_available, is_active) = (given.profile.is_available, given.is_active);
    let write = move |conn: &mut DbConn| {
        let made = user::insert(conn, new.clone()).map_err(profile::clash)?;
        let change = ProfileChange { is_available, ..ProfileChange::default() };
        let made = user::change_profile(conn, made.id, change)?;
        if is_active == Some(false) {
            user::set_active(conn, made.id, false, clock::now_naive())?;
        }
        Ok(made.id)
    };
    let made = state.house.lane.write(write).await.map_err(taken)?;
    info!("account made user={made} role={role} by={}", who.user);
    Ok(HttpResponse::Created().json(written(&one(&state, made).await?)))
}

fn taken(refusal: Refusal) -> Fail {
    match (refusal.code, refusal.field.as_deref()) {
        (Code::Conflict, Some("username")) => {
            Fail::field("username", "A user with that username already exists.")
        }
        _ => refusal.into(),
    }
}

/// Changes an account. A new role, password or the end of it closes what the person has open.
pub async fn change(
    state: web::Data<State>,
    who: Caller,
    path: web::Path<String>,
    fields: Fields,
) -> Told {
    admit(&who, KEEPERS)?;
    let id = user_of(&path)?;
    let before = one(&state, id).await?;
    let given = read(fields, false)?;
    let renamed = given.username.as_ref().is_some_and(|name| *name != before.username);
    if renamed {
        return Err(Fail::field("username", "A username stays as it is."));
    }
    let role = given.role.filter(|role| *role != before.role);
    let is_active = given.is_active.filter(|is_active| *is_active != before.is_active);
    if id == who.user && (role.is_some() || is_active.is_some()) {
        return Err(Fail::field("non_field_errors", "Not of your own account."));
    }
    let hash = match given.password {
        Some(word) => {
            password::check_new(&word, &before.username, &before.email)?;
            Some(state.hashing.hash(word).await?)
        }
        None => None,
    };
    accounts::apply(&state, id, given.profile).await?;
    let is_revoked = role.is_some() || hash.is_some() || is_active == Some(false);
    let write = move |conn: &mut DbConn| {
        let now = clock::now_naive();
        if let Some(role) = role {
            user::set_role(conn, id, role)?;
        }
        if let Some(hash) = &hash {
            user::set_password(conn, id, hash, now)?;
        }
        if let Some(is_active) = is_active {
            user::set_active(conn, id, is_active, now)?;
        }
        if hash.is_some() || is_active == Some(false) {
            login::revoke_all(conn, id, None, now)?;
        }
        Ok(())
    };
    state.house.lane.write(write).await?;
    if is_revoked {
        let why = Refusal::not_authenticated("the account was changed by an admin");
        state.house.revoke(Whom::User(id), why);
    }
    info!("account changed user={id} by={}", who.user);
    Ok(HttpResponse::Ok().json(written(&one(&state, id).await?)))
}

/// Erases an account.
pub async fn remove(state: web::Data<State>, who: Caller, path: web::Path<String>) -> Told {
    admit(&who, KEEPERS)?;
    let id = user_of(&path)?;
    if id == who.user {
        return Err(error(StatusCode::BAD_REQUEST, "You cannot delete your own account"));
    }
    let removes_messages = state.config.erasure_removes_messages;
    let begun = erasure::begin(&state.house, &who, id, removes_messages).await;
    begun.map_err(|why| Fail::of(why, MODEL))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Registers these routes under a prefix.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    let all = format!("{prefix}/users");
    cfg.service(web::resource(&*all).route(web::get().to(list)).route(web::post().to(create)))
        .service(
            web::resource(format!("{all}/{{id}}"))
                .route(web::get().to(show))
                .route(web::patch().to(change))
                .route(web::put().to(change))
                .route(web::delete().to(remove)),
        );
}
