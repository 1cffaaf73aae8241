//! The ways to open a weight file: by path or from memory, with its net packed for inference or without.
//!
//! | | by path | from memory | compiled in |
//! |---|---|---|---|
//! | checked, hashed | [`read`], [`read_on`] | [`from_bytes`] | [`starter`] |
//! | and packed, to run it | [`open`] | [`open_bytes`] | [`open_starter`] |
//!
//! Of a file that the built-in [`Manifest`] lists by its hash, the record takes from there what the file does not state.

#[cfg(feature = "files")]
use std::path::Path;

use icecap_graph::{Precision, Scaling};
#[cfg(feature = "files")]
use icecap_kernels::FileBytes;
use icecap_kernels::Threads;

#[cfg(feature = "files")]
use crate::container::{MAX_FILE, foreign_folder};
use crate::derived::Packing;
use crate::reading::{Known, Reading};
use crate::{Choices, Error, Manifest, Opened, Weights};

/// Reads a pixel scaling as records write it: `-1..1`, `mean R,G,B std R,G,B` or `scale R,G,B shift R,G,B`.
///
/// # Errors
/// A sentence that says which texts are read.
pub fn parse_scaling(text: &str) -> Result<Scaling, String> {
    crate::vocabulary::scaling(text)
}

/// Writes a pixel scaling as [`parse_scaling`] reads it, to the same bits.
#[must_use]
pub fn format_scaling(scaling: &Scaling) -> String {
    crate::vocabulary::scaling_text(scaling)
}

/// Reads and checks the weight file, or the model file with its backbone, at `path`, on the caller's thread. The net is
/// not packed.
///
///
/// # Errors
/// An [`Error`] that names the file, and the tensor, key or byte that is wrong.
///
/// # Cost
/// One SHA-256 pass over the file and one over the net, and one copy.
#[cfg(feature = "files")]
pub fn read(path: impl AsRef<Path>) -> Result<Weights, Error> {
    read_on(path, &Threads::serial())
}

/// Reads and checks a weight file as [`read`] does, with the copying and the hashes shared among `threads`.
///
/// # Errors
/// Those of [`read`].
#[cfg(feature = "files")]
pub fn read_on(path: impl AsRef<Path>, threads: &Threads) -> Result<Weights, Error> {
    read_with(path, Choices::default(), threads)
}

/// Reads and checks a weight file as [`read_on`] does, and takes what was chosen of it.
///
/// # Errors
/// Those of [`read`]; [`Error::NoAverages`] where averaged weights are asked of a file that has none.
#[cfg(feature = "files")]
pub fn read_with(path: impl AsRef<Path>, choices: Choices, threads: &Threads) -> Result<Weights, Error> {
    let path = path.as_ref();
    if path.is_dir() {
        return Err(foreign_folder(path));
    }
    let bytes = FileBytes::read(path, MAX_FILE)?;
    Ok(by_hash(path, threads, &Manifest::built_in).with(choices).read(&bytes, Packing::Skipped)?.0)
}

/// Opens the weight file, or the model file with its backbone, at `path`, and packs its net for inference in
/// `precision`; for int8 it is quantized from its tensors alone. `threads` share the copying; then they hash the file, hash
/// the net and pack it at the same time.
///
///
/// # Errors
/// Those of [`read`]; [`Error::Pack`] for a net that cannot be had in `precision`.
#[cfg(feature = "files")]
pub fn open(path: impl AsRef<Path>, precision: Precision, threads: &Threads) -> Result<Opened, Error> {
    open_with(path, Choices::default(), precision, threads)
}

/// Opens a weight file as [`open`] does, and takes what was chosen of it.
///
/// # Errors
/// Those of [`open`]; [`Error::NoAverages`] where averaged weights are asked of a file that has none.
#[cfg(feature = "files")]
pub fn open_with(
    path: impl AsRef<Path>,
    choices: Choices,
    precision: Precision,
    threads: &Threads,
) -> Result<Opened, Error> {
    let path = path.as_ref();
    if path.is_dir() {
        return Err(foreign_folder(path));
    }
    let bytes = FileBytes::read(path, MAX_FILE)?;
    by_hash(path, threads, &Manifest::built_in).with(choices).open(&bytes, precision)
}

/// Reads and checks a weight file, or a model file with its backbone, held in memory. The net is not packed. Errors call
/// the file `label`.
///
/// # Errors
/// Those of `read`, except for what only a file can do.
pub fn from_bytes(bytes: &[u8], label: &str) -> Result<Weights, Error> {
    let threads = Threads::serial();
    Ok(by_hash(label.as_ref(), &threads, &Manifest::built_in).read(bytes, Packing::Skipped)?.0)
}

