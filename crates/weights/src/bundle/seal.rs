//! What tells a damaged or changed head: a hash of all that a model's answers depend on beside its backbone, which has a
//! hash of its own. And a checksum of all values, for those who take the backbone from elsewhere and never look at the file's.

use std::collections::BTreeMap;

use icecap_kernels::Shape;

use super::key;
use crate::layout::HEAD_PREFIX;
use crate::params_digest::for_each_le_chunk;
use crate::record::{Metadata, key as record_key};
use crate::{Digest, Error, vocabulary};

/// The metadata keys.
pub(super) const HEAD_SHA256: &str = "head_sha256";
pub(super) const VALUES_CRC32: &str = "values_crc32";

/// The metadata that the hash covers, in byte order.
const COVERED: [&str; 16] = [
    key::BACKBONE,
    record_key::EPSILON,
    key::CLASSES,
    key::FORMAT,
    "head_activations",
    "head_output",
    key::INPUT_DCT,
    key::INPUT_EXIF,
    key::INPUT_RESIZE,
    key::INPUT_SIZE,
    "integers_sha256",
    record_key::PADDING,
    record_key::PARAMS_SHA256,
    record_key::SCALING,
    key::TEMPERATURE,
    key::THRESHOLD,
];

/// The tensors of a head by name.
pub(super) type HeadTensors<'a> = BTreeMap<&'a str, (Shape, &'a [f32])>;

/// Whether a tensor is of the head.
pub(super) fn is_of_head(name: &str) -> bool {
    name.starts_with(HEAD_PREFIX)
}

/// The hash of a head and of what it is used with.
pub(super) fn head_digest(metadata: &BTreeMap<String, String>, tensors: &HeadTensors<'_>) -> Digest {
    let mut bytes = b"icecap head 1\n".to_vec();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    for (key, value) in COVERED.iter().filter_map(|&key| Some((key, metadata.get(key)?))) {
        text(&mut bytes, key);
        text(&mut bytes, value);
    }
    for (name, (shape, values)) in tensors {
        text(&mut bytes, name);
        bytes.extend((shape.rank() as u32).to_le_bytes());
        shape.dims().iter().for_each(|&side| bytes.extend((side as u64).to_le_bytes()));
        for_each_le_chunk(values, |chunk| bytes.extend(chunk));
    }
    Digest::of(&bytes)
}

/// Refuses a head that is not the one whose hash the file states, if it states one.
pub(super) fn check_head(metadata: &Metadata<'_>, tensors: &HeadTensors<'_>) -> Result<(), Error> {
    let Some(stated) = metadata.get(HEAD_SHA256, vocabulary::digest)? else { return Ok(()) };
    match head_digest(metadata.map, tensors) {
        got if got == stated => Ok(()),
        got => {
            let reason = format!(
                "head, classes and preprocessing hash to {got}; the file is damaged or was changed, copy it again"
            );
            Err(metadata.refuse(HEAD_SHA256, reason))
        }
    }
}

/// Refuses values whose checksum, of all bytes behind the header, is not the one that the file states, if it states one.
#[cfg(feature = "files")]
pub(super) fn check_values(metadata: &Metadata<'_>, checksum: impl FnOnce() -> u32) -> Result<(), Error> {
    let number = |text: &str| {
        u32::from_str_radix(text, 16).map_err(|_| "expected eight hexadecimal digits".to_owned())
    };
    let Some(stated) = metadata.get(VALUES_CRC32, number)? else { return Ok(()) };
    match checksum() {
        got if got == stated => Ok(()),
        got => {
            let got = checksum_text(got);
            let reason = format!("that of the values is {got}; the file is damaged, copy it again");
            Err(metadata.refuse(VALUES_CRC32, reason))
        }
    }
}

/// A checksum as the file states it.
pub(super) fn checksum_text(checksum: u32) -> String {
    format!("{checksum:08x}")
}
