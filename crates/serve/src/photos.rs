//! The photos of a plain post: one as the body, or the files of a form.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream;
use icecap::advanced::foundation::shown::shown;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::body::{Held, Room};
use crate::limits::PHOTOS;
use crate::order::{Content, Photo};
use crate::refusal::Refusal;

/// What a photo without a name is called.
const NAMELESS: &str = "photo";

/// Returns the photos of a body, with the room that they take.
///
/// # Errors
/// 400 for a body without any, for a form that is none, and for more photos than a request may have.
pub(crate) async fn of_body(headers: &HeaderMap, held: Held) -> Result<(Vec<Photo>, Room), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
    let (photos, room) = match is_form {
        true => {
            let boundary = multer::parse_boundary(kind)
                .map_err(|_| Refusal::bad("send files as multipart/form-data, with its boundary"))?;
            // Looking for boundaries in megabytes is no work for the thread that listens. The room goes along: the bytes are in
            // memory until this is done, whether the client still waits or not.
            let Held { bytes, room } = held;
            let parts = move || (Handle::current().block_on(parts(bytes, boundary)), room);
            let (photos, room) = spawn_blocking(parts).await.map_err(|_| Refusal::broken())?;
            (photos?, room)
        }
        false if held.bytes.is_empty() => (Vec::new(), held.room),
        false => (vec![Photo { name: NAMELESS.to_owned(), content: Content::File(held.bytes) }], held.room),
    };
    match photos.is_empty() {
        true => Err(Refusal::bad(
            "no photo in the request; send one as the body, or several as multipart/form-data",
        )),
        false => Ok((photos, room)),
    }
}

/// The files of a form. Fields without a file's name are refused: they are not what a photo comes as, and would be without effect.
async fn parts(body: Bytes, boundary: String) -> Result<Vec<Photo>, Refusal> {
    let body = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(body, boundary);
    let mut photos = Vec::new();
    let broken = |error: multer::Error| {
        Refusal::bad(format!(
            "the form is no valid multipart/form-data: {error}; send files as 'curl -F a=@photo.jpg' does"
        ))
    };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        if photos.len() == PHOTOS {
            return Err(Refusal::bad(format!("more than {PHOTOS} photos in a request; send fewer")));
        }
        let Some(name) = part.file_name().map(str::to_owned) else {
            let field = shown(part.name().unwrap_or_default());
            let message = format!(
                "the field '{field}' of the form is no file; send photos as files, and options behind '?'"
            );
            return Err(Refusal::bad(message));
        };
        photos.push(Photo { name, content: Content::File(part.bytes().await.map_err(broken)?) });
    }
    Ok(photos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Bodies;

    async fn names(kind: &str, body: &'static str) -> Option<Vec<(String, usize)>> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
        let held = Bodies::new(1 << 20).read(&headers, body.into()).await.ok()?;
        let (photos, _) = of_body(&headers, held).await.ok()?;
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
                    --x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";
        let both = Some(vec![("1.jpg".to_owned(), 3), (String::new(), 0)]);
        assert_eq!(names("multipart/form-data; boundary=x", form).await, both);
        for (kind, body) in [
            ("multipart/form-data", form),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n3\r\n--x--\r\n",
            ),
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
