//! The photos of a plain post: one as the body, or the files of a form.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::limits::PHOTOS;
use crate::order::{Content, Photo};
use crate::refusal::Refusal;

/// What a photo without a name is called.
const NAMELESS: &str = "photo";

/// Returns the photos of a body.
///
/// # Errors
/// 400 for a body without any, for a form that is none, and for more photos than a request may have.
pub(crate) async fn of_body(headers: &HeaderMap, body: Bytes) -> Result<Vec<Photo>, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    let photos = match is_form {
        true => {
            let boundary = multer::parse_boundary(kind)
                .map_err(|_| Refusal::bad("send files as multipart/form-data, with its boundary"))?;
            // Looking for boundaries in megabytes is no work for the thread that listens.
            let parts = spawn_blocking(move || Handle::current().block_on(parts(body, boundary)));
            parts.await.map_err(|_| Refusal::broken())??
        }
        false if body.is_empty() => Vec::new(),
        false => vec![Photo { name: NAMELESS.to_owned(), content: Content::File(body) }],
    };
    match photos.is_empty() {
        true => Err(Refusal::bad(
            "no photo in the request; send one as the body, or several as multipart/form-data",
        )),
        false => Ok(photos),
    }
}

/// The files of a form. What has neither a name nor a file's kind is one, too: clients differ in what they tell.
async fn parts(body: Bytes, boundary: String) -> Result<Vec<Photo>, Refusal> {
    let body = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(body, boundary);
    let mut photos = Vec::new();
    let broken =
        |error: multer::Error| Refusal::bad(format!("the form is no valid multipart/form-data: {error}"));
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if photos.len() == PHOTOS {
            return Err(Refusal::bad(format!("more than {PHOTOS} photos in a request; send fewer")));
        }
        let name = part.file_name().or_else(|| part.name()).unwrap_or(NAMELESS).to_owned();
        photos.push(Photo { name, content: Content::File(part.bytes().await.map_err(broken)?) });
    }
    Ok(photos)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(kind: &str, body: &'static str) -> Option<Vec<(String, usize)>> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        let photos = of_body(&headers, Bytes::from_static(body.as_bytes())).await.ok()?;
        let told = photos.into_iter().map(|photo| match photo.content {
            Content::File(bytes) => (photo.name, bytes.len()),
            Content::Rgb { .. } => unreachable!("a form has files"),
        });
        Some(told.collect())
    }

    #[tokio::test]
    async fn a_body_is_a_photo_and_a_form_has_several() {
        assert_eq!(names("image/jpeg", "abc").await, Some(vec![("photo".to_owned(), 3)]));
        assert_eq!(names("image/jpeg", "").await, None);
        let form = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"1.jpg\"\r\n\r\nabc\r\n\
                    --x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n\r\n--x--\r\n";
        let both = Some(vec![("1.jpg".to_owned(), 3), ("b".to_owned(), 0)]);
        assert_eq!(names("multipart/form-data; boundary=x", form).await, both);
        for (kind, body) in [
            ("multipart/form-data", form),
            ("multipart/form-data; boundary=y", form),
            ("multipart/form-data; boundary=x", "--x--\r\n"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc",
            ),
        ] {
            assert_eq!(names(kind, body).await, None, "{kind} {body}");
        }
    }
}
