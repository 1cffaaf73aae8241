//! Why a request is not answered, as the client is told: a status and a sentence in JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use icecap::advanced::foundation::shown::plain;
use serde_json::json;

/// Seconds after which a client that was turned away may ask again.
const AGAIN: u64 = 1;
/// The longest message, in characters.
const LONGEST: usize = 500;

/// Why a request was refused, for the log; it travels with the response.
#[derive(Clone, Debug)]
pub(crate) struct Reason(pub(crate) String);

/// A request that is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    /// A refusal with this status. Of a long message only the beginning is told: what a client wrote may stand in it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(LONGEST) {
            message.truncate(end);
            message.push('…');
        }
        Self { status, message }
    }

    /// The request says something that cannot be.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// What was sent is no photo that can be read.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// There is too much to do: the client may ask again.
    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Something of ours broke; the log says what.
    pub(crate) fn broken() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a bug of ours: please report it, with what the server's log says",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // One line, whatever stood in the request.
        let mut response = (self.status, Json(json!({ "error": plain(&self.message) }))).into_response();
        response.extensions_mut().insert(Reason(self.message));
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(AGAIN));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
