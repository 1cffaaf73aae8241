//! Training: photos to features once, then a head on those features.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use icecap_data::{Cache, Groups, Part, Views};
use icecap_graph::Precision;

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::cross_validation::CrossValidation;
use crate::judge::doubted_labels::DoubtedLabel;
use crate::judge::metrics::Metrics;
use crate::learn::auto_options::{Settled, settle};
use crate::learn::compute::Compute;
use crate::learn::course::{Epoch, Listener};
use crate::learn::dataset::{Dataset, by_groups};
use crate::learn::fine_tuned::{FineTuned, Verdict};
use crate::learn::finishing::{Finished, Finishing, Sought};
use crate::learn::fit::{self, Fit, fit};
use crate::learn::held_out::{By, HeldOut};
use crate::learn::options::TrainOptions;
use crate::learn::photo_features::Photos;
use crate::learn::provenance::provenance;
use crate::learn::reading::Reading;
use crate::learn::tap_rows::TapRows;
use crate::learn::trained::{Event, Trained};
use crate::learn::tuned_net::TunedNet;
use crate::learn::tuning::Tuning;
use crate::learn::tuning_phase::Phase;
use crate::model::backbone::Backbone;
use crate::model::classifier::Classifier;
use crate::model::head::Head;
use crate::model::preprocessing::Preprocessing;

