//! A backbone with its trained cap: photos to labels.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use icecap_data::{ExifPolicy, ResizeMode, ResizeSpec};
use icecap_graph::Precision;
use icecap_weights::{BackbonePart, Model, Quantization, Record};

use crate::error::Error;
use crate::judge::metrics::{THRESHOLD, predicted_at, probabilities, sigmoid};
use crate::judge::temperature::tempered;
use crate::model::backbone::Backbone;
use crate::model::head::Head;
use crate::model::novelty::Novelty;
use crate::model::packed_head::PackedHead;
use crate::model::prediction::Prediction;
use crate::model::preprocessing::Preprocessing;

/// A trained classifier: a backbone, the head on top of it, the names of its classes, and how a photo becomes its input.
///
/// It never changes and is cheap to clone: clones share everything. Give a clone to each thread, and take a
/// [`Predictor`](crate::Predictor) there if it is to predict many photos.
#[derive(Clone, Debug)]
pub struct Classifier {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    backbone: Backbone,
    head: Head,
    packed: PackedHead,
    preprocessing: Preprocessing,
    record: Record,
    temperature: f32,
    /// The probability from which the second of two classes is told.
    threshold: f32,
    novelty: Option<Novelty>,
    /// The share of photos of which the head says the same class in f32, where that was looked at.
    agreement: Option<f32>,
    provenance: Provenance,
}

/// What a head was trained on and how, as the model file keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The names of the classes, in the order of the head's outputs.
    pub classes: Vec<String>,
    /// A text that tells the training photos from others; a [`Trainer`](crate::Trainer) writes the hash of their hashes.
    pub data_fingerprint: String,
    /// The training's options by name, as [`TrainOptions::describe`](crate::TrainOptions::describe) gives them, or
    /// whatever else is worth knowing.
    pub training: BTreeMap<String, String>,
}

/// Whether a classifier is saved with its backbone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveBackbone {
    /// The backbone goes into the file, which then needs nothing beside it.
    #[default]
    Embedded,
    /// Only the backbone's hash goes into the file; whoever opens it must have the backbone at hand.
    Pinned,
}

