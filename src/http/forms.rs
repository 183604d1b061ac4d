//! Forms of several parts, as browsers send files: texts are read, files go through the intake.

use std::collections::BTreeMap;

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
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

/// Reads a form; at most `files_max` files are taken as `wish` says, each under its own name.
///
/// # Errors
/// Those of the intake, and `bad_request` for a broken form; then none of its files is kept.
pub async fn read(
    state: &State,
    mut form: Multipart,
    wish: &Wish,
    files_max: usize,
) -> Result<Form, Refusal> {
    let mut read = Form::default();
    let outcome = fill(state, &mut form, wish, files_max, &mut read).await;
    if outcome.is_err() {
        for (_, row) in &read.files {
            discard(&state.house, row.id).await;
        }
    }
    outcome.map(|()| read)
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
