//! The graph: the net's operations in the order in which they run, each as the nodes that compute it, and the head.
//!
//! Images are NCHW here, as ONNX has them, so kernels change their order: [rows, columns, in, out] becomes
//! [out, in, rows, columns], and a depthwise [rows, columns, channels, 1] becomes [channels, 1, rows, columns] with a
//! group for each channel.

use icecap_graph::Tap;

use super::draft::{Draft, integer};
use super::message::{FLOAT, GraphProto, UINT8};
use super::numbers::Numbers;
use super::pixels::OnnxPixels;
use crate::bundle::Model;
use crate::exported_net::Operation;

/// Names of values that are no layer's output.
const PIXELS: &str = "pixels";
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";

/// Writes the graph of a model whose backbone has these operations and numbers.
pub(super) fn write(
    model: &Model,
    operations: &[Operation],
    numbers: &dyn Numbers,
    pixels: OnnxPixels,
) -> GraphProto {
    let mut draft = Draft::new("MobileNetV2", PIXELS);
    let element = if pixels == OnnxPixels::Bytes { UINT8 } else { FLOAT };
    draft.input(PIXELS, element, &pixels.shape(model.preprocessing.size));
    numbers.input(&mut draft, pixels);
    for operation in operations {
        match operation {
            Operation::Convolution(conv) => numbers.convolution(&mut draft, conv),
            Operation::Add(add) => numbers.add(&mut draft, add),
        }
    }
    pool(&mut draft);
    head(&mut draft, model);
    draft.proto
}

fn pool(draft: &mut Draft) {
    let (mean, pooled) = (format!("{}/mean", Tap::Features), Tap::Pooled.to_string());
    draft.named_node("GlobalAveragePool", &pooled, &[], &mean, Vec::new());
    draft.named_node("Flatten", "flatten", &[], &pooled, vec![integer("axis", 1)]);
}

/// Adds the head, and the probabilities of its logits. A single logit gives the second class' by the sigmoid and the
/// first class' as 1 minus that.
fn head(draft: &mut Draft, model: &Model) {
    let (classes, logits) = (model.classes.len(), model.logits());
    draft.constant("head/kernel", model.head_kernel.shape().dims(), model.head_kernel.data());
    draft.constant("head/bias", &[logits], &model.head_bias);
    draft.named_node("Gemm", "head", &["head/kernel", "head/bias"], LOGITS, Vec::new());
    if model.temperature != 1.0 {
        // The logits are an output as they are; probabilities are made of what the temperature leaves of them.
        draft.constant("temperature", &[], &[model.temperature]);
        draft.node("Div", "tempered", &["temperature"], Vec::new());
    }
    if logits == 1 {
        draft.constant("one", &[], &[1.0]);
        draft.node("Sigmoid", "second", &[], Vec::new());
        let second = std::mem::replace(&mut draft.last, "one".to_owned());
        draft.node("Sub", "first", &[&second], Vec::new());
        draft.named_node("Concat", "both", &[&second], PROBABILITIES, vec![integer("axis", 1)]);
    } else {
        draft.named_node("Softmax", "softmax", &[], PROBABILITIES, vec![integer("axis", 1)]);
    }
    for (name, columns) in [(PROBABILITIES, classes), (LOGITS, logits)] {
        draft.output(name, &[columns]);
    }
}