/// Opens a weight file, or a model file with its backbone, held in memory, and packs its net as `open` does. Errors
/// call the file `label`.
///
/// # Errors
/// Those of [`from_bytes`]; [`Error::Pack`] for a net that cannot be had in `precision`.
pub fn open_bytes(
    bytes: &[u8],
    label: &str,
    precision: Precision,
    threads: &Threads,
) -> Result<Opened, Error> {
    by_hash(label.as_ref(), threads, &Manifest::built_in).open(bytes, precision)
}

/// Reads the starter backbone that is compiled in: width 0.35, made for 96x96. It is small, and weak beside ImageNet
/// weights.
///
/// # Errors
/// None, as long as this crate's tests pass.
#[cfg(feature = "starter")]
pub fn starter() -> Result<Weights, Error> {
    from_bytes(STARTER, STARTER_LABEL)
}

/// Opens the starter backbone that is compiled in, and packs its net as [`open`] does.
///
/// # Errors
/// None, as long as this crate's tests pass.
#[cfg(feature = "starter")]
pub fn open_starter(precision: Precision, threads: &Threads) -> Result<Opened, Error> {
    open_bytes(STARTER, STARTER_LABEL, precision, threads)
}

/// The bytes of the starter backbone's file.
#[cfg(feature = "starter")]
// A static: a constant would be copied into every code unit that reads it, 1.6 MB each.
pub static STARTER: &[u8] = include_bytes!("../../../weights/starter_0.35_96.safetensors");

/// What errors call the starter backbone.
#[cfg(feature = "starter")]
const STARTER_LABEL: &str = "the starter backbone";

/// How a file is read of which nobody has said whose it is: its hash tells.
fn by_hash<'a>(
    path: &'a std::path::Path,
    threads: &'a Threads,
    manifest: &'a dyn Fn() -> Result<Manifest, Error>,
) -> Reading<'a> {
    Reading { path, known: Known::ByHash(manifest), threads, choices: Choices::default() }
}

#[cfg(feature = "starter")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::BUILT_IN;
    use crate::{Digest, Record};

    /// The starter with `metadata` for its own, and the built-in manifest with this file's hash for the starter's.
    fn starter_with(metadata: &str) -> (Vec<u8>, Manifest) {
        let length = u64::from_le_bytes(STARTER[..8].try_into().unwrap()) as usize;
        let mut header: serde_json::Value = serde_json::from_slice(&STARTER[8..8 + length]).unwrap();
        header["__metadata__"] = serde_json::from_str(metadata).unwrap();
        let mut text = header.to_string();
        text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.bytes());
        bytes.extend(&STARTER[8 + length..]);
        let old = Digest::of(STARTER).to_string();
        let listed = BUILT_IN.replace(&old, &Digest::of(&bytes).to_string());
        assert_ne!(listed, BUILT_IN, "the starter is listed");
        (bytes, Manifest::parse(&listed).unwrap())
    }

    fn record_of(bytes: &[u8], manifest: Manifest) -> Record {
        let threads = Threads::serial();
        let manifest = || Ok(manifest.clone());
        by_hash("file".as_ref(), &threads, &manifest).read(bytes, Packing::Skipped).unwrap().0.record
    }

    #[test]
    fn a_listed_file_that_states_nothing_gets_what_the_manifest_states() {
        let (bytes, manifest) = starter_with("{}");
        let record = record_of(&bytes, manifest);
        assert_eq!(record.name.as_deref(), Some("starter"));
        assert_eq!(record.licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!((record.size, record.resize.as_deref()), (Some([96; 2]), Some("squash")));
        // The built-in one lists another hash.
        let record = from_bytes(&bytes, "file").unwrap().record;
        assert_eq!((record.name, record.licence, record.size, record.resize), (None, None, None, None));
    }

    #[test]
    fn what_a_listed_file_states_stands() {
        let stated = r#"{"name": "own", "licence": "own terms", "size": "64", "resize": "center-crop 0.5"}"#;
        let (bytes, manifest) = starter_with(stated);
        let record = record_of(&bytes, manifest);
        assert_eq!((record.name.as_deref(), record.licence.as_deref()), (Some("own"), Some("own terms")));
        assert_eq!((record.size, record.resize.as_deref()), (Some([64; 2]), Some("center-crop 0.5")));
        // The starter itself states no resize rule; its entry does.
        assert_eq!(starter().unwrap().record.resize.as_deref(), Some("squash"));
    }
}
