//! Constants whose values cannot be had.

use super::tensor::NoValues;
use crate::shown::shown;

/// Why an operator cannot be read that reads a constant whose values are not there.
pub(super) fn unread(constant: &str, reason: &NoValues) -> String {
    let constant = shown(constant);
    match reason {
        NoValues::External(file) => format!(
            "the values of '{constant}' lie in another file, '{file}'; put all into one with Python: \
             `import onnx; onnx.save(onnx.load(\"in.onnx\"), \"out.onnx\")`, with that file beside the first"
        ),
        NoValues::Unread(why) => format!("the constant '{constant}' is not read: {why}"),
    }
}
