//! An entry of the manifest: one file of weights and what is known of it.

use icecap_graph::Numerics;

use crate::hash_remedy::HashRemedy;
use crate::record::key;
use crate::{Digest, Error, Layout, Weights, vocabulary};

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

impl Entry {
    /// What its file is called in the cache and on a mirror. None of weights that are nowhere to be fetched.
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
        let remedy = HashRemedy::GetAgain;
        Err(Error::OtherHash {
            place: place.to_owned(),
            by: "the manifest".to_owned(),
            expected,
            got,
            remedy,
        })
    }

    /// Whether `weights` hold a net as the entry says.
    ///
    /// # Errors
    /// [`Error::OtherNet`] with the first thing that differs; errors call the file `path`.
    pub fn check(&self, weights: &Weights, path: &std::path::Path) -> Result<(), Error> {
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

/// What an address ends in, where that can be a file's name.
pub(super) fn last_segment(url: &str) -> Option<&str> {
    url.split(['?', '#']).next()?.rsplit('/').next()
}
