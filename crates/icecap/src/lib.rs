//! Transfer learning on CPUs: a small trainable cap (pooling, dropout, dense) on a frozen MobileNetV2.
//!
//! ```no_run
//! // A trained model says what is on a photo.
//! let classifier = icecap::Classifier::open("model.safetensors")?;
//! let prediction = classifier.predict_file("photo.jpg")?;
//! println!("{} ({:.1} %)", prediction.label, 100.0 * prediction.probability);
//! # Ok::<(), icecap::Error>(())
//! ```
//!
//! ```no_run
//! // A folder of photos, one folder a class, becomes a model.
//! use icecap::{Backbone, Dataset, SaveBackbone, Settings, Trainer, data};
//! use std::ops::ControlFlow;
//!
//! let backbone = Backbone::open("weights.safetensors", Settings::default())?;
//! let inventory = data::scan("photos".as_ref(), None)?;
//! let dataset = Dataset::new(&inventory, 0.2, 0)?;
//! let trained = Trainer::new(&backbone)?.train(&dataset, &|_event| ControlFlow::Continue(()))?;
//! trained.classifier.save("model.safetensors", SaveBackbone::Embedded)?;
//! # Ok::<(), icecap::Error>(())
//! ```
//!
//! A [`Backbone`] is immutable and shared; a [`Session`], [`Extractor`] or [`Predictor`] is what one caller needs to run
//! it. There is no global state, nothing is printed, and whatever takes long tells its progress to a callback that can
//! stop it. Results have the same bits for any number of threads and any batch.
//!
//! The floors below are at hand as modules: [`data`], [`weights`], [`graph`], [`autograd`], [`kernels`], [`foundation`].
//! [`check`](mod@check) looks at a dataset before it is trained on.
#![forbid(unsafe_code)]

pub mod check;
mod error;
pub mod explain;
pub mod judge;
pub mod learn;
pub mod model;

pub use error::{Error, Kind};
pub use explain::{FeatureMap, Heatmap, Heatmaps, MAP_ROWS, Nearest, Neighbor, Overlay, Similar};
pub use judge::{
    Assessment, Bin, Calibration, CrossValidation, Fold, Metrics, Reliability, THRESHOLD, balanced_accuracy,
    centroid_head, cross_validate, interval, mcnemar, predicted, probabilities, temperature, tempered,
};
pub use learn::{
    ClassWeight, Compute, Dataset, Decay, Epoch, Epochs, Event, FeatureSet, Fit, L2_DEFAULT, L2_GRID,
    L2Choice, Optimizer, PhotoReport, PhotoSet, Rate, Settled, SkippedPhoto, Solver, Steps, TrainOptions,
    Trained, Trainer, Value, choose_l2, find_rate,
};
pub use model::{
    Backbone, Classifier, ClassifierBuilder, Extracted, Extractor, Head, OwnedSource, Prediction, Predictor,
    Preprocessing, Progress, Provenance, SaveBackbone, Session, Settings, Source,
};

pub use icecap_autograd as autograd;
pub use icecap_data as data;
pub use icecap_foundation as foundation;
pub use icecap_graph as graph;
pub use icecap_kernels as kernels;
pub use icecap_kernels::rng;
pub use icecap_weights as weights;
