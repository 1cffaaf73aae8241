//! A backbone with its trained cap: photos to labels.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use icecap_data::{ExifPolicy, ResizeMode, ResizeSpec};
use icecap_graph::Net;
use icecap_kernels::{PackedDense, Shape, Tensor, dense};
use icecap_weights::{BackbonePart, Model, OpenedModel, PackStore, Record};

use crate::error::Error;
use crate::judge::metrics::{predicted, probabilities};
use crate::judge::temperature::tempered;
use crate::learn::options::TrainOptions;
use crate::model::backbone::{Backbone, Runner, Settings};
use crate::model::head::Head;
use crate::model::prediction::Prediction;
use crate::model::preprocessing::Preprocessing;

/// A trained classifier. Immutable: share it, and take a [`Predictor`](crate::Predictor) for each concurrent caller.
#[derive(Debug)]
pub struct Classifier {
    backbone: Backbone,
    head: Head,
    packed: PackedDense,
    classes: Vec<String>,
    preprocessing: Preprocessing,
    record: Record,
    temperature: f32,
    data_fingerprint: String,
    training: BTreeMap<String, String>,
}

/// What becomes of the backbone when a classifier is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveBackbone {
    /// It goes into the file, which then needs nothing beside it.
    #[default]
    Embedded,
    /// Only its hash does; who opens the file must bring it.
    Pinned,
}

