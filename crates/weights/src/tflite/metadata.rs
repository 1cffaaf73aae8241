//! The metadata that tools for TFLite read: how an image becomes the input, and which file has the class names.
//!
//! It is a FlatBuffer of a schema of its own inside the model's: the numbers here are those of `metadata_schema.fbs`.

use icecap_graph::Scaling;

use super::flatbuffer::{Node, Table, file};
use crate::bundle::Model;

/// The name under which a model holds it.
pub(super) const NAME: &str = "TFLITE_METADATA";
/// The file of class names in the archive behind the model.
pub(super) const LABELS: &str = "labels.txt";

const KIND: &[u8; 4] = b"M001";
/// The version of the oldest reader that knows all that is used.
const OLDEST_READER: &str = "1.0.0";

/// Kinds among the contents of a tensor.
const FEATURES: u8 = 1;
const IMAGE: u8 = 2;
const RGB: u8 = 1;
/// The kind of a process unit that scales.
const NORMALIZATION: u8 = 1;
/// The kind of a file with a name for each index of an axis.
const AXIS_LABELS: u8 = 2;

/// Returns the bytes of the metadata. `scaling` is what becomes of a pixel before it is the input; `None` where bytes are
/// taken as they come.
pub(super) fn bytes(model: &Model, description: &str, scaling: Option<&Scaling>) -> Vec<u8> {
    let image = Table::default().byte(0, RGB);
    let mut pixels = tensor("pixels", "An image: red, green, blue.", content(IMAGE, image));
    if let Some(Scaling { scale, shift }) = scaling {
        // (v - mean) / std is v * scale + shift.
        let std = scale.map(|scale| 1.0 / scale);
        let mean = [0, 1, 2].map(|c| -shift[c] / scale[c]);
        let options =
            Table::default().node(0, Node::Floats(mean.to_vec())).node(1, Node::Floats(std.to_vec()));
        let unit = Table::default().byte(0, NORMALIZATION).node(1, Node::Table(options));
        pixels = pixels.tables(4, [unit]);
    }
    let range = |value: u8| {
        let ends = scaling.map_or([f32::from(value); 3], |Scaling { scale, shift }| {
            [0, 1, 2].map(|c| f32::from(value) * scale[c] + shift[c])
        });
        ends.to_vec()
    };
    let (white, black) = (range(u8::MAX), range(0));
    let pixels = pixels.node(5, stats(white, black));
    let names = Table::default()
        .text(0, LABELS)
        .text(1, "The names of the classes, one a line.")
        .byte(2, AXIS_LABELS);
    let features = || content(FEATURES, Table::default());
    let probabilities = tensor("probabilities", "The probability of each class; they sum to 1.", features())
        .node(5, stats(vec![1.0], vec![0.0]))
        .tables(6, [names]);
    let logits =
        tensor("logits", "What the head gives, before the probabilities are made of it.", features());
    let graph =
        Table::default().text(0, "MobileNetV2").tables(2, [pixels]).tables(3, [probabilities, logits]);
    let root = Table::default()
        .text(0, "Image classifier")
        .text(1, description)
        .text(2, &model.tool_version)
        .tables(3, [graph])
        .text(7, OLDEST_READER);
    file(root, KIND)
}

fn tensor(name: &str, description: &str, content: Table) -> Table {
    Table::default().text(0, name).text(1, description).node(3, Node::Table(content))
}

fn content(kind: u8, properties: Table) -> Table {
    Table::default().byte(0, kind).node(1, Node::Table(properties))
}

fn stats(largest: Vec<f32>, smallest: Vec<f32>) -> Node {
    Node::Table(Table::default().node(0, Node::Floats(largest)).node(1, Node::Floats(smallest)))
}
