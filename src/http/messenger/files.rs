//! Files as older clients ask for them: by number, for those who may read the conversation; by a
//! link that nobody can guess, for whoever was given it.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

use crate::actors::attachments::admit;
use crate::http::attachments::hand_out;
use crate::http::drf::{Fail, Told};
use crate::http::error::ApiError;
use crate::http::extract::MaybeCaller;
use crate::http::file_names::key_of;
use crate::http::messenger::Caller;
use crate::http::state::State;
use crate::ids::AttachmentId;
use crate::models::attachment::links;
use crate::protocol::refusal::{Code, Refusal};

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

/// Hands out a file by its link, as the older servers did with all of theirs. The settings may ask
/// for a sign-in beside the link.
pub async fn open(
    state: web::Data<State>,
    request: HttpRequest,
    MaybeCaller(who): MaybeCaller,
    path: web::Path<(String, String)>,
) -> Told {
    let key = key_of(&path.0).ok_or_else(missing)?;
    let asker = match (state.config.file_links, who) {
        (true, _) => None,
        (false, Some(who)) => Some(who),
        (false, None) => return Err(missing()),
    };
    let read = state.house.lane.read(move |conn| {
        let found = links::sent_by_key(conn, &key)?.ok_or_else(Refusal::not_found)?;
        match asker {
            Some(who) => admit(conn, &who, found.id),
            None => Ok(found),
        }
    });
    let row = read.await.map_err(|refusal| match refusal.code {
        Code::NotFound => missing(),
        _ => refusal.into(),
    })?;
    hand_out(&state, &row, &request, false).await.map_err(|ApiError(refusal)| refusal.into())
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.route("/api/chat/attachments/{id}/download", web::get().to(download))
        .route("/media/chat/{key}/{name}", web::get().to(open));
}
