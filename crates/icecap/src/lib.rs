//! Transfer learning on CPUs: a small trainable cap (pooling, dropout, a dense layer) on a frozen MobileNetV2.
//!
//! # Ask a trained model
//!
//! A [`Classifier`] is opened from the model file that a training has left. It says what is on a photo, and how sure it is.
//!
//! ```no_run
//! let classifier = icecap::Classifier::open("model.safetensors")?;
//! let prediction = classifier.predict_file("photo.jpg")?;
//! println!("{} ({:.1} %)", prediction.label, 100.0 * prediction.probability);
//! # Ok::<(), icecap::Error>(())
//! ```
//!
//! A [`Predictor`] is for many photos: it works on all threads and keeps its memory from one call to the next. A photo is a
//! [`Source`]: a file, a file's bytes, or pixels.
//!
//! # Train a model
//!
//! A [`Trainer`] turns the photos of a [`Dataset`] into features once, by a frozen [`Backbone`], and trains a head on them.
//! A dataset is made of a folder with a folder of photos for each class, of a CSV file, or of photos in memory
//! ([`Dataset::from_sources`]).
//!
//! ```no_run
//! use icecap::advanced::data;
//! use icecap::{Backbone, Dataset, Event, SaveBackbone, Settings, Trainer};
//! use std::ops::ControlFlow;
//!
//! let backbone = Backbone::open("weights.safetensors", Settings::default())?;
//! let inventory = data::scan("photos".as_ref(), None)?;
//! // A fifth of each class is held back for validation, drawn by the seed 0.
//! let dataset = Dataset::new(&inventory, 0.2, 0)?;
//! // Asked after each step of the work; ControlFlow::Break(()) stops it.
//! let go_on = |_: Event<'_>| ControlFlow::Continue(());
//! let trained = Trainer::new(&backbone)?.train(&dataset, &go_on)?;
//! trained.classifier.save("model.safetensors", SaveBackbone::Embedded)?;
//! # Ok::<(), icecap::Error>(())
//! ```
//!
//! How the head is trained is said by [`TrainOptions`], and by [`Tuning`](learn::Tuning) among them whether the last blocks of
//! the net learn after it; what comes out is [`Trained`].
//!
//! # Where to look for more
//!
//! - [`model`]: backbones, classifiers, features of photos, rows of predictions.
//! - [`learn`]: datasets, the options of a training, what is settled by the photos.
//! - [`judge`]: metrics, cross-validation, calibration, intervals, the comparison of two classifiers.
//! - [`explain`]: heatmaps, similar photos, a map of features.
//! - [`check`](mod@check): what is wrong with a dataset, before it is trained on.
//! - [`advanced`]: the crates below this one.
//!
//! # What can be relied on
//!
//! There is no global state and nothing is printed. A [`Backbone`] and a [`Classifier`] never change and are cheap to clone;
//! a [`Session`], [`Extractor`](model::Extractor) or [`Predictor`] is what one caller needs to run one. Whatever takes long
//! tells its progress to a callback, which can stop it. Results have the same bits for any number of threads and any batch.
//! Every [`Error`] has a [`Kind`] that says who has to do something about it.
#![forbid(unsafe_code)]

pub mod check;
mod error;
pub mod explain;
pub mod judge;
pub mod learn;
pub mod model;

pub use error::{Error, Kind};
#[doc(inline)]
pub use learn::{Dataset, Event, TrainOptions, Trained, Trainer};
#[doc(inline)]
pub use model::{
    Backbone, Classifier, OwnedSource, Prediction, Predictor, SaveBackbone, Session, Settings, Source,
};

/// The crates below, for what this one has no door for: other nets and layouts, photos without a classifier, arithmetic.
///
/// Their names change more often than those above. The types of theirs that this crate's own functions take and return
/// are found here: [`data::Inventory`](advanced::data::Inventory), [`weights::Record`](advanced::weights::Record),
/// [`kernels::Tensor`](advanced::kernels::Tensor), [`graph::Tap`](advanced::graph::Tap).
pub mod advanced {
    pub use icecap_autograd as autograd;
    pub use icecap_data as data;
    pub use icecap_foundation as foundation;
    pub use icecap_graph as graph;
    pub use icecap_kernels as kernels;
    pub use icecap_tune as tune;
    pub use icecap_weights as weights;
}
