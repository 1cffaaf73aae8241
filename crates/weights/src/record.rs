//! The record: plain values that travel with weights, because the tensors alone do not say how to use them.

use std::collections::BTreeMap;
use std::path::Path;

use icecap_graph::{Numerics, Params, Spec};
use icecap_kernels::jpeg::Dct;

use crate::shown::shown;
use crate::{Digest, Error, Layout, vocabulary};

/// The metadata keys of a record, the same in weight files and in model files.
pub(crate) mod key {
    pub(crate) const NAME: &str = "name";
    pub(crate) const LICENCE: &str = "licence";
    pub(crate) const LAYOUT: &str = "layout";
    pub(crate) const WIDTH: &str = "width";
    pub(crate) const EPSILON: &str = "bn_epsilon";
    pub(crate) const PADDING: &str = "padding";
    pub(crate) const SCALING: &str = "scaling";
    pub(crate) const SIZE: &str = "size";
    pub(crate) const RESIZE: &str = "resize";
    pub(crate) const DCT: &str = "dct";
    pub(crate) const WEIGHTS_LAYOUT: &str = "weights_layout";
    pub(crate) const PARAMS_SHA256: &str = "params_sha256";
    pub(crate) const TUNED_FROM: &str = "tuned_from";
    pub(crate) const TUNED_BLOCK: &str = "tuned_block";
    pub(crate) const TUNED_NORMS: &str = "tuned_norms";
}

/// The facts about a set of weights that its tensors do not tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The name that its maker gave it.
    pub name: Option<String>,
    /// The license under which the weights may be used.
    pub licence: Option<String>,
    /// The layout that the weights were published in. It gives the values that the record does not state.
    pub layout: Layout,
    /// The width multiplier; `None` if the channel counts are those of no published one.
    pub width: Option<f32>,
    /// BatchNorm's epsilon, padding and pixel scaling: stated by the file, else those of its layout.
    pub numerics: Numerics,
    /// The rows and columns that the weights were made for, if the file states them.
    pub size: Option<[usize; 2]>,
    /// The resize rule by which a photo becomes that size, if the file states it: `squash`, for instance.
    pub resize: Option<String>,
    /// How the program that the weights come from decodes JPEGs, if that is known.
    pub dct: Option<Dct>,
    /// The hash of the file that the weights came in.
    pub file_sha256: Digest,
    /// The hash of the net, whatever the file: see [`crate::params_digest`].
    pub params_sha256: Digest,
    /// What the net was before some of its blocks were fine-tuned; `None` for one that was not.
    pub tuned: Option<Tuned>,
}

/// What is known of a net whose last blocks were fine-tuned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuned {
    /// The hash of the net that it was before.
    pub from: Digest,
    /// The first block that has learned, as Keras names it, `Conv_1` for the last convolution alone, or `all`.
    pub block: String,
    /// Whether BatchNorm's scale and shift stayed as they were, and kernels alone have learned.
    pub norms_frozen: bool,
}

impl Tuned {
    /// What became of BatchNorm's scale and shift, in a word.
    #[must_use]
    pub fn norms(&self) -> &'static str {
        if self.norms_frozen { "frozen" } else { "trained" }
    }
}

impl Record {
    /// Returns the rows and columns to train on: those that the file states, else those of the layout.
    #[must_use]
    pub fn train_size(&self) -> [usize; 2] {
        self.size.unwrap_or_else(|| self.layout.train_size())
    }

    /// Returns the rows and columns for the classification top: those that the file states, else those of the layout.
    #[must_use]
    pub fn classify_size(&self) -> [usize; 2] {
        self.size.unwrap_or_else(|| self.layout.classify_size())
    }

    /// Returns the resize rule by which a photo becomes the size of the input: the one that the file states, else that
    /// of the layout.
    #[must_use]
    pub fn resize_rule(&self) -> &str {
        self.resize.as_deref().unwrap_or_else(|| self.layout.resize())
    }

    /// Returns how JPEGs are decoded for these weights: as the program that they come from does, else accurately.
    #[must_use]
    pub fn jpeg_dct(&self) -> Dct {
        self.dct.unwrap_or_default()
    }

