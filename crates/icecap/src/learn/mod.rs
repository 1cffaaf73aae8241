//! Learning: photos and their parts, the options of a training, and the training of a head.

pub(crate) mod auto_options;
pub(crate) mod dataset;
pub(crate) mod feature_set;
pub(crate) mod fit;
pub(crate) mod folds;
mod head_training;
pub(crate) mod learning_rate;
pub(crate) mod options;
pub(crate) mod photo_features;
pub(crate) mod photo_set;
pub(crate) mod pulse;
pub(crate) mod step;
pub(crate) mod trained;
pub(crate) mod trainer;

pub use auto_options::{L2_DEFAULT, L2_GRID, L2Choice, Settled, choose_l2};
pub use dataset::Dataset;
pub use feature_set::FeatureSet;
pub use fit::{Epoch, Fit};
pub use learning_rate::find_rate;
pub use options::{ClassWeight, Decay, Epochs, LBFGS, OPTIMIZERS, TrainOptions};
pub use photo_set::{PhotoReport, PhotoSet, SkippedPhoto};
pub use trained::{Event, Trained};
pub use trainer::Trainer;
