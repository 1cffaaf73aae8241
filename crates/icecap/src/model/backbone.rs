//! The frozen base: a net with its record, an instruction set and a pool of threads. Immutable and shared.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap_graph::{Input, Net, Params, Plan, Spec, Tap};
use icecap_kernels::{Isa, MAX_THREADS, Threads};
use icecap_weights::{Entry, Opened, PackStore, Record, Store, Weights};

use crate::error::Error;

/// What a backbone runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Threads, 0 for as many as there are processors. One starts none: the caller's does the work.
    pub threads: usize,
    /// The instruction set; by default the one that `ICECAP_ISA` names, else the best that the processor has.
    pub isa: Option<Isa>,
}

impl Settings {
    /// `threads` threads and the best instruction set.
    #[must_use]
    pub fn threads(threads: usize) -> Self {
        Self { threads, isa: None }
    }
}

/// What [`Settings`] come to on this machine.
pub(crate) struct Runner {
    isa: Isa,
    pub(crate) threads: Threads,
}

impl Runner {
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let isa = match settings.isa {
            Some(isa) => isa,
            None => Isa::from_env()?,
        };
        let count = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
            count => count,
        };
        Ok(Self { isa, threads: Threads::new(count)? })
    }
}

/// Where a backbone's params are.
#[derive(Debug)]
enum ParamsPlace {
    Here(Arc<Params>),
    /// In a model file; they were not needed yet.
    InModel(PathBuf),
}

/// A frozen MobileNetV2. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Backbone {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    params: ParamsPlace,
    net: Arc<Net>,
    record: Record,
    isa: Isa,
    threads: Threads,
}

impl Backbone {
    /// Makes opened weights ready to run: folds BatchNorm, packs, starts the threads.
    ///
    /// # Errors
    /// [`Error::Kernel`] for an instruction set that the processor lacks, or threads that the system does not give.
    pub fn new(weights: Weights, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        Ok(Self::of_opened(weights.pack(), runner))
    }

    fn of_opened(Opened { weights, net }: Opened, runner: Runner) -> Self {
        Self::of(Arc::new(weights.params), net, weights.record, runner)
    }

    pub(crate) fn of(params: Arc<Params>, net: Net, record: Record, runner: Runner) -> Self {
        Self::with(ParamsPlace::Here(params), net, record, runner)
    }

    /// The backbone of the model file at `path`, whose net was found packed.
    pub(crate) fn packed(path: &Path, net: Net, record: Record, runner: Runner) -> Self {
        Self::with(ParamsPlace::InModel(path.to_owned()), net, record, runner)
    }

    fn with(params: ParamsPlace, net: Net, record: Record, runner: Runner) -> Self {
        let Runner { isa, threads } = runner;
        Self { inner: Arc::new(Inner { params, net: Arc::new(net), record, isa, threads }) }
    }

