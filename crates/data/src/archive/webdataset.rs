//! Shards of WebDataset: tar archives in which a sample is the files of one name, told apart by their endings.
//!
//! ```text
//! 000017.jpg 000017.cls          a photo and its label, a number or a word
//! 000018.jpg 000018.json         the label is what the object has under `label`, `class` or `cls`
//! →  LABEL/000017.jpg            how such a photo is found here: as in class folders
//! ```
//!
//! Where an archive has no such label it is taken as it is, class folders and all.
//!
//! # Source
//! The naming rules of the WebDataset project's documentation: the key ends at the first dot behind the last slash.

use std::collections::HashMap;

use icecap_foundation::shown::shown;
use serde_json::Value;

use super::member::Member;
use super::names;

/// The longest label, in bytes.
const MAX_LABEL: u64 = 1 << 10;
/// The longest description of a sample that is looked at, in bytes.
const MAX_JSON: u64 = 1 << 20;
/// Endings of photos.
const PHOTOS: [&str; 16] = [
    "jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "pnm", "jxl",
    "heic", "avif",
];
/// Where an object has the label, the first that is there.
pub(super) const LABEL_KEYS: [&str; 3] = ["label", "class", "cls"];

/// The labels of an archive's samples, by their keys.
#[derive(Default)]
pub(super) struct Sidecars {
    labels: HashMap<Box<str>, Label>,
}

struct Label {
    text: String,
    /// Whether it stands in a file of its own, which counts before what a description says.
    own: bool,
}

/// The key of a file and its ending; `None` if it has no ending.
fn parted(name: &str) -> Option<(&str, &str)> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = base + name[base..].find('.')?;
    Some((&name[..dot], &name[dot + 1..]))
}

impl Sidecars {
    /// Looks at a file of the archive: `read` gives what is in it.
    pub(super) fn take(
        &mut self,
        name: &str,
        length: u64,
        read: impl FnOnce() -> std::io::Result<Vec<u8>>,
    ) -> Result<(), String> {
        let Some((key, ending)) = parted(name) else { return Ok(()) };
        let own = ending.eq_ignore_ascii_case("cls");
        if !own && (!ending.eq_ignore_ascii_case("json") || length > MAX_JSON) {
            return Ok(());
        }
        if length > MAX_LABEL && own {
            return Err(format!("is a label of {length} bytes; one of at most {MAX_LABEL} is read"));
        }
        let bytes = read().map_err(|error| format!("could not be read: {error}"))?;
        let text = match own {
            true => Some(written(&bytes)?),
            false => described(&bytes),
        };
        if let Some(text) = text
            && (own || self.labels.get(key).is_none_or(|known| !known.own))
        {
            self.labels.insert(key.into(), Label { text, own });
        }
        Ok(())
    }
}

/// The label in a file of its own.
fn written(bytes: &[u8]) -> Result<String, String> {
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok("") => Err("is an empty label; write the class into it".to_owned()),
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err("is a label that is not valid UTF-8".to_owned()),
    }
}

/// The label in a description; `None` if that has none.
fn described(bytes: &[u8]) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else { return None };
    LABEL_KEYS.iter().filter_map(|key| object.get(*key)).find_map(|value| match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        _ => None,
    })
}

/// Whether a file is a photo by its ending, which has no dot in it.
fn is_photo(member: &Member) -> bool {
    let ending = parted(&member.name).map(|(_, ending)| ending).filter(|_| !member.name.ends_with('/'));
    ending.is_some_and(|ending| PHOTOS.iter().any(|photo| ending.eq_ignore_ascii_case(photo)))
}

/// Puts the photos of labeled samples into folders of their labels, and leaves out what is no photo; samples without a label
/// lie beside the folders. Archives without labels stay as they are.
pub(super) fn into_folders(members: Vec<Member>, sidecars: Sidecars) -> Result<Vec<Member>, (u64, String)> {
    let is_labeled =
        |member: &Member| parted(&member.name).is_some_and(|(key, _)| sidecars.labels.contains_key(key));
    // A photo in a folder may have any description beside it: labels of descriptions alone count where every photo has one.
    let by_description = !sidecars.labels.values().any(|label| label.own);
    let mut photos = members.iter().filter(|member| is_photo(member));
    if sidecars.labels.is_empty() || by_description && !photos.all(is_labeled) {
        return Ok(members);
    }
    let mut photos = Vec::new();
    for member in members {
        let Some((key, _)) = parted(&member.name).filter(|_| is_photo(&member)) else { continue };
        let name = match sidecars.labels.get(key) {
            Some(label) => {
                names::check_label(&label.text).map_err(|what| {
                    (
                        member.place.offset(),
                        format!("tar entry '{}' {what}; unpack the archive", shown(&member.name)),
                    )
                })?;
                format!("{}/{}", label.text, member.name)
            }
            // Beside the folders; a percent sign stands for itself and for the slashes of its own folders.
            None => member.name.replace('%', "%25").replace('/', "%2F"),
        };
        photos.push(Member { name: name.into(), ..member });
    }
    Ok(photos)
}
