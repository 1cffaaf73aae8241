//! A weight file opened: its net, checked, and its record.

#[cfg(feature = "files")]
use std::path::Path;

use icecap_graph::{Error as NetError, Params, Scaling};
use icecap_kernels::Threads;

use crate::container::Container;
#[cfg(feature = "files")]
use crate::container::MAX_FILE;
use crate::manifest::Entry;
use crate::params_digest::digests_while;
use crate::record::{Metadata, key};
use crate::{Digest, Error, Layout, Manifest, Record, layout, params_digest};

/// A net as it was trained, and what is known of it.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Its tensors, epsilon, padding and pixel scaling. Every name, shape and value was checked.
    pub params: Params,
    /// Where it comes from and how it wants to be used.
    pub record: Record,
}

impl Weights {
    /// The same weights fed with pixels scaled as `scaling` says, whatever their file or layout states. The net is then
    /// another one, with a `params_sha256` of its own.
    ///
    /// # Errors
    /// [`icecap_graph::Error::Numerics`] for a scaling that cannot be used.
    pub fn with_scaling(mut self, scaling: Scaling) -> Result<Self, NetError> {
        self.record.numerics.scaling = scaling;
        self.params = self.params.with_numerics(self.record.numerics)?;
        self.record.params_sha256 = params_digest(&self.params);
        Ok(self)
    }
}

/// Reads a pixel scaling as records write it: `-1..1`, `mean R,G,B std R,G,B` or `scale R,G,B shift R,G,B`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_scaling(text: &str) -> Result<Scaling, String> {
    crate::vocabulary::scaling(text)
}

/// Opens the weight file, or the model file with its backbone, at `path`.
///
/// The file is mapped only while it is hashed and copied. Of a file that the built-in [`Manifest`] lists by its hash, the
/// record takes from there what the file does not state.
///
/// # Errors
/// An [`Error`] that names the file, and the tensor, key or byte that is wrong.
///
/// # Cost
/// One SHA-256 pass over the file and one over the net, and one copy.
#[cfg(feature = "files")]
pub fn open(path: impl AsRef<Path>) -> Result<Weights, Error> {
    Ok(open_while(path, &Threads::serial(), |_| ())?.0)
}

/// The same on `threads`, and while the file and the net are hashed, `prepare` makes something of the net. Where a hash
/// turns out not to be the one that is stated, that is dropped with the net.
///
/// # Errors
/// As [`open`].
#[cfg(feature = "files")]
pub fn open_while<R: Send>(
    path: impl AsRef<Path>,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(Weights, R), Error> {
    let path = path.as_ref();
    let read = |bytes: &[u8]| read(bytes, path, threads, prepare);
    icecap_kernels::with_mapped_file(path, MAX_FILE, read)?
}

/// Opens a weight file, or a model file with its backbone, held in memory. Errors call it `label`.
///
/// # Errors
/// As [`open`], except for what only a file can do.
pub fn from_bytes(bytes: &[u8], label: &str) -> Result<Weights, Error> {
    Ok(from_bytes_while(bytes, label, &Threads::serial(), |_| ())?.0)
}

/// The same on `threads`, and `prepare` as in [`open_while`].
///
/// # Errors
/// As [`from_bytes`].
pub fn from_bytes_while<R: Send>(
    bytes: &[u8],
    label: &str,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(Weights, R), Error> {
    read(bytes, label.as_ref(), threads, prepare)
}

/// The starter backbone that is compiled in: width 0.35, made for 96x96. Small, and weak beside ImageNet weights.
///
/// # Errors
/// None, as long as this crate's tests pass.
#[cfg(feature = "starter")]
pub fn starter() -> Result<Weights, Error> {
    from_bytes(STARTER, "the starter backbone")
}

/// The file of [`starter`].
#[cfg(feature = "starter")]
// A static: a constant would be copied into every code unit that reads it, 1.6 MB each.
pub static STARTER: &[u8] = include_bytes!("../../../weights/starter_0.35_96.safetensors");

fn read<R: Send>(
    bytes: &[u8],
    path: &std::path::Path,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(Weights, R), Error> {
    read_known(bytes, path, Known::ByHash(&Manifest::built_in), threads, prepare)
}

/// What is known of a file beside what it states itself.
pub(crate) enum Known<'a> {
    /// What the manifest says of a file with its hash.
    ByHash(&'a dyn Fn() -> Result<Manifest, Error>),
    /// It is the file of this entry.
    #[cfg_attr(not(feature = "files"), allow(dead_code, reason = "a store knows whose file one is"))]
    Entry(&'a Entry),
}

pub(crate) fn read_known<R: Send>(
    bytes: &[u8],
    path: &std::path::Path,
    known: Known<'_>,
    threads: &Threads,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> Result<(Weights, R), Error> {
    let mut file = Container::parse(bytes, path)?;
    if let Known::Entry(entry) = known {
        entry.texts().into_iter().for_each(|(key, text)| file.complete(key, text));
    }
    let metadata = Metadata { path, map: file.metadata() };
    let layout = recognise(&file)?;
    let stated = metadata.get(key::LAYOUT, str::parse::<Layout>)?;
    if stated.is_some_and(|stated| stated != layout) {
        return Err(metadata.refuse(key::LAYOUT, format!("the tensors are named as in {layout}")));
    }
    let params = params(&file, layout, threads)?;
    let (params_sha256, file_sha256, prepared) = digests_while(threads, Some(bytes), &params, prepare);
    let file_sha256 = file_sha256.unwrap_or_else(|| Digest::of(bytes));
    // A model file has Keras' names, whatever its backbone was published in.
    let published = metadata.get(key::WEIGHTS_LAYOUT, str::parse)?.unwrap_or(layout);
    let mut record = metadata.record_of(published, &params, file_sha256, params_sha256)?;
    match known {
        Known::ByHash(manifest) => manifest()?.complete(&mut record),
        // Whoever asked by this name shall find it again.
        Known::Entry(entry) => record.name = Some(entry.name.clone()),
    }
    Ok((Weights { params, record }, prepared))
}

fn recognise(file: &Container<'_>) -> Result<Layout, Error> {
    if let Some(layout) = Layout::recognise(file.names()) {
        return Ok(layout);
    }
    let path = file.path().to_owned();
    if file.names().next().is_some() && file.names().all(|name| name.starts_with(layout::HEAD_PREFIX)) {
        let params_sha256 = file.metadata().get(key::PARAMS_SHA256).map_or("unknown", String::as_str);
        return Err(Error::NoBackbone { path, params_sha256: crate::error::shown(params_sha256) });
    }
    const NAMES: usize = 3;
    let names: Vec<String> = file.names().take(NAMES).map(crate::error::shown).collect();
    let names = if names.is_empty() { "none".to_owned() } else { format!("{}, …", names.join(", ")) };
    Err(Error::UnknownLayout { path, names })
}

/// The net in a file, with the numbers that its metadata or its layout states.
pub(crate) fn params(file: &Container<'_>, layout: Layout, threads: &Threads) -> Result<Params, Error> {
    let numerics = Metadata { path: file.path(), map: file.metadata() }.numerics(layout)?;
    let named = layout.named(file)?;
    let (spec, tensors) = named.read(threads)?;
    Params::new(spec, numerics, tensors).map_err(|source| named.net_error(source))
}

#[cfg(feature = "starter")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::BUILT_IN;

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
        let known = Known::ByHash(&manifest);
        read_known(bytes, "file".as_ref(), known, &threads, |_| ()).unwrap().0.record
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