    /// Opens a weight file, or a model file for its backbone. The threads copy the file, and fold and hash the net at
    /// the same time.
    ///
    /// # Errors
    /// [`Error::Weights`] with the file and what is wrong with it; otherwise as [`Backbone::new`].
    pub fn open(path: impl AsRef<Path>, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = icecap_weights::open(path, &runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// Opens the file of an entry of the manifest, which was fetched before, or put into the store by hand. The record
    /// says what the entry says where the file does not.
    ///
    /// # Errors
    /// As [`Backbone::open`]; [`Error::Weights`] where the file is not there or not what the entry says.
    pub fn open_stored(store: &Store, entry: &Entry, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = store.open(entry, &runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// Opens a weight file held in memory; errors call it `label`.
    ///
    /// # Errors
    /// As [`Backbone::open`].
    pub fn from_bytes(bytes: &[u8], label: &str, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = icecap_weights::open_bytes(bytes, label, &runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// The starter backbone that is compiled in: width 0.35, made for 96x96. Small, and weak beside ImageNet weights.
    ///
    /// # Errors
    /// As [`Backbone::new`].
    pub fn starter(settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let opened = icecap_weights::open_starter(&runner.threads)?;
        Ok(Self::of_opened(opened, runner))
    }

    /// The net as it was trained. One that was found packed is read from its model file now.
    ///
    /// # Errors
    /// None, but for a packed net's: as [`icecap_weights::read`], and [`Error::OtherBackbone`] where the file holds another
    /// net by now.
    pub fn params(&self) -> Result<Arc<Params>, Error> {
        let path = match &self.inner.params {
            ParamsPlace::Here(params) => return Ok(Arc::clone(params)),
            ParamsPlace::InModel(path) => path,
        };
        let weights = icecap_weights::read_on(path, self.threads())?;
        let (expected, got) = (self.record().params_sha256, weights.record.params_sha256);
        if got != expected {
            let (expected, got) = (expected.to_string(), got.to_string());
            return Err(Error::OtherBackbone { path: path.clone(), expected, got });
        }
        Ok(Arc::new(weights.params))
    }

    /// The net's channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        self.inner.net.spec()
    }

    /// Keeps the net packed in `store`, so that [`ClassifierBuilder::pack_store`](crate::model::ClassifierBuilder::pack_store)
    /// finds it there, unless it is kept already, whole. Returns the file's path.
    ///
    /// # Errors
    /// [`Error::Weights`] where it cannot be written.
    pub fn keep_packed(&self, store: &PackStore) -> Result<PathBuf, Error> {
        let path = store.path(self.record().params_sha256);
        if store.find(self.record().params_sha256).is_some() {
            return Ok(path);
        }
        self.repack(store)
    }

    /// Keeps the net packed in `store`, in place of what may be there.
    ///
    /// # Errors
    /// As [`Backbone::keep_packed`].
    pub fn repack(&self, store: &PackStore) -> Result<PathBuf, Error> {
        Ok(store.keep(self.record().params_sha256, &self.inner.net)?)
    }

    /// The net packed, as a file of it would hold it: for
    /// [`ClassifierBuilder::packed_net`](crate::model::ClassifierBuilder::packed_net).
    #[must_use]
    pub fn to_packed_bytes(&self) -> Vec<u8> {
        match icecap_weights::packed_bytes(self.record().params_sha256, &self.inner.net) {
            Ok(bytes) => bytes,
            Err(error) => unreachable!("memory can be written to: {error}"),
        }
    }

    /// What is known of the weights.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.inner.record
    }

    /// The instruction set it runs on.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.inner.isa
    }

    /// Its threads.
    #[must_use]
    pub fn threads(&self) -> &Threads {
        &self.inner.threads
    }

    /// Length of the pooled features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.inner.net.spec().feature_channels()
    }

    /// Classes of the classification top, where the weights have one.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.inner.net.classes()
    }

    /// A plan from pixels of `size` (rows, columns) to the tap `to`, in which `workers` threads can share one image.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or a block that the net does not have.
    pub fn plan(&self, size: [usize; 2], to: Tap, workers: usize) -> Result<Plan, Error> {
        Ok(Plan::new(&self.inner.net, self.isa(), size, Tap::Image..to, workers)?)
    }

    /// A session for images of `size` (rows, columns) up to the tap `to`.
    ///
    /// # Errors
    /// As [`Backbone::plan`].
    pub fn session(&self, size: [usize; 2], to: Tap) -> Result<Session, Error> {
        let plan = self.plan(size, to, self.threads().count())?;
        let arenas = vec![plan.arena()];
        Ok(Session { backbone: self.clone(), plan, arenas })
    }
}

/// What one caller needs to run a backbone: a plan and its memory. Concurrent callers take a session each.
#[derive(Debug)]
pub struct Session {
    backbone: Backbone,
    plan: Plan,
    arenas: Vec<icecap_graph::Arena>,
}

impl Session {
    /// Runs a batch.
    ///
    /// # Shapes
    /// `input` N times [`Session::input_len`], `output` N times [`Session::output_len`].
    ///
    /// # Errors
    /// [`Error::Graph`] where the lengths do not fit.
    pub fn run(&mut self, input: Input<'_>, output: &mut [f32]) -> Result<(), Error> {
        let threads = self.backbone.threads();
        let batch = output.len() / self.output_len();
        // A batch goes one image to a thread, and each thread needs memory of its own.
        while self.arenas.len() < batch.min(threads.count()) {
            self.arenas.push(self.plan.arena());
        }
        Ok(self.plan.run(threads, input, &mut self.arenas, output)?)
    }

    /// Values of one image's pixels.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.plan.input_shape().elements()
    }

    /// Values of one image's output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.plan.output_shape().elements()
    }
}
