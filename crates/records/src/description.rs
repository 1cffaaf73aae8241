//! What a file of features says of itself.

use std::collections::BTreeMap;

use icecap::advanced::kernels::Shape;

/// What a file of features says of itself: which net made them, and of photos how prepared.
#[derive(Clone, Debug)]
pub struct Description {
    /// Texts by their keys: `docs/feature-file.md` lists them.
    pub metadata: BTreeMap<String, String>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The shape of one photo's features: `[C]`, or `[h, w, C]` of whole maps.
    pub row: Shape,
}
