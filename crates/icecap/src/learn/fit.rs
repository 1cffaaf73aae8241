//! The loops that train a head: epochs of steps along a gradient, or all at once to the minimum.

use std::ops::ControlFlow;

use icecap_autograd::optim::{self, lbfgs::Stop};
use icecap_autograd::{Logistic, LogisticOptions, Optimizer, Schedule, Targets, Workspace};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Tensor};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::{Decay, TrainOptions};
use crate::learn::pulse::Pulse;
use crate::learn::step::Step;
use crate::model::head::Head;

/// The share of each class' training photos by which early stopping tells the best epoch.
const WATCHED: f64 = 0.15;

/// The metrics of one epoch, and why they differ.
///
/// The running numbers are averages over the epoch's steps: with dropout on, and mostly from before the head was as
/// good as at the epoch's end. That is why validation can look better than running training numbers; the training
/// numbers with dropout off, taken at the end of the epoch as validation is, can be compared with it.
///
/// With [`LBFGS`](crate::LBFGS) an epoch is one of its steps on all photos; there is no dropout, and `running` is
/// `train`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// The learning rate of its last step; with [`LBFGS`](crate::LBFGS) the length of the step, of Newton's being 1.
    pub learning_rate: f32,
    /// Over the epoch's steps as they went, dropout on.
    pub running: Metrics,
    /// On the photos that were learned from at the end of the epoch, dropout off.
    pub train: Metrics,
    /// On the validation photos at the end of the epoch; [`Metrics::NONE`] where there are none.
    pub validation: Metrics,
    /// On the slice of the training photos by which early stopping goes, where it does.
    pub watched: Option<Metrics>,
}

/// How a training went.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Each epoch.
    pub history: Vec<Epoch>,
    /// The place in `history` of the epoch whose head was kept: the last, but for early stopping.
    pub kept: usize,
    /// The options with everything settled that was left open.
    pub options: TrainOptions,
}

impl Fit {
    /// The epoch whose head was kept.
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

/// Trains `head` with options in which nothing is left open.
pub(crate) fn fit(
    head: &mut Head,
    isa: Isa,
    train: &FeatureSet,
    validation: &FeatureSet,
    options: &TrainOptions,
    listener: Listener<'_>,
) -> Result<Fit, Error> {
    let slice = match options.early_stopping {
        Some(_) => Some(train.held_back(WATCHED, options.seed)?),
        None => None,
    };
    let (train, slice) = match &slice {
        Some((_, slice)) if slice.is_empty() => {
            let reason = "no class has two photos, so none can be watched; leave it off".to_owned();
            return Err(Error::Setting { what: "early stopping", reason });
        }
        Some((train, slice)) => (train, Some(slice)),
        None => (train, None),
    };
    let weights = options.class_weight.of(&train.counts(head.classes()));
    let targets = Targets { class_weights: weights.as_deref(), smoothing: options.label_smoothing };
    let course = Course { isa, train, validation, slice, options, targets };
    if options.is_lbfgs() { course.solve(head, listener) } else { course.epochs(head, listener) }
}

/// What a training runs on.
struct Course<'a> {
    isa: Isa,
    train: &'a FeatureSet,
    validation: &'a FeatureSet,
    slice: Option<&'a FeatureSet>,
    options: &'a TrainOptions,
    targets: Targets<'a>,
}

