//! Training: photos to features once, then a head on those features.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use icecap_data::{Cache, Digest, Part, Sample, Warning};
use icecap_graph::stage;
use icecap_kernels::{Shape, Tensor};

use crate::{
    Backbone, Classifier, Dataset, Epoch, Error, Extracted, Extractor, FeatureSet, Head, Metrics,
    Preprocessing, Progress, Source, TrainOptions,
};

/// Something that happens during a training. Those of [`Event::Extracting`] come from several threads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// One more photo has become features, or turned out unreadable.
    Extracting(Progress),
    /// All photos are features, but for those that cannot be read.
    Extracted(&'a PhotoReport),
    /// Loss and accuracy on the validation photos before the first step.
    Before(Metrics),
    /// An epoch has ended.
    Epoch(&'a Epoch),
}

/// A photo that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPhoto {
    /// Its file.
    pub path: PathBuf,
    /// Why, the path included.
    pub reason: String,
}

/// How reading the photos went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoReport {
    /// Photos whose features are used.
    pub read: usize,
    /// Of these, those whose features came from the cache.
    pub cached: usize,
    /// Photos that cannot be read.
    pub skipped: Vec<SkippedPhoto>,
    /// What is odd about photos that are used.
    pub warnings: Vec<(PathBuf, Warning)>,
}

/// The readable photos of a part with their features.
#[derive(Clone, Debug)]
pub struct PhotoSet {
    /// The photos.
    pub samples: Vec<Sample>,
    /// A row for each.
    pub features: FeatureSet,
}

/// What a training leaves.
#[derive(Debug)]
pub struct Trained {
    /// The classifier, ready to use and to save.
    pub classifier: Classifier,
    /// Loss and accuracy on the validation photos before training.
    pub before: Metrics,
    /// Each epoch.
    pub history: Vec<Epoch>,
    /// Loss and accuracy on the test photos, where there are some. They had no part in the training.
    pub test: Option<Metrics>,
    /// The photos that were learned from.
    pub train_set: PhotoSet,
    /// The photos that the head was watched on.
    pub val_set: PhotoSet,
    /// The photos that it was tried on at the end; may be none.
    pub test_set: PhotoSet,
    /// How reading the photos went.
    pub photos: PhotoReport,
    /// Time from photos to features.
    pub features_time: Duration,
    /// Time in the epochs, their evaluation included.
    pub head_time: Duration,
}

/// Trains a head on a frozen backbone.
#[derive(Clone, Debug)]
pub struct Trainer {
    backbone: Backbone,
    preprocessing: Preprocessing,
    options: TrainOptions,
    cache: Option<Arc<Cache>>,
    strict: bool,
}

