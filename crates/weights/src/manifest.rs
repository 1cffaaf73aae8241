//! The manifest: the weights that are known by name, with the facts of their record. Compiled in from
//! `weights/manifest.toml`.

use icecap_graph::{Numerics, Spec};
use serde::Deserialize;

use crate::{Digest, Error, Layout, Record, vocabulary};

pub(crate) const BUILT_IN: &str = include_str!("../../../weights/manifest.toml");

/// The weights that are known by name, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

/// One file of weights. What its publisher does not state, and nobody has checked, is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is asked for by.
    pub name: String,
    /// Its file in `weights/`, where it is part of the project.
    pub file: Option<String>,
    /// Where it can be fetched.
    pub url: Option<String>,
    /// The hash of the file.
    pub sha256: Option<Digest>,
    /// The file's size.
    pub bytes: Option<u64>,
    /// Under which licence it may be used.
    pub licence: String,
    /// What else a user should know of its terms or origin.
    pub note: Option<String>,
    /// How it names its tensors.
    pub layout: Layout,
    /// Its width multiplier.
    pub width: f32,
    /// Epsilon, padding and pixel scaling.
    pub numerics: Numerics,
    /// Rows and columns that it was made for.
    pub size: [usize; 2],
    /// How a photo becomes that size.
    pub resize: String,
    /// Whether it holds a classification top.
    pub top: bool,
    /// Reported top-1 accuracy of the net on ImageNet's validation photos, in percent.
    pub top1: Option<f32>,
}

impl Manifest {
    /// The project's own manifest.
    ///
    /// # Errors
    /// None, as long as this crate's tests pass.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the entry and the key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: RawManifest = toml::from_str(text).map_err(|error| {
            let line = text[..error.span().map_or(0, |span| span.start)].lines().count().max(1);
            refuse(&format!("line {line}"), error.message().to_owned())
        })?;
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.weights.len());
        for raw in raw.weights {
            let name = raw.name.clone();
            let entry = raw.check().map_err(|reason| refuse(&format!("'{name}'"), reason))?;
            if entries.iter().any(|other| other.name == name) {
                return Err(refuse(&format!("'{name}'"), "the name stands twice".to_owned()));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// All entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The entry of a file's hash.
    #[must_use]
    pub fn find_file(&self, sha256: Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.sha256 == Some(sha256))
    }

    /// Gives a record what its file does not state and the file's entry does: name, licence, size, resize rule.
    pub(crate) fn complete(&self, record: &mut Record) {
        let Some(entry) = self.find_file(record.file_sha256) else { return };
        record.name.get_or_insert_with(|| entry.name.clone());
        record.licence.get_or_insert_with(|| entry.licence.clone());
        record.size.get_or_insert(entry.size);
        record.resize.get_or_insert_with(|| entry.resize.clone());
    }
}

fn refuse(entry: &str, reason: String) -> Error {
    Error::Manifest { entry: entry.to_owned(), reason }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    weights: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    name: String,
    file: Option<String>,
    url: Option<String>,
    sha256: Option<String>,
    bytes: Option<u64>,
    licence: String,
    note: Option<String>,
    layout: String,
    width: f32,
    bn_epsilon: f32,
    padding: String,
    scaling: String,
    size: String,
    resize: String,
    top: bool,
    top1: Option<f32>,
}

impl RawEntry {
    fn check(self) -> Result<Entry, String> {
        let of = |key: &'static str| move |reason: String| format!("{key}: {reason}");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err("name: expected letters, digits, '-', '_' and '.'".to_owned());
        }
        if self.file.is_none() && self.url.is_none() {
            return Err("expected a file, a url or both".to_owned());
        }
        if self.url.as_deref().is_some_and(|url| !url.starts_with("https://")) {
            return Err("url: expected https".to_owned());
        }
        if self.top1.is_some_and(|top1| !(0.0..=100.0).contains(&top1)) {
            return Err("top1: expected percent".to_owned());
        }
        Spec::with_width(self.width).map_err(|error| format!("width: {error}"))?;
        Ok(Entry {
            sha256: self.sha256.as_deref().map(vocabulary::digest).transpose().map_err(of("sha256"))?,
            licence: vocabulary::line(&self.licence).map_err(of("licence"))?,
            layout: self.layout.parse().map_err(of("layout"))?,
            numerics: Numerics {
                epsilon: vocabulary::epsilon(&self.bn_epsilon.to_string()).map_err(of("bn_epsilon"))?,
                padding: vocabulary::padding(&self.padding).map_err(of("padding"))?,
                scaling: vocabulary::scaling(&self.scaling).map_err(of("scaling"))?,
            },
            size: vocabulary::size(&self.size).map_err(of("size"))?,
            resize: vocabulary::resize(&self.resize).map_err(of("resize"))?,
            name: self.name,
            file: self.file,
            url: self.url,
            bytes: self.bytes,
            note: self.note,
            width: self.width,
            top: self.top,
            top1: self.top1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_manifest_is_sound() {
        let manifest = Manifest::built_in().unwrap();
        let recommended = manifest.find("keras-1.0-160").unwrap();
        assert_eq!(
            (recommended.size, recommended.top, recommended.bytes),
            ([160; 2], false, Some(9_406_464))
        );
        for entry in manifest.entries() {
            assert_eq!(entry.numerics, entry.layout.numerics(), "{}", entry.name);
            assert!(entry.file.is_none() || entry.sha256.is_some(), "{}", entry.name);
        }
    }

    #[cfg(feature = "starter")]
    #[test]
    fn the_starter_is_what_the_manifest_says() {
        let (starter, manifest) = (crate::starter().unwrap(), Manifest::built_in().unwrap());
        let record = starter.record;
        let entry = manifest.find_file(record.file_sha256).unwrap();
        assert_eq!(entry.name, "starter");
        assert_eq!(Some(&entry.licence), record.licence.as_ref());
        assert_eq!((Some(entry.width), Some(entry.size)), (record.width, record.size));
        assert_eq!((entry.layout, entry.numerics), (record.layout, record.numerics));
        assert_eq!(
            (entry.resize.as_str(), entry.top),
            (record.resize_rule(), starter.params.classes().is_some())
        );
        assert_eq!(starter.params.spec(), &Spec::with_width(0.35).unwrap());
    }

    #[test]
    fn a_wrong_entry_is_named_with_its_key() {
        let good = BUILT_IN;
        assert!(Manifest::parse(good).is_ok());
        for (from, to, expected) in [
            ("padding = \"same\"", "padding = \"valid\"", "padding"),
            ("layout = \"keras\"", "layout = \"caffe\"", "layout"),
            ("sha256 = \"", "sha256 = \"0", "sha256"),
            ("https://", "http://", "url"),
            ("width = 0.35", "width = 0.0", "width"),
            ("bn_epsilon = 0.001", "bn_epsilon = -1.0", "bn_epsilon"),
            ("size = \"96\"", "size = \"9\"", "size"),
            ("resize = \"squash\"", "resize = \"squeeze\"", "resize"),
            ("name = \"keras-0.5-224\"", "name = \"keras-0.35-224\"", "'keras-0.35-224'"),
            ("top = false", "tops = false", "tops"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let error = Manifest::parse(&bad).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
