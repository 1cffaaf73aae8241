//! Loading a model: everything is checked before it is believed.

use std::path::Path;
use std::sync::Arc;

use icecap_graph::Precision;
#[cfg(feature = "files")]
use icecap_kernels::FileBytes;
use icecap_kernels::Threads;
use icecap_kernels::jpeg::Dct;

use super::{
    BackbonePart, DCT_FORMAT, DEFAULT_THRESHOLD, EMBEDDED, FORMAT, INTEGER_FORMAT, LAYERED_FORMAT, Model,
    OpenedModel, PINNED, Preprocessing, THRESHOLD_FORMAT, check_classes, check_temperature, check_threshold,
    head, integers, key, novelty, seal,
};
use crate::container::{Container, ContainerKind, foreign_file, safetensors};
#[cfg(feature = "files")]
use crate::container::{MAX_FILE, foreign_folder};
use crate::derived::{Derived, Packing};
use crate::layout::HEAD_PREFIX;
use crate::record::{Metadata, key as record_key};
use crate::shown::shown;
use crate::{Digest, Error, Layout, Record, reading, vocabulary};

impl Model {
    /// Reads the model file at `path`.
    ///
    /// # Errors
    /// [`Error::NotAModel`] if the file is something else, [`Error::NewerFormat`] if a later program wrote it; else an
    /// [`Error`] that names the tensor, key or byte that is wrong.
    #[cfg(feature = "files")]
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Ok(read(&file_bytes(path)?, path, Packing::Skipped, &Threads::serial())?.model)
    }

    /// Opens the model file at `path` and packs the net of its backbone for inference. `threads` share the copying; then
    /// they hash the net and pack it at the same time.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    #[cfg(feature = "files")]
    pub fn open(path: impl AsRef<Path>, threads: &Threads) -> Result<OpenedModel, Error> {
        let path = path.as_ref();
        read(&file_bytes(path)?, path, Packing::Packed(Precision::F32), threads)
    }

    /// Reads the model file at `path` except for its backbone, for callers that have that net at hand; the backbone of
    /// the result is [`BackbonePart::Pinned`] or [`BackbonePart::PinnedIntegers`]. Returns `None` if the file has no backbone
    /// inside.
    ///
    /// The container is checked whole; the backbone's tensors are not looked at.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    #[cfg(feature = "files")]
    pub fn load_head(path: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        Self::load_head_on(path, &Threads::serial())
    }

    /// Does what [`Model::load_head`] does; `threads` go over the file together.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    #[cfg(feature = "files")]
    pub fn load_head_on(path: impl AsRef<Path>, threads: &Threads) -> Result<Option<Self>, Error> {
        let path = path.as_ref();
        // The backbone's values, which are most of the file, are only passed by.
        if let Some((file, crc)) = safetensors::parse_some(path, seal::is_of_head, threads) {
            return read_head(&file, || crc);
        }
        let bytes = file_bytes(path)?;
        read_head(&container(&bytes, path)?, || crc32fast::hash(safetensors::values(&bytes)))
    }

    /// Reads a model file held in memory except for its backbone, as [`Model::load_head`] does for a file. Errors call
    /// it `label`.
    ///
    /// # Errors
    /// Those of [`Model::from_bytes`].
    #[cfg(feature = "files")]
    pub fn head_from_bytes(bytes: &[u8], label: &str) -> Result<Option<Self>, Error> {
        read_head(&container(bytes, label.as_ref())?, || crc32fast::hash(safetensors::values(bytes)))
    }

    /// Reads a model file held in memory. Errors call it `label`.
    ///
    /// # Errors
    /// Those of `Model::load`, except for what only a file can do.
    pub fn from_bytes(bytes: &[u8], label: &str) -> Result<Self, Error> {
        Ok(read(bytes, label.as_ref(), Packing::Skipped, &Threads::serial())?.model)
    }

    /// Opens a model file held in memory and packs the net of its backbone as `Model::open` does. Errors call it
    /// `label`.
    ///
    /// # Errors
    /// Those of [`Model::from_bytes`].
    pub fn open_bytes(bytes: &[u8], label: &str, threads: &Threads) -> Result<OpenedModel, Error> {
        read(bytes, label.as_ref(), Packing::Packed(Precision::F32), threads)
    }
}

