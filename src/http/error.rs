//! The one error shape of REST: a refusal with its status, and for faults a reference to the log.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::protocol::refusal::{Code, Refusal};

/// The body of every error: `{"error": {"code", "message", "field"?, "rule"?, "retry_after_ms"?}}`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: Refusal,
}

/// A refusal on its way out of a handler.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ApiError(pub Refusal);

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.row().http_status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait_ms) = self.0.retry_after_ms {
            response.insert_header((RETRY_AFTER, wait_ms.div_ceil(1_000).max(1)));
        }
        if self.0.code == Code::NotAuthenticated {
            response.insert_header(("WWW-Authenticate", "Bearer"));
        }
        response.json(ErrorBody { error: self.0.clone() })
    }
}

/// What a handler answers.
pub type Answered<T> = Result<T, ApiError>;
