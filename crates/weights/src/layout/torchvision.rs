//! torchvision's `MobileNetV2`: one `features` list, a block in each of its places 1 to 17.
//!
//! | part | convolution, BatchNorm |
//! |---|---|
//! | first | `features.0.0`, `features.0.1` |
//! | block 0 | `features.1.conv.0.0`, `.0.1`; `.1`, `.2` |
//! | block b | `features.{b+1}.conv.0.0`, `.0.1`; `.1.0`, `.1.1`; `.2`, `.3` |
//! | last | `features.18.0`, `features.18.1` |
//! | top | `classifier.1`, or `classifier` where it was replaced by a single layer |

use icecap_graph::BLOCKS;

use super::modules::{Names, Part};

pub(super) const NAMES: Names = Names { part, tops: &["classifier.1", "classifier"], prefix: "" };

pub(super) fn owns(name: &str) -> bool {
    name.starts_with("features.")
}

fn part(part: Part) -> [String; 2] {
    let (place, [conv, norm]) = match part {
        Part::Stem => (0, ["0", "1"]),
        Part::Depthwise(0) => (1, ["conv.0.0", "conv.0.1"]),
        Part::Project(0) => (1, ["conv.1", "conv.2"]),
        Part::Expand(block) => (block + 1, ["conv.0.0", "conv.0.1"]),
        Part::Depthwise(block) => (block + 1, ["conv.1.0", "conv.1.1"]),
        Part::Project(block) => (block + 1, ["conv.2", "conv.3"]),
        Part::Last => (BLOCKS + 1, ["0", "1"]),
    };
    [conv, norm].map(|module| format!("features.{place}.{module}"))
}
