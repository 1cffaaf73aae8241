//! What an exported file tells of its model beside the net: the classes, the way of a photo to the input, where it all
//! came from.

use std::collections::BTreeMap;

use icecap_graph::{INPUT_CHANNELS, Precision, Scaling};

use crate::bundle::{Model, NOVELTY};
use crate::record::key as record_key;

/// Keys of a model file that are left out: BatchNorm is folded into the graph, and other keys say what becomes of
/// pixels. The graph gives no features, so nobody could tell by them what is new.
const NOT_TOLD: [&str; 10] = [
    "format",
    "backbone",
    "layout",
    "size",
    "resize",
    "dct",
    "bn_epsilon",
    "padding",
    record_key::SCALING,
    NOVELTY,
];

/// Returns the model's metadata as an exported net of this precision has it.
pub(crate) fn metadata(model: &Model, precision: Precision) -> BTreeMap<String, String> {
    let mut metadata = model.metadata();
    metadata.retain(|key, _| !NOT_TOLD.contains(&key.as_str()));
    if precision != Precision::F32 {
        metadata.insert("precision".to_owned(), precision.to_string());
    }
    metadata
}

/// Returns what a program must know to feed the net: the order of the input's axes, and what a value `v` of 0 to 255
/// becomes, `v * scale + shift`.
pub(crate) fn input_metadata(scaling: &Scaling, layout: &str) -> [(String, String); 4] {
    let list =
        |values: [f32; INPUT_CHANNELS]| format!("[{}]", values.map(|value| value.to_string()).join(", "));
    [
        ("input_layout", layout.to_owned()),
        ("input_channels", "RGB".to_owned()),
        ("input_scale", list(scaling.scale)),
        ("input_shift", list(scaling.shift)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}
