//! The loops that train a head: epochs of steps along a gradient, or all at once to the minimum.

use icecap_autograd::optim::lbfgs::Stop;
use icecap_autograd::{Logistic, LogisticOptions, Targets};
use icecap_kernels::{Tensor, Threads};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::compute::Compute;
use crate::learn::course::{Course, Draws, Epoch, Learner, Listener, Passed, Rates, Step, Went};
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::{Solver, TrainOptions};
use crate::learn::step::Stepper;
use crate::learn::steps::Steps;
use crate::model::head::Head;

/// The share of each class' training photos by which early stopping tells the best epoch.
const WATCHED: f64 = 0.15;

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

/// What a head is trained on, and what it is watched on meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Photos<'a> {
    pub(crate) train: &'a FeatureSet,
    pub(crate) validation: &'a FeatureSet,
}

/// Trains `head` with options in which nothing is left open.
pub(crate) fn fit(
    head: &mut Head,
    compute: Compute<'_>,
    photos: Photos<'_>,
    options: &TrainOptions,
    listener: Listener<'_>,
) -> Result<Fit, Error> {
    match &options.solver {
        Solver::Lbfgs { l2 } => {
            let targets = ClassWeights::of(options, photos.train, head);
            let problem = Problem { compute, photos, slice: None, options, targets: targets.targets() };
            problem.solve(head, l2.unwrap_or(0.0), listener)
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
            let problem = Problem { compute, photos, slice, options, targets: targets.targets() };
            problem.epochs(head, steps, listener)
        }
    }
}

/// Trains `head` in steps and returns how good it is on `held` after each epoch; early stopping goes by that, too.
pub(crate) fn held_metrics(
    head: &mut Head,
    compute: Compute<'_>,
    train: &FeatureSet,
    held: &FeatureSet,
    options: &TrainOptions,
) -> Result<Vec<Metrics>, Error> {
    let Some(steps) = options.steps() else { return Ok(Vec::new()) };
    let targets = ClassWeights::of(options, train, head);
    let photos = Photos { train, validation: held };
    let problem = Problem {
        compute: Compute { threads: &Threads::serial(), ..compute },
        photos,
        slice: Some(held),
        options,
        targets: targets.targets(),
    };
    let fit = problem.epochs(head, steps, Listener::Pulse(compute.pulse))?;
    Ok(fit.history.iter().filter_map(|epoch| epoch.watched).collect())
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
pub(crate) struct ClassWeights {
    weights: Option<Vec<f32>>,
    smoothing: f32,
}

impl ClassWeights {
    pub(crate) fn of(options: &TrainOptions, train: &FeatureSet, head: &Head) -> Self {
        let weights = options.class_weight.of(&train.counts(head.classes()));
        Self { weights, smoothing: options.label_smoothing }
    }

    pub(crate) fn targets(&self) -> Targets<'_> {
        Targets { class_weights: self.weights.as_deref(), smoothing: self.smoothing }
    }
}

/// What a training runs on.
struct Problem<'a> {
    compute: Compute<'a>,
    photos: Photos<'a>,
    /// The photos by which early stopping goes.
    slice: Option<&'a FeatureSet>,
    options: &'a TrainOptions,
    targets: Targets<'a>,
}

