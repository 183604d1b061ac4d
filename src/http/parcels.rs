//! What older clients send to a route that takes files: JSON, a form, or a form of parts.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::http::drf::{Fail, Fields};
use crate::http::error::ApiError;
use crate::http::extract;
use crate::http::forms;
use crate::http::intake::{Wish, discard};
use crate::http::state::State;
use crate::ids::{AttachmentId, UserId};
use crate::models::attachment::AttachmentRow;
use crate::protocol::refusal::{Code, Refusal};

/// Fields, and files with the names of theirs.
#[derive(Debug, Default)]
pub struct Parcel {
    pub fields: Fields,
    pub files: Vec<(String, AttachmentRow)>,
}

/// The texts of a form of parts, for a route that takes no files.
///
/// # Errors
/// 400 for what cannot be read or is too large.
pub async fn fields(request: HttpRequest, mut body: Payload) -> Result<Fields, Fail> {
    let state = extract::state(&request).map_err(|ApiError(refusal)| refusal)?;
    let mut fields = Fields::default();
    for (name, text) in forms::texts(&request, &mut body, state.config.request_max_size).await? {
        fields.add(name, text);
    }
    Ok(fields)
}

/// A refusal of a file in the words of older clients.
fn refused(refusal: Refusal) -> Fail {
    match (refusal.code, refusal.field.as_deref()) {
        (Code::TooLarge, _) => {
            let rule = refusal.rule.unwrap_or_default();
            Refusal { code: Code::TooLarge, ..Refusal::field("file", rule) }.into()
        }
        _ => refusal.into(),
    }
}

impl Parcel {
    /// Reads a body by its media type; at most `files_max` files are taken, for `uploader`.
    ///
    /// # Errors
    /// 400 for what cannot be read, 413 and 415 as the intake says; then no file is kept.
    pub async fn read(
        state: &State,
        request: &HttpRequest,
        body: web::Payload,
        uploader: UserId,
        files_max: usize,
    ) -> Result<Self, Fail> {
        let max_bytes = state.intake.max_bytes;
        let wish = Wish { uploader: Some(uploader), max_bytes, ..Wish::default() };
        Self::read_as(state, request, body, (&wish, files_max), refused).await
    }

    /// The same, with files taken as `wish` says, and refused in words of the route's own.
    ///
    /// # Errors
    /// As [`Parcel::read`].
    pub async fn read_as(
        state: &State,
        request: &HttpRequest,
        body: web::Payload,
        (wish, files_max): (&Wish, usize),
        refused: fn(Refusal) -> Fail,
    ) -> Result<Self, Fail> {
        if !forms::is_form(request) {
            let fields = Fields::from_request(request, &mut body.into_inner()).await?;
            return Ok(Self { fields, files: Vec::new() });
        }
        let read = forms::read(state, request, body, wish, files_max).await.map_err(refused)?;
        let mut fields = Fields::default();
        for (name, text) in read.texts {
            fields.add(name, text);
        }
        Ok(Self { fields, files: read.files })
    }

    /// The files, in their order.
    pub fn ids(&self) -> Vec<AttachmentId> {
        self.files.iter().map(|(_, row)| row.id).collect()
    }

    /// The outcome of what was to be done with the files, which are not kept when it failed.
    ///
    /// # Errors
    /// Those of `outcome`.
    pub async fn settle<T, E>(
        state: &State,
        files: &[AttachmentId],
        outcome: Result<T, E>,
    ) -> Result<T, E> {
        if outcome.is_err() {
            for id in files {
                discard(&state.house, *id).await;
            }
        }
        outcome
    }
}
