//! The frozen base: a net with its record, an instruction set and a pool of threads. Immutable and shared.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use icecap_data::{Decoding, Limits, Loader, Turn};
use icecap_graph::{Net, Params, Plan, Precision, Spec, Tap};
use icecap_kernels::{Isa, Threads};
use icecap_weights::{
    BackbonePart, Choices, Digest, Entry, FileHead, IntegerBackbone, Model, Opened, OpenedModel,
    Quantization, Record, Store, Weights,
};

use crate::error::Error;
use crate::model::settings::{Runner, Settings};

/// Where a backbone's params are.
#[derive(Debug)]
enum ParamsPlace {
    Here(Arc<Params>),
    /// They lie in a model file and were not needed yet.
    InModel(PathBuf),
    /// The net came in integers.
    Nowhere,
}

/// A frozen MobileNetV2 with its threads: the part of a classifier that turns photos into features and is not trained.
///
/// It never changes and is cheap to clone: clones share everything. To run it, take a [`Session`](crate::Session), or an
/// [`Extractor`](crate::model::Extractor) for photos.
#[derive(Clone, Debug)]
pub struct Backbone {
    inner: Arc<Inner>,
    /// What one photo may ask for.
    limits: Limits,
}

#[derive(Debug)]
struct Inner {
    params: ParamsPlace,
    net: Arc<Net>,
    /// The hash of a net in integers, once it is asked for; empty for a net in f32.
    integers_sha256: OnceLock<Digest>,
    /// How a net in int8 came to be.
    origin: Quantization,
    record: Record,
    head: FileHead,
    notes: Vec<String>,
    isa: Isa,
    threads: Arc<Threads>,
    /// Whether the net was made just now, by tuning or quantizing another.
    in_no_file: bool,
}

impl Backbone {
    /// Makes opened weights ready to run: folds BatchNorm, quantizes for int8, packs, starts the threads.
    ///
    /// # Errors
    /// [`Error::Kernel`] for an instruction set that the processor lacks, or threads that the system does not give;
    /// [`Error::Graph`] for weights that int8 cannot hold.
    pub fn new(weights: Weights, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        Ok(Self::of_opened(weights.pack(runner.for_weights())?, runner))
    }

    fn of_opened(Opened { weights, net }: Opened, runner: Runner) -> Self {
        let Weights { params, record, head, notes, .. } = weights;
        Self::of(Arc::new(params), net, record, runner).with_file(head, notes)
    }

    /// The same, which nobody else has yet, with what its file has beside the net.
    fn with_file(self, head: FileHead, notes: Vec<String>) -> Self {
        let Some(inner) = Arc::into_inner(self.inner) else { unreachable!("nobody else has it yet") };
        Self { inner: Arc::new(Inner { head, notes, ..inner }), limits: self.limits }
    }

    pub(crate) fn of(params: Arc<Params>, net: Net, record: Record, runner: Runner) -> Self {
        Self::with(ParamsPlace::Here(params), net, record, runner)
    }

    /// The backbone of the model file at `path`, whose net was found packed.
    pub(crate) fn packed(path: &Path, net: Net, record: Record, runner: Runner) -> Self {
        Self::with(ParamsPlace::InModel(path.to_owned()), net, record, runner)
    }

    fn with(params: ParamsPlace, net: Net, record: Record, runner: Runner) -> Self {
        let Runner { isa, threads, limits, .. } = runner;
        let (integers_sha256, origin, threads) =
            (OnceLock::new(), Quantization::default(), Arc::new(threads));
        let net = Arc::new(net);
        let (head, notes) = (FileHead::None, Vec::new());
        let in_no_file = false;
        let inner =
            Inner { params, net, integers_sha256, origin, record, head, notes, isa, threads, in_no_file };
        Self { inner: Arc::new(inner), limits }
    }

    /// The same, which nobody else has yet, with what is stated of its integers.
    pub(crate) fn stating(self, sha256: Digest, origin: Quantization) -> Self {
        let Some(inner) = Arc::into_inner(self.inner) else { unreachable!("nobody else has it yet") };
        let integers_sha256 = OnceLock::from(sha256);
        Self { inner: Arc::new(Inner { integers_sha256, origin, ..inner }), limits: self.limits }
    }

    /// The backbone in int8 of a model file, with its net packed.
    pub(crate) fn of_integers(integers: &IntegerBackbone, net: Net, record: Record, runner: Runner) -> Self {
        Self::with(ParamsPlace::Nowhere, net, record, runner).stating(integers.sha256, integers.origin)
    }

    /// A backbone with another net, made of `params`, on the same threads.
    pub(crate) fn replaced(&self, params: Arc<Params>, net: Net, record: Record) -> Self {
        let inner = Inner {
            params: ParamsPlace::Here(params),
            net: Arc::new(net),
            integers_sha256: OnceLock::new(),
            origin: Quantization::default(),
            record,
            head: FileHead::None,
            notes: self.inner.notes.clone(),
            isa: self.inner.isa,
            threads: Arc::clone(&self.inner.threads),
            in_no_file: true,
        };
        Self { inner: Arc::new(inner), limits: self.limits }
    }