impl Problem<'_> {
    /// The metrics at the end of an epoch. Where nobody listens, only what early stopping needs.
    fn measure(&self, head: &Head, passed: Passed, heard: bool) -> Result<Epoch, Error> {
        let Passed { epoch, learning_rate, running } = passed;
        let of = |set, wanted| {
            if wanted {
                head.evaluate_on(self.compute.threads, self.compute.isa, set)
            } else {
                Ok(Metrics::NONE)
            }
        };
        let train = of(self.photos.train, heard)?;
        let validation = of(self.photos.validation, heard)?;
        let watched = self
            .slice
            .map(|slice| head.evaluate_on(self.compute.threads, self.compute.isa, slice))
            .transpose()?;
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
        let stepper = Stepper::new(train, self.options, settings, self.targets)?;
        let epochs = settings.epochs.count(train.len(), settings.batch);
        let steps = train.len().div_ceil(stepper.batch()) as u64;
        let warmup = steps * u64::from(settings.warmup);
        let course = Course {
            epochs,
            batch: stepper.batch(),
            rates: Rates::new(settings.learning_rate(), settings.schedule, epochs, steps, warmup),
            patience: settings.early_stopping,
            draws: Draws { seed: self.options.seed, first: 0 },
        };
        let mut learner = HeadLearner { problem: self, head, stepper, best: None };
        let Went { history, best } = course.run(&mut learner, &mut listener)?;
        if let Some(kept) = learner.best.take() {
            *head = kept;
        }
        let kept = best.unwrap_or(history.len()).saturating_sub(1);
        Ok(Fit { history, kept, options: self.options.clone() })
    }

    /// All at once, on all photos. The start is a head of zeros: what it leads to depends on no seed.
    fn solve(&self, head: &mut Head, l2: f32, mut listener: Listener<'_>) -> Result<Fit, Error> {
        if head.layers().len() > 1 {
            let reason = "L-BFGS solves one dense layer; take an optimizer of steps".to_owned();
            return Err(Error::Setting { what: "hidden layer", reason });
        }
        let train = self.photos.train;
        let stored = train.stored();
        let of = |rows| Logistic::of_rows(stored.matrix().view(), rows, train.labels(), head.classes());
        let problem = of(stored.numbers())?;
        let stop = Stop { steps: STEPS, gradient: 1e-5, decrease: 1e-7 };
        let options =
            LogisticOptions { targets: self.targets, l2, stop, threads: Some(self.compute.threads) };
        let mut layer = [head.kernel(), head.bias()].map(|tensor| Tensor::zeros(tensor.shape()));
        self.approach(&mut layer, &options)?;
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

impl Problem<'_> {
    /// Brings a layer near the minimum of many photos by fewer and fewer of them left out: a step over a sixteenth of them costs a
    /// sixteenth, and the minimum of a large sample is near that of all. Where the end lies is not changed by it.
    fn approach(&self, layer: &mut [Tensor; 2], options: &LogisticOptions<'_>) -> Result<(), Error> {
        let (train, classes) = (self.photos.train, layer[1].data().len().max(2));
        for every in [64, 16, 4] {
            if train.len() / every < SAMPLE {
                continue;
            }
            let places: Vec<usize> = (0..train.len()).step_by(every).collect();
            let sample = train.rows(&places)?;
            let (stored, mut stopped) = (sample.stored(), false);
            // As far as the sample tells of the others.
            let stop = Stop { decrease: 1e-4, ..options.stop };
            Logistic::of_rows(stored.matrix().view(), stored.numbers(), sample.labels(), classes)?.fit(
                layer,
                &LogisticOptions { stop, ..*options },
                |_, _, _| {
                    stopped = self.compute.is_stopped();
                    !stopped
                },
            )?;
            if stopped {
                return Err(Error::Stopped);
            }
        }
        Ok(())
    }
}

/// The fewest photos of a sample.
const SAMPLE: usize = 8192;

/// Steps of L-BFGS at most: two to four times what heads without a penalty need.
const STEPS: usize = 500;

/// A head on its features, as it goes through epochs.
struct HeadLearner<'a> {
    problem: &'a Problem<'a>,
    head: &'a mut Head,
    stepper: Stepper<'a>,
    /// The best so far, by the loss on the photos that are watched.
    best: Option<Head>,
}

impl Learner for HeadLearner<'_> {
    fn photos(&self) -> usize {
        self.problem.photos.train.len()
    }

    fn take(&mut self, step: &Step<'_>) -> Result<Metrics, Error> {
        self.stepper.take(self.head, step)
    }

    fn measure(&mut self, passed: Passed, heard: bool) -> Result<Epoch, Error> {
        self.problem.measure(self.head, passed, heard)
    }

    fn keep(&mut self) {
        self.best = Some(self.head.clone());
    }
}
