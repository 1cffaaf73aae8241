//! How the bytes of a weight file become weights: container, layout, net, record.

use std::path::Path;

use icecap_graph::{Net, Params, Precision};
use icecap_kernels::Threads;

use crate::container::Container;
use crate::derived::{Derived, Packing};
use crate::layout::{HEAD_PREFIX, Tensors};
use crate::manifest::Entry;
use crate::record::{Metadata, key};
use crate::shown::shown;
use crate::{Digest, Error, FileHead, Layout, Manifest, Opened, Weights, integers};

/// What is known of a file beside what it states itself.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// What the manifest says of a file with its hash.
    ByHash(&'a dyn Fn() -> Result<Manifest, Error>),
    /// It is the file of this entry.
    #[cfg_attr(not(feature = "files"), allow(dead_code, reason = "a store knows whose file one is"))]
    Entry(&'a Entry),
}

/// The reading of one weight file.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    /// What errors call the file.
    pub(crate) path: &'a Path,
    pub(crate) known: Known<'a>,
    pub(crate) threads: &'a Threads,
}

impl Reading<'_> {
    /// The weights in `bytes`, and their net packed if `packing` says so.
    pub(crate) fn read(&self, bytes: &[u8], packing: Packing) -> Result<(Weights, Option<Net>), Error> {
        let mut file = Container::parse(bytes, self.path)?;
        if let Known::Entry(entry) = self.known {
            entry.texts().into_iter().for_each(|(key, text)| file.complete(key, text));
        }
        let metadata = Metadata { path: self.path, map: file.metadata() };
        if integers::is_integers(&file) {
            return Err(Error::IntegersOnly { path: self.path.into() });
        }
        let layout = recognize(&file)?;
        let stated = metadata.get(key::LAYOUT, str::parse::<Layout>)?;
        if stated.is_some_and(|stated| stated != layout) {
            return Err(metadata.refuse(key::LAYOUT, format!("the tensors are named as in {layout}")));
        }
        let (params, mut head) = params(&file, layout, self.threads)?;
        let told = file.told();
        if let Some(told) = &told.head {
            head = told.clone();
        }
        let derived = Derived::new(&params, Some(bytes), packing, self.threads)
            .map_err(|source| Error::Pack { path: self.path.into(), source: source.into() })?;
        let file_sha256 = derived.file_sha256.unwrap_or_else(|| Digest::of(bytes));
        // A model file has Keras' names, whatever its backbone was published in.
        let published = metadata.get(key::WEIGHTS_LAYOUT, str::parse)?.unwrap_or(layout);
        let mut record = metadata.record_of(published, &params, file_sha256, derived.params_sha256)?;
        match self.known {
            Known::ByHash(manifest) => manifest()?.complete(&mut record),
            // Whoever asked by this name shall find it again.
            Known::Entry(entry) => record.name = Some(entry.name.clone()),
        }
        let (notes, classes) = (told.notes.clone(), told.labels.clone());
        Ok((Weights { params, record, head, notes, classes }, derived.net))
    }

    /// The weights in `bytes`, with their net packed for inference in `precision`.
    pub(crate) fn open(&self, bytes: &[u8], precision: Precision) -> Result<Opened, Error> {
        let (weights, net) = self.read(bytes, Packing::Packed(precision))?;
        Opened::new(weights, net, precision)
            .map_err(|source| Error::Pack { path: self.path.into(), source: source.into() })
    }
}

fn recognize(file: &Container<'_>) -> Result<Layout, Error> {
    if let Some(layout) = Layout::recognize(file.names()) {
        return Ok(layout);
    }
    let path = file.path().to_owned();
    if file.names().next().is_some() && file.names().all(|name| name.starts_with(HEAD_PREFIX)) {
        let params_sha256 = file.metadata().get(key::PARAMS_SHA256).map_or("unknown", String::as_str);
        return Err(Error::NoBackbone { path, params_sha256: shown(params_sha256) });
    }
    const NAMES: usize = 3;
    let names: Vec<String> = file.names().take(NAMES).map(shown).collect();
    let names = if names.is_empty() { "none".to_owned() } else { format!("{}, …", names.join(", ")) };
    Err(Error::UnknownLayout { path, names })
}

/// The net in a file, with the numbers that its metadata or its layout states, and what is on its features.
pub(crate) fn params(
    file: &Container<'_>,
    layout: Layout,
    threads: &Threads,
) -> Result<(Params, FileHead), Error> {
    let numerics = Metadata { path: file.path(), map: file.metadata() }.numerics(layout)?;
    let named = layout.named(file)?;
    let Tensors { spec, tensors, head } = named.read(threads)?;
    let params = Params::new(spec, numerics, tensors).map_err(|source| named.net_error(source))?;
    Ok((params, head))
}
