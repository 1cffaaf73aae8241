//! A course of epochs: batch after batch at the rate of a schedule, whatever it is that learns.

use std::ops::ControlFlow;

use icecap_autograd::Schedule;
use icecap_kernels::rng::{Purpose, Stream};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::compute::Pulse;
use crate::learn::decay::Decay;

/// The metrics of one epoch, and why they differ.
///
/// The running numbers are averages over the epoch's steps: with dropout on, and mostly from before the head was as
/// good as at the epoch's end. That is why validation can look better than running training numbers; the training
/// numbers with dropout off, taken at the end of the epoch as validation is, can be compared with it.
///
/// With [`Solver::Lbfgs`](crate::learn::Solver::Lbfgs) an epoch is one of its steps on all photos; there is no dropout, and
/// `running` is `train`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// The number of the epoch, counted from 1.
    pub epoch: u32,
    /// The learning rate of its last step; with [`Solver::Lbfgs`](crate::learn::Solver::Lbfgs) the length of the step, where
    /// Newton's own is 1.
    pub learning_rate: f32,
    /// Averages over the epoch's steps as they went, dropout on.
    pub running: Metrics,
    /// Measured on the photos that are learned from, at the end of the epoch, dropout off; [`Metrics::NONE`] after an epoch
    /// of fine-tuning that is not the last, where it would cost a third of the epoch.
    pub train: Metrics,
    /// Measured on the validation photos at the end of the epoch; [`Metrics::NONE`] if there are no such photos.
    pub validation: Metrics,
    /// Measured on the slice of the training photos by which early stopping goes; `None` without early stopping.
    pub watched: Option<Metrics>,
}

/// Who is told of a training's epochs; either can stop it.
pub(crate) enum Listener<'a> {
    /// Hears of each with its metrics.
    Each(&'a mut dyn FnMut(&Epoch) -> ControlFlow<()>),
    /// Is only asked whether to go on: nothing is measured but what the training needs.
    Pulse(Pulse<'a>),
}

impl Listener<'_> {
    pub(crate) fn hears(&self) -> bool {
        matches!(self, Self::Each(_))
    }

    pub(crate) fn tell(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        match self {
            Self::Each(report) => report(epoch),
            Self::Pulse(pulse) => pulse(),
        }
    }
}

/// Which photos a step is about, and how far it goes.
pub(crate) struct Step<'a> {
    /// The number by which its dropout is drawn.
    pub(crate) epoch: u32,
    /// The photos, by their row in the training set.
    pub(crate) rows: &'a [u32],
    pub(crate) rate: f32,
}

/// The end of an epoch, before anything is measured there.
#[derive(Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) epoch: u32,
    pub(crate) learning_rate: f32,
    /// What the epoch's steps have measured as they went; `None` if there are no steps of a batch.
    pub(crate) running: Option<Metrics>,
}

/// What goes through epochs of steps.
pub(crate) trait Learner {
    /// Photos that an epoch goes over.
    fn photos(&self) -> usize;

    /// Takes a step; returns the batch's metrics as they were before it.
    fn take(&mut self, step: &Step<'_>) -> Result<Metrics, Error>;

    /// The metrics at the end of an epoch. Where nobody hears of them, only what the course needs.
    fn measure(&mut self, passed: Passed, heard: bool) -> Result<Epoch, Error>;

    /// Remembers what it is now as the best so far.
    fn keep(&mut self);
}

/// So many epochs, and how each goes.
pub(crate) struct Course {
    pub(crate) epochs: u32,
    pub(crate) batch: usize,
    pub(crate) rates: Rates,
    /// Epochs without a better one after which it ends.
    pub(crate) patience: Option<u32>,
    pub(crate) draws: Draws,
}

/// What the order of the photos and dropout are drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Draws {
    pub(crate) seed: u64,
    /// The number of the first epoch among all that are drawn.
    pub(crate) first: u32,
}

