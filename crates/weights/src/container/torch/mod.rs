//! What `torch.save` writes: a pickle that describes tensors, and their values beside it.
//!
//! ```text
//! zip:     NAME/data.pkl | NAME/byteorder | NAME/data/0 | NAME/data/1 | …
//! before:  pickles of magic, version, system, the object, the storages' keys | (u64 count | values)…
//! ```
//!
//! Only data is read (see [`pickle`]). A dict of tensors by name is what is wanted, under whatever key a checkpoint has it
//! (see [`dicts`]); a whole module, which only running its class could make, is refused by its class.
//!
//! # Source
//! `torch/serialization.py` for both forms; files written by it.

mod calls;
mod dicts;
mod pickle;
mod program;
mod reader;
mod storage;
mod tensors;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use icecap_foundation::shown::escaped;

use super::{Container, ContainerKind, MAX_FILE, limit, zip};
use crate::Error;
use pickle::Pickle;
use reader::Reader;
use storage::{Order, Stored};
use tensors::Tensors;
use value::Value;

/// The longest pickle, in bytes.
const MAX_PICKLE: u64 = 16 << 20;
/// A number that the first pickle of an older file holds, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Bytes in which it stands, and that every such file has.
const SHORTEST: usize = 64;
/// The version that the second one holds.
const VERSION: i64 = 1001;

/// Whether a file starts as a pickle does.
pub(super) fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// Checks a zip archive that `torch.save` wrote. Errors name it by `path`.
///
/// # Errors
/// [`Error::Limit`], [`Error::Container`], [`Error::Pickle`], [`Error::Tensor`].
pub(super) fn parse_zip<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let reader = Reader { path, kind: ContainerKind::TorchZip, length: bytes.len() as u64 };
    limit(path, "bytes", reader.length, MAX_FILE)?;
    program::check(bytes, path)?;
    let folder_of = |name: &'a str| name.strip_suffix("/data.pkl").filter(|folder| !folder.contains('/'));
    let entries = |wanted: &dyn Fn(&str) -> bool| zip::entries(bytes, path, reader.kind, wanted);
    let described = entries(&|name| name.ends_with("/data.pkl"))?;
    let mut pickles = described.iter().filter(|entry| folder_of(entry.name).is_some());
    let (Some(described_by), None) = (pickles.next(), pickles.next()) else {
        return Err(reader.damaged(0, "no NAME/data.pkl stands in the archive, or more than one".to_owned()));
    };
    let folder = folder_of(described_by.name).unwrap_or_default();
    limit(path, "bytes of pickle", described_by.bytes.len() as u64, MAX_PICKLE)?;
    // Not kept beside the values: unpacked, it could be as large as they.
    let order = entries(&|name| name.strip_prefix(folder) == Some("/byteorder"))?;
    let order = match order.first().map(|entry| (&*entry.bytes, entry.offset)) {
        None | Some((b"little", _)) => Order::Little,
        Some((b"big", _)) => Order::Big,
        Some((_, at)) => {
            return Err(reader.damaged(at, "the byte order is neither little nor big".to_owned()));
        }
    };
    let text = &described_by.bytes;
    // Places inside a compressed pickle are no places of the file.
    let step = usize::from(matches!(text, Cow::Borrowed(_)));
    let place = |at: usize| described_by.offset + (at * step) as u64;
    let pickle = pickle::load(text).map_err(|why| reader.refusal(why, &place))?;
    let key_of = |name: &'a str| name.strip_prefix(folder).and_then(|name| name.strip_prefix("/data/"));
    let keys: BTreeMap<&str, usize> =
        pickle.storages.iter().enumerate().map(|(index, storage)| (storage.key, index)).collect();
    let prefix = format!("{folder}/data/");
    let found = entries(&|name| name.strip_prefix(&*prefix).is_some_and(|key| keys.contains_key(key)))?;
    let mut stored: Vec<Option<Stored<'a>>> = pickle.storages.iter().map(|_| None).collect();
    for entry in found {
        if let Some(index) = key_of(entry.name).and_then(|key| keys.get(key)) {
            stored[*index] = Some(Stored { offset: entry.offset, bytes: entry.bytes });
        }
    }
    Tensors { pickle: &pickle, stored: &stored, order, start: place(0) }.container(&reader)
}

/// Checks a file as `torch.save` wrote it before version 1.6. Errors name it by `path`.
///
/// # Errors
/// Those of [`parse_zip`].
pub(super) fn parse_pickle<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let reader = Reader { path, kind: ContainerKind::TorchPickle, length: bytes.len() as u64 };
    limit(path, "bytes", reader.length, MAX_FILE)?;
    if bytes.len() >= SHORTEST && !bytes[..SHORTEST].windows(MAGIC.len()).any(|window| window == MAGIC) {
        let state = format!("pickle.load(open('{}', 'rb'))", escaped(path));
        return Err(Error::Foreign {
            path: path.into(),
            what: "a pickle that `torch.save` did not write".to_owned(),
            advice: format!(
                "if you trust it, save its tensors in Python: `import pickle, torch` and `torch.save({{k: torch.as_tensor(v) for k, \
                 v in {state}.items()}}, 'weights.pth')`"
            ),
        });
    }
    let mut at = 0;
    let mut next = |what: &str, right: &dyn Fn(&Pickle<'a>) -> bool| {
        let start = at;
        let text = &bytes[start..bytes.len().min(start + MAX_PICKLE as usize)];
        let place = |at: usize| (start + at) as u64;
        let pickle = pickle::load(text).map_err(|why| reader.refusal(why, &place))?;
        if !right(&pickle) {
            return Err(reader.damaged(start as u64, format!("no {what} of PyTorch's stands")));
        }
        at = start + pickle.length;
        Ok((start, pickle))
    };
    let root = |pickle: &Pickle<'a>| pickle.values[pickle.root as usize].clone();
    next("magic number", &|pickle| matches!(root(pickle), Value::Long(number) if number == MAGIC))?;
    next("format version", &|pickle| matches!(root(pickle), Value::Int(VERSION)))?;
    next("record of the system", &|pickle| matches!(root(pickle), Value::Dict(_)))?;
    let (start, pickle) = next("object", &|_| true)?;
    let (keys_at, keys) = next("list of storages", &|pickle| matches!(root(pickle), Value::List(_)))?;
    let keys = storage::keys(&keys).ok_or_else(|| {
        reader.damaged(keys_at as u64, "the list of storages holds what is no text".to_owned())
    })?;
    let stored = storage::in_sequence(&reader, bytes, at, &pickle, &keys)?;
    // Counts and values are little-endian, whatever the system was.
    let order = Order::Little;
    Tensors { pickle: &pickle, stored: &stored, order, start: start as u64 }.container(&reader)
}
