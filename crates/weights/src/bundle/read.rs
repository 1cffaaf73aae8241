//! Loading a model: everything is checked before it is believed.

use std::path::Path;
use std::sync::Arc;

use icecap_graph::Params;
use icecap_kernels::Threads;

use super::{
    BackbonePart, EMBEDDED, FORMAT, HEAD_BIAS, HEAD_KERNEL, Model, PINNED, Preprocessing, check_classes, key,
};
use crate::container::{Container, ContainerKind, MAX_FILE, safetensors};
use crate::digest::digests_while;
use crate::error::shown;
use crate::layout::HEAD_PREFIX;
use crate::record::{Metadata, key as record_key};
use crate::{Digest, Error, Layout, Record, open, vocabulary};

impl Model {
    /// Reads the model file at `path`, which is mapped only while it is copied.
    ///
    /// # Errors
    /// [`Error::NotAModel`] for other safetensors files, [`Error::NewerFormat`] for a later program's; else an
    /// [`Error`] that names the tensor, key or byte that is wrong.
    #[cfg(feature = "files")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::load_while(path, &Threads::serial(), |_| ())?.0)
    }

    /// The same on `threads`, and while the net is hashed, where there is one in the file, `prepare` makes something of
    /// it. Where the hash turns out not to be the one that is stated, that is dropped with the net.
    ///
    /// # Errors
    /// As [`Model::load`].
    #[cfg(feature = "files")]
    pub fn load_while<R: Send>(
        path: impl AsRef<Path>,
        threads: &Threads,
        prepare: impl FnOnce(&Params) -> R + Send,
    ) -> Result<(Self, Option<R>), Error> {
        let path = path.as_ref();
        let read = |bytes: &[u8]| read(bytes, path, threads, prepare);
        icecap_kernels::with_mapped_file(path, MAX_FILE, read)?
    }

    /// Reads a model file held in memory. Errors call it `label`.
    ///
    /// # Errors
    /// As [`Model::load`], except for what only a file can do.
    pub fn from_bytes(bytes: &[u8], label: &str) -> Result<Self, Error> {
        Ok(Self::from_bytes_while(bytes, label, &Threads::serial(), |_| ())?.0)
    }

    /// The same on `threads`, and `prepare` as in [`Model::load_while`].
    ///
    /// # Errors
    /// As [`Model::from_bytes`].
    pub fn from_bytes_while<R: Send>(
        bytes: &[u8],
        label: &str,
        threads: &Threads,
        prepare: impl FnOnce(&Params) -> R + Send,
    ) -> Result<(Self, Option<R>), Error> {
        read(bytes, label.as_ref(), threads, prepare)
    }
}

fn read<R: Send>(
    bytes: &[u8],
    path: &Path,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(Model, Option<R>), Error> {
    if let Some(other) = ContainerKind::recognise(bytes).filter(|kind| *kind != ContainerKind::Safetensors) {
        return Err(Error::NotAModel { path: path.into(), reason: format!("it is {other}") });
    }
    let file = safetensors::parse(bytes, path)?;
    let metadata = Metadata { path, map: file.metadata() };
    check_format(&metadata)?;
    for key in [record_key::EPSILON, record_key::PADDING, record_key::SCALING] {
        metadata.need(key, vocabulary::line)?;
    }
    let (backbone, record, prepared) = read_backbone(&file, &metadata, threads, prepare)?;
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
    Ok((model, prepared))
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

/// The backbone, its record, and what `prepare` made of it where it is in the file.
fn read_backbone<R: Send>(
    file: &Container<'_>,
    metadata: &Metadata<'_>,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(BackbonePart, Record, Option<R>), Error> {
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
        return Ok((BackbonePart::Pinned(pinned), record, None));
    }
    let params = open::params(file, Layout::Keras, threads)?;
    let (params_sha256, _, prepared) = digests_while(threads, None, &params, prepare);
    let record = metadata.record_of(layout, &params, file_sha256, params_sha256)?;
    Ok((BackbonePart::Embedded(Arc::new(params)), record, Some(prepared)))
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
