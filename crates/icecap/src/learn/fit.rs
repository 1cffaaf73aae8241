//! The loops that train a head: epochs of steps along a gradient, or all at once to the minimum.

use std::ops::ControlFlow;

use icecap_autograd::optim::lbfgs::Stop;
use icecap_autograd::{Logistic, LogisticOptions, Schedule, Targets};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Tensor};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::compute::Pulse;
use crate::learn::decay::Decay;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::{Solver, TrainOptions};
use crate::learn::step::{Step, Stepper};
use crate::learn::steps::Steps;
use crate::model::head::Head;

/// The share of each class' training photos by which early stopping tells the best epoch.
const WATCHED: f64 = 0.15;

/// The metrics of one epoch, and why they differ.
///
/// The running numbers are averages over the epoch's steps: with dropout on, and mostly from before the head was as
/// good as at the epoch's end. That is why validation can look better than running training numbers; the training
/// numbers with dropout off, taken at the end of the epoch as validation is, can be compared with it.
///
/// With [`Solver::Lbfgs`] an epoch is one of its steps on all photos; there is no dropout, and `running` is `train`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// The number of the epoch, counted from 1.
    pub epoch: u32,
    /// The learning rate of its last step; with [`Solver::Lbfgs`] the length of the step, where Newton's own is 1.
    pub learning_rate: f32,
    /// Averages over the epoch's steps as they went, dropout on.
    pub running: Metrics,
    /// Measured on the photos that are learned from, at the end of the epoch, dropout off.
    pub train: Metrics,
    /// Measured on the validation photos at the end of the epoch; [`Metrics::NONE`] if there are no such photos.
    pub validation: Metrics,
    /// Measured on the slice of the training photos by which early stopping goes; `None` without early stopping.
    pub watched: Option<Metrics>,
}

/// How the training of a head went.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The epochs, in their order.
    pub history: Vec<Epoch>,
    /// The place in `history` of the epoch whose head was kept: the last, but for early stopping.
    pub kept: usize,
    /// The options with everything settled that was left open.
    pub options: TrainOptions,
}

impl Fit {
    /// Returns the epoch whose head was kept; `None` if there was no epoch.
    #[must_use]
    pub fn kept(&self) -> Option<&Epoch> {
        self.history.get(self.kept)
    }
}

/// Who is told of a training's epochs; either can stop it.
pub(crate) enum Listener<'a> {
    /// Hears of each with its metrics.
    Each(&'a mut dyn FnMut(&Epoch) -> ControlFlow<()>),
    /// Is only asked whether to go on: nothing is measured but what the training needs.
    Pulse(Pulse<'a>),
}

impl Listener<'_> {
    fn hears(&self) -> bool {
        matches!(self, Self::Each(_))
    }

    fn tell(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        match self {
            Self::Each(report) => report(epoch),
            Self::Pulse(pulse) => pulse(),
        }
    }
}

/// What a head is trained on, and what it is watched on meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Photos<'a> {
    pub(crate) train: &'a FeatureSet,
    pub(crate) validation: &'a FeatureSet,
}

/// Trains `head` with options in which nothing is left open.
pub(crate) fn fit(
    head: &mut Head,
    isa: Isa,
    photos: Photos<'_>,
    options: &TrainOptions,
    listener: Listener<'_>,
) -> Result<Fit, Error> {
    match &options.solver {
        Solver::Lbfgs { l2 } => {
            let targets = ClassWeights::of(options, photos.train, head);
            let course = Course { isa, photos, slice: None, options, targets: targets.targets() };
            course.solve(head, l2.unwrap_or(0.0), listener)
        }
        Solver::Steps(steps) => {
            let slice = match steps.early_stopping {
                Some(_) => Some(held_back(photos.train, options.seed)?),
                None => None,
            };
            let (train, slice) = match &slice {
                Some((train, slice)) => (train, Some(slice)),
                None => (photos.train, None),
            };
            let targets = ClassWeights::of(options, train, head);
            let photos = Photos { train, ..photos };
            let course = Course { isa, photos, slice, options, targets: targets.targets() };
            course.epochs(head, steps, listener)
        }
    }
}

