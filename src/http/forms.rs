//! Forms of several parts, as browsers send files: texts are read, files go through the intake.

use std::collections::BTreeMap;

use actix_multipart::{Field, Multipart};
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::TryStreamExt;

use crate::http::drf;
use crate::http::intake::{Wish, discard};
use crate::http::state::State;
use crate::models::attachment::AttachmentRow;
use crate::protocol::refusal::{Code, Refusal};

/// Most texts of a form.
const TEXTS_MAX: usize = 100;
/// Longest text of a form, in bytes.
const TEXT_BYTES: usize = 64 << 10;

/// A form that was read: texts by their names, and files with the names of their fields.
#[derive(Debug, Default)]
pub struct Form {
    pub texts: BTreeMap<String, String>,
    pub files: Vec<(String, AttachmentRow)>,
}

/// Whether a request brings a form of several parts.
pub fn is_form(request: &HttpRequest) -> bool {
    drf::media_type(request) == "multipart/form-data"
}

async fn open(request: &HttpRequest, body: &mut Payload) -> Result<Multipart, Refusal> {
    let form = Multipart::from_request(request, body).await;
    form.map_err(|_| Refusal::field("body", "a form of parts"))
}

/// Reads a form; at most `files_max` files are taken as `wish` says, each under its own name.
///
/// # Errors
/// Those of the intake, and `bad_request` for a broken form; then none of its files is kept.
pub async fn read(
    state: &State,
    request: &HttpRequest,
    body: web::Payload,
    wish: &Wish,
    files_max: usize,
) -> Result<Form, Refusal> {
    let mut form = open(request, &mut body.into_inner()).await?;
    let mut read = Form::default();
    let outcome = fill(state, &mut form, wish, files_max, &mut read).await;
    if outcome.is_err() {
        for (_, row) in &read.files {
            discard(&state.house, row.id).await;
        }
    }
    outcome.map(|()| read)
}

/// Takes a body that is one file by itself.
///
/// # Errors
/// Those of the intake.
pub async fn whole(
    state: &State,
    request: &HttpRequest,
    body: web::Payload,
    wish: Wish,
) -> Result<AttachmentRow, Refusal> {
    let length = request.headers().get(CONTENT_LENGTH);
    let size = length.and_then(|length| length.to_str().ok()?.parse().ok());
    state.intake.take(&state.house, Wish { size, ..wish }, body).await
}

/// Takes the one file of a form, or a body that is the file by itself.
///
/// # Errors
/// Those of [`read`] and [`whole`], and `bad_request` for a form without a file.
pub async fn one(
    state: &State,
    request: &HttpRequest,
    body: web::Payload,
    wish: Wish,
) -> Result<AttachmentRow, Refusal> {
    if !is_form(request) {
        return whole(state, request, body, wish).await;
    }
    let mut read = read(state, request, body, &wish, 1).await?;
    let (_, row) = read.files.pop().ok_or_else(|| Refusal::field("file", "required"))?;
    Ok(row)
}

/// Reads the texts of a form for a route that takes no files; those it brings are passed over.
///
/// # Errors
/// `bad_request` for a broken form, `too_large` beyond `bytes_max`.
pub async fn texts(
    request: &HttpRequest,
    body: &mut Payload,
    bytes_max: usize,
) -> Result<Vec<(String, String)>, Refusal> {
    let mut form = open(request, body).await?;
    let (mut texts, mut taken) = (Vec::new(), 0_usize);
    while let Some(mut field) = form.try_next().await.map_err(|_| malformed())? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.content_disposition().is_some_and(|head| head.get_filename().is_some());
        if !is_file {
            if texts.len() >= TEXTS_MAX {
                return Err(Refusal::field("body", format!("at most {TEXTS_MAX} texts")));
            }
            let text = text(field, &name).await?;
            texts.push((name, text));
            continue;
        }
        while let Some(piece) = field.try_next().await.map_err(|_| malformed())? {
            taken += piece.len();
            if taken > bytes_max {
                let refusal = Refusal::field("body", format!("at most {bytes_max} bytes"));
                return Err(Refusal { code: Code::TooLarge, ..refusal });
            }
        }
    }
    Ok(texts)
}

fn malformed() -> Refusal {
    Refusal::field("body", "a form of parts, not cut short")
}

async fn fill(
    state: &State,
    form: &mut Multipart,
    wish: &Wish,
    files_max: usize,
    read: &mut Form,
) -> Result<(), Refusal> {
    while let Some(field) = form.try_next().await.map_err(|_| malformed())? {
        let name = field.name().unwrap_or_default().to_owned();
        let given = field.content_disposition().and_then(|header| header.get_filename());
        let Some(file_name) = given.map(str::to_owned) else {
            if read.texts.len() >= TEXTS_MAX {
                return Err(Refusal::field("body", format!("at most {TEXTS_MAX} texts")));
            }
            let text = text(field, &name).await?;
            read.texts.insert(name, text);
            continue;
        };
        // A browser sends an input without a file as an empty one without a name.
        if file_name.is_empty() {
            drain(field).await?;
            continue;
        }
        if read.files.len() >= files_max {
            return Err(Refusal::field(name, format!("at most {files_max} file(s)")));
        }
        let wish = Wish { name: file_name, ..wish.clone() };
        let row = state.intake.take(&state.house, wish, field).await?;
        read.files.push((name, row));
    }
    Ok(())
}

async fn text(mut field: Field, name: &str) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.try_next().await.map_err(|_| malformed())? {
        if bytes.len() + piece.len() > TEXT_BYTES {
            let rule = format!("at most {TEXT_BYTES} bytes");
            let refusal = Refusal::field(name.to_owned(), rule);
            return Err(Refusal { code: Code::TooLarge, ..refusal });
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| Refusal::field(name.to_owned(), "UTF-8"))
}

async fn drain(mut field: Field) -> Result<(), Refusal> {
    while let Some(piece) = field.try_next().await.map_err(|_| malformed())? {
        if !piece.is_empty() {
            return Err(Refusal::field("body", "files with names"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_form_is_known_by_its_media_type_in_any_case() {
        let is_form_of = |kind: &str| {
            let request = TestRequest::default().insert_header(("Content-Type", kind));
            is_form(&request.to_http_request())
        };
        assert!(is_form_of("multipart/form-data; boundary=x"));
        assert!(is_form_of("Multipart/Form-Data; boundary=x"));
        assert!(!is_form_of("multipart/form-data-of-mine; boundary=x"));
        assert!(!is_form_of("application/json"));
    }
}