impl Classifier {
    /// The classifier of a model file's parts, over `backbone`.
    pub(crate) fn assemble(model: Model, path: &Path, backbone: Backbone) -> Result<Self, Error> {
        let (got, expected) = (model.features(), backbone.features());
        if got != expected {
            return Err(Error::OtherFeatures { path: path.to_owned(), expected, got });
        }
        let mode: ResizeMode = model.preprocessing.resize.parse()?;
        let [height, width] = model.preprocessing.size;
        let exif: ExifPolicy = model.preprocessing.exif.parse()?;
        let head = Head::from_layers(model.layers, model.classes.len(), model.multi_label)?;
        let agreement = backbone.quantization().and_then(|origin| origin.agreement);
        let inner = Inner {
            packed: head.packed(),
            head,
            backbone,
            preprocessing: Preprocessing {
                resize: ResizeSpec { height, width, mode },
                exif,
                dct: model.preprocessing.dct,
            },
            record: model.record,
            temperature: model.temperature,
            threshold: model.threshold,
            novelty: model.novelty.map(Novelty::of_stored),
            agreement,
            provenance: Provenance {
                classes: model.classes,
                data_fingerprint: model.data_fingerprint,
                training: model.training,
            },
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a classifier of a head that was trained on features of `backbone`. `preprocessing` is how the photos of the
    /// training became the backbone's input.
    ///
    /// # Errors
    /// [`Error::Setting`] if the head does not fit the backbone's features, or the classes are not as many as its own.
    pub fn from_head(
        backbone: &Backbone,
        preprocessing: Preprocessing,
        head: Head,
        provenance: Provenance,
    ) -> Result<Self, Error> {
        let (features, inputs) = (backbone.features(), head.features());
        let (names, outputs) = (provenance.classes.len(), head.classes());
        if inputs != features || outputs != names {
            let reason = format!(
                "{inputs} features and {outputs} classes, on a backbone of {features} with {names} names"
            );
            return Err(Error::Setting { what: "head", reason });
        }
        let inner = Inner {
            packed: head.packed(),
            head,
            preprocessing,
            record: backbone.record().clone(),
            backbone: backbone.clone(),
            temperature: 1.0,
            threshold: THRESHOLD,
            novelty: None,
            agreement: None,
            provenance,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the classifier with another temperature: its logits are divided by it before they become probabilities. See
    /// [`Calibration`](crate::judge::Calibration).
    ///
    /// # Errors
    /// [`Error::Setting`] if `temperature` is not a positive, finite number.
    pub fn with_temperature(self, temperature: f32) -> Result<Self, Error> {
        if temperature > 0.0 && temperature.is_finite() {
            let inner = Inner { temperature, ..Arc::unwrap_or_clone(self.inner) };
            return Ok(Self { inner: Arc::new(inner) });
        }
        let reason =
            format!("{temperature} is not one; use a positive number, 1 to leave confidence as it is");
        Err(Error::Setting { what: "temperature", reason })
    }

    /// Returns the classifier with another threshold: the second of its two classes is told from this probability on. See
    /// [`OperatingPoint`](crate::judge::OperatingPoint).
    ///
    /// # Errors
    /// [`Error::Setting`] if `threshold` is not between 0 and 1, or there are other than two classes of which one is true.
    pub fn with_threshold(self, threshold: f32) -> Result<Self, Error> {
        let refuse = |reason: String| Err(Error::Setting { what: "threshold", reason });
        if !(threshold > 0.0 && threshold < 1.0) {
            return refuse(format!("{threshold} is not one; use a probability between 0 and 1, as 0.8"));
        }
        if self.inner.head.logits() != 1 {
            let classes = self.classes().len();
            return refuse(format!(
                "only two classes, of which one is true, have one, and there are {classes}"
            ));
        }
        let inner = Inner { threshold, ..Arc::unwrap_or_clone(self.inner) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the classifier with what tells photos that are unlike those of its training.
    pub(crate) fn with_novelty(self, novelty: Option<Novelty>) -> Self {
        let inner = Inner { novelty, ..Arc::unwrap_or_clone(self.inner) };
        Self { inner: Arc::new(inner) }
    }

    /// Saves the classifier, in one step: the old file or the whole new one is seen at `path`, never a part.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file cannot be written or the head holds values that are not numbers; [`Error::Setting`] for a
    /// net in int8, and one that was tuned just now, if it is to be left out: no other file has it.
    pub fn save(&self, path: impl AsRef<Path>, backbone: SaveBackbone) -> Result<(), Error> {
        self.check_pinned(backbone)?;
        Ok(self.model(backbone)?.save(path)?)
    }

    /// Returns the bytes of the model file.
    ///
    /// # Errors
    /// What [`Classifier::save`] returns.
    pub fn to_bytes(&self, backbone: SaveBackbone) -> Result<Vec<u8>, Error> {
        self.check_pinned(backbone)?;
        Ok(self.model(backbone)?.to_bytes()?)
    }

    /// Refuses to leave out a net that whoever opens the model could not bring.
    fn check_pinned(&self, backbone: SaveBackbone) -> Result<(), Error> {
        if backbone == SaveBackbone::Pinned && self.inner.backbone.is_in_no_file() {
            let reason =
                "a net that was tuned for its model is in no other file, and is saved with it".to_owned();
            return Err(Error::Setting { what: "backbone", reason });
        }
        Ok(())
    }

    pub(crate) fn model(&self, backbone: SaveBackbone) -> Result<Model, Error> {
        let part = match backbone {
            SaveBackbone::Pinned if self.precision() != Precision::F32 => {
                let reason = "a net in int8 is quantized for its model, and is saved with it".to_owned();
                return Err(Error::Setting { what: "backbone", reason });
            }
            SaveBackbone::Pinned => BackbonePart::Pinned(self.inner.record.params_sha256),
            SaveBackbone::Embedded => match self.inner.backbone.integers()? {
                Some(mut integers) => {
                    integers.origin.agreement = self.inner.agreement;
                    BackbonePart::Integers(integers)
                }
                // A classification top is left out when it is written.
                None => BackbonePart::Embedded(self.inner.backbone.params()?),
            },
        };
        Ok(Model {
            classes: self.inner.provenance.classes.clone(),
            layers: self.inner.head.to_layers(),
            multi_label: self.inner.head.is_multi_label(),
            backbone: part,
            record: self.inner.record.clone(),
            preprocessing: icecap_weights::Preprocessing {
                size: self.inner.preprocessing.size(),
                resize: self.inner.preprocessing.resize.mode.to_string(),
                exif: self.inner.preprocessing.exif.to_string(),
                dct: self.inner.preprocessing.dct,
            },
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            temperature: self.inner.temperature,
            threshold: self.inner.threshold,
            novelty: self.inner.novelty.as_ref().map(|novelty| novelty.stored().clone()),
            data_fingerprint: self.inner.provenance.data_fingerprint.clone(),
            training: self.inner.provenance.training.clone(),
        })
    }

    /// Returns the names of the classes, in the order of their indices.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.inner.provenance.classes
    }

    /// Returns the backbone that turns photos into features.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.inner.backbone
    }

    /// Returns the head that turns features into logits.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.inner.head
    }

    /// Returns the number by which logits are divided before they become probabilities; 1 if the head's confidence is left
    /// as it is.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.inner.temperature
    }

    /// Returns the probability from which the second of two classes is told; a half where nobody chose another.
    #[must_use]
    pub fn threshold(&self) -> f32 {
        self.inner.threshold
    }

    /// Returns what tells photos that are unlike those of the training; `None` in models that do not keep that: those of older
    /// builds, those that were imported, and those of too few photos.
    #[must_use]
    pub fn novelty(&self) -> Option<&Novelty> {
        self.inner.novelty.as_ref()
    }

    /// Returns the precision of the features that the head was trained on.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.inner.backbone.precision()
    }

    /// Returns how the backbone was quantized, and how far that takes the classifier from f32; `None` in f32.
    #[must_use]
    pub fn quantization(&self) -> Option<Quantization> {
        let origin = self.inner.backbone.quantization()?;
        Some(Quantization { agreement: self.inner.agreement, ..origin })
    }

    /// Returns the classifier with the share of photos on which it agrees with itself in f32.
    pub(crate) fn agreeing(self, agreement: f32) -> Self {
        let inner = Inner { agreement: Some(agreement), ..Arc::unwrap_or_clone(self.inner) };
        Self { inner: Arc::new(inner) }
    }

    /// Returns how a photo becomes the backbone's input.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        self.inner.preprocessing
    }

