//! The graph: the net's operations in the order in which they run, each as the nodes that compute it, and the head.
//!
//! Images are NCHW here, as ONNX has them, so kernels change their order: [rows, columns, in, out] becomes
//! [out, in, rows, columns], and a depthwise [rows, columns, channels, 1] becomes [channels, 1, rows, columns] with a
//! group for each channel.

use icecap_graph::Tap;

use super::draft::{Draft, integer};
use super::head;
use super::message::{FLOAT, GraphProto, UINT8};
use super::numbers::Numbers;
use super::pixels::OnnxPixels;
use crate::bundle::Model;
use crate::exported_net::Operation;

/// The name of the input.
const PIXELS: &str = "pixels";

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
    head::write(&mut draft, model);
    draft.proto
}

fn pool(draft: &mut Draft) {
    let (mean, pooled) = (format!("{}/mean", Tap::Features), Tap::Pooled.to_string());
    draft.named_node("GlobalAveragePool", &pooled, &[], &mean, Vec::new());
    draft.named_node("Flatten", "flatten", &[], &pooled, vec![integer("axis", 1)]);
}
