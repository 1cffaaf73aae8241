//! The manifest: the weights that are known by name, with the facts of their record. Compiled in from
//! `weights/manifest.toml`; a user's own manifest, for nets and mirrors of his own, stands before that.

mod nearest;

use icecap_graph::{Numerics, Spec};
use serde::Deserialize;

use crate::container::MAX_FILE;
use crate::error::shown;
use crate::record::key;
use crate::{Digest, Error, Layout, Record, vocabulary};
use nearest::nearest;

pub(crate) const BUILT_IN: &str = include_str!("../../../weights/manifest.toml");

/// What a file's hash was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// The hash in the manifest.
    Pinned,
    /// The start of the hash in the manifest.
    Prefix,
    /// The hash that was seen first.
    Recorded,
    /// Nothing: none is published, and none was seen.
    Nothing,
}

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
    /// Other names of it.
    pub aliases: Vec<String>,
    /// Its file in `weights/`, where it is part of the project.
    pub file: Option<String>,
    /// Where it can be fetched.
    pub url: Option<String>,
    /// What its file is called here, where that should not be as in the address.
    pub save_as: Option<String>,
    /// The hash of the file.
    pub sha256: Option<Digest>,
    /// What that hash starts with, where the publisher states no more: lower-case hexadecimal digits.
    pub sha256_prefix: Option<String>,
    /// The file's size.
    pub bytes: Option<u64>,
    /// Under which license it may be used.
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
        Self::parse_with(text, Addresses::Public)
    }

    /// Reads and checks a user's own manifest: addresses may be `http://`, and every entry needs one.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse_own(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, Addresses::Own)
    }

    fn parse_with(text: &str, addresses: Addresses) -> Result<Self, Error> {
        let raw: RawManifest = toml::from_str(text).map_err(|error| {
            let line = text[..error.span().map_or(0, |span| span.start)].lines().count().max(1);
            refuse(&format!("line {line}"), error.message().to_owned())
        })?;
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.weights.len());
        for raw in raw.weights {
            let name = raw.name.clone();
            let here = format!("'{}'", shown(&name));
            let entry = raw.check(addresses).map_err(|reason| refuse(&here, reason))?;
            let taken = |(place, name): &(usize, &str)| {
                entry.names().take(*place).any(|own| own == *name)
                    || entries.iter().any(|other| other.is_called(name))
            };
            if let Some((_, twice)) = entry.names().enumerate().find(taken) {
                return Err(refuse(&here, format!("the name '{twice}' stands twice")));
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

    /// The same with the entries of `own` before its own ones: of two with one name, that of `own` is found.
    #[must_use]
    pub fn under(mut self, own: Self) -> Self {
        self.entries.retain(|entry| own.find(&entry.name).is_none());
        self.entries.splice(..0, own.entries);
        self
    }

    /// The entry of a name or another name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is_called(name))
    }

    /// The names most like `text`, which is none; and that of the entry whose file is called so.
    #[must_use]
    pub fn near(&self, text: &str) -> Vec<String> {
        nearest(&self.entries, text)
    }

    /// The entry of a file's hash.
    #[must_use]
    pub fn find_file(&self, sha256: Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.sha256 == Some(sha256))
    }

    /// Gives a record what its file does not state and the file's entry does: name, license, size, resize rule.
    pub(crate) fn complete(&self, record: &mut Record) {
        let Some(entry) = self.find_file(record.file_sha256) else { return };
        record.name.get_or_insert_with(|| entry.name.clone());
        record.licence.get_or_insert_with(|| entry.licence.clone());
        record.size.get_or_insert(entry.size);
        record.resize.get_or_insert_with(|| entry.resize.clone());
    }
}

