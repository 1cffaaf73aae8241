//! Learning: photos and their parts, the options of a training, and the training of a head.

pub(crate) mod auto_options;
pub(crate) mod class_weight;
pub(crate) mod compute;
pub(crate) mod dataset;
pub(crate) mod decay;
pub(crate) mod epochs;
pub(crate) mod feature_set;
pub(crate) mod fit;
pub(crate) mod folds;
mod head_training;
pub(crate) mod learning_rate;
pub(crate) mod optimizer;
pub(crate) mod options;
pub(crate) mod photo_features;
pub(crate) mod photo_set;
pub(crate) mod step;
pub(crate) mod steps;
pub(crate) mod trained;
pub(crate) mod trainer;
pub(crate) mod value;

pub use auto_options::{L2_DEFAULT, L2_GRID, L2Choice, Settled, choose_l2};
pub use class_weight::ClassWeight;
pub use compute::Compute;
pub use dataset::Dataset;
pub use decay::Decay;
pub use epochs::Epochs;
pub use feature_set::FeatureSet;
pub use fit::{Epoch, Fit};
pub use learning_rate::find_rate;
pub use optimizer::Optimizer;
pub use options::{Solver, TrainOptions};
pub use photo_set::{PhotoReport, PhotoSet, SkippedPhoto, Twin};
pub use steps::{Rate, Steps};
pub use trained::{Event, Trained};
pub use trainer::Trainer;
pub use value::Value;
