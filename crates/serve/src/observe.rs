//! Around every request: its name, its line in the log, its place in the counts, and the token.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::{App, Told};
use crate::body::pass_over;
use crate::log::Entry;
use crate::metrics::Phase;
use crate::refusal::Reason;
use crate::request_id;

/// What is noted where the client left before the answer.
const LEFT: u16 = 499;
/// The route of what is found nowhere.
const NOWHERE: &str = "other";

/// A request that is being answered. Where it is dropped before its end, the client left.
struct Observed {
    app: Arc<App>,
    id: String,
    method: String,
    path: String,
    route: String,
    begun: Instant,
    is_told: bool,
}

impl Observed {
    fn tell(&mut self, status: u16, told: Option<Told>, reason: Option<&str>) {
        self.is_told = true;
        let whole = self.begun.elapsed();
        self.app.metrics.request(&self.route, status);
        if told.is_some() {
            self.app.metrics.phase(Phase::Whole, whole);
        }
        let told = told.unwrap_or_default();
        self.app.log.request(&Entry {
            id: &self.id,
            method: &self.method,
            path: &self.path,
            status,
            photos: told.photos,
            seconds: whole.as_secs_f64(),
            queued: told.queued.as_secs_f64(),
            worked: told.worked.as_secs_f64(),
            reason,
        });
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(LEFT, None, Some("the client left"));
        }
    }
}

/// Names, times, counts and logs a request.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = app.ids.of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or(NOWHERE, MatchedPath::as_str).to_owned();
    let mut observed = Observed {
        id,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        route,
        begun: Instant::now(),
        is_told: false,
        app,
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&observed.id) {
        headers.insert(request_id::HEADER, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if observed.app.is_draining() {
        // The client should not ask again here.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let told = response.extensions().get::<Told>().copied();
    let reason = response.extensions_mut().remove::<Reason>();
    observed.tell(response.status().as_u16(), told, reason.as_ref().map(|Reason(reason)| reason.as_str()));
    response
}

/// Lets requests pass that bear the token, or all where there is none.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(token) = &app.token
        && let Err(refusal) = token.check(request.headers())
    {
        let (parts, body) = request.into_parts();
        pass_over(&parts.headers, body).await;
        return refusal.into_response();
    }
    next.run(request).await
}
