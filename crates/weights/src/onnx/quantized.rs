//! The graph's numbers in integers, as QDQ: whatever leaves a layer is quantized to bytes and made real again, weights
//! and biases are integers that are made real, and between the two stand the operations of the graph in f32. An engine
//! that knows the pattern runs integers; one that does not gets the same values from real numbers.
//!
//! ```text
//! bytes ─ DequantizeLinear ─┐
//! weights, i8 ─ Dequantize… ┼─ Conv ─ QuantizeLinear ─ DequantizeLinear ─ …
//! bias, i32 ─ Dequantize… ──┘
//! ```
//!
//! No Clip is written: bytes behind a ReLU6 go from 0 to 6, and quantizing ends at their limits.

#[cfg(test)]
mod tests;

use icecap_graph::{INPUT_CHANNELS, Scaling};

use super::draft::{Draft, integer, integers};
use super::message::FLOAT;
use super::numbers::{Numbers, conv_attributes, image, kernel_shape};
use super::pixels::OnnxPixels;
use crate::affine::{AffineNet, Steps};
use crate::exported_net::{Add, Convolution};

/// A net in integers.
pub(super) struct QuantizedNumbers<'a> {
    pub(super) net: AffineNet<'a>,
    pub(super) scaling: Scaling,
}

impl Numbers for QuantizedNumbers<'_> {
    fn input(&self, draft: &mut Draft, pixels: OnnxPixels) {
        let input = self.net.pixels;
        match pixels {
            OnnxPixels::Scaled => {
                // Back to pixels, from which quantizing takes whole numbers: an input that was made of bytes gives
                // those bytes, where rounding the scaled values would decide by the last bit of each.
                let factor = self.scaling.scale.map(|scale| (1.0 / f64::from(scale)) as f32);
                let summand: [f32; INPUT_CHANNELS] = std::array::from_fn(|c| {
                    let zero = -f64::from(self.scaling.shift[c]) / f64::from(self.scaling.scale[c]);
                    (zero - f64::from(input.center[c])) as f32
                });
                draft.constant("pixels/factor", &[INPUT_CHANNELS, 1, 1], &factor);
                draft.constant("pixels/summand", &[INPUT_CHANNELS, 1, 1], &summand);
                draft.node("Mul", "pixels_times_factor", &["pixels/factor"], Vec::new());
                draft.node("Add", "pixels_centered", &["pixels/summand"], Vec::new());
                steps(draft, "pixels_in_steps", input.steps);
            }
            OnnxPixels::Bytes => {
                draft.node("Transpose", "pixels_nchw", &[], vec![integers("perm", &[0, 3, 1, 2])]);
                if input.are_pixels() {
                    dequantize(draft, "pixels_in_steps", input.steps);
                } else {
                    draft.constant("pixels/center", &[INPUT_CHANNELS, 1, 1], &input.center);
                    draft.node("Cast", "pixels_f32", &[], vec![integer("to", i64::from(FLOAT))]);
                    draft.node("Sub", "pixels_centered", &["pixels/center"], Vec::new());
                    steps(draft, "pixels_in_steps", input.steps);
                }
            }
        }
    }

    fn convolution(&self, draft: &mut Draft, conv: &Convolution) {
        let affine = self.net.conv(conv.layer);
        let name = conv.layer.name();
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("{name}/{part}"));
        let part = |of: &str, part: &str| format!("{of}/{part}");
        draft.int8s(&part(&kernel, "int8"), &kernel_shape(conv), &conv.outputs_first(&affine.weights));
        draft.constant(&part(&kernel, "scale"), &[conv.outputs], &affine.weight_scales);
        draft.int32s(&part(&bias, "int32"), &[conv.outputs], &affine.bias);
        draft.constant(&part(&bias, "scale"), &[conv.outputs], &affine.bias_scales());
        for (of, integers) in [(&kernel, "int8"), (&bias, "int32")] {
            let inputs = [part(of, integers), part(of, "scale")];
            let inputs = inputs.each_ref().map(String::as_str);
            draft.beside("DequantizeLinear", of, &inputs, of, vec![integer("axis", 0)]);
        }
        let real = format!("{}/real", conv.name());
        draft.named_node("Conv", &name, &[&kernel, &bias], &real, conv_attributes(conv));
        steps(draft, conv.name(), affine.output);
        draft.tell_image(image(conv));
    }

    fn add(&self, draft: &mut Draft, add: &Add) {
        draft.named_node("Add", &add.name, &[&add.entered], &format!("{}/real", add.name), Vec::new());
        steps(draft, &add.name, self.net.block(add.block));
        let [rows, columns, channels] = add.output;
        draft.tell_image([channels, rows, columns]);
    }
}

/// Rounds the last value to steps, and gives what they stand for as the value `name`.
fn steps(draft: &mut Draft, name: &str, steps: Steps) {
    let (scale, zero) = constants(draft, name, steps);
    draft.node("QuantizeLinear", &format!("{name}/quantized"), &[&scale, &zero], Vec::new());
    draft.named_node("DequantizeLinear", &format!("{name}/real again"), &[&scale, &zero], name, Vec::new());
}

/// Gives what the last value, bytes, stands for as the value `name`.
fn dequantize(draft: &mut Draft, name: &str, steps: Steps) {
    let (scale, zero) = constants(draft, name, steps);
    draft.named_node("DequantizeLinear", name, &[&scale, &zero], name, Vec::new());
}

fn constants(draft: &mut Draft, name: &str, steps: Steps) -> (String, String) {
    let [scale, zero] = ["scale", "zero"].map(|part| format!("{name}/{part}"));
    draft.constant(&scale, &[], &[steps.scale]);
    draft.byte(&zero, steps.zero);
    (scale, zero)
}