impl Entry {
    /// What its file is called in the cache and on a mirror. None of weights that are nowhere to be fetched.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.save_as.as_deref().or_else(|| self.url.as_deref().and_then(last_segment))
    }

    /// All its names.
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    /// What it states of the net, as the texts of a file's metadata.
    pub(crate) fn texts(&self) -> [(&'static str, String); 7] {
        [
            (key::NAME, self.name.clone()),
            (key::LICENCE, self.licence.clone()),
            (key::EPSILON, self.numerics.epsilon.to_string()),
            (key::PADDING, vocabulary::padding_text(self.numerics.padding).to_owned()),
            (key::SCALING, vocabulary::scaling_text(&self.numerics.scaling)),
            (key::SIZE, vocabulary::size_text(self.size)),
            (key::RESIZE, self.resize.clone()),
        ]
    }

    /// Compares a file's hash with the one that is stated, or with how it starts.
    ///
    /// # Errors
    /// [`Error::OtherHash`], which calls the file `place`.
    pub fn check_hash(&self, sha256: Digest, place: &str) -> Result<Checked, Error> {
        let got = sha256.to_string();
        let expected = match (self.sha256, &self.sha256_prefix) {
            (Some(pinned), _) if pinned == sha256 => return Ok(Checked::Pinned),
            (Some(pinned), _) => pinned.to_string(),
            (None, Some(prefix)) if got.starts_with(prefix) => return Ok(Checked::Prefix),
            (None, Some(prefix)) => format!("{prefix}…"),
            (None, None) => return Ok(Checked::Nothing),
        };
        let next = "it is damaged or another file; get it again, or from elsewhere".to_owned();
        Err(Error::OtherHash { place: place.to_owned(), by: "the manifest".to_owned(), expected, got, next })
    }

    /// Whether `weights` hold a net as the entry says.
    ///
    /// # Errors
    /// [`Error::OtherNet`] with the first thing that differs; errors call the file `path`.
    pub fn check(&self, weights: &crate::Weights, path: &std::path::Path) -> Result<(), Error> {
        let (record, top) = (&weights.record, weights.params.classes().is_some());
        let width = |width: Option<f32>| width.map_or("of its own".to_owned(), |width| width.to_string());
        let said = |top| if top { "there" } else { "not there" };
        let rows = [
            ("the layout", self.layout.to_string(), record.layout.to_string()),
            ("the width", width(Some(self.width)), width(record.width)),
            ("the classification top", said(self.top).to_owned(), said(top).to_owned()),
        ];
        match rows.into_iter().find(|(_, expected, got)| expected != got) {
            Some((what, expected, got)) => {
                Err(Error::OtherNet { path: path.into(), name: self.name.clone(), what, expected, got })
            }
            None => Ok(()),
        }
    }
}

/// Which addresses a manifest may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    /// `https://`, or a file of the project.
    Public,
    /// `https://` and `http://`.
    Own,
}

/// What an address ends in, where that can be a file's name.
fn last_segment(url: &str) -> Option<&str> {
    url.split(['?', '#']).next()?.rsplit('/').next()
}

/// What is wrong with the name of an entry or a file: it becomes the name of a folder or a file here.
fn plain_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let sound = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 128;
    if sound && name.chars().all(plain) && !name.ends_with('.') {
        return Ok(());
    }
    Err("expected letters, digits, '-', '_' and '.', up to 128, a letter or digit first".to_owned())
}

fn prefix(text: &str) -> Result<String, String> {
    let digits = text.len() >= 8 && text.len() < 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    digits.then(|| text.to_ascii_lowercase()).ok_or_else(|| "expected 8 to 63 hexadecimal digits".to_owned())
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
    #[serde(default)]
    aliases: Vec<String>,
    file: Option<String>,
    url: Option<String>,
    save_as: Option<String>,
    sha256: Option<String>,
    sha256_prefix: Option<String>,
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
    fn check(self, addresses: Addresses) -> Result<Entry, String> {
        let of = |key: &'static str| move |reason: String| format!("{key}: {reason}");
        plain_name(&self.name).map_err(of("name"))?;
        self.aliases.iter().try_for_each(|name| plain_name(name)).map_err(of("aliases"))?;
        self.check_address(addresses)?;
        if self.sha256.is_some() && self.sha256_prefix.is_some() {
            return Err("sha256_prefix: sha256 says it all".to_owned());
        }
        if self.bytes.is_some_and(|bytes| bytes == 0 || bytes > MAX_FILE) {
            return Err(format!("bytes: expected 1 to {MAX_FILE}"));
        }
        if self.top1.is_some_and(|top1| !(0.0..=100.0).contains(&top1)) {
            return Err("top1: expected percent".to_owned());
        }
        Spec::with_width(self.width).map_err(|error| format!("width: {error}"))?;
        Ok(Entry {
            sha256: self.sha256.as_deref().map(vocabulary::digest).transpose().map_err(of("sha256"))?,
            sha256_prefix: self
                .sha256_prefix
                .as_deref()
                .map(prefix)
                .transpose()
                .map_err(of("sha256_prefix"))?,
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
            aliases: self.aliases,
            file: self.file,
            url: self.url,
            save_as: self.save_as,
            bytes: self.bytes,
            note: self.note,
            width: self.width,
            top: self.top,
            top1: self.top1,
        })
    }

    fn check_address(&self, addresses: Addresses) -> Result<(), String> {
        let (schemes, wanted): (&[_], _) = match addresses {
            Addresses::Public => (&["https://"], "url: expected https"),
            Addresses::Own => (&["https://", "http://"], "url: expected https or http"),
        };
        let Some(url) = &self.url else {
            let enough = self.file.is_some() && addresses == Addresses::Public;
            return if enough { Ok(()) } else { Err("expected a url".to_owned()) };
        };
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(wanted.to_owned());
        }
        let named = |name: &str, key| plain_name(name).map_err(|reason| format!("{key}: {reason}"));
        match (&self.save_as, last_segment(url)) {
            (Some(name), _) => named(name, "save_as"),
            (None, name) => {
                named(name.unwrap_or(""), "url's last part").map_err(|e| format!("{e}; add save_as"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