impl Classifier {
    /// Opens a model file on all processors.
    ///
    /// # Errors
    /// [`Error::Weights`] with the file and what is wrong with it; [`Error::NeedsBackbone`] for one saved without its
    /// backbone.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Settings::default())
    }

    /// Opens a model file that has its backbone inside.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn open_with(path: impl AsRef<Path>, settings: Settings) -> Result<Self, Error> {
        let (path, runner) = (path.as_ref(), Runner::new(settings)?);
        let loaded = Model::open(path, &runner.threads)?;
        Self::of_model(loaded, path, runner)
    }

    /// Opens a model file that has its backbone inside, which is taken from `store` where it is kept there packed, and
    /// put there where not: the next who opens a model on that backbone need not read, fold and pack it.
    ///
    /// A backbone from the store is the one whose hash the file states; the file's own is then not looked at. A store that
    /// cannot be written is as good as none.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn open_packed(path: impl AsRef<Path>, settings: Settings, store: &PackStore) -> Result<Self, Error> {
        let path = path.as_ref();
        if let Some(model) = Model::load_head(path)?
            && let Some(net) = store.find(model.record.params_sha256)
            && *net.numerics() == model.record.numerics
        {
            return Self::over_packed(model, path, net, settings);
        }
        let classifier = Self::open_with(path, settings)?;
        let _ = classifier.backbone.repack(store);
        Ok(classifier)
    }

    /// Opens a model file held in memory; errors call it `label`.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn from_bytes(bytes: &[u8], label: &str, settings: Settings) -> Result<Self, Error> {
        let runner = Runner::new(settings)?;
        let loaded = Model::open_bytes(bytes, label, &runner.threads)?;
        Self::of_model(loaded, Path::new(label), runner)
    }

    /// Opens a model file held in memory, over its backbone packed, which lies in the bytes `place` of the file at `path`:
    /// what [`Backbone::to_packed_bytes`] gives, from a multiple of 64 on. The file is one of the caller's own, which
    /// nobody writes in place. Such a classifier predicts; it cannot be saved again.
    ///
    /// None where the packed net is not that of the model, or is damaged.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn from_bytes_packed(
        bytes: &[u8],
        path: &Path,
        place: Range<usize>,
        settings: Settings,
    ) -> Result<Option<Self>, Error> {
        let Some(model) = Model::head_from_bytes(bytes, &path.to_string_lossy())? else { return Ok(None) };
        match icecap_weights::packed_in(path, place, model.record.params_sha256) {
            Some(net) if *net.numerics() == model.record.numerics => {
                Self::over_packed(model, path, net, settings).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The classifier of a model whose backbone was found packed.
    fn over_packed(mut model: Model, path: &Path, net: Net, settings: Settings) -> Result<Self, Error> {
        model.record.width = model.record.width.or_else(|| net.spec().width());
        let backbone = Backbone::packed(path, net, model.record.clone(), Runner::new(settings)?);
        Self::assemble(model, path, backbone)
    }

    fn of_model(opened: OpenedModel, path: &Path, runner: Runner) -> Result<Self, Error> {
        let OpenedModel { model, net } = opened;
        let (BackbonePart::Embedded(params), Some(net)) = (&model.backbone, net) else {
            let params_sha256 = model.record.params_sha256.to_string();
            return Err(Error::NeedsBackbone { path: path.to_owned(), params_sha256 });
        };
        let backbone = Backbone::of(Arc::clone(params), net, model.record.clone(), runner);
        Self::assemble(model, path, backbone)
    }

    /// Opens a model file over a backbone that is at hand, as one saved without its own needs.
    ///
    /// # Errors
    /// [`Error::OtherBackbone`] where the model was trained on another; [`Error::OtherFeatures`] where its head does not
    /// fit the features; otherwise as [`Classifier::open`].
    pub fn open_over(path: impl AsRef<Path>, backbone: &Backbone) -> Result<Self, Error> {
        let path = path.as_ref();
        let model = Model::load(path)?;
        let (expected, got) = (model.record.params_sha256, backbone.record().params_sha256);
        if expected != got {
            let (expected, got) = (expected.to_string(), got.to_string());
            return Err(Error::OtherBackbone { path: path.to_owned(), expected, got });
        }
        Self::assemble(model, path, backbone.clone())
    }

    fn assemble(model: Model, path: &Path, backbone: Backbone) -> Result<Self, Error> {
        let (got, expected) = (model.head_kernel.shape().dims()[0], backbone.features());
        if got != expected {
            return Err(Error::OtherFeatures { path: path.to_owned(), expected, got });
        }
        let mode: ResizeMode = model.preprocessing.resize.parse()?;
        let [height, width] = model.preprocessing.size;
        let exif: ExifPolicy = model.preprocessing.exif.parse()?;
        let bias = Tensor::from_slice(Shape::of([model.head_bias.len()]), &model.head_bias)?;
        let head = Head::from_parts(model.head_kernel, bias, model.classes.len());
        Ok(Self {
            packed: head.packed(),
            head,
            backbone,
            classes: model.classes,
            preprocessing: Preprocessing { resize: ResizeSpec { height, width, mode }, exif },
            record: model.record,
            temperature: model.temperature,
            data_fingerprint: model.data_fingerprint,
            training: model.training,
        })
    }

    /// A classifier from a head that was trained on features of `backbone`, those of photos in memory for instance.
    ///
    /// `data_fingerprint` is any text that tells the photos of the training from others.
    ///
    /// # Errors
    /// [`Error::Setting`] where head, classes and backbone do not fit.
    pub fn from_head(
        backbone: &Backbone,
        preprocessing: Preprocessing,
        head: Head,
        classes: Vec<String>,
        data_fingerprint: String,
        options: &TrainOptions,
    ) -> Result<Self, Error> {
        let training = [
            ("epochs", options.epochs.to_string()),
            ("learning_rate", options.learning_rate.to_string()),
            ("batch", options.batch.to_string()),
            ("dropout", options.dropout.to_string()),
            ("optimizer", options.optimizer.clone()),
            ("schedule", options.decay.to_string()),
            ("seed", options.seed.to_string()),
            ("l2", options.l2.unwrap_or(0.0).to_string()),
            ("label_smoothing", options.label_smoothing.to_string()),
            ("class_weight", options.class_weight.to_string()),
            ("warmup", options.warmup.to_string()),
            ("early_stopping", options.early_stopping.map_or("none".to_owned(), |epochs| epochs.to_string())),
        ];
        let training = training.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self::of_head(backbone, preprocessing, head, classes, data_fingerprint, training)
    }

    pub(crate) fn of_head(
        backbone: &Backbone,
        preprocessing: Preprocessing,
        head: Head,
        classes: Vec<String>,
        data_fingerprint: String,
        training: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let (features, inputs) = (backbone.features(), head.kernel().shape().dims()[0]);
        if inputs != features || head.classes() != classes.len() {
            let (names, outputs) = (classes.len(), head.classes());
            let reason = format!(
                "{inputs} features and {outputs} classes, on a backbone of {features} with {names} names"
            );
            return Err(Error::Setting { what: "head", reason });
        }
        Ok(Self {
            packed: head.packed(),
            head,
            classes,
            preprocessing,
            record: backbone.record().clone(),
            backbone: backbone.clone(),
            temperature: 1.0,
            data_fingerprint,
            training,
        })
    }

    /// The same with logits divided by `temperature` before they become probabilities; see [`Calibration`](crate::Calibration).
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is not a positive number.
    pub fn with_temperature(self, temperature: f32) -> Result<Self, Error> {
        if temperature > 0.0 && temperature.is_finite() {
            return Ok(Self { temperature, ..self });
        }
        let reason =
            format!("{temperature} is not one; use a positive number, 1 to leave confidence as it is");
        Err(Error::Setting { what: "temperature", reason })
    }

    /// Saves the classifier, in one step: the old file or the whole new one is seen at `path`, never a part.
    ///
    /// # Errors
    /// [`Error::Weights`] where the file cannot be written or the head holds values that are not numbers.
    pub fn save(&self, path: impl AsRef<Path>, backbone: SaveBackbone) -> Result<(), Error> {
        Ok(self.model(backbone)?.save(path)?)
    }

    /// The bytes of the model file.
    ///
    /// # Errors
    /// As [`Classifier::save`].
    pub fn to_bytes(&self, backbone: SaveBackbone) -> Result<Vec<u8>, Error> {
        Ok(self.model(backbone)?.to_bytes()?)
    }

    pub(crate) fn model(&self, backbone: SaveBackbone) -> Result<Model, Error> {
        let part = match backbone {
            SaveBackbone::Pinned => BackbonePart::Pinned(self.record.params_sha256),
            // A classification top is left out when it is written.
            SaveBackbone::Embedded => BackbonePart::Embedded(self.backbone.params()?),
        };
        Ok(Model {
            classes: self.classes.clone(),
            head_kernel: self.head.kernel().clone(),
            head_bias: self.head.bias().data().to_vec(),
            backbone: part,
            record: self.record.clone(),
            preprocessing: icecap_weights::Preprocessing {
                size: self.preprocessing.size(),
                resize: self.preprocessing.resize.mode.to_string(),
                exif: self.preprocessing.exif.to_string(),
            },
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            temperature: self.temperature,
            data_fingerprint: self.data_fingerprint.clone(),
            training: self.training.clone(),
        })
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Its backbone.
    #[must_use]
    pub fn backbone(&self) -> &Backbone {
        &self.backbone
    }

    /// Its head.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What logits are divided by before they become probabilities; 1 where confidence is as the head has it.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// How a photo becomes its input.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        self.preprocessing
    }

    /// What is known of its training, by name.
    #[must_use]
    pub fn training(&self) -> &BTreeMap<String, String> {
        &self.training
    }

    /// What the head says of one row of pooled features.
    #[must_use]
    pub fn of_features(&self, row: &[f32]) -> Prediction {
        let mut logits = vec![0.0; self.head.logits()];
        dense(self.backbone.isa(), row, &self.packed, &mut logits);
        self.of_logits(logits)
    }

    /// What the head says of a photo seen in several ways: the mean of its logits over the rows of pooled features.
    pub(crate) fn of_views(&self, rows: &[f32], len: usize) -> Prediction {
        let (width, views) = (self.head.logits(), rows.len() / len);
        let mut all = vec![0.0; views * width];
        dense(self.backbone.isa(), rows, &self.packed, &mut all);
        let sum = |logit| all.iter().skip(logit).step_by(width).map(|&value| f64::from(value)).sum::<f64>();
        self.of_logits((0..width).map(|logit| (sum(logit) / views as f64) as f32).collect())
    }

    fn of_logits(&self, logits: Vec<f32>) -> Prediction {
        let scaled = tempered(&logits, self.temperature);
        let (class, probabilities) = (predicted(&scaled), probabilities(&scaled));
        let (label, probability) = (self.classes[class].clone(), probabilities[class]);
        Prediction { class, label, probability, probabilities, logits, warnings: Vec::new() }
    }
}
