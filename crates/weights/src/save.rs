//! Saving opened weights as one safetensors file with Keras' names, classification top and whole record included.
//! Opening that file gives the same net and the same record, whatever the container and the layout were before.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use crate::params_digest::for_each_le_chunk;
use crate::record::{Metadata, key};
use crate::{Error, Layout, Weights, safetensors};

/// Where the weights came from: the hash of the file that they were opened from. Told, not read.
const WEIGHTS_FILE_SHA256: &str = "weights_file_sha256";

impl Weights {
    /// Writes the weights to a safetensors file at `path` in one step: a reader finds the old file or the whole new
    /// one. The same weights always give the same bytes.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written; [`Error::Metadata`] if the record holds a value that could not
    /// be read back.
    #[cfg(feature = "files")]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let header = self.header(path)?;
        Ok(icecap_foundation::atomic_file::replace_file(path, |mut out| self.write(&header, &mut out))?)
    }

    /// Returns the bytes of the file that `Weights::save` writes.
    ///
    /// # Errors
    /// Those of `Weights::save`, except for what only a file can do.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let path = Path::new("the weights");
        let mut bytes = Vec::new();
        let failed = |error: std::io::Error| Error::Model { path: path.into(), reason: error.to_string() };
        self.write(&self.header(path)?, &mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn header(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let metadata = self.metadata();
        // What was written must be readable: the reader's own checks, on the same texts.
        let texts = Metadata { path, map: &metadata };
        texts.record_of(
            self.record.layout,
            &self.params,
            self.record.file_sha256,
            self.record.params_sha256,
        )?;
        let tensors: Vec<_> = self
            .params
            .tensors()
            .map(|(name, tensor)| (name, safetensors::Element::F32, tensor.shape()))
            .collect();
        let header = safetensors::header(&metadata, &tensors);
        safetensors::check_header_length(path, header.len())?;
        Ok(header)
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        let mut metadata = self.record.to_metadata();
        // The layout of this file's names; the one that the weights were published in is kept beside it.
        metadata.insert(key::LAYOUT.to_owned(), Layout::Keras.to_string());
        metadata.insert(key::WEIGHTS_LAYOUT.to_owned(), self.record.layout.to_string());
        metadata.insert(WEIGHTS_FILE_SHA256.to_owned(), self.record.file_sha256.to_string());
        metadata
    }

    fn write(&self, header: &[u8], out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(header)?;
        for (_, tensor) in self.params.tensors() {
            let mut result = Ok(());
            for_each_le_chunk(tensor.data(), |bytes| {
                if result.is_ok() {
                    result = out.write_all(bytes);
                }
            });
            result?;
        }
        Ok(())
    }
}
