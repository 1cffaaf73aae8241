//! What stands at the end of a training: the classifier with its temperature, its threshold and what tells it new photos,
//! and how good it is.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::judge::assessment::Assessment;
use crate::judge::calibration::Calibration;
use crate::judge::metrics::{Metrics, sigmoid};
use crate::judge::novelty::novelty;
use crate::judge::operating_point::{OperatingPoint, Wish};
use crate::judge::temperature::tempered;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::photo_features::Photos;
use crate::learn::trained::Event;
use crate::model::classifier::Classifier;
use crate::model::novelty::Novelty;

/// Which of two classes is looked for, and what its threshold is to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sought {
    /// The class, 0 or 1.
    pub class: usize,
    /// What is wished.
    pub wish: Wish,
}

impl Sought {
    /// What cannot be sought is said before the work.
    pub(crate) fn check(&self, classes: usize) -> Result<(), Error> {
        if classes == 2 && self.class < 2 {
            return Ok(());
        }
        let reason = format!("only two classes have one, and there are {classes}; leave it out");
        Err(Error::Setting { what: "threshold", reason })
    }
}

/// What the end is made of.
pub(crate) struct Finishing<'a> {
    /// With the features of the net that is kept.
    pub(crate) photos: &'a Photos,
    pub(crate) calibration: &'a Calibration,
    pub(crate) sought: Option<Sought>,
    pub(crate) seed: u64,
    /// Hears that work goes on, and can stop it.
    pub(crate) event: &'a (dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
}

/// A finished classifier, and how good it is.
pub(crate) struct Finished {
    pub(crate) classifier: Classifier,
    pub(crate) point: Option<OperatingPoint>,
    pub(crate) validation: Option<Assessment>,
    pub(crate) test: Option<Metrics>,
}

impl Finishing<'_> {
    /// Finishes a classifier whose head was trained.
    pub(crate) fn finish(&self, classifier: Classifier) -> Result<Finished, Error> {
        let temperature = self.calibration.temperature;
        let point = self.sought.map(|sought| {
            let scaled = tempered(&self.calibration.logits, temperature);
            let photos: Vec<(f32, u32)> = scaled
                .iter()
                .map(|&logit| sigmoid(logit))
                .zip(self.calibration.labels.iter().copied())
                .collect();
            OperatingPoint::choose(sought.wish, sought.class, &photos)
        });
        let train = &self.photos.train.features;
        let (backbone, pulse) = (classifier.backbone().clone(), || (self.event)(Event::Pulse));
        let compute = Compute { threads: backbone.threads(), isa: backbone.isa(), pulse: &pulse };
        let novelty = novelty(compute, train, classifier.classes().len(), self.seed)?;
        let classifier =
            classifier.with_temperature(temperature)?.with_novelty(novelty.map(Novelty::of_stored));
        let classifier = match point {
            Some(point) => classifier.with_threshold(point.threshold)?,
            None => classifier,
        };
        let (val, test) = (&self.photos.val.features, &self.photos.test.features);
        let validation = (!val.is_empty()).then(|| Assessment::of(&classifier, train, val)).transpose()?;
        let test = (!test.is_empty()).then(|| metrics(&classifier, test)).transpose()?;
        Ok(Finished { classifier, point, validation, test })
    }
}

/// Loss and accuracy of the answers that a classifier gives, its temperature and its threshold included.
fn metrics(classifier: &Classifier, set: &FeatureSet) -> Result<Metrics, Error> {
    let head = classifier.head();
    let logits = tempered(&head.logits_of(classifier.backbone().isa(), set), classifier.temperature());
    Metrics::at(&logits, set.labels(), head.classes(), classifier.threshold())
}
