//! The names of Hugging Face's port of TensorFlow's own weights: `mobilenet_v2.conv_stem.first_conv.convolution.weight`,
//! `mobilenet_v2.layer.0.expand_1x1.convolution.weight`, `classifier.weight`.
//!
//! The stem holds the first block too; `layer.0` is the second. A file of the net without its top lacks the prefix.
//! Google's tops have 1,001 classes, the first of them the background.

use super::layers::{ConvLayer, Part};

/// What a file with a top has before the names of its net.
pub(super) const PREFIX: &str = "mobilenet_v2.";

/// What the top's module is called.
pub(super) const TOPS: [&str; 1] = ["classifier"];

/// The modules of a file with a top.
pub(super) fn modules(layer: ConvLayer) -> (String, String) {
    named(PREFIX, layer)
}

/// The modules of a file of the bare net.
pub(super) fn bare_modules(layer: ConvLayer) -> (String, String) {
    named("", layer)
}

fn named(prefix: &str, layer: ConvLayer) -> (String, String) {
    let part = match layer.part {
        Part::Stem => "conv_stem.first_conv",
        Part::Head => "conv_1x1",
        Part::Expand => "expand_1x1",
        Part::Depthwise => "conv_3x3",
        Part::Project => "reduce_1x1",
    };
    let module = match (layer.part, layer.block) {
        (Part::Stem | Part::Head, _) => format!("{prefix}{part}"),
        (_, 0) => format!("{prefix}conv_stem.{part}"),
        (_, block) => format!("{prefix}layer.{}.{part}", block - 1),
    };
    (format!("{module}.convolution"), format!("{module}.normalization"))
}
