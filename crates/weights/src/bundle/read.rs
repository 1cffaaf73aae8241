//! Loading a model: everything is checked before it is believed.

use std::path::Path;
use std::sync::Arc;

use super::{
    BackbonePart, EMBEDDED, FORMAT, HEAD_BIAS, HEAD_KERNEL, Model, PINNED, Preprocessing, check_classes, key,
};
use crate::error::shown;
use crate::layout::HEAD_PREFIX;
use crate::record::{Metadata, key as record_key};
use crate::safetensors::File;
use crate::{Digest, Error, Layout, Record, open, vocabulary};

impl Model {
    /// Reads the model file at `path`, which is mapped only while it is copied.
    ///
    /// # Errors
    /// [`Error::NotAModel`] for other safetensors files, [`Error::NewerFormat`] for a later program's; else an
    /// [`Error`] that names the tensor, key or byte that is wrong.
    #[cfg(feature = "files")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        icecap_kernels::with_mapped_file(path, crate::safetensors::MAX_FILE, |bytes| read(bytes, path))?
    }

    /// Reads a model file held in memory. Errors call it `label`.
    ///
    /// # Errors
    /// As [`Model::load`], except for what only a file can do.
    pub fn from_bytes(bytes: &[u8], label: &str) -> Result<Self, Error> {
        read(bytes, label.as_ref())
    }
}

fn read(bytes: &[u8], path: &Path) -> Result<Model, Error> {
    let file = File::parse(bytes, path)?;
    let metadata = Metadata { path, map: file.metadata() };
    check_format(&metadata)?;
    for key in [record_key::EPSILON, record_key::PADDING, record_key::SCALING] {
        metadata.need(key, vocabulary::line)?;
    }
    let (backbone, record) = read_backbone(&file, &metadata)?;
    let kernel = file.tensor(HEAD_KERNEL)?;
    let bias = file.tensor(HEAD_BIAS)?;
    let model = Model {
        classes: metadata.need(key::CLASSES, classes)?,
        head_kernel: kernel,
        head_bias: bias.data().to_vec(),
        backbone,
        record,
        preprocessing: preprocessing(&metadata)?,
        tool_version: metadata.need(key::TOOL_VERSION, any)?,
        data_fingerprint: metadata.need(key::DATA_FINGERPRINT, any)?,
        training: metadata
            .map
            .iter()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix(key::TRAINING_PREFIX)?.to_owned(), value.clone()))
            })
            .collect(),
    };
    match bias.shape().rank() {
        1 => model.check().map_err(|reason| Error::Model { path: path.into(), reason })?,
        _ => {
            let reason = format!("'{HEAD_BIAS}' has shape {}, expected one axis", bias.shape());
            return Err(Error::Model { path: path.into(), reason });
        }
    }
    Ok(model)
}

fn check_format(metadata: &Metadata<'_>) -> Result<(), Error> {
    let path = metadata.path;
    let refuse = |reason: String| Err(Error::NotAModel { path: path.into(), reason });
    let Some(text) = metadata.map.get(key::FORMAT) else {
        return refuse("its metadata has no 'format'".to_owned());
    };
    match text.parse() {
        Ok(FORMAT) => Ok(()),
        Ok(got) if got > FORMAT => Err(Error::NewerFormat { path: path.into(), got, known: FORMAT }),
        _ => refuse(format!("its metadata 'format' is '{}'", shown(text))),
    }
}

fn read_backbone(file: &File<'_>, metadata: &Metadata<'_>) -> Result<(BackbonePart, Record), Error> {
    let embedded = metadata.need(key::BACKBONE, |text| match text {
        EMBEDDED => Ok(true),
        PINNED => Ok(false),
        _ => Err(format!("expected '{EMBEDDED}' or '{PINNED}'")),
    })?;
    let stray = |name: &&str| match name.strip_prefix(HEAD_PREFIX) {
        Some(_) => *name != HEAD_KERNEL && *name != HEAD_BIAS,
        None => !embedded || name.starts_with("predictions/"),
    };
    if let Some(name) = file.names().find(stray) {
        return Err(Error::Tensor {
            path: file.path().into(),
            tensor: name.to_owned(),
            offset: file.offset(name).unwrap_or(0),
            reason: "it belongs to no part of this model".to_owned(),
        });
    }
    let layout: Layout = metadata.need(record_key::WEIGHTS_LAYOUT, str::parse)?;
    let file_sha256 = metadata.need(key::WEIGHTS_FILE_SHA256, vocabulary::digest)?;
    let pinned: Digest = metadata.need(record_key::PARAMS_SHA256, vocabulary::digest)?;
    if !embedded {
        let record = metadata.record(layout, file_sha256, pinned)?;
        return Ok((BackbonePart::Pinned(pinned), record));
    }
    let params = open::params(file, Layout::Keras)?;
    let record = metadata.record_of(layout, &params, file_sha256)?;
    Ok((BackbonePart::Embedded(Arc::new(params)), record))
}

/// How a photo becomes the backbone's input, as the metadata states it.
pub(super) fn preprocessing(metadata: &Metadata<'_>) -> Result<Preprocessing, Error> {
    Ok(Preprocessing {
        size: metadata.need(key::INPUT_SIZE, vocabulary::size)?,
        resize: metadata.need(key::INPUT_RESIZE, vocabulary::resize)?,
        exif: metadata.need(key::INPUT_EXIF, vocabulary::exif)?,
    })
}

fn classes(text: &str) -> Result<Vec<String>, String> {
    let classes: Vec<String> =
        serde_json::from_str(text).map_err(|_| "expected a JSON array of texts".to_owned())?;
    check_classes(&classes)?;
    Ok(classes)
}

fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
