//! The messenger's files over REST: handed out to those who may read the conversation they were
//! sent to.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use crate::actors::attachments::admit;
use crate::http::attachments::hand_out;
use crate::http::drf::{Fail, Told};
use crate::http::error::ApiError;
use crate::http::messenger::Caller;
use crate::http::state::State;
use crate::ids::AttachmentId;
use crate::protocol::refusal::Code;

fn missing() -> Fail {
    Fail::detail(StatusCode::NOT_FOUND, "File not found")
}

/// Hands out a file, or a range of it.
pub async fn download(
    state: web::Data<State>,
    request: HttpRequest,
    who: Caller,
    path: web::Path<String>,
) -> Told {
    let id: AttachmentId = path.parse().map_err(|_| missing())?;
    let asker = Arc::clone(&who.0);
    let read = state.house.lane.read(move |conn| admit(conn, &asker, id));
    let row = read.await.map_err(|refusal| match refusal.code {
        Code::NotFound => missing(),
        _ => refusal.into(),
    })?;
    hand_out(&state, &row, &request, false).await.map_err(|ApiError(refusal)| refusal.into())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/chat/attachments/{id}/download", web::get().to(download));
}
