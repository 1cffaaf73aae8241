//! The page to try the server: three files, which ask for nothing from elsewhere. Its script is written in three parts and served
//! as one.

use axum::http::{HeaderName, header};
use axum::response::IntoResponse;

/// What the page may load: its own parts and what the person puts in.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn part(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // The next version of the program brings another page.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

pub(super) async fn index() -> impl IntoResponse {
    part("text/html; charset=utf-8", include_str!("../page/index.html"))
}

pub(super) async fn css() -> impl IntoResponse {
    part("text/css; charset=utf-8", include_str!("../page/page.css"))
}

pub(super) async fn js() -> impl IntoResponse {
    part(
        "text/javascript; charset=utf-8",
        concat!(
            include_str!("../page/asking.js"),
            include_str!("../page/card.js"),
            include_str!("../page/page.js")
        ),
    )
}