impl Trainer {
    /// A trainer with default options and the preprocessing that the backbone's record asks for.
    ///
    /// # Errors
    /// [`Error::Data`] where the record's resize rule is none of ours.
    pub fn new(backbone: &Backbone) -> Result<Self, Error> {
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing: Preprocessing::for_training(backbone)?,
            options: TrainOptions::default(),
            cache: None,
            strict: false,
        })
    }

    /// Other training options.
    #[must_use]
    pub fn options(mut self, options: TrainOptions) -> Self {
        self.options = options;
        self
    }

    /// Another size, resize rule or EXIF policy than the record's.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = preprocessing;
        self
    }

    /// Keeps features in `cache` and takes them from there.
    #[must_use]
    pub fn cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Whether a photo that cannot be read is an error; by default it is left out.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Trains a head on the photos of `dataset`. `event` hears of everything that happens and can stop it.
    ///
    /// # Errors
    /// [`Error::Stopped`] where `event` breaks; [`Error::EmptyClass`], [`Error::NoPhotos`] where too few photos can be
    /// read; [`Error::Skipped`] where one cannot and the trainer is strict; settings out of range.
    pub fn train(
        &self,
        dataset: &Dataset,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Trained, Error> {
        check_options(&self.options)?;
        let started = Instant::now();
        let photos = self.features(dataset, event)?;
        let features_time = started.elapsed();

        let started = Instant::now();
        let (isa, classes) = (self.backbone.isa(), dataset.classes.len());
        let mut head = Head::untrained(self.backbone.features(), classes, self.options.seed)?;
        let before = head.evaluate(isa, &photos.val.features)?;
        tell(event(Event::Before(before)))?;
        let (train, val, test) = (&photos.train.features, &photos.val.features, &photos.test.features);
        let history = head.train(isa, train, val, &self.options, |epoch| event(Event::Epoch(epoch)))?;
        let test = match test.is_empty() {
            true => None,
            false => Some(head.evaluate(isa, test)?),
        };
        let head_time = started.elapsed();
        let classifier = Classifier::from_head(
            &self.backbone,
            self.preprocessing,
            head,
            dataset.classes.clone(),
            photos.fingerprint,
            &self.options,
        )?;
        Ok(Trained {
            classifier,
            before,
            history,
            test,
            train_set: photos.train,
            val_set: photos.val,
            test_set: photos.test,
            photos: photos.report,
            features_time,
            head_time,
        })
    }

    fn features(
        &self,
        dataset: &Dataset,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Photos, Error> {
        let samples: Vec<_> = dataset.samples().collect();
        let sources: Vec<Source<'_>> = samples.iter().map(|(_, sample)| Source::Path(&sample.path)).collect();
        let mut extractor =
            Extractor::new(&self.backbone, self.preprocessing, stage::POOLED)?.with_cache(self.cache.clone());
        let len = extractor.row_len();
        let mut rows = vec![0.0; samples.len() * len];
        let progress = |progress| event(Event::Extracting(progress));
        let outcomes = extractor.extract(&sources, &mut rows, &progress)?;

        let mut gathered = Gathered { len, ..Gathered::default() };
        for (((part, sample), outcome), row) in samples.into_iter().zip(outcomes).zip(rows.chunks_exact(len))
        {
            gathered.add(dataset, part, sample, outcome, row);
        }
        // Told before it is judged: who has to mend the photos wants to see all of them named.
        tell(event(Event::Extracted(&gathered.report)))?;
        if let (true, Some(first)) = (self.strict, gathered.report.skipped.first()) {
            let skipped = gathered.report.skipped.len();
            return Err(Error::Skipped { skipped, photos: sources.len(), first: first.reason.clone() });
        }
        gathered.finish(&dataset.classes)
    }
}

/// Features of the readable photos, by part.
struct Photos {
    train: PhotoSet,
    val: PhotoSet,
    test: PhotoSet,
    report: PhotoReport,
    fingerprint: String,
}

/// Rows of features as they are sorted into their parts.
#[derive(Default)]
struct Gathered {
    len: usize,
    parts: [(Vec<f32>, Vec<Sample>); 3],
    report: PhotoReport,
    /// The class and hash of every photo that is learned from.
    fingerprint: Vec<u8>,
}

impl Gathered {
    fn add(
        &mut self,
        dataset: &Dataset,
        part: Part,
        sample: &Sample,
        outcome: Result<Extracted, icecap_data::Error>,
        row: &[f32],
    ) {
        match outcome {
            Ok(photo) => {
                let (rows, samples) = &mut self.parts[part as usize];
                rows.extend_from_slice(row);
                samples.push(sample.clone());
                self.report.read += 1;
                self.report.cached += usize::from(photo.cached);
                self.report.warnings.extend(photo.warnings.iter().map(|w| (sample.path.clone(), *w)));
                if part == Part::Train {
                    self.fingerprint.extend(dataset.classes[sample.class].as_bytes());
                    self.fingerprint.push(0);
                    self.fingerprint.extend(photo.sha256.0);
                }
            }
            Err(error) => {
                self.report
                    .skipped
                    .push(SkippedPhoto { path: sample.path.clone(), reason: error.to_string() });
            }
        }
    }

    fn finish(self, classes: &[String]) -> Result<Photos, Error> {
        let [train, val, test] = self.parts;
        for (index, class) in classes.iter().enumerate() {
            if !train.1.iter().any(|sample| sample.class == index) {
                return Err(Error::EmptyClass { class: class.clone(), part: "training" });
            }
        }
        if val.1.is_empty() {
            return Err(Error::NoPhotos { part: "validation" });
        }
        let set = |(rows, samples): (Vec<f32>, Vec<Sample>)| -> Result<PhotoSet, Error> {
            let shape = Shape::new(&[samples.len(), self.len])?;
            let labels = samples.iter().map(|sample| sample.class as u32).collect();
            let features = FeatureSet::new(Tensor::from_slice(shape, &rows)?, labels)?;
            Ok(PhotoSet { samples, features })
        };
        Ok(Photos {
            train: set(train)?,
            val: set(val)?,
            test: set(test)?,
            report: self.report,
            fingerprint: Digest::of(&self.fingerprint).to_string(),
        })
    }
}

fn tell(flow: ControlFlow<()>) -> Result<(), Error> {
    if flow.is_break() { Err(Error::Stopped) } else { Ok(()) }
}

fn check_options(options: &TrainOptions) -> Result<(), Error> {
    let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
    if options.batch == 0 {
        return refuse("batch", "a step needs at least one photo");
    }
    if !(options.learning_rate >= 0.0 && options.learning_rate.is_finite()) {
        return refuse("learning rate", "use a number from 0 up, 0.001 for a start");
    }
    if !(0.0..1.0).contains(&options.dropout) {
        return refuse("dropout", "use a share from 0 up to, not including, 1");
    }
    icecap_autograd::optim::named(&options.optimizer)?;
    Ok(())
}
