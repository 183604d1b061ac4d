//! What the classroom's pages ask for right after the sign-in: one's profile, and two lists that
//! belong to a part of that system which is not served here, and so are empty.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::http::classroom::Caller;
use crate::http::drf::{Fail, NO_PERMISSION, Told};
use crate::http::messenger::Viewer;
use crate::http::state::State;
use crate::protocol::dialect::classroom::shapes;
use crate::protocol::refusal::Refusal;

/// The roles that have a profile page.
const ROLES: &[&str] = &["student", "teacher", "tutor", "parent"];

/// One's own profile, by the role that the sign-in named. Roles of other systems have no page of
/// their own and may look at any.
pub async fn profile(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let asked = path.into_inner();
    if !ROLES.contains(&asked.as_str()) {
        return Err(Fail::detail(StatusCode::NOT_FOUND, "Not found."));
    }
    let id = who.user;
    let viewer = Viewer::new(&state, &request, &who.0);
    let read = state.house.lane.read(move |conn| {
        viewer.faces(conn, [id])?.remove(&id).ok_or_else(|| Refusal::not_found().into())
    });
    let face = read.await?;
    let role = face.shown_role();
    if ROLES.contains(&role.as_str()) && role != asked {
        return Err(Fail::forbidden(NO_PERMISSION));
    }
    Ok(HttpResponse::Ok().json(json!({
        "user": shapes::profile_user(&face),
        "profile": {"id": face.id.0, "role": asked, "bio": face.about.bio},
    })))
}

/// Nothing: lessons and their material are not served here.
pub async fn nothing(_who: Caller) -> Told {
    Ok(HttpResponse::Ok().json(json!([])))
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/profile/{role}", web::get().to(profile))
        .route("/api/materials/student", web::get().to(nothing))
        .route("/api/scheduling/lessons/my_schedule", web::get().to(nothing));
}
