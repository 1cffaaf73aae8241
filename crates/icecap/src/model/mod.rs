//! Models: the frozen backbone, the head on top of it, the classifier that both make, and how photos get into them.

pub(crate) mod backbone;
pub(crate) mod classifier;
pub(crate) mod columns;
mod export;
pub(crate) mod extraction;
pub(crate) mod extractor;
pub(crate) mod gave_out;
pub(crate) mod head;
mod imported_top;
pub(crate) mod novelty;
mod opening;
mod packed_backbone;
pub(crate) mod packed_head;
mod pool;
pub(crate) mod prediction;
pub(crate) mod predictor;
pub(crate) mod preprocessing;
pub(crate) mod progress;
pub(crate) mod quantizing;
pub(crate) mod row;
pub(crate) mod row_store;
mod session;
pub(crate) mod settings;
pub(crate) mod source;
pub(crate) mod tapped;
mod tuned_backbone;
mod weights_source;

pub use backbone::Backbone;
pub use classifier::{Classifier, Provenance, SaveBackbone};
pub use columns::{Columns, OF_CLASS};
pub use extraction::Extracted;
pub use extractor::{Extractor, NUMERIC_VERSION};
pub use head::{Head, HeadLayer};
#[doc(inline)]
pub use icecap_graph::Precision;
#[doc(inline)]
pub use icecap_weights::Quantization;
pub use novelty::Novelty;
pub use opening::ClassifierBuilder;
pub use packed_head::PackedHead;
pub use pool::Pool;
pub use prediction::Prediction;
pub use predictor::Predictor;
pub use preprocessing::Preprocessing;
pub use progress::Progress;
pub use quantizing::CalibrationPhotos;
pub use row::{Choice, NO_LABEL, Row};
pub use session::Session;
pub use settings::Settings;
pub use source::{OwnedSource, Source};
pub use weights_source::WeightsSource;