impl Course<'_> {
    /// The metrics at the end of an epoch. Where nobody listens, only what early stopping needs.
    fn measure(
        &self,
        head: &Head,
        (epoch, learning_rate): (u32, f32),
        running: Metrics,
        heard: bool,
    ) -> Result<Epoch, Error> {
        let of = |set, wanted| if wanted { head.evaluate(self.isa, set) } else { Ok(Metrics::NONE) };
        let train = of(self.train, heard)?;
        let validation = of(self.validation, heard)?;
        let watched = self.slice.map(|slice| head.evaluate(self.isa, slice)).transpose()?;
        let measured = [
            (running, !self.options.is_lbfgs()),
            (train, heard),
            (validation, heard && !self.validation.is_empty()),
            (watched.unwrap_or(Metrics::NONE), watched.is_some()),
        ];
        match measured.iter().find(|(metrics, is_one)| *is_one && !metrics.loss.is_finite()) {
            Some((metrics, _)) => Err(Error::Diverged { epoch, loss: metrics.loss }),
            None => Ok(Epoch { epoch, learning_rate, running, train, validation, watched }),
        }
    }

    /// Epoch by epoch, in steps of a batch.
    fn epochs(&self, head: &mut Head, mut listener: Listener<'_>) -> Result<Fit, Error> {
        let options = self.options;
        let mut optimizer = optim::named(&options.optimizer)?;
        let mut workspace = Workspace::new();
        let epochs = options.epochs.count(self.train.len(), options.batch);
        let steps = self.train.len().div_ceil(options.batch.max(1)) as u64;
        let rates = Rates::new(options, epochs, steps);
        let mut history: Vec<Epoch> = Vec::new();
        let mut best: Option<(f32, usize, Head)> = None;
        for epoch in 0..epochs {
            let first = u64::from(epoch) * steps;
            let rate = |step: u64| rates.at(first + step);
            let running = self.epoch(head, epoch, optimizer.as_mut(), &mut workspace, rate)?;
            let last = rate(steps.saturating_sub(1));
            let measured = self.measure(head, (epoch + 1, last), running, listener.hears())?;
            history.push(measured);
            if let Some(watched) = measured.watched
                && best.as_ref().is_none_or(|(loss, _, _)| watched.loss < *loss)
            {
                best = Some((watched.loss, history.len() - 1, head.clone()));
            }
            if listener.tell(&measured).is_break() {
                return Err(Error::Stopped);
            }
            let waited = best.as_ref().map_or(0, |(_, at, _)| history.len() - 1 - at);
            if options.early_stopping.is_some_and(|patience| waited >= patience as usize) {
                break;
            }
        }
        let mut kept = history.len().saturating_sub(1);
        if let Some((_, at, of_best)) = best {
            (kept, *head) = (at, of_best);
        }
        Ok(Fit { history, kept, options: options.clone() })
    }

    fn epoch(
        &self,
        head: &mut Head,
        epoch: u32,
        optimizer: &mut dyn Optimizer,
        workspace: &mut Workspace,
        rate: impl Fn(u64) -> f32,
    ) -> Result<Metrics, Error> {
        let mut order: Vec<u32> = (0..self.train.len() as u32).collect();
        Stream::new(self.options.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let (mut loss_sum, mut right) = (0.0, 0.0);
        for (number, rows) in order.chunks(self.options.batch.max(1)).enumerate() {
            let step = Step { epoch, rows, rate: rate(number as u64) };
            let metrics = step.take(head, self.train, self.options, &self.targets, optimizer, workspace)?;
            // A short last step counts by its photos.
            loss_sum += f64::from(metrics.loss) * rows.len() as f64;
            right += f64::from(metrics.accuracy) * rows.len() as f64;
        }
        let photos = self.train.len().max(1) as f64;
        Ok(Metrics { loss: (loss_sum / photos) as f32, accuracy: (right / photos) as f32 })
    }

    /// All at once, on all photos. The start is a head of zeros: what it leads to depends on no seed.
    fn solve(&self, head: &mut Head, mut listener: Listener<'_>) -> Result<Fit, Error> {
        let problem = Logistic::new(self.train.features().view(), self.train.labels(), head.classes())?;
        let stop = Stop { steps: STEPS, gradient: 1e-5, decrease: 1e-7 };
        let options = LogisticOptions { targets: self.targets, l2: self.options.l2.unwrap_or(0.0), stop };
        let mut layer = [head.kernel(), head.bias()].map(|tensor| Tensor::zeros(tensor.shape()));
        let (mut history, mut failed, classes) = (Vec::new(), None, head.classes());
        let mut watch = |step: usize, length: f64, [kernel, bias]: &[Tensor; 2]| {
            let now = Head::from_parts(kernel.clone(), bias.clone(), classes);
            match self.measure(&now, (step as u32, length as f32), Metrics::NONE, listener.hears()) {
                Ok(epoch) => {
                    let epoch = Epoch { running: epoch.train, ..epoch };
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

/// Steps of L-BFGS at most: two to four times what heads without a penalty need.
const STEPS: usize = 500;

/// The learning rate over the steps of a training.
struct Rates {
    base: f32,
    schedule: Schedule,
    warmup: u64,
}

impl Rates {
    fn new(options: &TrainOptions, epochs: u32, steps: u64) -> Self {
        let schedule = match options.decay {
            Decay::Constant => Schedule::Constant,
            Decay::Cosine => Schedule::Cosine { steps: steps * u64::from(epochs) },
            Decay::Step { epochs, factor } => Schedule::Step { every: steps * u64::from(epochs), factor },
        };
        Self { base: options.learning_rate, schedule, warmup: steps * u64::from(options.warmup) }
    }

    /// The schedule's rate, of which the first step of a warm-up takes a share, and each a share more.
    fn at(&self, step: u64) -> f32 {
        let rate = self.schedule.learning_rate(self.base, step);
        if step < self.warmup { rate * ((step + 1) as f32 / self.warmup as f32) } else { rate }
    }
}
