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
//! **Opset 13, IR version 7.** Of what is used here the youngest is Softmax over one axis (opset 13, of the year 2020),
//! so every runtime of the last years takes the file. It is also the first opset in which a quantizer can treat each
//! output channel for itself. IR version 7 is that opset's own; a higher one would only shut older readers out.
//!
//! The bytes are a function of the model: no time, no machine, metadata in the order of its keys.

mod graph;
mod message;
mod pixels;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use icecap_graph::{INPUT_CHANNELS, Params, Scaling};
use prost::Message;

use crate::bundle::{BackbonePart, Model};
use crate::record::key as record_key;
use crate::{Error, vocabulary};
use graph::Graph;
use message::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
pub use pixels::OnnxPixels;

/// The version of the operators, and below that of the file format: the head of this file says why.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// The largest message that protobuf can measure. Weight files end at half of that, so only a head made in memory can
/// be too large.
const MAX_BYTES: u64 = i32::MAX as u64;

/// Keys of a model file that are left out: BatchNorm is folded into the graph, and other keys say what becomes of
/// pixels.
const NOT_TOLD: [&str; 8] =
    ["format", "backbone", "layout", "size", "resize", "bn_epsilon", "padding", record_key::SCALING];

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
        let path = Path::new("the model");
        let params = match &self.backbone {
            BackbonePart::Embedded(params) => params,
            BackbonePart::Integers(_) => return Err(Error::IntegersOnly { path: path.into() }),
            BackbonePart::Pinned(digest) => {
                return Err(Error::NoBackbone { path: path.into(), params_sha256: digest.to_string() });
            }
        };
        self.check().map_err(|reason| Error::Model { path: path.into(), reason })?;
        let graph = Graph::of(self, params, pixels).map_err(|source| Error::Net {
            path: path.into(),
            offset: None,
            here: None,
            source: source.into(),
        })?;
        let metadata = onnx_metadata(self, pixels.scaling(params), pixels);
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "icecap".to_owned(),
            producer_version: self.tool_version.clone(),
            doc_string: doc(self, params, pixels),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
            metadata_props: metadata
                .into_iter()
                .map(|(key, value)| StringStringEntryProto { key, value })
                .collect(),
        };
        let got = model.encoded_len() as u64;
        if got > MAX_BYTES {
            let what = "bytes of an ONNX file";
            return Err(Error::Limit { path: path.into(), what, got, limit: MAX_BYTES });
        }
        Ok(model.encode_to_vec())
    }
}

/// Returns what a program must know to feed the graph and to understand its answer.
fn onnx_metadata(model: &Model, scaling: Scaling, pixels: OnnxPixels) -> BTreeMap<String, String> {
    let mut metadata = model.metadata();
    metadata.retain(|key, _| !NOT_TOLD.contains(&key.as_str()));
    let list =
        |values: [f32; INPUT_CHANNELS]| format!("[{}]", values.map(|value| value.to_string()).join(", "));
    for (key, value) in [
        ("input_layout", pixels.layout().to_owned()),
        ("input_channels", "RGB".to_owned()),
        ("input_scale", list(scaling.scale)),
        ("input_shift", list(scaling.shift)),
        ("names", names(&model.classes)),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    metadata
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
fn doc(model: &Model, params: &Params, pixels: OnnxPixels) -> String {
    let dims = pixels.shape(model.preprocessing.size).map(|side| side.to_string()).join(", ");
    let values = match pixels {
        OnnxPixels::Scaled => format!(
            "red, green, blue, each value of 0 to 255 times input_scale plus input_shift ({})",
            vocabulary::scaling_text(&params.numerics().scaling)
        ),
        OnnxPixels::Bytes => "red, green, blue of 0 to 255; scaled inside".to_owned(),
    };
    format!(
        "MobileNetV2 with a trained head, {} classes (metadata 'classes'). pixels: {} [N, {dims}], {values}; photo to \
         pixels by '{}'. probabilities: [N, {}], in the order of the classes.",
        model.classes.len(),
        pixels.element(),
        model.preprocessing.resize,
        model.classes.len(),
    )
}
