//! The messenger's avatars over REST: given and taken away.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::actors::effect_job;
use crate::actors::pictures::portray_oneself;
use crate::http::drf::{Fail, Told};
use crate::http::error::ApiError;
use crate::http::extract;
use crate::http::forms;
use crate::http::intake::discard;
use crate::http::messenger::{Caller, profiles};
use crate::http::pictures;
use crate::http::state::State;
use crate::ids::AttachmentId;
use crate::protocol::refusal::Refusal;

fn complaint(words: &str) -> Fail {
    Fail::with(StatusCode::BAD_REQUEST, json!({"error": words}))
}

async fn keep(state: &State, who: &Caller, file: Option<AttachmentId>) -> Result<(), Refusal> {
    let who = Arc::clone(&who.0);
    let done = effect_job::write(&state.house, move |conn| portray_oneself(conn, &who, file)).await;
    if let (Err(_), Some(file)) = (&done, file) {
        discard(&state.house, file).await;
    }
    done.map(|_| ())
}

/// Gives oneself the picture that comes as the one file of a form.
pub async fn give(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    body: web::Payload,
) -> Told {
    if !forms::is_form(&request) {
        return Err(complaint("No avatar file provided"));
    }
    let caller = extract::Caller(Arc::clone(&who.0));
    let taken = pictures::take(&state, &caller, &request, body).await;
    let row = taken.map_err(|ApiError(refusal)| match refusal.field.as_deref() {
        Some("file") => complaint("No avatar file provided"),
        _ => profiles::of_picture(refusal),
    })?;
    keep(&state, &who, Some(row.id)).await?;
    profiles::me(state, request, who).await
}

/// Takes one's own picture away.
pub async fn remove(state: web::Data<State>, who: Caller) -> Told {
    keep(&state, &who, None).await?;
    Ok(HttpResponse::Ok().json(json!({"message": "Avatar deleted successfully"})))
}

/// Registers these routes below `prefix`: as its server had them, and as its clients ask.
pub fn configure(cfg: &mut web::ServiceConfig, prefix: &str) {
    for path in ["/profile/avatar", "/profile/me/avatar"] {
        cfg.service(
            web::resource(format!("{prefix}{path}"))
                .route(web::post().to(give))
                .route(web::put().to(give))
                .route(web::delete().to(remove)),
        );
    }
}
