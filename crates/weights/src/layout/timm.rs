//! timm's `mobilenetv2_*`: blocks in seven stages.
//!
//! | part | convolution, BatchNorm |
//! |---|---|
//! | first | `conv_stem`, `bn1` |
//! | block 0 | `blocks.0.0.conv_dw`, `.bn1`; `.conv_pw`, `.bn2` |
//! | place i of stage s | `blocks.{s}.{i}.conv_pw`, `.bn1`; `.conv_dw`, `.bn2`; `.conv_pwl`, `.bn3` |
//! | last | `conv_head`, `bn2` |
//! | top | `classifier` |

use super::modules::{Names, Part};

pub(super) const NAMES: Names = Names { part, tops: &["classifier"], prefix: "" };

/// Blocks of each stage, as the paper has them.
const STAGES: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

pub(super) fn owns(name: &str) -> bool {
    name.starts_with("blocks.") || matches!(name, "conv_stem.weight" | "conv_head.weight")
}

fn part(part: Part) -> [String; 2] {
    let (block, [conv, norm]) = match part {
        Part::Stem => return ["conv_stem", "bn1"].map(str::to_owned),
        Part::Last => return ["conv_head", "bn2"].map(str::to_owned),
        Part::Depthwise(0) => (0, ["conv_dw", "bn1"]),
        Part::Project(0) => (0, ["conv_pw", "bn2"]),
        Part::Expand(block) => (block, ["conv_pw", "bn1"]),
        Part::Depthwise(block) => (block, ["conv_dw", "bn2"]),
        Part::Project(block) => (block, ["conv_pwl", "bn3"]),
    };
    let (mut stage, mut place) = (0, block);
    while place >= STAGES[stage] {
        place -= STAGES[stage];
        stage += 1;
    }
    [conv, norm].map(|module| format!("blocks.{stage}.{place}.{module}"))
}
