//! What a file says of a whole model beside its weights.

use std::collections::BTreeMap;

use super::named::Source;
use crate::FileHead;

/// What a file says of a whole model beside its weights.
#[derive(Debug)]
pub(crate) struct Described {
    /// Where the net's tensors stand, by Keras' names, and those of a classification top.
    pub(crate) sources: BTreeMap<String, Source>,
    /// What stands on the features, where that is no classification top.
    pub(crate) head: FileHead,
    /// Values of the record, by their keys.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// What was read, and from where.
    pub(crate) stated: Vec<Stated>,
    /// What a person should know who uses the weights.
    pub(crate) notes: Vec<String>,
}

impl Default for Described {
    fn default() -> Self {
        let (texts, stated, notes) = Default::default();
        Self { sources: BTreeMap::new(), head: FileHead::None, texts, stated, notes }
    }
}

/// Something that a layer of a file's model states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The layer's name, behind those of the models that it stands in: `sequential_1/rescaling`.
    pub layer: String,
    /// The layer's class: `Rescaling`.
    pub class: String,
    /// What it states.
    pub text: String,
}
