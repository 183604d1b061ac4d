//! The messenger's accounts over REST: register, oneself, others, and who is here.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::clock;
use crate::http::accounts as native;
use crate::http::accounts::RegisterBody;
use crate::http::drf::{Fail, Fields, Told, path_id};
use crate::http::messenger::{Caller, Viewer, profiles};
use crate::http::state::State;
use crate::http::tokens;
use crate::ids::UserId;
use crate::models::store::DbConn;
use crate::models::{people, profile};
use crate::protocol::dialect::messenger::shapes;
use crate::protocol::refusal::{Code, Refusal};

/// Most people listed.
const PEOPLE_MAX: i64 = 500;
/// Shortest password; as short as theirs.
const MIN_PASSWORD_CHARS: usize = 8;

/// A refusal of an account's fields in the words of these clients.
pub fn of_account(refusal: Refusal) -> Fail {
    let field = refusal.field.as_deref().map(str::to_owned);
    match (refusal.code, field.as_deref()) {
        (Code::Conflict, Some("username")) => {
            Fail::field("username", "A user with that username already exists.")
        }
        (Code::Conflict, Some("phone")) => {
            Fail::field("phone_number", "user with this phone number already exists.")
        }
        (Code::Conflict, Some("email")) => {
            Fail::field("email", "user with this email already exists.")
        }
        (_, Some("phone")) => {
            let rule = refusal.rule.unwrap_or_default();
            Refusal::field("phone_number", rule).into()
        }
        (Code::BadRequest, Some("email")) => Fail::field("email", "Enter a valid email address."),
        (Code::Forbidden, _) => Fail::forbidden(&refusal.message),
        _ => refusal.into(),
    }
}

/// Makes an account and signs it in. The password a second time is wanted by some of these clients
/// and not sent by others, so it is compared when it is there.
pub async fn register(state: web::Data<State>, request: HttpRequest, fields: Fields) -> Told {
    let username = fields.text("username")?.ok_or_else(|| Fail::required("username"))?;
    let password = fields.text("password")?.ok_or_else(|| Fail::required("password"))?;
    if password.chars().count() < MIN_PASSWORD_CHARS {
        let words = format!("Ensure this field has at least {MIN_PASSWORD_CHARS} characters.");
        return Err(Fail::field("password", &words));
    }
    if fields.text("password2")?.is_some_and(|again| again != password) {
        return Err(Fail::field("password2", "Passwords do not match."));
    }
    let body = RegisterBody {
        username,
        password,
        email: fields.text("email")?.unwrap_or_default(),
        phone: fields.text("phone_number")?.filter(|phone| !phone.trim().is_empty()),
        first_name: fields.text("first_name")?.unwrap_or_default(),
        last_name: fields.text("last_name")?.unwrap_or_default(),
        display_name: fields.text("display_name")?.unwrap_or_default(),
    };
    let signed_in = native::enroll(&state, &request, body).await.map_err(of_account)?;
    Ok(tokens::welcome(&state, &request, signed_in, StatusCode::CREATED).await)
}

/// Oneself, with one's settings.
pub async fn me(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let (face, settings) = profiles::oneself(conn, &viewer)?;
        Ok(shapes::user(&face, Some(settings)))
    });
    Ok(HttpResponse::Ok().json(read.await?))
}

/// Someone by number.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let id: UserId = path_id(&path)?;
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        viewer.faces(conn, [id])?.remove(&id).ok_or_else(|| Refusal::not_found().into())
    });
    let face = read.await.map_err(|refusal| Fail::of(refusal, "User"))?;
    Ok(HttpResponse::Ok().json(shapes::user(&face, None)))
}

/// Changes oneself.
pub async fn change(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    body: web::Payload,
) -> Told {
    profiles::apply(&state, &request, &who, body).await?;
    me(state, request, who).await
}

/// Everyone but oneself.
pub async fn list(state: web::Data<State>, request: HttpRequest, who: Caller) -> Told {
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        let others = people::others(conn, viewer.who.user, PEOPLE_MAX)?;
        viewer.faces(conn, others.iter().map(|user| user.id))
    });
    let mut found: Vec<_> = read.await?.into_values().collect();
    found.sort_by_key(|face| face.id);
    let users: Vec<Value> = found.iter().map(|face| shapes::user(face, None)).collect();
    Ok(HttpResponse::Ok().json(users))
}

/// Notes that someone is here now.
///
/// # Errors
/// When the database failed.
async fn seen(state: &State, user: UserId) -> Result<(), Refusal> {
    let seen = [(user, clock::now_naive())];
    let write = move |conn: &mut DbConn| Ok(profile::note_last_seen(conn, &seen)?);
    state.house.lane.write(write).await
}

/// Says that one is here, with a socket or without.
pub async fn set_online(state: web::Data<State>, who: Caller) -> Told {
    state.house.online.words.here(who.user);
    seen(&state, who.user).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "online"})))
}

/// Says that one has gone, though a socket may be open still; the next one says otherwise.
pub async fn set_offline(state: web::Data<State>, who: Caller) -> Told {
    state.house.online.words.gone(who.user);
    seen(&state, who.user).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "offline"})))
}

/// Signing in by a code sent to a phone, or by Google's word: ways that this server does not have.
/// Said in so many words, for a page shows them to people.
pub async fn not_offered() -> Told {
    let words = "This way of signing in is not offered here. Sign in with your password.";
    let body = json!({"detail": words, "error": words, "code": "not_offered"});
    Err(Fail::with(StatusCode::NOT_IMPLEMENTED, body))
}

/// Registers these routes below `prefix`.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    let at = |path: &str| format!("{prefix}{path}");
    if prefix != "/api/auth" {
        // The merged sign-in has its own place under the other prefix.
        tokens::configure_at(cfg, prefix);
    }
    cfg.route(prefix, web::post().to(register))
        .route(&at("/register"), web::post().to(register))
        .service(web::resource(at("/user")).route(web::get().to(me)).route(web::patch().to(change)))
        .route(&at("/users"), web::get().to(list))
        .route(&at("/users/me"), web::get().to(me))
        .route(&at("/users/set-online"), web::post().to(set_online))
        .route(&at("/users/set-offline"), web::post().to(set_offline))
        .route(&at("/users/{id}"), web::get().to(show));
    for way in ["/phone/request-otp", "/phone/verify-otp", "/google"] {
        cfg.route(&at(way), web::post().to(not_offered));
    }
}
