//! REST of files: uploaded in one request, described, and handed out so that no browser runs them.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, CONTENT_RANGE, CONTENT_SECURITY_POLICY, Charset, ContentDisposition, DispositionParam,
    DispositionType, ETAG, ExtendedValue, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::OpenApi;

use crate::actors::attachments::admit;
use crate::http::error::{Answered, ApiError, ErrorBody};
use crate::http::extract::{Caller, Query};
use crate::http::file_names::check_sha256;
use crate::http::forms;
use crate::http::intake::{Wish, broken};
use crate::http::ranges::{self, Part};
use crate::http::rest::path_id;
use crate::http::state::State;
use crate::http::uploads;
use crate::models::attachment::AttachmentRow;
use crate::objects::sniff;
use crate::protocol::refusal::Refusal;
use crate::protocol::views::attachment::{AttachmentView, UploadView};

/// What a file may do when a browser opens it: nothing at all.
const FILE_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; \
                           img-src 'self'; media-src 'self'; frame-ancestors 'none'";
/// Seen again only after asking whether one still may.
const PRIVATE: &str = "private, no-cache";
/// Files under a key that nobody can guess, and which never change.
const PUBLIC: &str = "public, max-age=86400, immutable";

/// The descriptions of these handlers.
#[derive(OpenApi)]
#[openapi(
    paths(
        send_file,
        show_attachment,
        remove_attachment,
        show_content,
        show_thumbnail,
        uploads::start_upload,
        uploads::show_upload,
        uploads::continue_upload,
        uploads::end_upload,
    ),
    components(schemas(AttachmentView, UploadView))
)]
pub struct Description;

/// What a single upload may say beside its bytes.
#[derive(Debug, Default, Deserialize)]
pub struct FileQuery {
    name: Option<String>,
    sha256: Option<String>,
}

/// Uploads a file in one request: the bytes as the body, with `name` in the query, or a form with
/// one file in it. What it is, is told by its bytes.
#[utoipa::path(post, path = "/api/v1/attachments", tag = "attachments",
    params(
        ("name" = Option<String>, Query, description = "for display"),
        ("sha256" = Option<String>, Query, description = "what arrives must have this checksum"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = AttachmentView)))]
pub async fn send_file(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    query: Query<FileQuery>,
    body: web::Payload,
) -> Answered<HttpResponse> {
    let wish = Wish {
        uploader: Some(who.user),
        name: query.0.name.unwrap_or_default(),
        sha256: check_sha256(query.0.sha256)?,
        max_bytes: state.intake.max_bytes,
        ..Wish::default()
    };
    let row = forms::one(&state, &request, body, wish).await?;
    let place = format!("/api/v1/attachments/{}", row.id);
    Ok(HttpResponse::Created().insert_header(("Location", place)).json(row.view()))
}

async fn find(state: &State, who: &Caller, id: &str) -> Result<AttachmentRow, ApiError> {
    let (who, id) = (Arc::clone(&who.0), path_id("id", id)?);
    Ok(state.house.lane.read(move |conn| admit(conn, &who, id)).await?)
}

/// Describes a file.
#[utoipa::path(get, path = "/api/v1/attachments/{id}", tag = "attachments",
    params(("id" = String, Path, description = "the file")),
    responses((status = 200, body = AttachmentView)))]
pub async fn show_attachment(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<web::Json<AttachmentView>> {
    Ok(web::Json(find(&state, &who, &id).await?.view()))
}

/// Removes a file that was not sent.
#[utoipa::path(delete, path = "/api/v1/attachments/{id}", tag = "attachments",
    params(("id" = String, Path, description = "the file")),
    responses((status = 204, description = "gone")))]
pub async fn remove_attachment(
    state: web::Data<State>,
    who: Caller,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    uploads::end_upload(state, who, id).await
}

/// Hands out a file's bytes, or a range of them.
#[utoipa::path(get, path = "/api/v1/attachments/{id}/content", tag = "attachments",
    params(
        ("id" = String, Path, description = "the file"),
        ("Range" = Option<String>, Header, description = "like bytes=0-1023"),
    ),
    responses(
        (status = 200, description = "all of it, of the type that its bytes are"),
        (status = 206, description = "the range"),
        (status = 304, description = "the client has it"),
        (status = 416, description = "there is no such range"),
    ))]
pub async fn show_content(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let row = find(&state, &who, &id).await?;
    hand_out(&state, &row, &request, false).await
}

/// Hands out the small picture of a picture.
#[utoipa::path(get, path = "/api/v1/attachments/{id}/thumbnail", tag = "attachments",
    params(("id" = String, Path, description = "the file")),
    responses((status = 200, description = "a JPEG or PNG, 320 pixels at most"),
        (status = 304, description = "the client has it")))]
