//! torchvision's names: `features.0.0.weight`, `features.2.conv.1.0.weight`, `classifier.1.weight`.
//!
//! A convolution with its BatchNorm and ReLU6 is a sequence of three; the projection, which has no ReLU6, and its
//! BatchNorm stand alone. Users replace the classifier, a sequence of dropout and linear, by a linear alone: then its
//! names lack the `1`.

use icecap_graph::{BLOCKS, ConvLayer, Part};

use super::torch::Modules;

/// The last convolution's index, behind the first one and the blocks.
const LAST: usize = 1 + BLOCKS;

/// The names of the top's module: the published one, and the one that users give it who replace it.
pub(super) const TOPS: [&str; 2] = ["classifier.1", "classifier"];

/// What torchvision calls a convolution and its BatchNorm.
pub(super) fn modules(layer: ConvLayer) -> Modules {
    let block = format!("features.{}.conv", layer.block + 1);
    // The first block lacks the expansion, so all that follows stands one earlier.
    let step = usize::from(layer.block > 0);
    let pair = |name: String| Modules { conv: format!("{name}.0"), norm: format!("{name}.1") };
    match layer.part {
        Part::Stem => pair("features.0".to_owned()),
        Part::Last => pair(format!("features.{LAST}")),
        Part::Expand => pair(format!("{block}.0")),
        Part::Depthwise => pair(format!("{block}.{step}")),
        Part::Project => {
            Modules { conv: format!("{block}.{}", step + 1), norm: format!("{block}.{}", step + 2) }
        }
    }
}