/// The bytes of the file at `path`; a folder is told as what it is.
#[cfg(feature = "files")]
fn file_bytes(path: &Path) -> Result<FileBytes, Error> {
    if path.is_dir() {
        return Err(foreign_folder(path));
    }
    Ok(FileBytes::read(path, MAX_FILE)?)
}

fn read(bytes: &[u8], path: &Path, packing: Packing, threads: &Threads) -> Result<OpenedModel, Error> {
    let file = container(bytes, path)?;
    let metadata = Metadata { path, map: file.metadata() };
    check_metadata(&metadata)?;
    let pinned = PinnedBackbone::of(&metadata)?;
    if has_integers(&metadata)? {
        return read_integers(&file, &pinned, packing, threads);
    }
    if !is_embedded(&file, &metadata)? {
        let (backbone, record) = (BackbonePart::Pinned(pinned.params_sha256), pinned.record(&metadata)?);
        return Ok(OpenedModel { model: model(&file, backbone, record)?, net: None });
    }
    let (params, head) = reading::model_params(&file, threads)?;
    if let Some(reason) = head.unreadable() {
        let reason = format!("a tensor that belongs to no part of this model: {reason}");
        return Err(Error::Model { path: path.into(), reason });
    }
    let Derived { params_sha256, net, .. } = Derived::new(&params, None, packing, threads)
        .map_err(|source| Error::Pack { path: path.into(), source: source.into() })?;
    let record = metadata.record_of(pinned.layout, &params, pinned.file_sha256, params_sha256)?;
    Ok(OpenedModel { model: model(&file, BackbonePart::Embedded(Arc::new(params)), record)?, net })
}

/// Reads a model whose backbone is in int8. Its integers tell no trained tensors, so the hash of those is believed.
fn read_integers(
    file: &Container<'_>,
    pinned: &PinnedBackbone,
    packing: Packing,
    threads: &Threads,
) -> Result<OpenedModel, Error> {
    let metadata = Metadata { path: file.path(), map: file.metadata() };
    metadata.need(key::BACKBONE, |text| match text {
        EMBEDDED => Ok(()),
        _ => Err("a model in int8 has its net inside".to_owned()),
    })?;
    is_embedded(file, &metadata)?;
    let (backbone, net) = integers::read(file, &metadata, packing, threads)?;
    let mut record = pinned.record(&metadata)?;
    metadata.check_width(&mut record, &backbone.net.spec)?;
    Ok(OpenedModel { model: model(file, BackbonePart::Integers(backbone), record)?, net })
}

#[cfg(feature = "files")]
fn read_head(file: &Container<'_>, values_crc32: impl FnOnce() -> u32) -> Result<Option<Model>, Error> {
    let metadata = Metadata { path: file.path(), map: file.metadata() };
    check_metadata(&metadata)?;
    let pinned = PinnedBackbone::of(&metadata)?;
    if !is_embedded(file, &metadata)? {
        return Ok(None);
    }
    // Nobody will look at the backbone.
    seal::check_values(&metadata, values_crc32)?;
    if has_integers(&metadata)? {
        let (sha256, origin) = integers::stated(&metadata)?;
        let backbone = BackbonePart::PinnedIntegers(sha256, origin);
        return model(file, backbone, pinned.record(&metadata)?).map(Some);
    }
    model(file, BackbonePart::Pinned(pinned.params_sha256), pinned.record(&metadata)?).map(Some)
}

/// The file's container, if it is one that models are in.
fn container<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    match ContainerKind::recognize(bytes) {
        Some(ContainerKind::Safetensors) => safetensors::parse(bytes, path),
        Some(other) => Err(Error::NotAModel { path: path.into(), reason: format!("it is {other}") }),
        None => Err(foreign_file(bytes, path)),
    }
}

