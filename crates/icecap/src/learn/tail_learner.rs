//! The last blocks of a net and its head, as they go through epochs together.
//!
//! A step: rows at the tap run through the blocks, their pooled features through dropout and the dense layers to the loss;
//! the gradient comes back to the features by the tape and from there through the blocks. One rule, with one rate, moves all.

use std::ops::ControlFlow;

use icecap_autograd::{CrossEntropy, Dropout, Loss, Optimizer, Tape, Targets, Workspace, optim};
use icecap_kernels::{Isa, Shape, Tensor, Threads};
use icecap_tune::{Tail, Tuner};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::judge::temperature::{temperature, tempered};
use crate::learn::course::{Epoch, Learner, Passed, Step};
use crate::learn::head_on_tape::HeadOnTape;
use crate::learn::tap_rows::TapRows;
use crate::model::head::Head;

/// Photos, or views of photos, by the number of their row, with their classes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbered {
    pub(crate) numbers: Vec<u32>,
    pub(crate) labels: Vec<u32>,
}

impl Numbered {
    /// Those at these places.
    pub(crate) fn some(&self, places: &[usize]) -> Self {
        let of = |values: &[u32]| places.iter().map(|&place| values[place]).collect();
        Self { numbers: of(&self.numbers), labels: of(&self.labels) }
    }
}

/// What a tail runs on.
#[derive(Clone, Copy)]
pub(crate) struct On<'a> {
    pub(crate) rows: &'a TapRows<'a>,
    pub(crate) threads: &'a Threads,
    pub(crate) isa: Isa,
    /// Photos that run through it at a time.
    pub(crate) batch: usize,
}

impl<'a> On<'a> {
    pub(crate) fn compute(&self) -> icecap_tune::Compute<'a> {
        icecap_tune::Compute { threads: self.threads, isa: self.isa }
    }

    /// The pooled features that `tail` gives the photos of `set`, `[N, F]`, handed to `each` batch by batch.
    fn features(
        &self,
        tail: &Tail,
        set: &Numbered,
        each: &mut dyn FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (len, width) = (tail.input_shape().elements(), tail.features());
        let most = self.batch.min(set.numbers.len());
        let (mut rows, mut pooled) = (vec![0.0; most * len], vec![0.0; most * width]);
        for numbers in set.numbers.chunks(self.batch.max(1)) {
            let (rows, pooled) = (&mut rows[..numbers.len() * len], &mut pooled[..numbers.len() * width]);
            self.rows.read(numbers, rows)?;
            tail.forward(self.compute(), rows, pooled)?;
            if each(pooled).is_break() {
                return Err(Error::Stopped);
            }
        }
        Ok(())
    }

    /// The pooled features of the photos of `set`, `[N, F]`.
    pub(crate) fn pooled(
        &self,
        tail: &Tail,
        set: &Numbered,
        go_on: &dyn Fn() -> ControlFlow<()>,
    ) -> Result<Tensor, Error> {
        let mut all = Tensor::zeros(Shape::new(&[set.numbers.len(), tail.features()])?);
        let mut filled = 0;
        self.features(tail, set, &mut |pooled| {
            all.data_mut()[filled..][..pooled.len()].copy_from_slice(pooled);
            filled += pooled.len();
            go_on()
        })?;
        Ok(all)
    }
}

/// How a head and a tail learn.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) optimizer: &'static str,
    pub(crate) dropout: f32,
    /// The strength of the L2 penalty on the head's kernels, as it was when the head was trained alone.
    pub(crate) l2: f32,
    pub(crate) seed: u64,
    pub(crate) targets: Targets<'a>,
    /// Asked after each step, with the photos in it, and by each batch that is measured.
    pub(crate) go_on: &'a dyn Fn(usize) -> ControlFlow<()>,
}

/// What is measured at the end of an epoch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Watched<'a> {
    /// Photos that say which epoch is best.
    pub(crate) slice: Option<&'a Numbered>,
    /// Photos that are only reported on.
    pub(crate) validation: Option<&'a Numbered>,
    /// After which epoch the photos that are learned from are measured, too.
    pub(crate) last: u32,
}

/// The last blocks of a net and its head, while they learn.
pub(crate) struct TailLearner<'a> {
    on: On<'a>,
    how: How<'a>,
    train: &'a Numbered,
    watched: Watched<'a>,
    pub(crate) tail: Tail,
    pub(crate) head: Head,
    tuner: Tuner,
    optimizer: Box<dyn Optimizer>,
    workspace: Workspace,
    batch: Vec<f32>,
    /// What is said of the slice now, and what was when it was at its best.
    said: Vec<f32>,
    pub(crate) best: Vec<f32>,
}

impl<'a> TailLearner<'a> {
    pub(crate) fn new(
        on: On<'a>,
        how: How<'a>,
        train: &'a Numbered,
        watched: Watched<'a>,
        learns: Learns,
    ) -> Result<Self, Error> {
        let Learns { tail, head } = learns;
        let (tuner, optimizer) = (Tuner::new(&tail, how.optimizer)?, optim::named(how.optimizer)?);
        let (workspace, batch) = (Workspace::new(), Vec::new());
        let (said, best) = (Vec::new(), Vec::new());
        Ok(Self { on, how, train, watched, tail, head, tuner, optimizer, workspace, batch, said, best })
    }

