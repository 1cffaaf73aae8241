//! A trained classifier as an ONNX file: photo pixels in, probabilities out, in one standard graph that ONNX Runtime,
//! OpenVINO and others run.
//!
//! ```text
//! pixels ─┬─ (u8: Cast, Mul, Add, Transpose) ─ Conv, Clip ─ 17 blocks of Conv, Clip, Conv, Clip, Conv (, Add) ─
//!         └─ (f32: as they are)                Conv, Clip ─ GlobalAveragePool, Flatten ─ Gemm ─> logits
//!                                              Softmax, or Sigmoid of one logit and 1 minus it ─> probabilities
//! ```
//!
//! BatchNorm is folded as in our own net, by the same function, so the weights are the same bits. Padding is written as
//! four numbers, whichever rule it comes from. Names of nodes, weights and values are Keras' layer names.
//!
//! In int8 the same graph has QuantizeLinear and DequantizeLinear between its nodes: see `quantized`.
//!
//! **Opset 13, IR version 7.** Of what is used here the youngest is Softmax over one axis (opset 13, of the year 2020),
//! so every runtime of the last years takes the file. It is also the first opset in which a quantizer can treat each
//! output channel for itself. IR version 7 is that opset's own; a higher one would only shut older readers out.
//!
//! The bytes are a function of the model: no time, no machine, metadata in the order of its keys.

mod draft;
mod float;
mod graph;
mod head;
mod message;
mod numbers;
mod pixels;
mod quantized;
#[cfg(test)]
pub(crate) mod tests;

use icecap_graph::Precision;
use icecap_graph::int8::IntegerNet;
use prost::Message;

use crate::affine::AffineNet;
use crate::bundle::Model;
use crate::exported_metadata::{input_metadata, metadata};
use crate::exported_net::{ExportedNet, refused, too_large};
use crate::{Error, vocabulary};
use float::FloatNumbers;
use message::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use numbers::Numbers;
pub use pixels::OnnxPixels;
use quantized::QuantizedNumbers;

/// The version of the operators, and below that of the file format: the head of this file says why.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// The largest message that protobuf can measure. Weight files end at half of that, so only a head made in memory can
/// be too large.
const MAX_BYTES: u64 = i32::MAX as u64;

impl Model {
    /// Returns the bytes of an ONNX file of this model, backbone and head, which takes its input as `pixels` says.
    ///
    /// # Errors
    /// [`Error::NoBackbone`] for a model without its backbone; [`Error::Model`] if its parts do not fit each other;
    /// [`Error::Limit`] above the 2 GiB of a protobuf message.
    ///
    /// # Cost
    /// One fold of the net, and three copies of it in memory.
    pub fn to_onnx(&self, pixels: OnnxPixels) -> Result<Vec<u8>, Error> {
        let (net, params) = ExportedNet::float(self)?;
        onnx(self, &net, &FloatNumbers(params), pixels)
    }

    /// Returns the bytes of an ONNX file of this model with its backbone in the integers of `net`: weights of int8, bytes
    /// between the layers, in the form that engines know as QDQ. The head stays in f32. What other engines make of it
    /// differs from what icecap computes with these integers by rounding between the layers.
    ///
    /// # Errors
    /// [`Error::Model`] if the parts of the model and the net do not fit each other, or its pixels are scaled in a way
    /// that bytes cannot follow; [`Error::Limit`] above the 2 GiB of a protobuf message.
    ///
    /// # Cost
    /// Three copies of the integers in memory.
    pub fn to_onnx_int8(&self, integers: &IntegerNet, pixels: OnnxPixels) -> Result<Vec<u8>, Error> {
        let net = ExportedNet::integers(self, integers)?;
        let numbers = QuantizedNumbers {
            net: AffineNet::new(integers).map_err(refused)?,
            scaling: integers.numerics.scaling,
        };
        onnx(self, &net, &numbers, pixels)
    }
}

fn onnx(
    model: &Model,
    net: &ExportedNet,
    numbers: &dyn Numbers,
    pixels: OnnxPixels,
) -> Result<Vec<u8>, Error> {
    let mut metadata = metadata(model, net.precision);
    metadata.extend(input_metadata(&pixels.scaling(&net.numerics), pixels.layout()));
    metadata.insert("names".to_owned(), names(&model.classes));
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "icecap".to_owned(),
        producer_version: model.tool_version.clone(),
        doc_string: doc(model, net, pixels),
        graph: Some(graph::write(model, &net.operations, numbers, pixels)),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
        metadata_props: metadata
            .into_iter()
            .map(|(key, value)| StringStringEntryProto { key, value })
            .collect(),
    };
    let got = file.encoded_len() as u64;
    if got > MAX_BYTES {
        return Err(too_large("bytes of an ONNX file", got, MAX_BYTES));
    }
    Ok(file.encode_to_vec())
}

/// Returns the classes as some readers of ONNX files look for them: a Python dictionary of index to name. A JSON string
/// is a Python string, too.
fn names(classes: &[String]) -> String {
    let pair =
        |(index, name): (usize, &String)| format!("{index}: {}", serde_json::Value::from(name.as_str()));
    let pairs: Vec<String> = classes.iter().enumerate().map(pair).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Returns a text on how to use the file, for people who open it in a viewer.
fn doc(model: &Model, net: &ExportedNet, pixels: OnnxPixels) -> String {
    let dims = pixels.shape(model.preprocessing.size).map(|side| side.to_string()).join(", ");
    let values = match pixels {
        OnnxPixels::Scaled => format!(
            "red, green, blue, each value of 0 to 255 times input_scale plus input_shift ({})",
            vocabulary::scaling_text(&net.numerics.scaling)
        ),
        OnnxPixels::Bytes => "red, green, blue of 0 to 255; scaled inside".to_owned(),
    };
    let precision = match net.precision {
        Precision::F32 => "",
        Precision::Int8 => " in int8 (QDQ)",
    };
    format!(
        "MobileNetV2{precision} with a trained head, {} classes (metadata 'classes'). pixels: {} [N, {dims}], {values}; photo to \
         pixels by '{}'. probabilities: [N, {}], in the order of the classes.",
        model.classes.len(),
        pixels.element(),
        model.preprocessing.resize,
        model.classes.len(),
    )
}