/// Refuses metadata that lacks what every model has.
fn check_metadata(metadata: &Metadata<'_>) -> Result<(), Error> {
    format(metadata)?;
    for key in [record_key::EPSILON, record_key::PADDING, record_key::SCALING] {
        metadata.need(key, vocabulary::line)?;
    }
    Ok(())
}

/// The model of a file whose backbone was read, or is elsewhere.
fn model(file: &Container<'_>, backbone: BackbonePart, record: Record) -> Result<Model, Error> {
    let path = file.path();
    let metadata = Metadata { path, map: file.metadata() };
    let head::StoredHead { layers, multi_label } = head::read(file, is_layered(&metadata)?)?;
    let training = metadata
        .map
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(key::TRAINING_PREFIX)?.to_owned(), value.clone())));
    let model = Model {
        classes: metadata.need(key::CLASSES, classes)?,
        layers,
        multi_label,
        backbone,
        record,
        preprocessing: preprocessing(&metadata)?,
        temperature: metadata.get(key::TEMPERATURE, temperature)?.unwrap_or(1.0),
        threshold: stated_threshold(&metadata)?,
        novelty: novelty::read(&metadata)?,
        tool_version: metadata.need(key::TOOL_VERSION, any)?,
        data_fingerprint: metadata.need(key::DATA_FINGERPRINT, any)?,
        training: training.collect(),
    };
    model.check().map_err(|reason| Error::Model { path: path.into(), reason })?;
    check_head(file, &metadata)?;
    Ok(model)
}

/// The number of the file's format, one of those that are read.
fn format(metadata: &Metadata<'_>) -> Result<u64, Error> {
    let path = metadata.path;
    let refuse = |reason: String| Err(Error::NotAModel { path: path.into(), reason });
    let Some(text) = metadata.map.get(key::FORMAT) else {
        return refuse("its metadata has no 'format'".to_owned());
    };
    match text.parse() {
        // Read as f32 such a file would give answers of another net.
        Ok(FORMAT) => match metadata.map.keys().find(|name| integers::is_key(name)) {
            Some(name) => refuse(format!(
                "its metadata '{name}' is of a net in int8, and format {FORMAT} has none: the file is damaged"
            )),
            None => Ok(FORMAT),
        },
        Ok(known @ (INTEGER_FORMAT | LAYERED_FORMAT | DCT_FORMAT | THRESHOLD_FORMAT)) => Ok(known),
        Ok(got) if got > THRESHOLD_FORMAT => {
            Err(Error::NewerFormat { path: path.into(), got, known: THRESHOLD_FORMAT })
        }
        _ => refuse(format!("its metadata 'format' is '{}'", shown(text))),
    }
}

/// Whether the file has words about its head, which later formats say by their keys.
fn is_layered(metadata: &Metadata<'_>) -> Result<bool, Error> {
    Ok(match format(metadata)? {
        LAYERED_FORMAT => true,
        DCT_FORMAT | THRESHOLD_FORMAT => head::is_stated(metadata),
        _ => false,
    })
}

/// Whether the backbone is in int8, which a later format says by its keys.
fn has_integers(metadata: &Metadata<'_>) -> Result<bool, Error> {
    Ok(match format(metadata)? {
        FORMAT => false,
        INTEGER_FORMAT => true,
        _ => metadata.map.keys().any(|name| integers::is_key(name)),
    })
}

/// What a model file states of its backbone, wherever that is.
struct PinnedBackbone {
    layout: Layout,
    file_sha256: Digest,
    params_sha256: Digest,
}

impl PinnedBackbone {
    fn of(metadata: &Metadata<'_>) -> Result<Self, Error> {
        Ok(Self {
            layout: metadata.need(record_key::WEIGHTS_LAYOUT, str::parse)?,
            file_sha256: metadata.need(key::WEIGHTS_FILE_SHA256, vocabulary::digest)?,
            params_sha256: metadata.need(record_key::PARAMS_SHA256, vocabulary::digest)?,
        })
    }

