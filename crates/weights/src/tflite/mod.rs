//! A trained classifier as a TFLite file: photo pixels in, probabilities out, in one graph that LiteRT runs, on phones and
//! elsewhere.
//!
//! ```text
//! f32    pixels f32 ─ CONV_2D ─ 17 blocks of CONV_2D, DEPTHWISE_CONV_2D, CONV_2D (, ADD) ─ CONV_2D ─ MEAN ─ …
//! int8   pixels u8 ─ QUANTIZE ─ the same in int8 ─ DEQUANTIZE ─ MEAN ─ …
//!        … FULLY_CONNECTED ─> logits ─ SOFTMAX, or LOGISTIC of one logit and 1 minus it ─> probabilities
//! ```
//!
//! BatchNorm is folded as in our own net, and ReLU6 is inside the convolutions. Names of tensors are Keras' layer names.
//! Where a net pads otherwise than TFLite's `SAME` does (PyTorch's), a PAD stands before the convolution.
//!
//! The head is f32 in both: a row of 1280 means and logits whose range no weights tell, and a thousandth of the work.
//!
//! A file is a FlatBuffer ([`flatbuffer`]), of the numbers in [`schema`]. In it lie the metadata that TFLite's tools read
//! ([`metadata`]), whose class names are a file in an archive behind it ([`archive`]), and under the name `icecap` a JSON
//! object of the keys that an ONNX file has.
//!
//! The bytes are a function of the model: no time, no machine.

mod archive;
mod draft;
mod flatbuffer;
mod graph;
mod metadata;
mod numbers;
mod schema;
#[cfg(test)]
mod tests;

use icecap_graph::int8::IntegerNet;
use icecap_graph::{INPUT_CHANNELS, Precision, Scaling};

use crate::Error;
use crate::affine::AffineNet;
use crate::bundle::Model;
use crate::exported_metadata::{input_metadata, metadata as told};
use crate::exported_net::{ExportedNet, refused, too_large};
use crate::labels::label_lines;
use graph::{Ends, LOGITS, PIXELS, PROBABILITIES};
use numbers::Numbers;

/// The largest file whose places a FlatBuffer's distances can measure.
const MAX_BYTES: u64 = i32::MAX as u64;

/// The name of our own metadata.
const OWN: &str = "icecap";

impl Model {
    /// Returns the bytes of a TFLite file of this model, backbone and head, in f32. It takes `pixels`, f32 [1, H, W, 3],
    /// scaled as the net expects it, and gives `probabilities` [1, classes] and `logits` [1, logits].
    ///
    /// # Errors
    /// [`Error::NoBackbone`] for a model without its backbone; [`Error::Model`] if its parts do not fit each other;
    /// [`Error::Limit`] above the 2 GiB of a TFLite file.
    ///
    /// # Cost
    /// One fold of the net, and three copies of it in memory.
    pub fn to_tflite(&self) -> Result<Vec<u8>, Error> {
        let (net, params) = ExportedNet::float(self)?;
        tflite(self, &net, &Numbers::F32(params))
    }

    /// Returns the bytes of a TFLite file of this model with its backbone in the integers of `net`: weights and whatever lies
    /// between the layers in int8. The head stays in f32. It takes `pixels`, u8 [1, H, W, 3], as a decoder gives them. What
    /// other engines make of it differs from what icecap computes with these integers by rounding between the layers.
    ///
    /// # Errors
    /// [`Error::Model`] if the parts of the model and the net do not fit each other, or its pixels are scaled in a way
    /// that bytes cannot follow; [`Error::Limit`] above the 2 GiB of a TFLite file.
    ///
    /// # Cost
    /// Three copies of the integers in memory.
    pub fn to_tflite_int8(&self, net: &IntegerNet) -> Result<Vec<u8>, Error> {
        let exported = ExportedNet::integers(self, net)?;
        tflite(self, &exported, &Numbers::Int8(AffineNet::new(net).map_err(refused)?))
    }
}

fn tflite(model: &Model, net: &ExportedNet, numbers: &Numbers<'_>) -> Result<Vec<u8>, Error> {
    let (mut draft, Ends { pixels, probabilities, logits }) = graph::write(model, &net.operations, numbers);
    let description = description(model, net);
    let scaling = match net.precision {
        Precision::F32 => Some(&net.numerics.scaling),
        Precision::Int8 => None,
    };
    draft.metadata(metadata::NAME, metadata::bytes(model, &description, scaling));
    draft.metadata(OWN, own_metadata(model, net.precision, scaling).into_bytes());
    let labels = label_lines(&model.classes);
    let bound = draft.bound() + labels.len() as u64 + description.len() as u64;
    if bound > MAX_BYTES {
        return Err(too_large("bytes of a TFLite file", bound, MAX_BYTES));
    }
    let outputs = [(PROBABILITIES, probabilities), (LOGITS, logits)];
    let mut bytes = draft.finish("MobileNetV2", &description, &[(PIXELS, pixels)], &outputs);
    archive::append(&mut bytes, metadata::LABELS, labels.as_bytes());
    Ok(bytes)
}

/// The metadata of an ONNX file, as one JSON object of texts.
fn own_metadata(model: &Model, precision: Precision, scaling: Option<&Scaling>) -> String {
    let mut metadata = told(model, precision);
    let as_they_come = Scaling { scale: [1.0; INPUT_CHANNELS], shift: [0.0; INPUT_CHANNELS] };
    metadata.extend(input_metadata(scaling.unwrap_or(&as_they_come), "NHWC"));
    serde_json::json!(metadata).to_string()
}

/// Returns a text on how to use the file, for people who open it in a viewer.
fn description(model: &Model, net: &ExportedNet) -> String {
    let [height, width] = model.preprocessing.size;
    let (precision, pixels) = match net.precision {
        Precision::F32 => (
            "",
            format!(
                "float32 [1, {height}, {width}, 3], red, green, blue, each value of 0 to 255 scaled ({})",
                crate::vocabulary::scaling_text(&net.numerics.scaling)
            ),
        ),
        Precision::Int8 => {
            (" in int8", format!("uint8 [1, {height}, {width}, 3], red, green, blue of 0 to 255"))
        }
    };
    let classes = model.classes.len();
    format!(
        "MobileNetV2{precision} with a trained head, {classes} classes ({}). pixels: {pixels}; photo to pixels by '{}'. \
         probabilities: [1, {classes}], in the order of the classes.",
        metadata::LABELS,
        model.preprocessing.resize,
    )
}
