//! The graph's numbers in f32.

use icecap_graph::{INPUT_CHANNELS, Params, fold};

use super::draft::{Draft, integer, integers};
use super::message::FLOAT;
use super::numbers::{Numbers, conv_attributes, image, kernel_shape};
use super::pixels::OnnxPixels;
use crate::exported_net::{Add, Convolution};

/// The bounds of ReLU6.
const RELU6: [(&str, f32); 2] = [("relu6/min", 0.0), ("relu6/max", 6.0)];

/// A net in f32, BatchNorm to be folded in.
pub(super) struct FloatNumbers<'a>(pub(super) &'a Params);

impl Numbers for FloatNumbers<'_> {
    fn input(&self, draft: &mut Draft, pixels: OnnxPixels) {
        if pixels == OnnxPixels::Bytes {
            let scaling = self.0.numerics().scaling;
            draft.constant("scale", &[INPUT_CHANNELS], &scaling.scale);
            draft.constant("shift", &[INPUT_CHANNELS], &scaling.shift);
            draft.node("Cast", "pixels_f32", &[], vec![integer("to", i64::from(FLOAT))]);
            // Two nodes: the product is rounded before the sum, as our own kernel does.
            draft.node("Mul", "pixels_times_scale", &["scale"], Vec::new());
            draft.node("Add", "pixels_scaled", &["shift"], Vec::new());
            draft.node("Transpose", "pixels_nchw", &[], vec![integers("perm", &[0, 3, 1, 2])]);
        }
        for (name, bound) in RELU6 {
            draft.constant(name, &[], &[bound]);
        }
    }

    fn convolution(&self, draft: &mut Draft, conv: &Convolution) {
        let folded = fold(self.0, conv.layer);
        let name = conv.layer.name();
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("{name}/{part}"));
        draft.constant(&kernel, &kernel_shape(conv), &conv.outputs_first(&folded.weights));
        draft.constant(&bias, &[conv.outputs], &folded.bias);
        draft.named_node("Conv", &name, &[&kernel, &bias], &conv.norm, conv_attributes(conv));
        draft.tell_image(image(conv));
        if let Some(activation) = &conv.activation {
            draft.node("Clip", activation, &RELU6.map(|(bound, _)| bound), Vec::new());
            draft.tell_image(image(conv));
        }
    }

    fn add(&self, draft: &mut Draft, add: &Add) {
        draft.node("Add", &add.name, &[&add.entered], Vec::new());
        let [rows, columns, channels] = add.output;
        draft.tell_image([channels, rows, columns]);
    }
}
