//! torchvision's names: `features.0.0.weight`, `features.2.conv.1.0.weight`, `classifier.1.weight`.
//!
//! A convolution with its BatchNorm and ReLU6 is a sequence of three; the projection, which has no ReLU6, and its
//! BatchNorm stand alone. Everything is in one sequence, `features`, which users put under names of their own: the root ends with that
//! name.

use icecap_graph::{BLOCKS, ConvLayer, Part};

use super::kind::Layout;
use super::naming::{Modules, Naming, is_index};

/// The last convolution's index, behind the first one and the blocks.
const LAST: usize = 1 + BLOCKS;

pub(super) static NAMING: Naming =
    Naming { layout: Layout::Torchvision, root: "features.", modules, owns: is_index };

/// What torchvision calls a convolution and its BatchNorm.
fn modules(layer: ConvLayer) -> Modules {
    let block = format!("{}.conv", layer.block + 1);
    // The first block lacks the expansion, so all that follows stands one earlier.
    let step = usize::from(layer.block > 0);
    let pair = |name: String| Modules { conv: format!("{name}.0"), norm: format!("{name}.1") };
    match layer.part {
        Part::Stem => pair("0".to_owned()),
        Part::Last => pair(LAST.to_string()),
        Part::Expand => pair(format!("{block}.0")),
        Part::Depthwise => pair(format!("{block}.{step}")),
        Part::Project => {
            Modules { conv: format!("{block}.{}", step + 1), norm: format!("{block}.{}", step + 2) }
        }
    }
}
