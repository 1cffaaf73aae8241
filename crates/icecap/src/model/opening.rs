//! Opening a model file: from a path or from memory, with its own backbone, one that is at hand, or one that was packed
//! before.
//!
//! A model file holds a head and either its backbone or only the hash of it. What takes time is the backbone: its weights
//! are read, hashed, BatchNorm is folded into them and they are packed, 30 ms of a width of 1.0. So there are three ways
//! round that work, one for each kind of caller: a backbone that is open already, a store in which packed nets are kept
//! between processes, and a packed net that lies in a file beside the model.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use icecap_graph::{Net, Precision};
use icecap_weights::{BackbonePart, Model, OpenedModel, PackStore, PackedName};

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::classifier::Classifier;
use crate::model::settings::{Runner, Settings};

/// How a model file is to be opened: made by [`Classifier::builder`], ended by [`open`](Self::open) or
/// [`bytes`](Self::bytes).
///
/// ```no_run
/// use icecap::{Classifier, Settings};
///
/// let classifier = Classifier::builder().settings(Settings::threads(2)).open("model.safetensors")?;
/// # Ok::<(), icecap::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClassifierBuilder<'a> {
    settings: Settings,
    backbone: Option<&'a Backbone>,
    pack_store: Option<&'a PackStore>,
    packed_net: Option<PackedNet<'a>>,
}

/// Where in a file a packed net lies.
#[derive(Clone, Debug)]
struct PackedNet<'a> {
    path: &'a Path,
    place: Range<u64>,
}

impl Classifier {
    /// Opens a model file that has its backbone inside, on all processors. [`Classifier::builder`] opens it in other ways.
    ///
    /// # Errors
    /// [`Error::Weights`] with the file and what is wrong with it; [`Error::NeedsBackbone`] if the file was saved without
    /// its backbone.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(path)
    }

    /// Returns a builder that opens model files on all processors, unless it is told otherwise.
    #[must_use]
    pub fn builder<'a>() -> ClassifierBuilder<'a> {
        ClassifierBuilder::default()
    }
}

impl<'a> ClassifierBuilder<'a> {
    /// Sets the threads and the instruction set of the classifier. Without effect beside
    /// [`backbone`](Self::backbone), which has its own.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Puts the classifier on a backbone that is open already, as a file that was saved without its own needs. Several
    /// classifiers on one backbone share its memory and its threads.
    #[must_use]
    pub fn backbone(self, backbone: &'a Backbone) -> Self {
        Self { backbone: Some(backbone), ..self }
    }

    /// Takes the backbone from `store` if it is kept there packed, and puts it there if not: whoever next opens a model on
    /// the same backbone need not read, fold and pack it.
    ///
    /// A backbone from the store is the one whose hash the model file states; the file's own is then not looked at. A store
    /// that cannot be written does no harm. Has an effect on [`open`](Self::open) alone.
    #[must_use]
    pub fn pack_store(self, store: &'a PackStore) -> Self {
        Self { pack_store: Some(store), ..self }
    }

    /// Takes the backbone packed from the bytes `place` of the file at `path`: what
    /// [`Backbone::to_packed_bytes`] gives, and checked by its own CRC. Such a classifier predicts, but cannot be saved with its backbone. Has an effect on [`bytes`](Self::bytes) alone.
    #[must_use]
    pub fn packed_net(self, path: &'a Path, place: Range<u64>) -> Self {
        Self { packed_net: Some(PackedNet { path, place }), ..self }
    }

