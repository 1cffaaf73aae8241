//! The frozen base: a net with its record, an instruction set and a pool of threads. Immutable and shared.

use std::path::Path;
use std::sync::Arc;

use icecap_graph::{Input, Net, Params, Plan};
use icecap_kernels::{Isa, MAX_THREADS, Threads, in_slabs};
use icecap_weights::{Entry, Record, Store, Weights};

use crate::Error;

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

/// The net of `params`, its weights in large pages.
pub(crate) fn pack(params: &Params) -> Net {
    in_slabs(|| Net::new(params))
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

/// A frozen MobileNetV2. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Backbone {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    params: Arc<Params>,
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
        let net = pack(&weights.params);
        Ok(Self::of(Arc::new(weights.params), net, weights.record, runner))
    }

    pub(crate) fn of(params: Arc<Params>, net: Net, record: Record, runner: Runner) -> Self {
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
        let (weights, net) = icecap_weights::open_while(path, &runner.threads, pack)?;
        Ok(Self::of(Arc::new(weights.params), net, weights.record, runner))
    }

    /// Opens the file of an entry of the manifest, which was fetched before, or put into the store by hand. The record
    /// says what the entry says where the file does not.
    ///
    /// # Errors
    /// As [`Backbone::open`]; [`Error::Weights`] where the file is not there or not what the entry says.
    pub fn open_stored(store: &Store, entry: &Entry, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let (weights, net) = store.open_while(entry, &runner.threads, pack)?;
        Ok(Self::of(Arc::new(weights.params), net, weights.record, runner))
    }

    /// Opens a weight file held in memory; errors call it `label`.
    ///
    /// # Errors
    /// As [`Backbone::open`].
    pub fn from_bytes(bytes: &[u8], label: &str, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let (weights, net) = icecap_weights::from_bytes_while(bytes, label, &runner.threads, pack)?;
        Ok(Self::of(Arc::new(weights.params), net, weights.record, runner))
    }

    /// The starter backbone that is compiled in: width 0.35, made for 96x96. Small, and weak beside ImageNet weights.
    ///
    /// # Errors
    /// As [`Backbone::new`].
    pub fn starter(settings: Settings) -> Result<Self, Error> {
        Self::new(icecap_weights::starter()?, settings)
    }

    /// The net as it was trained.
    #[must_use]
    pub fn params(&self) -> &Arc<Params> {
        &self.inner.params
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

    /// A plan from pixels of `size` (rows, columns) to the stage `to` (see [`icecap_graph::stage`]), in which
    /// `workers` threads can share one image.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size or a stage that the net does not have.
    pub fn plan(&self, size: [usize; 2], to: &str, workers: usize) -> Result<Plan, Error> {
        let size = (size[0], size[1]);
        Ok(Plan::new(&self.inner.net, self.isa(), size, icecap_graph::stage::IMAGE, to, workers)?)
    }

    /// A session for images of `size` (rows, columns) up to the stage `to`.
    ///
    /// # Errors
    /// As [`Backbone::plan`].
    pub fn session(&self, size: [usize; 2], to: &str) -> Result<Session, Error> {
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
