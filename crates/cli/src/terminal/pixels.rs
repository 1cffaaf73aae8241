//! The scaling of pixels in the words that people know it by.

use icecap::advanced::graph::Scaling;
use icecap::advanced::weights::{format_scaling, parse_scaling};

/// Texts of scalings that have a name, as options take them.
const KNOWN: [&str; 3] = ["-1..1", "0..1", "mean 0.485,0.456,0.406 std 0.229,0.224,0.225"];

/// Returns a scaling as options take it: by its usual text, where it has one, to the same bits.
pub(crate) fn scaling(scaling: &Scaling) -> String {
    let known = KNOWN.into_iter().find(|text| parse_scaling(text).is_ok_and(|known| known == *scaling));
    known.map_or_else(|| format_scaling(scaling), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_as_the_scaling_that_it_stands_for() {
        let other = "scale 0.5,0.25,1 shift 0,1,-3";
        for text in KNOWN.into_iter().chain([other]) {
            assert_eq!(scaling(&parse_scaling(text).unwrap()), text);
        }
        assert_eq!(scaling(&parse_scaling("mean 0.5,0.5,0.5 std 0.5,0.5,0.5").unwrap()), "-1..1");
    }
}