    /// Opens the model file at `path`.
    ///
    /// # Errors
    /// [`Error::Weights`] with the file and what is wrong with it; [`Error::NeedsBackbone`] if the file was saved without
    /// its backbone and the builder has none; [`Error::OtherBackbone`] if the model was trained on another backbone than
    /// the builder's; [`Error::OtherFeatures`] if its head does not fit the backbone's features;
    /// [`Error::OtherPrecision`] if the builder's settings or backbone have another precision than the model.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Classifier, Error> {
        let path = path.as_ref();
        if let Some(backbone) = self.backbone {
            return over(Model::load(path)?, path, backbone);
        }
        let runner = Runner::new(self.settings)?;
        if let Some(store) = self.pack_store
            && let Some(model) = Model::load_head_on(path, &runner.threads)?
            && let Some(net) = store.find_on(packed_name(&model), &runner.threads)
            && *net.numerics() == model.record.numerics
        {
            return on_packed(model, path, net, runner);
        }
        let opened = Model::open(path, &runner.threads)?;
        let classifier = with_own(opened, path, runner)?;
        if let Some(store) = self.pack_store {
            let _ = classifier.backbone().repack(store);
        }
        Ok(classifier)
    }

    /// Opens a model file that is held in memory; errors call it `label`.
    ///
    /// # Errors
    /// What [`open`](Self::open) returns, and [`Error::PackedNet`] if the net at [`packed_net`](Self::packed_net) is
    /// damaged or not that of the model.
    pub fn bytes(&self, bytes: &[u8], label: &str) -> Result<Classifier, Error> {
        let path = Path::new(label);
        if let Some(PackedNet { path, place }) = &self.packed_net {
            let other = || Error::PackedNet { path: (*path).to_owned() };
            let model = Model::head_from_bytes(bytes, label)?.ok_or_else(other)?;
            let runner = Runner::new(self.settings)?;
            let net = icecap_weights::packed_in(path, place.clone(), packed_name(&model), &runner.threads);
            let net = net.filter(|net| *net.numerics() == model.record.numerics).ok_or_else(other)?;
            return on_packed(model, path, net, runner);
        }
        if let Some(backbone) = self.backbone {
            return over(Model::from_bytes(bytes, label)?, path, backbone);
        }
        let runner = Runner::new(self.settings)?;
        with_own(Model::open_bytes(bytes, label, &runner.threads)?, path, runner)
    }
}

/// The classifier of a model whose backbone was found packed.
fn on_packed(mut model: Model, path: &Path, net: Net, runner: Runner) -> Result<Classifier, Error> {
    check_precision(&model, path, runner.precision)?;
    model.record.width = model.record.width.or_else(|| net.spec().width());
    let backbone = Backbone::packed(path, net, model.record.clone(), runner);
    let backbone = match model.backbone {
        BackbonePart::PinnedIntegers(sha256, origin) => backbone.stating(sha256, origin),
        _ => backbone,
    };
    Classifier::assemble(model, path, backbone)
}

/// The classifier of a model over a backbone that is at hand, if it was trained on that.
fn over(model: Model, path: &Path, backbone: &Backbone) -> Result<Classifier, Error> {
    check_precision(&model, path, Some(backbone.precision()))?;
    let expected = match &model.backbone {
        BackbonePart::Integers(integers) => integers.sha256,
        _ => model.record.params_sha256,
    };
    let got = backbone.net_sha256();
    if expected != got {
        let (expected, got) = (expected.to_string(), got.to_string());
        return Err(Error::OtherBackbone { path: path.to_owned(), expected, got });
    }
    Classifier::assemble(model, path, backbone.clone())
}

/// The name under which the net of a model is packed.
fn packed_name(model: &Model) -> PackedName {
    match &model.backbone {
        BackbonePart::PinnedIntegers(sha256, _) => PackedName::int8(*sha256),
        _ => PackedName::f32(model.record.params_sha256),
    }
}

/// A head is for features of the precision that it was trained on; those of another are some percent off.
fn check_precision(model: &Model, path: &Path, asked: Option<Precision>) -> Result<(), Error> {
    let precision = model.backbone.precision();
    match asked {
        Some(asked) if asked != precision => {
            let record = Box::new(model.record.clone());
            Err(Error::OtherPrecision { path: path.to_owned(), model: precision, asked, record })
        }
        _ => Ok(()),
    }
}

/// The classifier of a model that has its backbone inside, packed as it was read.
fn with_own(opened: OpenedModel, path: &Path, runner: Runner) -> Result<Classifier, Error> {
    let OpenedModel { model, net } = opened;
    check_precision(&model, path, runner.precision)?;
    let record = model.record.clone();
    let backbone = match (&model.backbone, net) {
        (BackbonePart::Embedded(params), Some(net)) => Backbone::of(Arc::clone(params), net, record, runner),
        (BackbonePart::Integers(integers), Some(net)) => Backbone::of_integers(integers, net, record, runner),
        _ => {
            let params_sha256 = model.record.params_sha256.to_string();
            return Err(Error::NeedsBackbone { path: path.to_owned(), params_sha256 });
        }
    };
    Classifier::assemble(model, path, backbone)
}
