//! The second phase of a training: the last blocks of the net go on with the head, if that is any good.
//!
//! **Whether, which and how long** is chosen by photos that are held back from the training photos: a fifth of each class,
//! by content. On the others a head is trained, and from there each candidate is tuned through the whole schedule; at its end
//! the slice says what it is worth, and the best is taken unless the slice speaks against it ([`speaks_against`]): then
//! the head alone is kept. Else head and blocks learn once more from all training photos, through the same schedule. An epoch
//! in the middle of it that looks better is not taken: it ends at a high rate, and the same epoch of another training may be
//! far off. Who asks for early stopping gets it, best epoch and all.
//!
//! With fewer than about 50 photos a class, or where groups leave little to hold back, the slice cannot tell one from the other:
//! then nothing is tuned, unless somebody said what, which is done all the same.
//!
//! **The temperature** of a tuned net is the one that suits what the trial said of the slice, which it had not learned from.
//! Folds of heads on the tuned features would be no judge of it: every one of these photos has made those features.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use icecap_graph::Tap;
use icecap_kernels::Tensor;
use icecap_tune::{Norms, Tail};

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::metrics::Metrics;
use crate::judge::temperature::temperature;
use crate::learn::compute::Compute;
use crate::learn::content_slice::Sliced;
use crate::learn::course::{Course, Draws, Epoch, Learner, Listener, Rates, Went};
use crate::learn::fine_tuned::{Trial, TuneChoice, Verdict};
use crate::learn::fit::{self, ClassWeights, fit};
use crate::learn::options::TrainOptions;
use crate::learn::paired_loss::speaks_against;
use crate::learn::photo_features::Photos;
use crate::learn::tail_learner::{How, Learns, Numbered, On, TailLearner, Watched, slice_metrics};
use crate::learn::tap_rows::TapRows;
use crate::learn::trained::Event;
use crate::learn::tuning::Tuning;
use crate::learn::unfreeze::Unfreeze;
use crate::model::backbone::Backbone;
use crate::model::head::Head;
use crate::model::progress::Progress;

/// The number of the first epoch of blocks and head among all that are drawn: those of a head alone are fewer.
const DRAWS: u32 = 1 << 24;
/// Photos that run through the blocks at a time where nothing learns.
const BATCH: usize = 32;
/// Dropout beside a head that was trained without steps.
const DROPOUT: f32 = 0.2;