    /// Returns what is known of the training, by name; [`TrainOptions::read`](crate::TrainOptions::read) makes options of
    /// it.
    #[must_use]
    pub fn training(&self) -> &BTreeMap<String, String> {
        &self.inner.provenance.training
    }

    /// Returns the class that is told of a photo with these logits, those of this classifier's head: they are divided by the
    /// temperature, then the threshold parts two classes, and of several the largest logit decides. Every answer of a
    /// classifier is decided here.
    #[must_use]
    pub fn decide(&self, logits: &[f32]) -> usize {
        self.decide_tempered(&tempered(logits, self.inner.temperature))
    }

    /// The same of logits that are divided by the temperature already.
    pub(crate) fn decide_tempered(&self, logits: &[f32]) -> usize {
        predicted_at(logits, self.inner.threshold)
    }

    /// Predicts the class of one row of pooled features.
    #[must_use]
    pub fn of_features(&self, row: &[f32]) -> Prediction {
        let mut logits = vec![0.0; self.inner.head.logits()];
        self.inner.packed.run(self.inner.backbone.isa(), row, &mut logits);
        self.of_logits(logits, row)
    }

    /// What the head says of a photo seen in several ways: the mean of its logits over the rows of pooled features.
    pub(crate) fn of_views(&self, rows: &[f32], len: usize) -> Prediction {
        let (width, views) = (self.inner.head.logits(), rows.len() / len);
        let mut all = vec![0.0; views * width];
        self.inner.packed.run(self.inner.backbone.isa(), rows, &mut all);
        let sum = |logit| all.iter().skip(logit).step_by(width).map(|&value| f64::from(value)).sum::<f64>();
        let mean = |feature| {
            let sum: f64 = rows.iter().skip(feature).step_by(len).map(|&value| f64::from(value)).sum();
            (sum / views as f64) as f32
        };
        let row: Vec<f32> = (0..len).map(mean).collect();
        self.of_logits((0..width).map(|logit| (sum(logit) / views as f64) as f32).collect(), &row)
    }

    /// What these logits say of a photo with these pooled features.
    fn of_logits(&self, logits: Vec<f32>, row: &[f32]) -> Prediction {
        let scaled = tempered(&logits, self.inner.temperature);
        let class = self.decide_tempered(&scaled);
        let of = |class, probabilities: Vec<f32>, labels| Prediction {
            class,
            label: self.inner.provenance.classes[class].clone(),
            probability: probabilities[class],
            probabilities,
            labels,
            logits,
            novelty: self.inner.novelty.as_ref().map(|novelty| novelty.of(row)),
            warnings: Vec::new(),
        };
        if self.inner.head.is_multi_label() {
            let probabilities: Vec<f32> = scaled.iter().map(|logit| sigmoid(*logit)).collect();
            // The logits decide, as everywhere: sigmoids of large ones are equal.
            let labels = Some(Prediction::labels_from(&probabilities, THRESHOLD));
            return of(class, probabilities, labels);
        }
        of(class, probabilities(&scaled), None)
    }
}
