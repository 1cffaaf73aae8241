//! How usual the photos of a run are, as the run keeps it.

use serde::{Deserialize, Serialize};

/// What a model keeps to tell new photos, and what it says of the validation photos.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NoveltyRow {
    /// Mean directions of features that the model keeps: one for each class, or fewer of many.
    pub centers: u64,
    /// How many training photos told how far is usual.
    pub photos: u64,
    /// How many validation photos there are.
    pub val: u64,
    /// How many validation photos would be taken for none of the classes.
    pub val_novel: u64,
}
