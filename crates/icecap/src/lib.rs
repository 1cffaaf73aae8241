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
//! The floors below are at hand as modules: [`data`], [`weights`], [`graph`], [`autograd`], [`kernels`].
//! [`check`](mod@check) looks at a dataset before it is trained on.
#![forbid(unsafe_code)]

mod assessment;
mod backbone;
mod calibration;
mod centroid;
pub mod check;
mod classifier;
mod dataset;
mod error;
mod export;
mod feature_set;
mod features;
mod fit;
mod folds;
mod gathered;
mod head;
mod heatmap;
mod interval;
mod map;
mod metrics;
mod options;
mod overlay;
mod paired;
mod predictor;
mod rate;
mod settle;
mod similar;
mod top;
mod train;

pub use assessment::Assessment;
pub use backbone::{Backbone, Session, Settings};
pub use calibration::{Bin, Calibration, Reliability, temperature, tempered};
pub use centroid::centroid_head;
pub use classifier::{Classifier, Prediction, SaveBackbone};
pub use dataset::Dataset;
pub use error::{Error, Kind};
pub use feature_set::FeatureSet;
pub use features::{Extracted, Extractor, Preprocessing, Progress, Source};
pub use fit::{Epoch, Fit};
pub use folds::{CrossValidation, Fold, cross_validate};
pub use head::Head;
pub use heatmap::{Heatmap, Heatmaps};
pub use interval::interval;
pub use map::{FeatureMap, MAP_ROWS};
pub use metrics::{Metrics, THRESHOLD, balanced_accuracy, predicted, probabilities};
pub use options::{ClassWeight, Decay, Epochs, LBFGS, OPTIMIZERS, TrainOptions};
pub use overlay::Overlay;
pub use paired::mcnemar;
pub use predictor::Predictor;
pub use rate::find_rate;
pub use settle::{L2_DEFAULT, L2_GRID, L2Choice, Settled, choose_l2};
pub use similar::{Nearest, Neighbour, Similar};
pub use train::{Event, PhotoReport, PhotoSet, SkippedPhoto, Trained, Trainer};

pub use icecap_autograd as autograd;
pub use icecap_data as data;
pub use icecap_graph as graph;
pub use icecap_kernels as kernels;
pub use icecap_kernels::rng;
pub use icecap_weights as weights;
