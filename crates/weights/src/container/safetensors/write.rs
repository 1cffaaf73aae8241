//! Writing a header.

use std::collections::BTreeMap;
use std::path::Path;

use icecap_kernels::Shape;
use serde::{Serialize, Serializer};

use super::{MAX_HEADER, METADATA, PREFIX};
use crate::Error;
use crate::container::{Element, limit};

/// Returns the bytes that stand before the data of a file with these tensors: the values must follow in the order
/// given.
///
/// The same content always gives the same bytes: metadata stands in the order of its keys. The header is padded
/// with spaces so that the data starts at a multiple of 8.
#[must_use]
pub fn header(metadata: &BTreeMap<String, String>, tensors: &[(&str, Element, Shape)]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Item<'a> {
        Metadata(&'a BTreeMap<String, String>),
        Tensor { dtype: &'static str, shape: &'a [usize], data_offsets: [usize; 2] },
    }
    let mut end = 0;
    let tensors = tensors.iter().map(|(name, element, shape)| {
        let from = end;
        end += shape.elements() * element.size();
        (*name, Item::Tensor { dtype: element.name(), shape: shape.dims(), data_offsets: [from, end] })
    });
    let items = std::iter::once((METADATA, Item::Metadata(metadata))).chain(tensors);
    let mut bytes = vec![0; PREFIX];
    // Writing texts and numbers into memory has no way to fail.
    let written = serde_json::Serializer::new(&mut bytes).collect_map(items);
    debug_assert!(written.is_ok());
    pad_header(&mut bytes, PREFIX);
    bytes
}

/// Pads the bytes that [`header`] returned with spaces to at least `length` bytes in all, for a file whose data was
/// written before its header was known.
pub fn pad_header(header: &mut Vec<u8>, length: usize) {
    header.resize(header.len().max(length).next_multiple_of(PREFIX), b' ');
    let text = (header.len() - PREFIX) as u64;
    header[..PREFIX].copy_from_slice(&text.to_le_bytes());
}

/// Checks that [`parse`](super::parse) would read a header of `length` bytes, the eight bytes of its length included.
/// `path` is what the error calls the file.
///
/// # Errors
/// [`Error::Limit`] if the header is longer than [`MAX_HEADER`].
pub fn check_header_length(path: &Path, length: usize) -> Result<(), Error> {
    limit(path, "bytes of header", length.saturating_sub(PREFIX) as u64, MAX_HEADER)
}