    /// Whether the net lies in no file that a model saved without it could be opened with.
    pub(crate) fn is_in_no_file(&self) -> bool {
        self.inner.in_no_file
    }

    /// This backbone with another net in integers, made of the same params.
    pub(crate) fn quantized(&self, params: &Arc<Params>, integers: &IntegerBackbone) -> Self {
        let net = Net::of_integers(icecap_graph::int8::IntegerNet::clone(&integers.net));
        self.replaced(Arc::clone(params), net, self.record().clone())
            .with_file(self.inner.head.clone(), self.inner.notes.clone())
            .stating(integers.sha256, integers.origin)
    }

    /// Returns this backbone with other limits on what one photo may ask for.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// A loader of photos for this backbone, which takes its turn at large ones.
    pub(crate) fn loader(&self, how: Decoding, turn: &Turn) -> Loader {
        Loader::new(self.isa(), self.limits, how).in_turn(turn)
    }

    /// Returns what one photo may ask for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The backbone of a model file that has it in int8, opened as a backbone alone.
    fn of_model(opened: OpenedModel, path: &Path, runner: Runner) -> Result<Self, Error> {
        let precision = opened.model.backbone.precision();
        if let Some(asked) = runner.precision.filter(|asked| *asked != precision) {
            let record = Box::new(opened.model.record);
            return Err(Error::IntegersAlone { path: path.to_owned(), asked, record });
        }
        match (opened.model, opened.net) {
            (Model { backbone: BackbonePart::Integers(mut integers), record, .. }, Some(net)) => {
                // What the head of that model says is nothing about another head.
                integers.origin.agreement = None;
                Ok(Self::of_integers(&integers, net, record, runner))
            }
            _ => Err(icecap_weights::Error::IntegersOnly { path: path.to_owned() }.into()),
        }
    }

    /// Opens a weight file, or a model file for its backbone. The threads copy the file, and fold and hash the net at
    /// the same time. A model file in int8 gives its own integers.
    ///
    /// # Errors
    /// [`Error::Weights`] with the file and what is wrong with it; [`Error::IntegersAlone`] if f32 is asked of a model file
    /// in int8; otherwise what [`Backbone::new`] returns.
    pub fn open(path: impl AsRef<Path>, settings: Settings) -> Result<Self, Error> {
        Self::open_with(path, Choices::default(), settings)
    }

    /// Opens a weight file as [`Backbone::open`] does, and takes what was chosen of it.
    ///
    /// # Errors
    /// What [`Backbone::open`] returns; [`Error::Weights`] where averaged weights are asked of a file that has none.
    pub fn open_with(path: impl AsRef<Path>, choices: Choices, settings: Settings) -> Result<Self, Error> {
        let (runner, path) = (Runner::new(settings)?, path.as_ref());
        match icecap_weights::open_with(path, choices, runner.for_weights(), &runner.threads) {
            Err(icecap_weights::Error::IntegersOnly { .. }) => {
                Self::of_model(Model::open(path, &runner.threads)?, path, runner)
            }
            opened => Ok(Self::of_opened(opened?, runner)),
        }
    }

