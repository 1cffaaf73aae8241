//! The names of the ports by d-li14 and tonylins, from which many others were made: `features.0.0.weight`,
//! `features.2.conv.3.weight`, `conv.0.weight`, `classifier.weight`.
//!
//! A block is one flat sequence of convolution, BatchNorm and ReLU6, where torchvision nests them. The last convolution
//! stands beside the blocks as `conv`, or behind them as `features.18`. tonylins' first version has an expansion in the
//! first block too, which the paper's net has not: its `features.1.conv.6` is then one tensor too many.

use icecap_graph::{BLOCKS, ConvLayer, Part};

use super::kind::Layout;
use super::naming::{Modules, Naming};

pub(super) static NAMINGS: [Naming; 2] = [
    Naming { layout: Layout::Flat, root: "", modules: |layer| modules(layer, "conv".to_owned()), owns },
    Naming {
        layout: Layout::Flat,
        root: "",
        modules: |layer| modules(layer, format!("features.{}", 1 + BLOCKS)),
        owns,
    },
];

fn owns(module: &str) -> bool {
    matches!(module, "features" | "conv")
}

/// What these files call a convolution and its BatchNorm; `last` is the sequence of the last one.
fn modules(layer: ConvLayer, last: String) -> Modules {
    let at = |sequence: String, conv: usize| Modules {
        conv: format!("{sequence}.{conv}"),
        norm: format!("{sequence}.{}", conv + 1),
    };
    let block = || format!("features.{}.conv", layer.block + 1);
    // A convolution, its BatchNorm and ReLU6 take three places; the first block lacks the expansion.
    let step = if layer.block > 0 { 3 } else { 0 };
    match layer.part {
        Part::Stem => at("features.0".to_owned(), 0),
        Part::Last => at(last, 0),
        Part::Expand => at(block(), 0),
        Part::Depthwise => at(block(), step),
        Part::Project => at(block(), step + 3),
    }
}