    /// Returns the record as the metadata of a file. `file_sha256` is left out, since a file cannot state its own hash.
    #[must_use]
    pub fn to_metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = BTreeMap::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                metadata.insert(key.to_owned(), value);
            }
        };
        put(key::NAME, self.name.clone());
        put(key::LICENCE, self.licence.clone());
        put(key::LAYOUT, Some(self.layout.to_string()));
        put(key::WIDTH, self.width.map(|width| width.to_string()));
        put(key::EPSILON, Some(self.numerics.epsilon.to_string()));
        put(key::PADDING, Some(vocabulary::padding_text(self.numerics.padding).to_owned()));
        put(key::SCALING, Some(vocabulary::scaling_text(&self.numerics.scaling)));
        put(key::SIZE, self.size.map(vocabulary::size_text));
        put(key::RESIZE, self.resize.clone());
        put(key::DCT, self.dct.map(|dct| dct.to_string()));
        put(key::PARAMS_SHA256, Some(self.params_sha256.to_string()));
        put(key::TUNED_FROM, self.tuned.as_ref().map(|tuned| tuned.from.to_string()));
        put(key::TUNED_BLOCK, self.tuned.as_ref().map(|tuned| tuned.block.clone()));
        put(key::TUNED_NORMS, self.tuned.as_ref().map(|tuned| tuned.norms().to_owned()));
        metadata
    }
}

/// A file's metadata, read key by key; an error names the file and the key.
#[derive(Clone, Copy)]
pub(crate) struct Metadata<'a> {
    pub(crate) path: &'a Path,
    pub(crate) map: &'a BTreeMap<String, String>,
}

impl<'a> Metadata<'a> {
    /// The value of a key, where the file has it.
    pub(crate) fn get<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Error> {
        self.map.get(key).map(|value| parse(value).map_err(|reason| self.refuse(key, reason))).transpose()
    }

    /// The value of a key that the file must have.
    pub(crate) fn need<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        self.get(key, parse)?.ok_or_else(|| Error::MissingMetadata { path: self.path.into(), key })
    }

    /// The error for a key's value.
    pub(crate) fn refuse(&self, key: &str, reason: String) -> Error {
        let value = shown(self.map.get(key).map_or("", String::as_str));
        Error::Metadata { path: self.path.into(), key: key.to_owned(), value, reason }
    }

    /// Epsilon, padding and pixel scaling, each the file's, else the layout's.
    pub(crate) fn numerics(&self, layout: Layout) -> Result<Numerics, Error> {
        let defaults = layout.numerics();
        Ok(Numerics {
            epsilon: self.get(key::EPSILON, vocabulary::epsilon)?.unwrap_or(defaults.epsilon),
            padding: self.get(key::PADDING, vocabulary::padding)?.unwrap_or(defaults.padding),
            scaling: self.get(key::SCALING, vocabulary::scaling)?.unwrap_or(defaults.scaling),
        })
    }

    /// The record of a file that holds no net of its own, hashes given.
    pub(crate) fn record(
        &self,
        layout: Layout,
        file_sha256: Digest,
        params_sha256: Digest,
    ) -> Result<Record, Error> {
        Ok(Record {
            name: self.get(key::NAME, vocabulary::line)?,
            licence: self.get(key::LICENCE, vocabulary::line)?,
            layout,
            width: self.get(key::WIDTH, vocabulary::width)?,
            numerics: self.numerics(layout)?,
            size: self.get(key::SIZE, vocabulary::size)?,
            resize: self.get(key::RESIZE, vocabulary::resize)?,
            dct: self.get(key::DCT, vocabulary::dct)?,
            file_sha256,
            params_sha256,
            tuned: self.tuned()?,
        })
    }

    /// What the net was before it was fine-tuned; `None` if the file says nothing of that.
    fn tuned(&self) -> Result<Option<Tuned>, Error> {
        let Some(from) = self.get(key::TUNED_FROM, vocabulary::digest)? else { return Ok(None) };
        let block = self.need(key::TUNED_BLOCK, vocabulary::line)?;
        let norms_frozen = self.get(key::TUNED_NORMS, vocabulary::norms_frozen)?.unwrap_or(false);
        Ok(Some(Tuned { from, block, norms_frozen }))
    }

    /// The record of a file that holds `params`, which hash to `params_sha256`: what the metadata states must be true of
    /// them.
    pub(crate) fn record_of(
        &self,
        layout: Layout,
        params: &Params,
        file_sha256: Digest,
        params_sha256: Digest,
    ) -> Result<Record, Error> {
        let mut record = self.record(layout, file_sha256, params_sha256)?;
        self.check_width(&mut record, params.spec())?;
        let stated = self.get(key::PARAMS_SHA256, vocabulary::digest)?;
        if stated.is_some_and(|stated| stated != params_sha256) {
            let reason = format!("the tensors hash to {params_sha256}; the file is damaged, copy it again");
            return Err(self.refuse(key::PARAMS_SHA256, reason));
        }
        Ok(record)
    }

    /// Checks that the width that a record states is that of a net of these channels, and fills it in if it states none.
    pub(crate) fn check_width(&self, record: &mut Record, spec: &Spec) -> Result<(), Error> {
        if record.width.is_some_and(|width| Spec::with_width(width).as_ref() != Ok(spec)) {
            return Err(self.refuse(key::WIDTH, "the tensors have the channels of another width".to_owned()));
        }
        record.width = record.width.or_else(|| spec.width());
        Ok(())
    }
}