    /// What was said of the slice after the last epoch.
    pub(crate) fn said(&self) -> &[f32] {
        &self.said
    }

    /// The logits of the photos of `set`, dropout off.
    fn logits(&self, set: &Numbered) -> Result<Vec<f32>, Error> {
        let (packed, width, features) = (self.head.packed(), self.head.logits(), self.tail.features());
        let mut all = Vec::with_capacity(set.numbers.len() * width);
        self.on.features(&self.tail, set, &mut |pooled| {
            let from = all.len();
            all.resize(from + pooled.len() / features * width, 0.0);
            packed.run(self.on.isa, pooled, &mut all[from..]);
            (self.how.go_on)(0)
        })?;
        Ok(all)
    }

    fn evaluate(&self, set: &Numbered) -> Result<Metrics, Error> {
        Metrics::of(&self.logits(set)?, &set.labels, self.head.classes())
    }
}

/// What learns: the last blocks and the head.
pub(crate) struct Learns {
    pub(crate) tail: Tail,
    pub(crate) head: Head,
}

impl Learner for TailLearner<'_> {
    fn photos(&self) -> usize {
        self.train.numbers.len()
    }

    fn take(&mut self, step: &Step<'_>) -> Result<Metrics, Error> {
        let classes = self.head.classes();
        let set = |values: &[u32]| step.rows.iter().map(|&row| values[row as usize]).collect::<Vec<_>>();
        let (numbers, labels) = (set(&self.train.numbers), set(&self.train.labels));
        self.batch.resize(numbers.len() * self.tail.input_shape().elements(), 0.0);
        self.on.rows.read(&numbers, &mut self.batch)?;
        let pooled = self.tuner.forward(&self.tail, self.on.compute(), &self.batch)?;
        let mut tape = Tape::new(&mut self.workspace);
        let layers = HeadOnTape::put(&mut tape, &self.head);
        let features = tape.parameter(pooled.view());
        let dropout = Dropout::training(self.how.dropout, self.how.seed, step.epoch, step.rows)?;
        let values = layers.logits(&mut tape, features, dropout)?;
        let metrics = Metrics::of(tape.value(values)?.data(), &labels, classes)?;
        if !metrics.loss.is_finite() {
            return Err(Error::Diverged { epoch: 0, loss: metrics.loss });
        }
        let loss = CrossEntropy::new(Loss::for_classes(classes), &labels).targets(self.how.targets);
        let mean = layers.loss(&mut tape, values, loss, self.how.l2)?;
        let mut gradients = tape.backward(mean)?;
        if let Some(d_pooled) = gradients.pop() {
            self.optimizer.step(self.head.parameters_mut(), &gradients, step.rate)?;
            self.tuner.backward(&self.tail, self.on.compute(), &d_pooled)?;
            self.tuner.step(&mut self.tail, self.on.compute(), step.rate)?;
            self.workspace.recycle([d_pooled]);
        }
        self.workspace.recycle(gradients);
        match (self.how.go_on)(step.rows.len()) {
            ControlFlow::Break(()) => Err(Error::Stopped),
            ControlFlow::Continue(()) => Ok(metrics),
        }
    }

    fn measure(&mut self, passed: Passed, heard: bool) -> Result<Epoch, Error> {
        let Passed { epoch, learning_rate, running } = passed;
        let running = running.unwrap_or(Metrics::NONE);
        let of = |set: Option<&Numbered>, wanted: bool| match set.filter(|_| wanted) {
            Some(set) => self.evaluate(set),
            None => Ok(Metrics::NONE),
        };
        let train = of(Some(self.train), heard && epoch == self.watched.last)?;
        let validation = of(self.watched.validation, heard)?;
        let watched = match self.watched.slice {
            Some(slice) => {
                self.said = self.logits(slice)?;
                Some(slice_metrics(&self.said, &slice.labels, self.head.classes())?)
            }
            None => None,
        };
        match watched.filter(|watched| !watched.loss.is_finite()) {
            Some(Metrics { loss, .. }) => Err(Error::Diverged { epoch, loss }),
            None => Ok(Epoch { epoch, learning_rate, running, train, validation, watched }),
        }
    }

    fn keep(&mut self) {
        self.best.clone_from(&self.said);
    }
}

/// The metrics of photos that say which epoch is best: the loss is taken after the temperature that suits it best. One is
/// fitted at the end anyway, and blocks that have learned are mostly too sure of what they know.
pub(crate) fn slice_metrics(logits: &[f32], labels: &[u32], classes: usize) -> Result<Metrics, Error> {
    let plain = Metrics::of(logits, labels, classes)?;
    if !plain.loss.is_finite() {
        return Ok(plain);
    }
    let by = temperature(logits, labels, classes)?;
    Ok(Metrics { loss: Metrics::of(&tempered(logits, by), labels, classes)?.loss, ..plain })
}
