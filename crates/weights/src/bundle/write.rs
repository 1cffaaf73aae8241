//! Saving a model. The same model always gives the same bytes: nothing in the file depends on the time, the
//! machine or the order of a hash map.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use icecap_kernels::Shape;
use icecap_kernels::jpeg::Dct;

use super::read::preprocessing;
use super::{
    BackbonePart, DCT_FORMAT, DEFAULT_THRESHOLD, EMBEDDED, FORMAT, INTEGER_FORMAT, LAYERED_FORMAT, Model,
    PINNED, THRESHOLD_FORMAT, head, integers, key, seal,
};
use crate::integers::{Payload, tensors as integer_tensors};
use crate::params_digest::for_each_le_chunk;
use crate::record::{Metadata, key as record_key};
use crate::{Error, Layout, integers_digest, params_digest, safetensors, vocabulary};

impl Model {
    /// Writes the model file at `path` in one step: a reader finds the old file or the whole new one.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written; [`Error::Model`] if the parts of the model do not fit each other
    /// or the head holds values that are no numbers; [`Error::Limit`] if the class names do not fit the header.
    #[cfg(feature = "files")]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let header = self.header(path)?;
        Ok(icecap_foundation::atomic_file::replace_file(path, |mut out| self.write(&header, &mut out))?)
    }

    /// Returns the bytes of the model file that `Model::save` writes.
    ///
    /// # Errors
    /// Those of `Model::save`, except for what only a file can do.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let path = Path::new("the model");
        let header = self.header(path)?;
        let mut bytes = Vec::new();
        let failed = |error: std::io::Error| Error::Model { path: path.into(), reason: error.to_string() };
        self.write(&header, &mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn header(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let refuse = |reason| Error::Model { path: path.into(), reason };
        self.check().map_err(refuse)?;
        self.check_record().map_err(refuse)?;
        let mut metadata = self.metadata();
        // What was written must be readable: the reader's own checks, on the same texts.
        let texts = Metadata { path, map: &metadata };
        texts.record(self.record.layout, self.record.file_sha256, self.record.params_sha256)?;
        preprocessing(&texts)?;
        let tensors = self.tensors();
        seal(&tensors, &mut metadata);
        let tensors: Vec<_> =
            tensors.iter().map(|(name, (shape, values))| (name.as_ref(), values.element(), *shape)).collect();
        let header = safetensors::header(&metadata, &tensors);
        safetensors::check_header_length(path, header.len())?;
        Ok(header)
    }

    /// The record must belong to the backbone: the file states it, and the reader checks it.
    fn check_record(&self) -> Result<(), String> {
        let stated = self.record.params_sha256;
        let (got, numerics) = match &self.backbone {
            BackbonePart::Pinned(pinned) => (*pinned, &self.record.numerics),
            BackbonePart::Embedded(params) => (params_digest(params), params.numerics()),
            BackbonePart::Integers(backbone) => (stated, &backbone.net.numerics),
            BackbonePart::PinnedIntegers(..) => {
                return Err(
                    "a model in int8 is saved with its net inside, and this one is elsewhere".to_owned()
                );
            }
        };
        if let BackbonePart::Integers(backbone) = &self.backbone
            && integers_digest(&backbone.net) != backbone.sha256
        {
            return Err(format!("the hash of the integers is not {}", backbone.sha256));
        }
        if got != stated {
            return Err(format!("the backbone's params_sha256 is {got}, and the record says {stated}"));
        }
        if *numerics != self.record.numerics {
            return Err("the record's epsilon, padding or scaling is not the backbone's".to_owned());
        }
        Ok(())
    }

    fn write(&self, header: &[u8], out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(header)?;
        for (_, values) in self.tensors().into_values() {
            let Payload::F32(values) = values else {
                out.write_all(&values.to_le_bytes())?;
                continue;
            };
            let mut result = Ok(());
            for_each_le_chunk(values, |bytes| {
                if result.is_ok() {
                    result = out.write_all(bytes);
                }
            });
            result?;
        }
        Ok(())
    }

    /// Shape and values of every tensor of the file by name.
    fn tensors(&self) -> BTreeMap<Cow<'_, str>, (Shape, Payload<'_>)> {
        let mut tensors = BTreeMap::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let kernel = (layer.kernel.shape(), Payload::F32(layer.kernel.data()));
            let bias = (Shape::of([layer.bias.len()]), Payload::F32(&layer.bias));
            tensors.insert(Cow::Owned(self.tensor_name(index, "kernel")), kernel);
            tensors.insert(Cow::Owned(self.tensor_name(index, "bias")), bias);
        }
        match &self.backbone {
            BackbonePart::Embedded(params) => {
                tensors.extend(params.backbone_tensors().map(|(name, tensor)| {
                    (Cow::Borrowed(name), (tensor.shape(), Payload::F32(tensor.data())))
                }))
            }
            BackbonePart::Integers(backbone) => {
                let all = integer_tensors(&backbone.net).into_iter();
                tensors.extend(all.map(|tensor| (Cow::Owned(tensor.name), (tensor.shape, tensor.values))));
            }
            BackbonePart::Pinned(_) | BackbonePart::PinnedIntegers(..) => {}
        }
        tensors
    }

    /// Everything that the file states beside its tensors.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = self.record.to_metadata();
        // The layout of this file's names; the backbone's own is kept beside it.
        metadata.insert(record_key::LAYOUT.to_owned(), Layout::Keras.to_string());
        let backbone = match self.backbone {
            BackbonePart::Embedded(_) | BackbonePart::Integers(_) => EMBEDDED,
            BackbonePart::Pinned(_) | BackbonePart::PinnedIntegers(..) => PINNED,
        };
        let layered = head::is_layered(&self.layers, self.multi_label);
        let format = match self.backbone {
            _ if self.threshold != DEFAULT_THRESHOLD => THRESHOLD_FORMAT,
            _ if self.preprocessing.dct != Dct::default() => DCT_FORMAT,
            _ if layered => LAYERED_FORMAT,
            BackbonePart::Integers(_) => INTEGER_FORMAT,
            _ => FORMAT,
        };
        let input = &self.preprocessing;
        for (key, value) in [
            (key::FORMAT, format.to_string()),
            (key::CLASSES, serde_json::Value::from(self.classes.clone()).to_string()),
            (key::BACKBONE, backbone.to_owned()),
            (key::INPUT_SIZE, vocabulary::size_text(input.size)),
            (key::INPUT_RESIZE, input.resize.clone()),
            (key::INPUT_EXIF, input.exif.clone()),
            (key::WEIGHTS_FILE_SHA256, self.record.file_sha256.to_string()),
            (record_key::WEIGHTS_LAYOUT, self.record.layout.to_string()),
            (key::TOOL_VERSION, self.tool_version.clone()),
            (key::DATA_FINGERPRINT, self.data_fingerprint.clone()),
        ] {
            metadata.insert(key.to_owned(), value);
        }
        if let BackbonePart::Integers(backbone) = &self.backbone {
            integers::state(backbone, &mut metadata);
        }
        if layered {
            head::state(&self.layers, self.multi_label, &mut metadata);
        }
        // A file that says nothing of these stays as it was before there were such keys.
        if input.dct != Dct::default() {
            metadata.insert(key::INPUT_DCT.to_owned(), input.dct.to_string());
        }
        if self.temperature != 1.0 {
            metadata.insert(key::TEMPERATURE.to_owned(), self.temperature.to_string());
        }
        if self.threshold != DEFAULT_THRESHOLD {
            metadata.insert(key::THRESHOLD.to_owned(), self.threshold.to_string());
        }
        if let Some(novelty) = &self.novelty {
            novelty.state(&mut metadata);
        }
        for (name, value) in &self.training {
            metadata.insert(format!("{}{name}", key::TRAINING_PREFIX), value.clone());
        }
        metadata
    }
}

/// States the hash of the head and the checksum of all values.
fn seal(tensors: &BTreeMap<Cow<'_, str>, (Shape, Payload<'_>)>, metadata: &mut BTreeMap<String, String>) {
    let mut head = seal::HeadTensors::new();
    let mut checksum = crc32fast::Hasher::new();
    for (name, (shape, values)) in tensors {
        match values {
            Payload::F32(values) => {
                for_each_le_chunk(values, |bytes| checksum.update(bytes));
                if seal::is_of_head(name) {
                    head.insert(name, (*shape, values));
                }
            }
            other => checksum.update(&other.to_le_bytes()),
        }
    }
    metadata.insert(seal::HEAD_SHA256.to_owned(), seal::head_digest(metadata, &head).to_string());
    metadata.insert(seal::VALUES_CRC32.to_owned(), seal::checksum_text(checksum.finalize()));
}