    fn record(&self, metadata: &Metadata<'_>) -> Result<Record, Error> {
        metadata.record(self.layout, self.file_sha256, self.params_sha256)
    }
}

/// Whether the backbone is in the file. A tensor that belongs to no part of the model is an error.
fn is_embedded(file: &Container<'_>, metadata: &Metadata<'_>) -> Result<bool, Error> {
    let embedded = metadata.need(key::BACKBONE, |text| match text {
        EMBEDDED => Ok(true),
        PINNED => Ok(false),
        _ => Err(format!("expected '{EMBEDDED}' or '{PINNED}'")),
    })?;
    let head = head::tensor_names(metadata, is_layered(metadata)?)?;
    let stray = |name: &&str| match name.strip_prefix(HEAD_PREFIX) {
        Some(_) => !head.as_flattened().iter().any(|own| own == name),
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
    Ok(embedded)
}

/// How a photo becomes the backbone's input, as the metadata states it.
pub(super) fn preprocessing(metadata: &Metadata<'_>) -> Result<Preprocessing, Error> {
    Ok(Preprocessing {
        size: metadata.need(key::INPUT_SIZE, vocabulary::size)?,
        resize: metadata.need(key::INPUT_RESIZE, vocabulary::resize)?,
        exif: metadata.need(key::INPUT_EXIF, vocabulary::exif)?,
        dct: dct(metadata)?,
    })
}

/// How JPEGs are decoded, which one format states, a later one may, and no other does.
fn dct(metadata: &Metadata<'_>) -> Result<Dct, Error> {
    match format(metadata)? {
        DCT_FORMAT => metadata.need(key::INPUT_DCT, vocabulary::dct),
        THRESHOLD_FORMAT => Ok(metadata.get(key::INPUT_DCT, vocabulary::dct)?.unwrap_or_default()),
        _ if !metadata.map.contains_key(key::INPUT_DCT) => Ok(Dct::Accurate),
        other => Err(metadata.refuse(key::INPUT_DCT, format!("format {other} has no such key"))),
    }
}

/// From which probability on the second of two classes is told, which the latest format states and no other does.
fn stated_threshold(metadata: &Metadata<'_>) -> Result<f32, Error> {
    match format(metadata)? {
        THRESHOLD_FORMAT => metadata.need(key::THRESHOLD, threshold),
        _ if !metadata.map.contains_key(key::THRESHOLD) => Ok(DEFAULT_THRESHOLD),
        other => Err(metadata.refuse(key::THRESHOLD, format!("format {other} has no such key"))),
    }
}

fn classes(text: &str) -> Result<Vec<String>, String> {
    let classes: Vec<String> =
        serde_json::from_str(text).map_err(|_| "expected a JSON array of texts".to_owned())?;
    check_classes(&classes)?;
    Ok(classes)
}

fn temperature(text: &str) -> Result<f32, String> {
    let temperature = text.parse().map_err(|_| "expected a number".to_owned())?;
    check_temperature(temperature)?;
    Ok(temperature)
}

fn threshold(text: &str) -> Result<f32, String> {
    let threshold = text.parse().map_err(|_| "expected a number".to_owned())?;
    check_threshold(threshold)?;
    Ok(threshold)
}

fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Refuses a head, classes or preprocessing that are not those whose hash the file states.
fn check_head(file: &Container<'_>, metadata: &Metadata<'_>) -> Result<(), Error> {
    let mut tensors = Vec::new();
    for name in file.names().filter(|name| seal::is_of_head(name)) {
        tensors.push((name, file.tensor(name)?));
    }
    let tensors = tensors.iter().map(|(name, tensor)| (*name, (tensor.shape(), tensor.data())));
    seal::check_head(metadata, &tensors.collect())
}
