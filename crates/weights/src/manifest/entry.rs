//! An entry of the manifest: one file of weights and what is known of it.

use icecap_graph::Numerics;

use crate::hash_remedy::HashRemedy;
use crate::record::key;
use crate::{Digest, Error, FileHead, Layout, Weights, vocabulary};

/// What a file's hash was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checked {
    /// It is the hash that the manifest states.
    Pinned,
    /// It starts as the manifest states.
    Prefix,
    /// It is the hash that was seen first.
    Recorded,
    /// It was compared with nothing: no hash is published, and none was seen before.
    Nothing,
}

/// One file of published weights. A field is `None` if the publisher does not state it and nobody has checked it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The name that the weights are asked for by.
    pub name: String,
    /// Other names of the same weights.
    pub aliases: Vec<String>,
    /// The file in the project's folder `weights/`, if it is part of the project.
    pub file: Option<String>,
    /// The address that the file can be fetched from.
    pub url: Option<String>,
    /// The name of the file in the store, if it differs from the end of the address.
    pub save_as: Option<String>,
    /// The hash of the file.
    pub sha256: Option<Digest>,
    /// The first hexadecimal digits of the hash, in lower case, if the publisher states no more.
    pub sha256_prefix: Option<String>,
    /// The size of the file, in bytes.
    pub bytes: Option<u64>,
    /// The license under which the weights may be used.
    pub licence: String,
    /// A note on terms or origin that a user should know.
    pub note: Option<String>,
    /// The layout of the tensor names.
    pub layout: Layout,
    /// The width multiplier of the net.
    pub width: f32,
    /// The epsilon, padding and pixel scaling of the net.
    pub numerics: Numerics,
    /// The rows and columns that the net was made for.
    pub size: [usize; 2],
    /// The resize rule by which a photo becomes that size: `squash`, for instance.
    pub resize: String,
    /// Whether the file holds a classification top.
    pub top: bool,
    /// The reported top-1 accuracy on ImageNet's validation photos, in percent.
    pub top1: Option<f32>,
}

impl Entry {
    /// Returns the name of the file in the store and on a mirror; `None` for weights that are published nowhere.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.save_as.as_deref().or_else(|| self.url.as_deref().and_then(last_segment))
    }

    /// All its names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
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

    /// Compares the hash of a file with the hash, or the start of one, that the entry states.
    ///
    /// # Errors
    /// [`Error::OtherHash`] if they differ; it calls the file `place`.
    pub fn check_hash(&self, sha256: Digest, place: &str) -> Result<Checked, Error> {
        let got = sha256.to_string();
        let expected = match (self.sha256, &self.sha256_prefix) {
            (Some(pinned), _) if pinned == sha256 => return Ok(Checked::Pinned),
            (Some(pinned), _) => pinned.to_string(),
            (None, Some(prefix)) if got.starts_with(prefix) => return Ok(Checked::Prefix),
            (None, Some(prefix)) => format!("{prefix}…"),
            (None, None) => return Ok(Checked::Nothing),
        };
        let remedy = HashRemedy::GetAgain;
        Err(Error::OtherHash { place: place.to_owned(), by: "the manifest", expected, got, remedy })
    }

    /// Checks that `weights` have the layout, the width and the classification top that the entry states.
    ///
    /// # Errors
    /// [`Error::OtherNet`] with the first thing that differs; it calls the file `path`.
    pub fn check(&self, weights: &Weights, path: &std::path::Path) -> Result<(), Error> {
        let (record, top) = (&weights.record, matches!(weights.head, FileHead::Top));
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

/// What an address ends in, where that can be a file's name.
pub(super) fn last_segment(url: &str) -> Option<&str> {
    url.split(['?', '#']).next()?.rsplit('/').next()
}
