//! timm's names: `conv_stem.weight`, `blocks.1.0.conv_pw.weight`, `conv_head.weight`, `classifier.weight`.
//!
//! Blocks are numbered by stage and place in it. In the first, which has no expansion, the projection is called what
//! the expansion is called in the others.

use icecap_graph::{ConvLayer, Part};

use super::torch::Modules;

/// Blocks of each stage.
const STAGES: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// The name of the top's module.
pub(super) const TOPS: [&str; 1] = ["classifier"];

/// What timm calls a convolution and its BatchNorm.
pub(super) fn modules(layer: ConvLayer) -> Modules {
    let (mut stage, mut place) = (0, layer.block);
    while stage + 1 < STAGES.len() && place >= STAGES[stage] {
        place -= STAGES[stage];
        stage += 1;
    }
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
