//! Google's weights as `transformers` names them: `MobileNetV2ForImageClassification`, or a bare `MobileNetV2Model`, whose
//! names start where `mobilenet_v2.` ends.
//!
//! | part | modules, each a `.convolution` and a `.normalization` |
//! |---|---|
//! | first | `conv_stem.first_conv` |
//! | block 0 | `conv_stem.conv_3x3`, `conv_stem.reduce_1x1` |
//! | block b | `layer.{b-1}.expand_1x1`, `.conv_3x3`, `.reduce_1x1` |
//! | last | `conv_1x1` |
//! | top | `classifier`, whose class 0 is the background: ImageNet's follow from 1 on |

use super::modules::{Names, Part};

pub(super) const NAMES: Names = Names { part, tops: &["classifier"], prefix: PREFIX };

const PREFIX: &str = "mobilenet_v2.";

pub(super) fn owns(name: &str) -> bool {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let modules =
        ["conv_stem.first_conv.", "conv_stem.conv_3x3.", "conv_stem.reduce_1x1.", "layer.", "conv_1x1."];
    modules.iter().any(|module| name.starts_with(module))
}

fn part(part: Part) -> [String; 2] {
    let module = match part {
        Part::Stem => "conv_stem.first_conv".to_owned(),
        Part::Depthwise(0) => "conv_stem.conv_3x3".to_owned(),
        Part::Project(0) => "conv_stem.reduce_1x1".to_owned(),
        // Block 0 widens nothing; what is never asked for has no name to be mistaken for another's.
        Part::Expand(0) => "conv_stem.expand_1x1".to_owned(),
        Part::Expand(block) => format!("layer.{}.expand_1x1", block - 1),
        Part::Depthwise(block) => format!("layer.{}.conv_3x3", block - 1),
        Part::Project(block) => format!("layer.{}.reduce_1x1", block - 1),
        Part::Last => "conv_1x1".to_owned(),
    };
    ["convolution", "normalization"].map(|step| format!("{module}.{step}"))
}