/// How a course went.
pub(crate) struct Went {
    pub(crate) history: Vec<Epoch>,
    /// How many epochs had gone by when it was at its best by the watched photos; `None` if none are watched.
    pub(crate) best: Option<usize>,
}

impl Course {
    /// Goes through the epochs.
    pub(crate) fn run(&self, learner: &mut dyn Learner, listener: &mut Listener<'_>) -> Result<Went, Error> {
        let photos = learner.photos();
        let steps = photos.div_ceil(self.batch.max(1)) as u64;
        let mut history: Vec<Epoch> = Vec::new();
        let mut best: Option<(f32, usize)> = None;
        for epoch in 0..self.epochs {
            let first = u64::from(epoch) * steps;
            let rate = |step: u64| self.rates.at(first + step);
            let running = Some(self.epoch(learner, epoch, &rate).map_err(|error| match error {
                // A step knows no epoch.
                Error::Diverged { loss, .. } => Error::Diverged { epoch: epoch + 1, loss },
                other => other,
            })?);
            let learning_rate = rate(steps.saturating_sub(1));
            let passed = Passed { epoch: epoch + 1, learning_rate, running };
            let measured = learner.measure(passed, listener.hears())?;
            history.push(measured);
            if let Some(Metrics { loss, .. }) = measured.watched
                && best.is_none_or(|(least, _)| loss < least)
            {
                best = Some((loss, history.len()));
                learner.keep();
            }
            if listener.tell(&measured).is_break() {
                return Err(Error::Stopped);
            }
            let waited = best.map_or(0, |(_, at)| history.len() - at);
            if self.patience.is_some_and(|patience| waited >= patience as usize) {
                break;
            }
        }
        Ok(Went { history, best: best.map(|(_, at)| at) })
    }

    fn epoch(
        &self,
        learner: &mut dyn Learner,
        epoch: u32,
        rate: &dyn Fn(u64) -> f32,
    ) -> Result<Metrics, Error> {
        let photos = learner.photos();
        let drawn = self.draws.first + epoch;
        let mut order: Vec<u32> = (0..photos as u32).collect();
        Stream::new(self.draws.seed, Purpose::Shuffle, drawn, 0).shuffle(&mut order);
        let (mut loss_sum, mut right) = (0.0, 0.0);
        for (number, rows) in order.chunks(self.batch.max(1)).enumerate() {
            let metrics = learner.take(&Step { epoch: drawn, rows, rate: rate(number as u64) })?;
            // A short last step counts by its photos.
            loss_sum += f64::from(metrics.loss) * rows.len() as f64;
            right += f64::from(metrics.accuracy) * rows.len() as f64;
        }
        let photos = photos.max(1) as f64;
        Ok(Metrics { loss: (loss_sum / photos) as f32, accuracy: (right / photos) as f32 })
    }
}

/// The learning rate over the steps of a training.
pub(crate) struct Rates {
    base: f32,
    schedule: Schedule,
    warmup: u64,
}

impl Rates {
    /// The rates of a course of `epochs` epochs, each of so many `steps`, of which the first `warmup` steps rise to `base`.
    pub(crate) fn new(base: f32, decay: Decay, epochs: u32, steps: u64, warmup: u64) -> Self {
        let schedule = match decay {
            Decay::Constant => Schedule::Constant,
            Decay::Cosine => Schedule::Cosine { steps: steps * u64::from(epochs) },
            Decay::Step { epochs, factor } => Schedule::Step { every: steps * u64::from(epochs), factor },
        };
        Self { base, schedule, warmup }
    }

    /// The schedule's rate, of which the first step of a warm-up takes a share, and each a share more.
    fn at(&self, step: u64) -> f32 {
        let rate = self.schedule.learning_rate(self.base, step);
        if step < self.warmup { rate * ((step + 1) as f32 / self.warmup as f32) } else { rate }
    }
}