    /// Opens the file of an entry of the manifest, which was fetched before, or put into the store by hand. The record
    /// says what the entry says where the file does not.
    ///
    /// # Errors
    /// What [`Backbone::open`] returns; [`Error::Weights`] if the file is not there or not what the entry says.
    pub fn open_stored(store: &Store, entry: &Entry, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = store.open(entry, runner.for_weights(), &runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// Opens a weight file held in memory; errors call it `label`.
    ///
    /// # Errors
    /// What [`Backbone::open`] returns.
    pub fn from_bytes(bytes: &[u8], label: &str, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        match icecap_weights::open_bytes(bytes, label, runner.for_weights(), &runner.threads) {
            Err(icecap_weights::Error::IntegersOnly { .. }) => {
                Self::of_model(Model::open_bytes(bytes, label, &runner.threads)?, label.as_ref(), runner)
            }
            opened => Ok(Self::of_opened(opened?, runner)),
        }
    }

    /// The starter backbone that is compiled in: width 0.35, made for 96x96. Small, and weak beside ImageNet weights.
    ///
    /// # Errors
    /// What [`Backbone::new`] returns.
    pub fn starter(settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = icecap_weights::open_starter(runner.for_weights(), &runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// The net as it was trained. One that was found packed is read from its model file now.
    ///
    /// # Errors
    /// [`Error::Graph`] if the backbone was opened from a model file in int8, which has integers alone. Of a packed net as
    /// [`icecap_weights::read`], and [`Error::OtherBackbone`] if the file holds another net by now.
    pub fn params(&self) -> Result<Arc<Params>, Error> {
        let path = match &self.inner.params {
            ParamsPlace::Here(params) => return Ok(Arc::clone(params)),
            ParamsPlace::InModel(path) if self.precision() == Precision::F32 => path,
            ParamsPlace::InModel(_) | ParamsPlace::Nowhere => {
                let (needed, got) = (Precision::F32, self.precision());
                return Err(icecap_graph::Error::Precision { needed, got }.into());
            }
        };
        let weights = icecap_weights::read_on(path, self.threads())?;
        let (expected, got) = (self.record().params_sha256, weights.record.params_sha256);
        if got != expected {
            let (expected, got) = (expected.to_string(), got.to_string());
            return Err(Error::OtherBackbone { path: path.clone(), expected, got });
        }
        Ok(Arc::new(weights.params))
    }

    /// The net, packed.
    pub(crate) fn net(&self) -> &Arc<Net> {
        &self.inner.net
    }

    /// Returns the net's channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        self.inner.net.spec()
    }

    /// Returns what is known of the weights: their name, size, preprocessing and hashes.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.inner.record
    }

    /// Returns what the file of the weights has on the net's features, which the backbone does not compute;
    /// [`FileHead::None`] for the backbone of a model file.
    #[must_use]
    pub fn head(&self) -> &FileHead {
        &self.inner.head
    }

    /// Returns what a person should know who uses these weights, as sentences: what their file does not state and what was
    /// taken, what was passed over.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// Returns the precision in which the backbone computes.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.inner.net.precision()
    }

    /// Returns the net in integers, its hash and how it was made; `None` for a backbone in f32. One that was found packed is
    /// read from its model file now.
    ///
    /// # Errors
    /// None, but for a packed net's: [`Error::Weights`], and [`Error::OtherBackbone`] if the file holds another net by now.
    ///
    /// # Cost
    /// One copy of the integers, and for a backbone that was opened from weights one hash of them, once.
    pub fn integers(&self) -> Result<Option<IntegerBackbone>, Error> {
        let sha256 = self.net_sha256();
        if let Some(net) = self.inner.net.integers() {
            let (net, origin) = (Arc::new(net.clone()), self.inner.origin);
            return Ok(Some(IntegerBackbone { net, sha256, origin }));
        }
        let ParamsPlace::InModel(path) = &self.inner.params else { return Ok(None) };
        if self.precision() == Precision::F32 {
            return Ok(None);
        }
        let got = match Model::load(path)?.backbone {
            BackbonePart::Integers(integers) if integers.sha256 == sha256 => return Ok(Some(integers)),
            BackbonePart::Integers(integers) => integers.sha256.to_string(),
            _ => "none in int8".to_owned(),
        };
        Err(Error::OtherBackbone { path: path.clone(), expected: sha256.to_string(), got })
    }

    /// Returns how a backbone in int8 was quantized, and how far its features are from those of f32; `None` in f32.
    #[must_use]
    pub fn quantization(&self) -> Option<Quantization> {
        (self.precision() == Precision::Int8).then_some(self.inner.origin)
    }

    /// Returns the hash of the net as it computes: `params_sha256` of the record in f32, that of the integers in int8. Two
    /// backbones of one hash give the same features.
    ///
    /// # Cost
    /// Of a backbone in int8 that was opened from weights, one hash of its integers, once.
    #[must_use]
    pub fn net_sha256(&self) -> Digest {
        match self.inner.net.integers() {
            Some(net) => *self.inner.integers_sha256.get_or_init(|| icecap_weights::integers_digest(net)),
            None => self.inner.integers_sha256.get().copied().unwrap_or(self.record().params_sha256),
        }
    }

    /// Returns the instruction set that the backbone runs on.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.inner.isa
    }

    /// Returns the threads of the backbone.
    #[must_use]
    pub fn threads(&self) -> &Threads {
        &self.inner.threads
    }

    /// Returns how many pooled features an image has: 1280, or more in a net that is wider than 1.0.
    #[must_use]
    pub fn features(&self) -> usize {
        self.inner.net.spec().feature_channels()
    }

    /// Returns how many classes the weights' own classification top has; `None` if they have no top.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.inner.net.classes()
    }

    /// Makes a plan from pixels of `size` (rows, columns) to the tap `to`, in which `workers` threads can share one image.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or a block that the net does not have.
    pub fn plan(&self, size: [usize; 2], to: Tap, workers: usize) -> Result<Plan, Error> {
        self.plan_between(size, Tap::Image..to, workers)
    }

    /// Makes a plan between two taps for images of `size`; see [`Backbone::plan`].
    pub(crate) fn plan_between(
        &self,
        size: [usize; 2],
        taps: Range<Tap>,
        workers: usize,
    ) -> Result<Plan, Error> {
        Ok(Plan::new(&self.inner.net, self.isa(), size, taps, workers)?)
    }
}
