//! Storages: runs of values that tensors look into.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::pickle::Pickle;
use super::reader::Reader;
use super::value::Value;
use crate::Error;
use crate::shown::shown;

/// The order of a value's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

/// A storage's bytes.
pub(super) struct Stored<'a> {
    /// Where they stand in the file.
    pub(super) offset: u64,
    pub(super) bytes: Cow<'a, [u8]>,
}

/// The texts in a pickled list, where it holds nothing else.
pub(super) fn keys<'a>(pickle: &Pickle<'a>) -> Option<Vec<&'a str>> {
    let Value::List(list) = &pickle.values[pickle.root as usize] else { return None };
    let text = |id: &u32| match &pickle.values[*id as usize] {
        Value::Text(key) => Some(*key),
        _ => None,
    };
    list.iter().map(text).collect()
}

/// The storages of an older file: from byte `at` on, in the order of `keys`, each after its own count.
pub(super) fn in_sequence<'a>(
    reader: &Reader<'_>,
    bytes: &'a [u8],
    mut at: usize,
    pickle: &Pickle<'a>,
    keys: &[&str],
) -> Result<Vec<Option<Stored<'a>>>, Error> {
    let places: BTreeMap<&str, usize> =
        pickle.storages.iter().enumerate().map(|(index, storage)| (storage.key, index)).collect();
    let mut stored: Vec<Option<Stored<'a>>> = pickle.storages.iter().map(|_| None).collect();
    let mut seen = BTreeSet::new();
    for key in keys {
        let refuse = |why: &str| Err(reader.damaged(at as u64, format!("storage '{}' {why}", shown(key))));
        let Some(&index) = places.get(key) else { return refuse("belongs to no tensor") };
        if !seen.insert(index) {
            return refuse("stands twice");
        }
        let storage = pickle.storages[index];
        let Some((count, rest)) = bytes[at..].split_first_chunk() else {
            return refuse("is missing; the file is cut short");
        };
        if u64::from_le_bytes(*count) != storage.count {
            return refuse("has another length than its tensors were told");
        }
        let length = storage.count.checked_mul(storage.element.size());
        let values = length.and_then(|length| rest.get(..usize::try_from(length).ok()?));
        let Some(values) = values else { return refuse("is longer than the file; it is cut short") };
        let start = at + count.len();
        stored[index] = Some(Stored { offset: start as u64, bytes: Cow::Borrowed(values) });
        at = start + values.len();
    }
    if at != bytes.len() {
        let reason = format!("{} bytes belong to no storage", bytes.len() - at);
        return Err(reader.damaged(at as u64, reason));
    }
    Ok(stored)
}
