//! REST of uploads in several requests: announced, brought piece by piece from an offset, and
//! joined when all is here. Whatever cuts a request, what it brought stays.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::TryStreamExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::actors::attachments::own_unsent;
use crate::actors::house::House;
use crate::actors::lane::Fault;
use crate::auth::secret;
use crate::clock;
use crate::http::error::Answered;
use crate::http::extract::{Body, Caller};
use crate::http::file_names::check_sha256;
use crate::http::intake::fed::{Content, Fed};
use crate::http::intake::{Wish, broken, discard};
use crate::http::rest::path_id;
use crate::http::state::State;
use crate::ids::{AttachmentId, PartId};
use crate::models::attachment::{self, AttachmentRow};
use crate::models::attachment_part::{self, PartRow};
use crate::objects::sniff;
use crate::objects::store::ObjectError;
use crate::objects::thumbnail::Small;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::views::attachment::UploadView;

/// The header that says where in the file a piece begins.
const UPLOAD_OFFSET: &str = "Upload-Offset";

/// A file to be uploaded in several requests.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UploadStart {
    /// For display; only the last part of a path is kept.
    name: String,
    /// In bytes.
    size: u64,
    /// In hexadecimal; what arrives must have it.
    sha256: Option<String>,
}

/// Announces a file, which is then brought with PATCH.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "attachments",
    request_body = UploadStart,
    responses((status = 201, body = UploadView)))]
pub async fn start_upload(
    state: web::Data<State>,
    who: Caller,
    body: Body<UploadStart>,
) -> Answered<HttpResponse> {
    let Body(UploadStart { name, size, sha256 }) = body;
    let most = state.intake.max_bytes;
    if size == 0 || size > most {
        let refusal = Refusal::field("size", format!("from 1 to {most} bytes"));
        let code = if size == 0 { Code::BadRequest } else { Code::TooLarge };
        return Err(Refusal { code, ..refusal }.into());
    }
    let sha256 = check_sha256(sha256)?;
    let wish = Wish { uploader: Some(who.user), name, size: Some(size), sha256, ..Wish::default() };
    let row = state.intake.announce(&state.house, &wish).await?;
    let place = format!("/api/v1/uploads/{}", row.id);
    Ok(HttpResponse::Created().insert_header(("Location", place)).json(row.upload()))
}

async fn find(state: &State, who: &Caller, id: AttachmentId) -> Result<AttachmentRow, Refusal> {
    let who = Arc::clone(&who.0);
    state.house.lane.read(move |conn| own_unsent(conn, &who, id)).await
}

/// Says how much of an upload is here.
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "attachments",
    params(("id" = String, Path, description = "the upload")),
    responses((status = 200, body = UploadView)))]
pub async fn show_upload(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<UploadView>> {
    let row = find(&state, &who, path_id("id", &id)?).await?;
    Ok(web::Json(row.upload()))
}

/// Gives up an upload, or removes a file that was not sent.
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "attachments",
    params(("id" = String, Path, description = "the upload")),
    responses((status = 204, description = "gone")))]
pub async fn end_upload(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let row = find(&state, &who, path_id("id", &id)?).await?;
    discard(&state.house, row.id).await;
    Ok(HttpResponse::NoContent().finish())
}

fn offset(request: &HttpRequest) -> Result<i64, Refusal> {
    let header = request.headers().get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok());
    let offset = header.and_then(|text| text.trim().parse().ok()).filter(|offset| *offset >= 0);
    offset.ok_or_else(|| Refusal::field(UPLOAD_OFFSET, "required: the bytes that are here"))
}

fn elsewhere(received: i64) -> Refusal {
    let refusal = Refusal::field(UPLOAD_OFFSET, format!("{received}, the bytes that are here"));
    Refusal { code: Code::Conflict, ..refusal }
}

/// Brings the next bytes, as the body. With the last ones the answer holds the attachment. What a
/// request that was cut has brought stays: ask for `received` and go on from there.
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "attachments",
    params(
        ("id" = String, Path, description = "the upload"),
        ("Upload-Offset" = i64, Header, description = "where these bytes begin: `received`"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = UploadView)))]
pub async fn continue_upload(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Payload,
) -> Answered<web::Json<UploadView>> {
    let (row, offset) = (find(&state, &who, path_id("id", &id)?).await?, offset(&request)?);
    if offset != row.received_bytes {
        return Err(elsewhere(row.received_bytes).into());
    }
    if row.is_ready() {
        return Ok(web::Json(row.upload()));
    }
    let place = state.intake.enter()?;
    let left = u64::try_from(row.size_bytes - row.received_bytes).unwrap_or(0);
    let working = state.clone();
    let work = move |fed: Fed| async move {
        let _place = place;
        let row = take_part(&working.house, row, fed).await?;
        if row.received_bytes < row.size_bytes { Ok(row) } else { join(&working, row).await }
    };
    let (pumped, taken) = state.intake.feed(body, left, work).await;
    let row = pumped.and(taken)?;
    Ok(web::Json(row.upload()))
}

