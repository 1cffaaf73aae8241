//! How the bytes of a weight file become weights: container, layout, net, record.

use std::path::Path;

use icecap_graph::{Net, Params, Precision};
use icecap_kernels::Threads;

use crate::container::{Container, MODEL_CONFIG};
use crate::derived::{Derived, Packing};
use crate::layout::{Choice, HEAD_PREFIX, Named, Tensors, choose};
use crate::manifest::Entry;
use crate::record::{Metadata, key};
use crate::shard::instead_of;
use crate::shown::shown;
use crate::{Choices, Digest, Error, FileHead, Layout, Manifest, Opened, Weights, integers};

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
    /// What is taken of it.
    pub(crate) choices: Choices,
}

impl Reading<'_> {
    /// This reading with other choices.
    #[cfg_attr(not(feature = "files"), allow(dead_code, reason = "choices are made of files"))]
    pub(crate) fn with(self, choices: Choices) -> Self {
        Self { choices, ..self }
    }

    /// The weights in `bytes`, and their net packed if `packing` says so.
    pub(crate) fn read(&self, bytes: &[u8], packing: Packing) -> Result<(Weights, Option<Net>), Error> {
        self.read_whole(bytes, packing).map_err(|error| instead_of(error, self.path, bytes))
    }

    fn read_whole(&self, bytes: &[u8], packing: Packing) -> Result<(Weights, Option<Net>), Error> {
        let mut file = Container::parse(bytes, self.path)?;
        if let Known::Entry(entry) = self.known {
            entry.texts().into_iter().for_each(|(key, text)| file.complete(key, text));
        }
        if integers::is_integers(&file) {
            return Err(Error::IntegersOnly { path: self.path.into() });
        }
        let mut choice = choose(file, self.choices.ema)?;
        let layout = recognize(&choice)?;
        let mut described = layout.described(&choice.file)?;
        let (mut notes, mut told) = (Vec::new(), Vec::new());
        if let Some(described) = &mut described {
            // What it states is the record's where the file has no record of ours.
            described.texts.drain(..).for_each(|(key, text)| choice.file.complete(key, text));
            (notes, told) = (std::mem::take(&mut described.notes), std::mem::take(&mut described.stated));
        }
        let metadata = Metadata { path: self.path, map: choice.file.metadata() };
        let stated = metadata.get(key::LAYOUT, str::parse::<Layout>)?;
        if stated.is_some_and(|stated| stated != layout) {
            return Err(metadata.refuse(key::LAYOUT, format!("the tensors are named as in {layout}")));
        }
        let named = choice.named(layout, self.choices.activation, described)?;
        let (params, mut head) = params(&metadata, layout, &named, self.threads)?;
        let graph = choice.file.told();
        if let Some(of_graph) = &graph.head {
            head = of_graph.clone();
        }
        notes.extend(choice.note_of_apart().filter(|_| matches!(head, FileHead::None)));
        notes.extend(choice.notes().into_iter().chain(named.notes()).chain(graph.notes.iter().cloned()));
        let derived = Derived::new(&params, Some(bytes), packing, self.threads)
            .map_err(|source| Error::Pack { path: self.path.into(), source: source.into() })?;
        let file_sha256 = derived.file_sha256.unwrap_or_else(|| Digest::of(bytes));
        // A model file has Keras' names, whatever its backbone was published in.
        let published = metadata.get(key::WEIGHTS_LAYOUT, str::parse)?.unwrap_or(layout);
        let mut record = metadata.record_of(published, &params, file_sha256, derived.params_sha256)?;
        // Also where the file's tensors say it and no metadata does.
        record.numerics.scaling = params.numerics().scaling;
        match self.known {
            Known::ByHash(manifest) => manifest()?.complete(&mut record),
            // Whoever asked by this name shall find it again.
            Known::Entry(entry) => record.name = Some(entry.name.clone()),
        }
        let classes = graph.labels.clone();
        Ok((Weights { params, record, head, notes, classes, stated: told }, derived.net))
    }

    /// The weights in `bytes`, with their net packed for inference in `precision`.
    pub(crate) fn open(&self, bytes: &[u8], precision: Precision) -> Result<Opened, Error> {
        let (weights, net) = self.read(bytes, Packing::Packed(precision))?;
        Opened::new(weights, net, precision)
            .map_err(|source| Error::Pack { path: self.path.into(), source: source.into() })
    }
}

fn recognize(choice: &Choice<'_>) -> Result<Layout, Error> {
    // Whatever its tensors are called, the description says what they are.
    if choice.file.metadata().contains_key(MODEL_CONFIG) {
        return Ok(Layout::Keras);
    }
    if let Some(layout) = choice.layout() {
        return Ok(layout);
    }
    let file = &choice.file;
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

/// The net of these tensors, with the numbers that its metadata or its layout states, and what is on its features.
fn params(
    metadata: &Metadata<'_>,
    layout: Layout,
    named: &Named<'_>,
    threads: &Threads,
) -> Result<(Params, FileHead), Error> {
    let mut numerics = metadata.numerics(layout)?;
    if !metadata.map.contains_key(key::SCALING) {
        numerics.scaling = named.scaling().unwrap_or(numerics.scaling);
    }
    let Tensors { spec, tensors, head } = named.read(threads)?;
    if layout == Layout::HuggingFace && spec.blocks()[0].is_residual() {
        let reason = "Hugging Face's port adds no input to its first block's output, which a net of these channels does here; \
                      its features would be others";
        return Err(Error::Model { path: metadata.path.into(), reason: reason.to_owned() });
    }
    let params = Params::new(spec, numerics, tensors).map_err(|source| named.net_error(source))?;
    Ok((params, head))
}

/// The net in a model file, and what is on its features beside the model's head.
pub(crate) fn model_params(file: &Container<'_>, threads: &Threads) -> Result<(Params, FileHead), Error> {
    let metadata = Metadata { path: file.path(), map: file.metadata() };
    params(&metadata, Layout::Keras, &Layout::named_by_keras(file)?, threads)
}
