//! The names of Hugging Face's port of TensorFlow's own weights:
//! `mobilenet_v2.conv_stem.first_conv.convolution.weight`, `mobilenet_v2.layer.0.expand_1x1.convolution.weight`,
//! `classifier.weight`.
//!
//! The stem holds the first block too; `layer.0` is the second. A file of the net without its top lacks the prefix.
//! Google's tops have 1,001 classes, the first of them the background.

use icecap_graph::{ConvLayer, Part};

use super::torch::Modules;

/// What the names of the net begin with in a file that has a top.
const PREFIX: &str = "mobilenet_v2.";

/// The name of the top's module.
pub(super) const TOPS: [&str; 1] = ["classifier"];

/// What a file with a top calls a convolution and its BatchNorm.
pub(super) fn modules(layer: ConvLayer) -> Modules {
    named(PREFIX, layer)
}

/// What a file of the bare net calls a convolution and its BatchNorm.
pub(super) fn bare_modules(layer: ConvLayer) -> Modules {
    named("", layer)
}

fn named(prefix: &str, layer: ConvLayer) -> Modules {
    let part = match layer.part {
        Part::Stem => "conv_stem.first_conv",
        Part::Last => "conv_1x1",
        Part::Expand => "expand_1x1",
        Part::Depthwise => "conv_3x3",
        Part::Project => "reduce_1x1",
    };
    let module = match (layer.part, layer.block) {
        (Part::Stem | Part::Last, _) => format!("{prefix}{part}"),
        (_, 0) => format!("{prefix}conv_stem.{part}"),
        (_, block) => format!("{prefix}layer.{}.{part}", block - 1),
    };
    Modules { conv: format!("{module}.convolution"), norm: format!("{module}.normalization") }
}