/// One body becomes one piece; the row as it stands then.
async fn take_part(
    house: &Arc<House>,
    row: AttachmentRow,
    fed: Fed,
) -> Result<AttachmentRow, Refusal> {
    let key = format!("arriving/{}/{}", row.object_key, secret::token_id());
    let (id, first, named) = (row.id, row.received_bytes, key.clone());
    let begun = house.lane.write(move |conn| -> Result<PartId, Fault> {
        Ok(attachment_part::begin(conn, id, first, &named, clock::now_naive())?)
    });
    let part = begun.await?;
    let brought = match fed.swallow(&house.objects, &key, |_| Ok(())).await {
        Ok(brought) if brought.content.size > 0 => brought,
        Ok(empty) => {
            empty.drop_it().await;
            forget(house, part, &key).await?;
            return Ok(row);
        }
        Err(refusal) => {
            forget(house, part, &key).await?;
            return Err(refusal);
        }
    };
    let size = i64::try_from(brought.content.size).unwrap_or(i64::MAX);
    let kept = brought.keep().await;
    let counted = match kept {
        Ok(()) => {
            let counted = house.lane.write(move |conn| -> Result<bool, Fault> {
                Ok(attachment_part::finish(conn, id, part, size, clock::now_naive())?)
            });
            counted.await
        }
        Err(refusal) => Err(refusal),
    };
    match counted {
        Ok(true) => Ok(AttachmentRow { received_bytes: first + size, ..row }),
        Ok(false) => {
            forget(house, part, &key).await?;
            Err(Refusal::new(Code::Conflict, "the upload went on or ended by another request"))
        }
        Err(refusal) => Err(refusal),
    }
}

/// A piece that does not count: its object goes before its row.
async fn forget(house: &House, part: PartId, key: &str) -> Result<(), Refusal> {
    house.objects.remove(key).await.map_err(broken)?;
    let gone = house
        .lane
        .write(move |conn| -> Result<(), Fault> { Ok(attachment_part::forget(conn, &[part])?) });
    gone.await
}

/// All pieces are here: joins them, checks what was announced, and says that it is ready.
async fn join(state: &State, row: AttachmentRow) -> Result<AttachmentRow, Refusal> {
    let id = row.id;
    let parts = state.house.lane.read(move |conn| Ok(attachment_part::whole(conn, id)?)).await?;
    // While another request joins them, or after it has, pieces are missing: hands off.
    let here = parts.iter().filter_map(|part| part.size_bytes).sum::<i64>();
    if here != row.size_bytes {
        return joined_elsewhere(state, id).await;
    }
    let content = match join_objects(&state.house, &row, &parts).await {
        Err(refusal) if refusal.code == Code::NotFound => return joined_elsewhere(state, id).await,
        joined => joined?,
    };
    if i64::try_from(content.size) != Ok(row.size_bytes) {
        log::error!("pieces of an upload do not add up id={id} found={}", content.size);
        return Err(Refusal::internal());
    }
    let wanted = row.sha256.as_ref().is_none_or(|wanted| *wanted == content.sha256);
    let checked = match wanted {
        true => state.intake.check_type(sniff::content_type(&content.head), &[]),
        false => Err(Refusal::field("sha256", "the checksum of what arrived")),
    };
    if let Err(refusal) = checked {
        discard(&state.house, id).await;
        return Err(refusal);
    }
    let ready = match state.intake.conclude(&state.house, &row, content, Small::OfLarge).await {
        Err(refusal) if refusal.code == Code::NotFound => {
            // It was given up meanwhile; what was joined since has no row to be found by.
            for key in [&row.object_key, &row.thumbnail_key()] {
                state.house.objects.remove(key).await.map_err(broken)?;
            }
            return Err(refusal);
        }
        ready => ready?,
    };
    for part in parts {
        forget(&state.house, part.id, &part.object_key).await?;
    }
    Ok(ready)
}

/// The row of an upload that another request joins.
///
/// # Errors
/// `conflict` while it is at it, `not_found` once the upload was given up.
async fn joined_elsewhere(state: &State, id: AttachmentId) -> Result<AttachmentRow, Refusal> {
    let found = state.house.lane.read(move |conn| Ok(attachment::by_id(conn, id)?)).await?;
    match found.filter(|row| row.doomed_at.is_none()) {
        None => Err(Refusal::not_found()),
        Some(row) if row.is_ready() => Ok(row),
        Some(_) => Err(Refusal::new(Code::Conflict, "another request joins the pieces")),
    }
}

async fn join_objects(
    house: &House,
    row: &AttachmentRow,
    parts: &[PartRow],
) -> Result<Content, Refusal> {
    let mut whole = Whole::default();
    if let [only] = parts {
        // A crash may have come after the renaming.
        match house.objects.rename(&only.object_key, &row.object_key).await {
            Ok(()) | Err(ObjectError::Missing) => {}
            Err(fault) => return Err(broken(fault)),
        }
        let size = u64::try_from(row.size_bytes).unwrap_or(0);
        let bytes = house.objects.read(&row.object_key, 0..size).await.map_err(broken)?;
        let mut bytes = std::pin::pin!(bytes);
        while let Some(piece) = bytes.try_next().await.map_err(broken)? {
            whole.see(&piece);
        }
        return Ok(whole.told());
    }
    let mut writing = house.objects.begin(&row.object_key).await.map_err(broken)?;
    for part in parts {
        let size = u64::try_from(part.size_bytes.unwrap_or(0)).unwrap_or(0);
        let bytes = house.objects.read(&part.object_key, 0..size).await.map_err(broken)?;
        let mut bytes = std::pin::pin!(bytes);
        while let Some(piece) = bytes.try_next().await.map_err(broken)? {
            whole.see(&piece);
            writing.write(piece).await.map_err(broken)?;
        }
    }
    writing.finish().await.map_err(broken)?;
    Ok(whole.told())
}

#[derive(Default)]
struct Whole {
    size: u64,
    hash: Sha256,
    head: Vec<u8>,
}

impl Whole {
    fn see(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.hash.update(piece);
        let missing = sniff::HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(missing)]);
    }

    fn told(self) -> Content {
        let sha256 = secret::hex(&self.hash.finalize());
        Content { size: self.size, sha256, head: self.head }
    }
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/api/v1/uploads").route(web::post().to(start_upload))).service(
        web::resource("/api/v1/uploads/{id}")
            .route(web::get().to(show_upload))
            .route(web::patch().to(continue_upload))
            .route(web::delete().to(end_upload)),
    );
}
