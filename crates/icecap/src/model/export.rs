//! A classifier in the formats of others: ONNX, and the head for Keras or torchvision.

use icecap_weights::{HeadLayout, OnnxPixels};

use crate::error::Error;
use crate::model::classifier::{Classifier, SaveBackbone};

impl Classifier {
    /// Returns the bytes of an ONNX file of backbone and head: `pixels` in, `probabilities` [N, classes] and `logits`
    /// out. Class names and the photo's way to the input stand in its metadata; `docs/export.md` lists the keys.
    ///
    /// # Errors
    /// [`Error::Weights`] if the classifier's parts do not fit each other, as a head that holds NaN.
    ///
    /// # Cost
    /// One fold of the net, and three copies of it in memory.
    pub fn to_onnx(&self, pixels: OnnxPixels) -> Result<Vec<u8>, Error> {
        Ok(self.model(SaveBackbone::Embedded)?.to_onnx(pixels)?)
    }

    /// Returns the bytes of a safetensors file of the head alone, named and shaped as `layout` has it.
    ///
    /// # Errors
    /// What [`Classifier::to_onnx`] returns.
    pub fn head_to_bytes(&self, layout: HeadLayout) -> Result<Vec<u8>, Error> {
        Ok(self.model(SaveBackbone::Pinned)?.head_to_bytes(layout)?)
    }

    /// Returns the names of the classes in the order of their indices, one a line. Whatever would break a line in a name
    /// becomes a space, so that the line's number stays the class' index.
    #[must_use]
    pub fn labels(&self) -> String {
        labels(self.classes())
    }
}

fn labels(classes: &[String]) -> String {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let line = |name: &String| name.replace(breaks, " ") + "\n";
    classes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::labels;

    #[test]
    fn a_class_is_a_line_whatever_its_name() {
        let classes = ["ants", "be\nes", "\u{2028}wä\rsps\t", "a\u{85}b"].map(str::to_owned);
        assert_eq!(labels(&classes), "ants\nbe es\n wä sps \na b\n");
    }
}
