//! timm's names: `conv_stem.weight`, `blocks.1.0.conv_pw.weight`, `conv_head.weight`, `classifier.weight`.
//!
//! Blocks are numbered by stage and place in it. In the first, which has no expansion, the projection is called what
//! the expansion is called in the others.

use icecap_graph::{ConvLayer, Part};

use super::kind::Layout;
use super::naming::{Modules, Naming};

/// Blocks of each stage.
const STAGES: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

pub(super) static NAMING: Naming = Naming { layout: Layout::Timm, root: "", modules, owns };

fn owns(module: &str) -> bool {
    matches!(module, "conv_stem" | "bn1" | "blocks" | "conv_head" | "bn2")
}

/// Returns the block that a tensor of the net belongs to if MobileNetV2 does not have it: timm's `110d` and `120d` are
/// deeper nets.
pub(super) fn extra_block(name: &str) -> Option<String> {
    let mut parts = name.strip_prefix("blocks.")?.split('.');
    let (stage, place) = (parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<usize>().ok()?);
    let known = STAGES.get(stage).is_some_and(|blocks| place < *blocks);
    (!known).then(|| format!("blocks.{stage}.{place}"))
}

/// Returns the stage of a block and its place in it, both from 0.
pub(super) fn stage_and_place(block: usize) -> (usize, usize) {
    let (mut stage, mut place) = (0, block);
    while stage + 1 < STAGES.len() && place >= STAGES[stage] {
        place -= STAGES[stage];
        stage += 1;
    }
    (stage, place)
}

/// What timm calls a convolution and its BatchNorm.
fn modules(layer: ConvLayer) -> Modules {
    let (stage, place) = stage_and_place(layer.block);
    let of = |conv: &str, norm: usize| Modules {
        conv: format!("blocks.{stage}.{place}.{conv}"),
        norm: format!("blocks.{stage}.{place}.bn{norm}"),
    };
    let outside = |conv: &str, norm: &str| Modules { conv: conv.to_owned(), norm: norm.to_owned() };
    match (layer.part, layer.block) {
        (Part::Stem, _) => outside("conv_stem", "bn1"),
        (Part::Last, _) => outside("conv_head", "bn2"),
        (Part::Expand, _) => of("conv_pw", 1),
        (Part::Depthwise, 0) => of("conv_dw", 1),
        (Part::Project, 0) => of("conv_pw", 2),
        (Part::Depthwise, _) => of("conv_dw", 2),
        (Part::Project, _) => of("conv_pwl", 3),
    }
}
