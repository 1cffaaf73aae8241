//! OpenMMLab's names (mmcls, mmpretrain and what is built on them): `backbone.conv1.conv.weight`,
//! `backbone.layer2.0.conv.1.bn.weight`, `backbone.conv2.conv.weight`, `head.fc.weight`.
//!
//! Blocks are numbered by layer, from 1, and place in it. A module holds a convolution and its BatchNorm.

use icecap_graph::{ConvLayer, Part};

use super::kind::Layout;
use super::naming::{Modules, Naming, is_index};
use super::timm::stage_and_place;

pub(super) static NAMING: Naming = Naming { layout: Layout::OpenMmLab, root: "backbone.", modules, owns };

fn owns(module: &str) -> bool {
    matches!(module, "conv1" | "conv2") || module.strip_prefix("layer").is_some_and(is_index)
}

/// What OpenMMLab calls a convolution and its BatchNorm.
fn modules(layer: ConvLayer) -> Modules {
    let (stage, place) = stage_and_place(layer.block);
    let of = |step: usize| format!("layer{}.{place}.conv.{step}", stage + 1);
    // The first block lacks the expansion, so all that follows stands one earlier.
    let step = usize::from(layer.block > 0);
    let module = match layer.part {
        Part::Stem => "conv1".to_owned(),
        Part::Last => "conv2".to_owned(),
        Part::Expand => of(0),
        Part::Depthwise => of(step),
        Part::Project => of(step + 1),
    };
    Modules { conv: format!("{module}.conv"), norm: format!("{module}.bn") }
}