pub async fn show_thumbnail(
    state: web::Data<State>,
    who: Caller,
    request: HttpRequest,
    id: web::Path<String>,
) -> Answered<HttpResponse> {
    let row = find(&state, &who, &id).await?;
    hand_out_small(&state, &row, &request, false).await
}

/// Answers with the bytes of a file that its asker may have. `is_public`: whether caches between
/// may keep it.
///
/// # Errors
/// `internal` when its object is not there.
pub async fn hand_out(
    state: &State,
    row: &AttachmentRow,
    request: &HttpRequest,
    is_public: bool,
) -> Answered<HttpResponse> {
    let etag = format!("\"{}\"", row.sha256.as_deref().unwrap_or_default());
    let size = u64::try_from(row.size_bytes).unwrap_or(0);
    let way = if sniff::is_inline(&row.content_type) {
        DispositionType::Inline
    } else {
        DispositionType::Attachment
    };
    let mut response = HttpResponse::build(StatusCode::OK);
    response
        .insert_header((ETAG, etag.clone()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, if is_public { PUBLIC } else { PRIVATE }))
        .insert_header((CONTENT_SECURITY_POLICY, FILE_POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(named(way, &row.name));
    if ranges::is_known(request.headers(), &etag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    let range = match ranges::wanted(request.headers(), size, &etag) {
        Part::Whole => 0..size,
        Part::Bytes(range) => {
            let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            response.status(StatusCode::PARTIAL_CONTENT).insert_header((CONTENT_RANGE, shown));
            range
        }
        Part::Outside => {
            let error = Refusal::field("Range", format!("within {size} bytes"));
            return Ok(HttpResponse::build(StatusCode::RANGE_NOT_SATISFIABLE)
                .insert_header((CONTENT_RANGE, format!("bytes */{size}")))
                .json(ErrorBody { error }));
        }
    };
    let length = range.end - range.start;
    let bytes = state.house.objects.read(&row.object_key, range).await.map_err(broken)?;
    let kind = match row.content_type.as_str() {
        "text/plain" => "text/plain; charset=utf-8",
        known => known,
    };
    Ok(response.content_type(kind).body(SizedStream::new(length, Box::pin(bytes))))
}

/// Answers with the small picture of a file that its asker may have.
///
/// # Errors
/// `not_found` when it has none.
pub async fn hand_out_small(
    state: &State,
    row: &AttachmentRow,
    request: &HttpRequest,
    is_public: bool,
) -> Answered<HttpResponse> {
    let kind = row.thumbnail_type.clone().ok_or_else(Refusal::not_found)?;
    let etag = format!("\"{}-small\"", row.sha256.as_deref().unwrap_or_default());
    let mut response = HttpResponse::build(StatusCode::OK);
    response
        .insert_header((ETAG, etag.clone()))
        .insert_header((header::CACHE_CONTROL, if is_public { PUBLIC } else { PRIVATE }))
        .insert_header((CONTENT_SECURITY_POLICY, FILE_POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if ranges::is_known(request.headers(), &etag) {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    let objects = &state.house.objects;
    let file = objects.file(&row.thumbnail_key()).await.map_err(broken)?;
    let size = file.metadata().map_err(|fault| broken(fault.into()))?.len();
    let bytes = objects.read(&row.thumbnail_key(), 0..size).await.map_err(broken)?;
    Ok(response.content_type(kind).body(SizedStream::new(size, Box::pin(bytes))))
}

fn named(disposition: DispositionType, name: &str) -> ContentDisposition {
    // Old readers take the first form, all others the second (RFC 6266).
    let plain: String = name
        .chars()
        .map(|symbol| match symbol {
            '"' | '\\' | '%' => '_',
            plain if plain.is_ascii() => plain,
            _ => '_',
        })
        .collect();
    let full = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    let parameters = vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(full)];
    ContentDisposition { disposition, parameters }
}

/// Registers these routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    uploads::configure(cfg);
    cfg.service(web::resource("/api/v1/attachments").route(web::post().to(send_file)))
        .service(
            web::resource("/api/v1/attachments/{id}")
                .route(web::get().to(show_attachment))
                .route(web::delete().to(remove_attachment)),
        )
        .service(
            web::resource("/api/v1/attachments/{id}/content").route(web::get().to(show_content)),
        )
        .service(
            web::resource("/api/v1/attachments/{id}/thumbnail")
                .route(web::get().to(show_thumbnail)),
        );
}
