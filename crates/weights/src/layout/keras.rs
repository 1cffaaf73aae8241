//! Keras' own names and shapes, which are the canonical ones here: nothing is renamed or transposed.

use std::collections::BTreeMap;

use super::{HEAD_PREFIX, Source};
use crate::container::Container;

/// Whether Keras' MobileNetV2 has a layer of this tensor's name, as far as its start tells.
pub(super) fn owns(name: &str) -> bool {
    let layer = name.split_once('/').map(|(layer, _)| layer);
    layer.is_some_and(|layer| {
        matches!(layer, "Conv1" | "bn_Conv1" | "Conv_1" | "Conv_1_bn" | "predictions")
            || layer.starts_with("expanded_conv_")
            || layer.starts_with("block_")
    })
}

pub(super) fn sources(file: &Container<'_>) -> BTreeMap<String, Source> {
    let names = file.names().filter(|name| !name.starts_with(HEAD_PREFIX));
    names.map(|name| (name.to_owned(), Source::kept(name))).collect()
}