/// Who hears of a training's events.
type Listening<'a> = &'a (dyn Fn(Event<'_>) -> ControlFlow<()> + Sync);

/// Everything that the second phase is made of.
pub(crate) struct Phase<'a> {
    pub(crate) backbone: &'a Backbone,
    /// The size of the photos.
    pub(crate) size: [usize; 2],
    /// What enters the first block that any candidate has learn.
    pub(crate) rows: &'a TapRows<'a>,
    pub(crate) photos: &'a Photos,
    pub(crate) classes: usize,
    /// How the head was trained, nothing left open.
    pub(crate) done: &'a TrainOptions,
    pub(crate) tuning: &'a Tuning,
    pub(crate) event: Listening<'a>,
}

/// What the second phase leaves, if the head alone is not kept.
pub(crate) struct Made {
    pub(crate) learns: Learns,
    pub(crate) history: Vec<Epoch>,
    pub(crate) calibration: Calibration,
}

/// The best of the trials so far.
struct Best {
    unfreeze: Unfreeze,
    epochs: u32,
    loss: f32,
    /// What it said of the slice.
    said: Vec<f32>,
}

/// The training photos in two: to learn from and to try on.
struct Parts {
    train: Numbered,
    slice: Numbered,
    /// The places of both among the rows that the head learns from.
    places: [Vec<usize>; 2],
}

impl Phase<'_> {
    /// Chooses what learns and, if that is not the head alone, has it learn from all training photos from `head` on.
    pub(crate) fn run(&self, head: &Head) -> Result<(TuneChoice, Option<Made>), Error> {
        let (parts, enough) = self.parts();
        let (mut choice, best) = self.choose(&parts, enough)?;
        self.tell(Event::TuningChosen(&choice))?;
        let Some(best) = best else { return Ok((choice, None)) };
        match self.learn(head, &best, &parts.slice.labels) {
            Ok(made) => Ok((choice, Some(made))),
            Err(Error::Diverged { epoch, .. }) => {
                choice.verdict = Verdict::Diverged { epoch };
                self.tell(Event::TuningChosen(&choice))?;
                Ok((choice, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Tries the candidates.
    fn choose(&self, parts: &Parts, enough: bool) -> Result<(TuneChoice, Option<Best>), Error> {
        let (learned, held) =
            (parts.train.numbers.len() / self.photos.views().max(1), parts.slice.numbers.len());
        let auto = self.tuning.unfreeze == Unfreeze::Auto;
        let mut choice =
            TuneChoice { learned, held, head: Metrics::NONE, trials: Vec::new(), verdict: Verdict::TooFew };
        if auto && !enough {
            return Ok((choice, None));
        }
        let mut best: Option<Best> = None;
        if held > 0 {
            let head = self.head_alone(parts)?;
            let (labels, said) = (&parts.slice.labels, self.on_slice(&head, parts)?);
            choice.head = slice_metrics(&said, labels, self.classes)?;
            let progress = self.progress(parts);
            for &unfreeze in self.tuning.unfreeze.candidates() {
                let (trial, found) = self.trial(&head, parts, (unfreeze, enough), &progress)?;
                self.tell(Event::Tried(&trial))?;
                choice.trials.push(trial);
                best = match (best, found) {
                    (Some(best), Some(found)) => Some(if found.loss < best.loss { found } else { best }),
                    (best, found) => best.or(found),
                };
            }
            if let Some(Best { said: after, .. }) = &best
                && enough
                && speaks_against(&said, after, labels, self.classes)?
            {
                best = None;
            }
        } else if !auto {
            let (unfreeze, epochs) = (self.tuning.unfreeze, self.tuning.epochs);
            best = Some(Best { unfreeze, epochs, loss: f32::NAN, said: Vec::new() });
        }
        // One that the slice could judge was judged, whatever became of others.
        let diverged: Option<Vec<u32>> = choice.trials.iter().map(|trial| trial.diverged).collect();
        choice.verdict = match (&best, diverged.as_deref()) {
            (Some(best), _) => Verdict::Tuned { from: best.unfreeze, epochs: best.epochs, judged: enough },
            (None, Some(&[epoch, ..])) => Verdict::Diverged { epoch },
            (None, _) => Verdict::NoBetter,
        };
        Ok((choice, best))
    }

    /// The training photos in two, and whether they are enough to choose by.
    fn parts(&self) -> (Parts, bool) {
        let plain = &self.photos.train.features;
        let sliced = Sliced {
            hashes: &self.photos.hashes,
            labels: plain.labels(),
            groups: plain.groups(),
            classes: self.classes,
        };
        let (held, views) = (sliced.held(), self.photos.views());
        let all = self.learned();
        let of = |wanted: bool| (0..all.numbers.len()).filter(move |row| held[row / views] == wanted);
        let learned: Vec<usize> = of.clone()(false).collect();
        let tried: Vec<usize> = of(true).filter(|row| row % views == 0).collect();
        let parts = Parts { train: all.some(&learned), slice: all.some(&tried), places: [learned, tried] };
        let enough = sliced.is_enough() && sliced.is_held(parts.slice.numbers.len());
        (parts, enough)
    }

    /// The rows that are learned from.
    fn learned(&self) -> Numbered {
        let views = self.photos.views() as u32;
        let numbers = self.photos.numbers[0].iter().flat_map(|&number| number..number + views).collect();
        Numbered { numbers, labels: self.photos.learned().labels().to_vec() }
    }

    /// A head that has learned from the photos that a trial learns from.
    fn head_alone(&self, parts: &Parts) -> Result<Head, Error> {
        let train = self.photos.learned().rows(&parts.places[0])?;
        let none = train.rows(&[])?;
        let options = self.done.clone().with_steps(|steps| steps.early_stopping = None);
        let mut head = Head::for_training(self.backbone.features(), self.classes, &options)?;
        let pulse = || (self.event)(Event::Pulse);
        let photos = fit::Photos { train: &train, validation: &none };
        let compute = Compute { threads: self.backbone.threads(), isa: self.backbone.isa(), pulse: &pulse };
        fit(&mut head, compute, photos, &options, Listener::Pulse(&pulse))?;
        Ok(head)
    }

    /// What a head says of the slice.
    fn on_slice(&self, head: &Head, parts: &Parts) -> Result<Vec<f32>, Error> {
        let slice = self.photos.learned().rows(&parts.places[1])?;
        Ok(head.logits_of(self.backbone.isa(), &slice))
    }

    /// Tunes from a head on, and returns how that went and, unless it diverged, what was made of it; `enough` if the slice can
    /// tell when to stop.
    fn trial(
        &self,
        head: &Head,
        parts: &Parts,
        (unfreeze, enough): (Unfreeze, bool),
        progress: &Counting<'_>,
    ) -> Result<(Trial, Option<Best>), Error> {
        let behind = self.rows_of(unfreeze)?;
        let on = self.on(behind.as_ref().unwrap_or(self.rows));
        let slices = RefCell::new(Vec::new());
        let go_on = |photos| progress.count(unfreeze, photos);
        let weights = ClassWeights::of(self.done, &self.photos.learned().rows(&parts.places[0])?, head);
        let how = self.how(&weights, &go_on);
        let watched = Watched { slice: Some(&parts.slice), ..Watched::default() };
        let learns = Learns { tail: self.tail(unfreeze)?, head: head.clone() };
        let mut learner = TailLearner::new(on, how, &parts.train, watched, learns)?;
        let patience = self.tuning.early_stopping.filter(|_| enough);
        let course = Course { patience, ..self.course(learner.photos(), self.tuning.epochs) };
        let mut report = |epoch: &Epoch| {
            slices.borrow_mut().extend(epoch.watched);
            ControlFlow::Continue(())
        };
        let went = course.run(&mut learner, &mut Listener::Each(&mut report));
        let mut trial = Trial { unfreeze, slice: slices.into_inner(), judged: 0, diverged: None };
        let best = match went {
            Ok(Went { best, .. }) => best.filter(|_| patience.is_some()),
            Err(Error::Diverged { .. }) => {
                trial.diverged = Some(trial.slice.len() as u32 + 1);
                return Ok((trial, None));
            }
            Err(error) => return Err(error),
        };
        let (epochs, said) = match best {
            Some(epochs) => (epochs, &learner.best[..]),
            None => (trial.slice.len(), learner.said()),
        };
        trial.judged = epochs as u32;
        let (loss, said) = (trial.slice[epochs - 1].loss, said.to_vec());
        let found = Best { unfreeze, epochs: epochs as u32, loss, said };
        Ok((trial, Some(found)))
    }

    /// Blocks and head learn from all training photos; `labels` are those of the slice.
    fn learn(&self, head: &Head, best: &Best, labels: &[u32]) -> Result<Made, Error> {
        let behind = self.rows_of(best.unfreeze)?;
        let on = self.on(behind.as_ref().unwrap_or(self.rows));
        let train = self.learned();
        let validation = self.numbered(1);
        let progress = Counting::new(self.event, best.epochs as usize * train.numbers.len());
        let go_on = |photos| progress.count(best.unfreeze, photos);
        let weights = ClassWeights::of(self.done, self.photos.learned(), head);
        let watched = Watched { slice: None, validation: Some(&validation), last: best.epochs };
        let learns = Learns { tail: self.tail(best.unfreeze)?, head: head.clone() };
        let mut learner = TailLearner::new(on, self.how(&weights, &go_on), &train, watched, learns)?;
        let course = self.course(learner.photos(), best.epochs);
        let mut report = |epoch: &Epoch| (self.event)(Event::TunedEpoch(epoch));
        let Went { history, .. } = course.run(&mut learner, &mut Listener::Each(&mut report))?;
        let learns = Learns { tail: learner.tail, head: learner.head };
        let finite = |tensor: &Tensor| tensor.data().iter().all(|value| value.is_finite());
        // Numbers that are finite can be such that what they give is not.
        let loss = history.last().map_or(f32::NAN, |epoch| epoch.train.loss);
        let head = learns.head.layers().all(|layer| finite(layer.kernel) && finite(layer.bias));
        let tail = learns.tail.tensors().iter().all(|(_, tensor)| finite(tensor));
        if !(head && tail && loss.is_finite()) {
            return Err(Error::Diverged { epoch: best.epochs, loss });
        }
        Ok(Made { learns, history, calibration: self.calibration(best, labels)? })
    }

    /// The temperature that suits what the trial said of photos that it had not learned from.
    fn calibration(&self, best: &Best, labels: &[u32]) -> Result<Calibration, Error> {
        if best.said.is_empty() {
            return Ok(Calibration::NONE);
        }
        let temperature = temperature(&best.said, labels, self.classes)?;
        let (photos, logits, labels) = (labels.len(), best.said.clone(), labels.to_vec());
        Ok(Calibration { temperature, photos, folds: 1, logits, labels })
    }

    /// The photos of a part, by number: 1 for validation, 2 for test.
    pub(crate) fn numbered(&self, part: usize) -> Numbered {
        let set = [&self.photos.train, &self.photos.val, &self.photos.test][part];
        Numbered { numbers: self.photos.numbers[part].clone(), labels: set.features.labels().to_vec() }
    }

    /// The rows that enter what learns; `None` if they are the phase's own.
    pub(crate) fn rows_of(&self, unfreeze: Unfreeze) -> Result<Option<TapRows<'_>>, Error> {
        match self.tap(unfreeze) {
            tap if tap == self.rows.tap() => Ok(None),
            tap => self.rows.behind(self.backbone, self.size, tap).map(Some),
        }
    }

    pub(crate) fn on<'a>(&'a self, rows: &'a TapRows<'a>) -> On<'a> {
        On { rows, threads: self.backbone.threads(), isa: self.backbone.isa(), batch: BATCH }
    }

    fn tap(&self, unfreeze: Unfreeze) -> Tap {
        unfreeze.tap().unwrap_or(self.rows.tap())
    }

    fn tail(&self, unfreeze: Unfreeze) -> Result<Tail, Error> {
        let norms = if self.tuning.freeze_norms { Norms::Frozen } else { Norms::Trained };
        Ok(Tail::new(&*self.backbone.params()?, self.tap(unfreeze), self.size, norms)?)
    }

    fn how<'a>(&'a self, weights: &'a ClassWeights, go_on: &'a dyn Fn(usize) -> ControlFlow<()>) -> How<'a> {
        How {
            optimizer: self.tuning.optimizer.name(),
            dropout: self.done.steps().map_or(DROPOUT, |steps| steps.dropout),
            l2: self.done.l2().unwrap_or(0.0),
            seed: self.done.seed,
            targets: weights.targets(),
            go_on,
        }
    }

    /// So many epochs of the schedule, which goes over all that were asked for.
    fn course(&self, photos: usize, epochs: u32) -> Course {
        let Tuning { rate, schedule, warmup, batch, .. } = *self.tuning;
        let steps = photos.div_ceil(batch) as u64;
        let warmup = (f64::from(warmup) * steps as f64).ceil() as u64;
        Course {
            epochs,
            batch,
            rates: Rates::new(rate, schedule, self.tuning.epochs, steps, warmup),
            patience: None,
            draws: Draws { seed: self.done.seed, first: DRAWS },
        }
    }

    /// Counts the photos of all trials.
    fn progress(&self, parts: &Parts) -> Counting<'_> {
        let passes = self.tuning.unfreeze.candidates().len() * self.tuning.epochs as usize;
        Counting::new(self.event, passes * parts.train.numbers.len())
    }

    fn tell(&self, event: Event<'_>) -> Result<(), Error> {
        if (self.event)(event).is_break() { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Tells how far epochs of blocks and head are, in photos.
struct Counting<'a> {
    event: Listening<'a>,
    done: Cell<usize>,
    all: usize,
}

impl<'a> Counting<'a> {
    fn new(event: Listening<'a>, all: usize) -> Self {
        Self { event, done: Cell::new(0), all }
    }

    fn count(&self, unfreeze: Unfreeze, photos: usize) -> ControlFlow<()> {
        self.done.set(self.done.get() + photos);
        let progress = Progress { done: self.done.get(), photos: self.all };
        (self.event)(Event::Tuning { unfreeze, progress })
    }
}
