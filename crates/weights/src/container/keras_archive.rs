//! Keras' `.keras` archive: a zip around `config.json`, `metadata.json` and the HDF5 file with the weights.
//!
//! Keras stores the weights as they are, so they are borrowed from the archive and errors count from its start. An
//! archive that was packed anew may have them deflated: they are unpacked, and places then count from the start of
//! the unpacked file.

use std::borrow::Cow;
use std::path::Path;

use super::{Container, ContainerKind, Entry, Values, hdf5, limit, zip};
use crate::Error;

/// The entry with the weights.
const WEIGHTS: &str = "model.weights.h5";
/// The entry with the description of the model.
const CONFIG: &str = "config.json";
/// What that is called in the metadata, as in the HDF5 file of a whole model.
const CONFIG_KEY: &str = "model_config";
/// The longest such text, in bytes.
const MAX_CONFIG: u64 = 16 << 20;
/// How much of an archive's end is looked at for that name: a directory of a few entries and the end record.
const TAIL: usize = 1 << 16;

/// Whether a file is a zip archive whose directory seems to have the weights.
pub(super) fn is(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    bytes.starts_with(zip::MAGIC) && tail.windows(WEIGHTS.len()).any(|name| name == WEIGHTS.as_bytes())
}

/// Checks the archive and the file in it. Errors name it by `path`.
pub(super) fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let kind = ContainerKind::KerasArchive;
    let config = config(bytes, path)?;
    let entries = zip::entries(bytes, path, kind, |name| name == WEIGHTS)?;
    let Some(entry) = entries.into_iter().find(|entry| entry.name == WEIGHTS) else {
        let reason = format!("the archive has no entry '{WEIGHTS}'");
        return Err(Error::Container { path: path.into(), kind, offset: bytes.len() as u64, reason });
    };
    match entry.bytes {
        Cow::Borrowed(weights) => {
            // The entry lies within the archive: that was checked.
            let start = entry.offset as usize;
            let mut file = hdf5::parse_from(&bytes[..start + weights.len()], path, start)?;
            file.metadata.extend(config);
            Ok(Container { kind, ..file })
        }
        Cow::Owned(weights) => {
            let mut file = hdf5::parse_from(&weights, path, 0)?;
            file.metadata.extend(config);
            let entries = file.entries.into_iter().map(|(name, entry)| (name, entry.into_owned()));
            Ok(Container::new(path, kind, file.metadata, entries.collect()))
        }
    }
}

/// The description of the model, where the archive has one.
fn config(bytes: &[u8], path: &Path) -> Result<Option<(String, String)>, Error> {
    let kind = ContainerKind::KerasArchive;
    let entries = zip::entries(bytes, path, kind, |name| name == CONFIG)?;
    let Some(entry) = entries.into_iter().next() else { return Ok(None) };
    limit(path, "bytes of config.json", entry.bytes.len() as u64, MAX_CONFIG)?;
    let text = std::str::from_utf8(&entry.bytes).map_err(|error| Error::Container {
        path: path.into(),
        kind,
        offset: entry.offset + error.valid_up_to() as u64,
        reason: format!("'{CONFIG}' is not UTF-8"),
    })?;
    Ok(Some((CONFIG_KEY.to_owned(), text.to_owned())))
}

impl Entry<'_> {
    /// The same, with its values copied.
    fn into_owned(self) -> Entry<'static> {
        let values = match self.values {
            Values::F32(bytes) => Values::F32(Cow::Owned(bytes.into_owned())),
            Values::Other(name) => Values::Other(name),
        };
        Entry { values, ..self }
    }
}
