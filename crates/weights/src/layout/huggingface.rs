//! The names of Hugging Face's port of TensorFlow's own weights:
//! `mobilenet_v2.conv_stem.first_conv.convolution.weight`, `mobilenet_v2.layer.0.expand_1x1.convolution.weight`,
//! `classifier.weight`.
//!
//! The stem holds the first block too; `layer.0` is the second. A file of the net without its top lacks `mobilenet_v2`.
//! Google's tops have 1,001 classes, the first of them the background.

use icecap_graph::{ConvLayer, Part};

use super::kind::Layout;
use super::naming::{Modules, Naming};

pub(super) static NAMING: Naming =
    Naming { layout: Layout::HuggingFace, root: "mobilenet_v2.", modules, owns };

fn owns(module: &str) -> bool {
    matches!(module, "conv_stem" | "layer" | "conv_1x1")
}

/// What Hugging Face calls a convolution and its BatchNorm.
fn modules(layer: ConvLayer) -> Modules {
    let part = match layer.part {
        Part::Stem => "conv_stem.first_conv",
        Part::Last => "conv_1x1",
        Part::Expand => "expand_1x1",
        Part::Depthwise => "conv_3x3",
        Part::Project => "reduce_1x1",
    };
    let module = match (layer.part, layer.block) {
        (Part::Stem | Part::Last, _) => part.to_owned(),
        (_, 0) => format!("conv_stem.{part}"),
        (_, block) => format!("layer.{}.{part}", block - 1),
    };
    Modules { conv: format!("{module}.convolution"), norm: format!("{module}.normalization") }
}