/// The photos without the slice that early stopping goes by, and that slice.
fn held_back(train: &FeatureSet, seed: u64) -> Result<(FeatureSet, FeatureSet), Error> {
    let parts = train.held_back(WATCHED, seed)?;
    if parts.1.is_empty() {
        let reason = "no class has two photos, so none can be watched; leave it off".to_owned();
        return Err(Error::Setting { what: "early stopping", reason });
    }
    Ok(parts)
}

/// How much a photo of each class counts, and how sure its label is.
struct ClassWeights {
    weights: Option<Vec<f32>>,
    smoothing: f32,
}

impl ClassWeights {
    fn of(options: &TrainOptions, train: &FeatureSet, head: &Head) -> Self {
        let weights = options.class_weight.of(&train.counts(head.classes()));
        Self { weights, smoothing: options.label_smoothing }
    }

    fn targets(&self) -> Targets<'_> {
        Targets { class_weights: self.weights.as_deref(), smoothing: self.smoothing }
    }
}

/// What a training runs on.
struct Course<'a> {
    isa: Isa,
    photos: Photos<'a>,
    /// The photos by which early stopping goes.
    slice: Option<&'a FeatureSet>,
    options: &'a TrainOptions,
    targets: Targets<'a>,
}

/// The end of an epoch, before anything is measured there.
struct Passed {
    epoch: u32,
    learning_rate: f32,
    /// What the epoch's steps have measured as they went; `None` if there are no steps of a batch.
    running: Option<Metrics>,
}

