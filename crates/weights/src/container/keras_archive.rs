//! Keras' `.keras` archive: a zip around `config.json`, `metadata.json` and the HDF5 file with the weights.
//!
//! Keras stores the weights as they are, so they are borrowed from the archive and errors count from its start. An
//! archive that was packed anew may have them deflated: they are unpacked, and places then count from the start of
//! the unpacked file. All may stand in a folder, as where an unpacked archive's folder was packed.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use super::zip::{self, ZipEntry};
use super::{Container, ContainerKind, Entry, MAX_MODEL_CONFIG, MODEL_CONFIG, Values, hdf5, limit};
use crate::Error;

/// The entry with the weights.
const WEIGHTS: &str = "model.weights.h5";
/// The entry with the description of the model.
const CONFIG: &str = "config.json";
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
    let folder = folder(bytes, path)?;
    let is = |name: &str, wanted: &str| name.strip_prefix(&*folder) == Some(wanted);
    // Together, so that one limit holds for what both unpack to.
    let mut entries = zip::entries(bytes, path, kind, |name| is(name, WEIGHTS) || is(name, CONFIG))?;
    let config = entries.iter().position(|entry| is(entry.name, CONFIG));
    let config = config.map(|index| entries.swap_remove(index));
    let config = config.map(|entry| config_text(&entry, path)).transpose()?;
    let Some(entry) = entries.pop() else {
        let reason = format!("the archive has no entry '{WEIGHTS}'");
        return Err(Error::Container { path: path.into(), kind, offset: bytes.len() as u64, reason });
    };
    let mut file = match entry.bytes {
        Cow::Borrowed(weights) => {
            // The entry lies within the archive: that was checked.
            let start = entry.offset as usize;
            Container { kind, ..hdf5::parse_from(&bytes[..start + weights.len()], path, start)? }
        }
        Cow::Owned(weights) => {
            let file = hdf5::parse_from(&weights, path, 0)?;
            let entries = file.entries.into_iter().map(|(name, entry)| (name, entry.into_owned()));
            Container::new(path, kind, file.metadata, entries.collect())
        }
    };
    file.metadata.extend(config.map(|text| (MODEL_CONFIG.to_owned(), text)));
    Ok(file)
}

/// The folder with the weights, up to its `/`: the outermost one, or the only one.
fn folder(bytes: &[u8], path: &Path) -> Result<String, Error> {
    let folders = RefCell::new(BTreeSet::new());
    drop(zip::entries(bytes, path, ContainerKind::KerasArchive, |name| {
        let folder = name.strip_suffix(WEIGHTS).filter(|folder| folder.is_empty() || folder.ends_with('/'));
        // What the packer of one system puts beside each file.
        folders
            .borrow_mut()
            .extend(folder.filter(|folder| !folder.starts_with("__MACOSX/")).map(str::to_owned));
        false
    })?);
    let mut all = folders.into_inner().into_iter();
    Ok(match (all.next(), all.next()) {
        (Some(only), None) => only,
        _ => String::new(),
    })
}

/// The description of the model.
fn config_text(entry: &ZipEntry<'_>, path: &Path) -> Result<String, Error> {
    limit(path, "bytes of config.json", entry.bytes.len() as u64, MAX_MODEL_CONFIG)?;
    match std::str::from_utf8(&entry.bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Error::Container {
            path: path.into(),
            kind: ContainerKind::KerasArchive,
            offset: entry.offset + error.valid_up_to() as u64,
            reason: format!("'{CONFIG}' is not UTF-8"),
        }),
    }
}

impl Entry<'_> {
    /// This entry with its values copied, so that it borrows nothing.
    fn into_owned(self) -> Entry<'static> {
        let values = match self.values {
            Values::F32(bytes) => Values::F32(Cow::Owned(bytes.into_owned())),
            Values::Typed(element, bytes) => Values::Typed(element, Cow::Owned(bytes.into_owned())),
            Values::Other(name) => Values::Other(name),
        };
        Entry { values, ..self }
    }
}
