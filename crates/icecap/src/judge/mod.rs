//! Judging: how good a head is on photos that it has not learned from, how sure that is, and how far its confidence can be
//! trusted.

pub(crate) mod assessment;
pub(crate) mod calibration;
pub(crate) mod centroid;
pub(crate) mod coverage;
pub(crate) mod cross_validation;
pub(crate) mod doubted_labels;
pub(crate) mod mcnemar;
pub(crate) mod metrics;
pub(crate) mod novelty;
pub(crate) mod operating_point;
pub(crate) mod ranking;
pub(crate) mod reliability;
pub(crate) mod temperature;
pub(crate) mod wilson;

pub use assessment::Assessment;
pub use calibration::Calibration;
pub use centroid::centroid_head;
pub use coverage::Coverage;
pub use cross_validation::{CrossValidation, Fold, cross_validate};
pub use doubted_labels::{DoubtedLabel, doubted_labels};
pub use mcnemar::mcnemar;
pub use metrics::{Metrics, THRESHOLD, balanced_accuracy, predicted, predicted_at, probabilities};
pub use operating_point::{OperatingPoint, Wish};
pub use ranking::{ClassRanking, Ranking};
pub use reliability::{Bin, Reliability};
pub use temperature::{temperature, tempered};
pub use wilson::interval;