impl Course<'_> {
    /// The metrics at the end of an epoch. Where nobody listens, only what early stopping needs.
    fn measure(&self, head: &Head, passed: Passed, heard: bool) -> Result<Epoch, Error> {
        let Passed { epoch, learning_rate, running } = passed;
        let of = |set, wanted| if wanted { head.evaluate(self.isa, set) } else { Ok(Metrics::NONE) };
        let train = of(self.photos.train, heard)?;
        let validation = of(self.photos.validation, heard)?;
        let watched = self.slice.map(|slice| head.evaluate(self.isa, slice)).transpose()?;
        let measured = [
            (running.unwrap_or(train), running.is_some()),
            (train, heard),
            (validation, heard && !self.photos.validation.is_empty()),
            (watched.unwrap_or(Metrics::NONE), watched.is_some()),
        ];
        match measured.iter().find(|(metrics, is_one)| *is_one && !metrics.loss.is_finite()) {
            Some((metrics, _)) => Err(Error::Diverged { epoch, loss: metrics.loss }),
            None => {
                let running = running.unwrap_or(train);
                Ok(Epoch { epoch, learning_rate, running, train, validation, watched })
            }
        }
    }

    /// Epoch by epoch, in steps of a batch.
    fn epochs(&self, head: &mut Head, settings: &Steps, mut listener: Listener<'_>) -> Result<Fit, Error> {
        let train = self.photos.train;
        let mut stepper = Stepper::new(train, self.options, settings, self.targets)?;
        let epochs = settings.epochs.count(train.len(), settings.batch);
        let steps = train.len().div_ceil(settings.batch.max(1)) as u64;
        let rates = Rates::new(settings, epochs, steps);
        let mut history: Vec<Epoch> = Vec::new();
        let mut best: Option<Best> = None;
        for epoch in 0..epochs {
            let first = u64::from(epoch) * steps;
            let rate = |step: u64| rates.at(first + step);
            let running = Some(self.epoch(head, epoch, &mut stepper, rate)?);
            let learning_rate = rate(steps.saturating_sub(1));
            let passed = Passed { epoch: epoch + 1, learning_rate, running };
            let measured = self.measure(head, passed, listener.hears())?;
            history.push(measured);
            let place = history.len() - 1;
            if let Some(Metrics { loss, .. }) = measured.watched
                && best.as_ref().is_none_or(|best| loss < best.loss)
            {
                best = Some(Best { loss, place, head: head.clone() });
            }
            if listener.tell(&measured).is_break() {
                return Err(Error::Stopped);
            }
            let waited = best.as_ref().map_or(0, |best| place - best.place);
            if settings.early_stopping.is_some_and(|patience| waited >= patience as usize) {
                break;
            }
        }
        let mut kept = history.len().saturating_sub(1);
        if let Some(best) = best {
            (kept, *head) = (best.place, best.head);
        }
        Ok(Fit { history, kept, options: self.options.clone() })
    }

    fn epoch(
        &self,
        head: &mut Head,
        epoch: u32,
        stepper: &mut Stepper<'_>,
        rate: impl Fn(u64) -> f32,
    ) -> Result<Metrics, Error> {
        let photos = self.photos.train.len();
        let mut order: Vec<u32> = (0..photos as u32).collect();
        Stream::new(self.options.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let (mut loss_sum, mut right) = (0.0, 0.0);
        for (number, rows) in order.chunks(stepper.batch()).enumerate() {
            let metrics = stepper.take(head, &Step { epoch, rows, rate: rate(number as u64) })?;
            // A short last step counts by its photos.
            loss_sum += f64::from(metrics.loss) * rows.len() as f64;
            right += f64::from(metrics.accuracy) * rows.len() as f64;
        }
        let photos = photos.max(1) as f64;
        Ok(Metrics { loss: (loss_sum / photos) as f32, accuracy: (right / photos) as f32 })
    }

    /// All at once, on all photos. The start is a head of zeros: what it leads to depends on no seed.
    fn solve(&self, head: &mut Head, l2: f32, mut listener: Listener<'_>) -> Result<Fit, Error> {
        if head.layers().len() > 1 {
            let reason = "L-BFGS solves one dense layer; take an optimizer of steps".to_owned();
            return Err(Error::Setting { what: "hidden layer", reason });
        }
        let train = self.photos.train;
        let problem = Logistic::new(train.features().view(), train.labels(), head.classes())?;
        let stop = Stop { steps: STEPS, gradient: 1e-5, decrease: 1e-7 };
        let options = LogisticOptions { targets: self.targets, l2, stop };
        let mut layer = [head.kernel(), head.bias()].map(|tensor| Tensor::zeros(tensor.shape()));
        let (mut history, mut failed, classes) = (Vec::new(), None, head.classes());
        let mut watch = |step: usize, length: f64, [kernel, bias]: &[Tensor; 2]| {
            let now = Head::from_parts(kernel.clone(), bias.clone(), classes);
            let passed = Passed { epoch: step as u32, learning_rate: length as f32, running: None };
            match self.measure(&now, passed, listener.hears()) {
                Ok(epoch) => {
                    history.push(epoch);
                    if listener.tell(&epoch).is_break() {
                        failed = Some(Error::Stopped);
                    }
                }
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        };
        let outcome = problem.fit(&mut layer, &options, &mut watch)?;
        if outcome.steps == 0 {
            // Nothing tells the classes apart: the start is the minimum.
            watch(1, 0.0, &layer);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let [kernel, bias] = layer;
        *head = Head::from_parts(kernel, bias, classes);
        let kept = history.len().saturating_sub(1);
        Ok(Fit { history, kept, options: self.options.clone() })
    }
}

/// The best epoch so far, by the loss on the photos that are watched.
struct Best {
    loss: f32,
    /// Its place in the history.
    place: usize,
    head: Head,
}

/// Steps of L-BFGS at most: two to four times what heads without a penalty need.
const STEPS: usize = 500;

/// The learning rate over the steps of a training.
struct Rates {
    base: f32,
    schedule: Schedule,
    warmup: u64,
}

impl Rates {
    fn new(settings: &Steps, epochs: u32, steps: u64) -> Self {
        let schedule = match settings.schedule {
            Decay::Constant => Schedule::Constant,
            Decay::Cosine => Schedule::Cosine { steps: steps * u64::from(epochs) },
            Decay::Step { epochs, factor } => Schedule::Step { every: steps * u64::from(epochs), factor },
        };
        Self { base: settings.learning_rate(), schedule, warmup: steps * u64::from(settings.warmup) }
    }

    /// The schedule's rate, of which the first step of a warm-up takes a share, and each a share more.
    fn at(&self, step: u64) -> f32 {
        let rate = self.schedule.learning_rate(self.base, step);
        if step < self.warmup { rate * ((step + 1) as f32 / self.warmup as f32) } else { rate }
    }
}
