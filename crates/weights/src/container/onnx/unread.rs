//! Constants whose values cannot be had.

use super::tensor::NoValues;
use crate::shown::shown;
use crate::traced::{NodeName, Refusal};

/// The error about an operator that reads a constant whose values are not there.
pub(super) fn unread(name: &NodeName, constant: &str, reason: &NoValues) -> Refusal {
    let constant = shown(constant);
    Refusal::node(
        name,
        match reason {
            NoValues::External(file) => format!(
                "the values of '{constant}' lie in another file, '{file}'; put all into one with Python: \
             `import onnx; onnx.save(onnx.load(\"in.onnx\"), \"out.onnx\")`, with that file beside the first"
            ),
            NoValues::Unread(why) => format!("the constant '{constant}' is not read: {why}"),
        },
    )
}