/// Who hears of a training's events.
type Listening<'a> = &'a (dyn Fn(Event<'_>) -> ControlFlow<()> + Sync);

/// A head after its training, also one that was stopped.
struct Learned {
    head: Head,
    /// Loss and accuracy on the validation photos before the first step.
    before: Metrics,
    settled: Settled,
    /// Epochs that have ended.
    epochs: u32,
    /// How it went, or why it ended.
    fitted: Result<Fit, Error>,
}

/// What the second phase of a training goes by.
struct Second<'a> {
    /// What enters the blocks that learn; `None` if none are to.
    rows: Option<&'a TapRows<'a>>,
    classes: usize,
    done: &'a TrainOptions,
    settled: &'a Settled,
    event: Listening<'a>,
}

/// Trains heads on a frozen backbone. Its setters say how; [`Trainer::train`] does it.
#[derive(Clone, Debug)]
pub struct Trainer {
    pub(crate) backbone: Backbone,
    preprocessing: Preprocessing,
    pub(crate) options: TrainOptions,
    cache: Option<Arc<Cache>>,
    pub(crate) groups: Option<Groups>,
    pub(crate) folds: Option<usize>,
    pub(crate) views: Views,
    sought: Option<Sought>,
    pub(crate) strict: bool,
}

impl Trainer {
    /// Returns a trainer with default options and the preprocessing that the backbone's record asks for.
    ///
    /// # Errors
    /// [`Error::Data`] if the record's resize rule is not known.
    pub fn new(backbone: &Backbone) -> Result<Self, Error> {
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing: Preprocessing::for_training(backbone)?,
            options: TrainOptions::default(),
            cache: None,
            groups: None,
            folds: None,
            views: Views::Plain,
            sought: None,
            strict: false,
        })
    }

    /// Sets how the head is trained.
    #[must_use]
    pub fn options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the size, the resize rule and the EXIF policy, in place of the record's.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = preprocessing;
        self
    }

    /// Makes the trainer take features from `cache` and keep there those that it computes.
    #[must_use]
    pub fn cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Sets which photos belong together: whatever is held back from the training photos, in folds or by early stopping,
    /// never shares a group with what is learned from.
    #[must_use]
    pub fn groups(mut self, groups: Option<Groups>) -> Self {
        self.groups = groups;
        self
    }

    /// Makes the trainer judge the training photos by so many folds, too; a dataset then needs no validation photos.
    #[must_use]
    pub fn folds(mut self, folds: Option<usize>) -> Self {
        self.folds = folds;
        self
    }

    /// Makes the trainer learn from several views of each training photo. They are computed once and kept in the cache,
    /// as the photos themselves are; an epoch goes over all of them. Whatever is judged, is judged by the photos as they
    /// are.
    #[must_use]
    pub fn views(mut self, views: Views) -> Self {
        self.views = views;
        self
    }

    /// Sets which of two classes is looked for, and what its threshold is to do: chosen by training photos, each judged by a
    /// head that has not seen it. Without it the second class is told from a half on.
    #[must_use]
    pub fn sought(mut self, sought: Option<Sought>) -> Self {
        self.sought = sought;
        self
    }

    /// Sets whether a photo that cannot be read is an error; by default it is left out.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Trains a head on the photos of `dataset`, and after it, if the options say so, the last blocks of the net. `event` hears
    /// of everything that happens and can stop it.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `event` breaks; [`Error::EmptyClass`], [`Error::NoPhotos`] if too few photos can be
    /// read; [`Error::Skipped`] if one cannot and the trainer is strict; settings out of range.
    pub fn train(
        &self,
        dataset: &Dataset,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Trained, Error> {
        self.check_options()?;
        self.check_folds(dataset)?;
        let started = Instant::now();
        let (reading, tap) = (self.reading(), self.options.tuning.as_ref().and_then(Tuning::deepest));
        let kept = tap.map(|tap| reading.rows(dataset, tap)).transpose()?;
        let (photos, drawn) = reading.photos(dataset, kept.as_ref(), event)?;
        let rows = reading.rows_of(&drawn, kept.as_ref(), dataset)?;
        let features_time = started.elapsed();
        let trained = self.on_features(photos, &drawn, rows.as_ref().or(kept.as_ref()), event)?;
        Ok(Trained { features_time, ..trained })
    }

    /// Trains a head, and after it, if the options say so, the net, once there are features of all photos; `rows` are those of
    /// what learns behind the head.
    pub(crate) fn on_features(
        &self,
        photos: Photos,
        dataset: &Dataset,
        rows: Option<&TapRows<'_>>,
        event: Listening<'_>,
    ) -> Result<Trained, Error> {
        let (started, classes) = (Instant::now(), dataset.classes.len());
        let Learned { head, before, settled, epochs, fitted } = self.learn(&photos, dataset, event)?;
        let head_time = started.elapsed();
        // As many epochs as the head that is kept has had, which early stopping chose by training photos.
        let kept = fitted.as_ref().map_or(epochs, |fitted| fitted.kept as u32 + 1);
        let done = settled.options.clone().with_steps(|steps| steps.epochs = kept.into());
        let provenance = provenance(dataset, &photos, &done, kept);
        let alone =
            || Classifier::from_head(&self.backbone, self.preprocessing, head.clone(), provenance.clone());
        let phase = Second { rows, classes, done: &done, settled: &settled, event };
        let ended = fitted.and_then(|fitted| self.end(photos, &head, fitted, &phase));
        if let (Err(Error::Stopped), true) = (&ended, epochs > 0) {
            // It is stopped anyway, whatever the answer.
            let _ = event(Event::Unfinished(&alone()?));
        }
        let Ended { photos, fitted, tuned, last, folds, calibration, doubted, folds_time } = ended?;
        let (backbone, head) = last.unwrap_or((self.backbone.clone(), head));
        let provenance = tuned.iter().fold(provenance, |provenance, tuned| tuned.told(provenance));
        let classifier = Classifier::from_head(&backbone, self.preprocessing, head, provenance)?;
        let (of, sought, seed) = (&calibration, self.sought, self.options.seed);
        let end = Finishing { photos: &photos, calibration: of, sought, seed, event };
        let Finished { classifier, point, validation, test } = end.finish(classifier)?;
        Ok(Trained {
            classifier,
            before,
            history: fitted.history,
            kept: fitted.kept,
            settled,
            tuned,
            calibration,
            point,
            validation,
            folds,
            doubted,
            test,
            dataset: dataset.clone(),
            train_set: photos.train,
            val_set: photos.val,
            test_set: photos.test,
            photos: photos.report,
            features_time: Duration::ZERO,
            head_time,
            folds_time,
        })
    }

    /// Reads the photos of `dataset` as [`Trainer::train`] does, and returns those that can be read. Where a split was drawn, it
    /// was drawn from them alone. For what has to know the split before the training, as [`Trainer::judge`] and the photos
    /// that calibrate a net in int8 do; features come from the cache after it, if there is one.
    ///
    /// # Errors
    /// What [`Trainer::train`] returns of photos.
    pub fn readable(
        &self,
        dataset: &Dataset,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Dataset, Error> {
        let (_, drawn) = self.reading().photos(dataset, None, event)?;
        Ok(drawn.into_owned())
    }

    /// Settles the options and trains a head by them.
    fn learn(&self, photos: &Photos, dataset: &Dataset, event: Listening<'_>) -> Result<Learned, Error> {
        // Once more, of those that can be read.
        self.check_folds(dataset)?;
        let classes = dataset.classes.len();
        let (train, val) = (photos.learned(), &photos.val.features);
        let pulse = || event(Event::Pulse);
        let compute = Compute { threads: self.backbone.threads(), isa: self.backbone.isa(), pulse: &pulse };
        let settled = settle(compute, train, classes, &self.options)?;
        tell(event(Event::Settled(&settled)))?;
        let mut head = Head::for_training(self.backbone.features(), classes, &self.options)?;
        let before = head.evaluate_on(compute.threads, compute.isa, val)?;
        tell(event(Event::Before(before)))?;
        let mut epochs = 0;
        let rows = fit::Photos { train, validation: val };
        let mut report = |epoch: &Epoch| {
            epochs = epoch.epoch;
            event(Event::Epoch(epoch))
        };
        let fitted = fit(&mut head, compute, rows, &settled.options, Listener::Each(&mut report));
        Ok(Learned { head, before, settled, epochs, fitted })
    }

    /// The second phase, if there is one, and how sure what comes out of it is.
    fn end(
        &self,
        mut photos: Photos,
        head: &Head,
        mut fitted: Fit,
        second: &Second<'_>,
    ) -> Result<Ended, Error> {
        let &Second { rows, classes, done, event, .. } = second;
        let started = Instant::now();
        let (mut last, mut tuned) = (None, None);
        if let (Some(rows), Some(tuning)) = (rows, &done.tuning) {
            let isa = self.backbone.isa();
            let first = fitted.history.len();
            let head_alone = [&photos.val, &photos.test].map(|set| head.evaluate(isa, &set.features));
            let [validation, test] = head_alone;
            let (backbone, size) = (&self.backbone, self.preprocessing.size());
            let phase = Phase { backbone, size, rows, photos: &photos, classes, done, tuning, event };
            let (choice, net) = phase.run(head)?;
            let mut outcome = FineTuned {
                choice,
                first,
                head_alone: [validation?, test?],
                paired: None,
                moved: Vec::new(),
                trainable: 0,
                folded: false,
                warning: rows.warning().map(str::to_owned),
                time: started.elapsed(),
            };
            if let (Some(made), Verdict::Tuned { from, .. }) = (net, outcome.choice.verdict) {
                let net = TunedNet::new(&phase, head, from, made)?;
                (outcome.paired, outcome.moved) = (net.paired, net.moved);
                (outcome.trainable, outcome.folded) = (net.trainable, net.folded);
                fitted.history.extend(
                    net.history.iter().map(|epoch| Epoch { epoch: epoch.epoch + first as u32, ..*epoch }),
                );
                fitted.kept = fitted.history.len().saturating_sub(1);
                [photos.train.features, photos.val.features, photos.test.features] = net.sets;
                last = Some((net.backbone, net.head, net.calibration));
                outcome.time = started.elapsed();
            }
            tuned = Some(outcome);
        }
        let started = Instant::now();
        let pulse = || event(Event::Pulse);
        let (last, held_out) = match last {
            Some((backbone, head, calibration)) => (Some((backbone, head)), HeldOut::tuned(calibration)),
            None => {
                let compute =
                    Compute { threads: self.backbone.threads(), isa: self.backbone.isa(), pulse: &pulse };
                let Second { classes, settled, done, .. } = *second;
                let by = By { options: &self.options, folds: self.folds, settled, done };
                (None, HeldOut::of(compute, &photos, classes, &by)?)
            }
        };
        let HeldOut { folds, calibration, doubted } = held_out;
        let folds_time = started.elapsed();
        Ok(Ended { photos, fitted, tuned, last, folds, calibration, doubted, folds_time })
    }

    /// What cannot be tuned is said before the work.
    pub(crate) fn check_options(&self) -> Result<(), Error> {
        self.options.check()?;
        if self.options.tuning.is_none() {
            return Ok(());
        }
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if self.backbone.precision() != Precision::F32 {
            return refuse(
                "unfreeze",
                "blocks learn in f32, and this net is in int8; tune the net in f32, then train on the tuned net in int8",
            );
        }
        if self.folds.is_some() {
            let reason = "a tuned net is not judged by folds, each of which would be a fine-tuning of its own; leave \
                          the folds out, or the fine-tuning";
            return refuse("folds", reason);
        }
        Ok(())
    }

    /// Whether a threshold can be sought and the folds be made, before the work rather than after it.
    pub(crate) fn check_folds(&self, dataset: &Dataset) -> Result<(), Error> {
        self.sought.iter().try_for_each(|sought| sought.check(dataset.classes.len()))?;
        let Some(folds) = self.folds else { return Ok(()) };
        if let Some(groups) = &self.groups {
            let labels: Vec<usize> = dataset.train.iter().map(|sample| sample.class).collect();
            let groups = groups.numbers(&dataset.train);
            let made = icecap_data::folds(&labels, Some(&groups), folds, self.options.seed);
            return made.map(|_| ()).map_err(|error| by_groups(error.into(), &dataset.classes));
        }
        let counts = dataset.counts(Part::Train);
        match dataset.classes.iter().zip(counts).find(|(_, photos)| *photos < folds) {
            Some((class, photos)) => Err(Error::Folds { folds, class: class.clone(), photos }),
            None => Ok(()),
        }
    }

    /// How the photos are read.
    pub(crate) fn reading(&self) -> Reading<'_> {
        Reading {
            backbone: &self.backbone,
            preprocessing: self.preprocessing,
            cache: self.cache.clone(),
            groups: self.groups.as_ref(),
            views: self.views,
            validated: self.folds.is_none(),
            strict: self.strict,
        }
    }
}

/// A training after its head has learned.
struct Ended {
    /// With the features of the net that is kept.
    photos: Photos,
    fitted: Fit,
    tuned: Option<FineTuned>,
    /// The tuned net and its head; `None` if the head alone is kept.
    last: Option<(Backbone, Head)>,
    folds: Option<CrossValidation>,
    calibration: Calibration,
    doubted: Option<Vec<DoubtedLabel>>,
    folds_time: Duration,
}

fn tell(flow: ControlFlow<()>) -> Result<(), Error> {
    if flow.is_break() { Err(Error::Stopped) } else { Ok(()) }
}
