//! Global average pooling: a feature map becomes one vector per image.
//!
//! ```text
//! y[n, c] = sum over (h, w) of x[n, h, w, c] / (H W)        d_x[n, h, w, c] += d_y[n, c] / (H W)
//! ```
//!
//! Pixels are summed in row-major order, each channel by itself, so a sum has the same bits in any batch.

use icecap_kernels::{Shape, TensorMut, TensorRef};

use super::{Op, Recorded, exactly};
use crate::Error;

/// The mean of each channel over all pixels.
///
/// # Shapes
/// `[N, H, W, C]` -> `[N, C]`, with at least one pixel.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAveragePool;

/// Values of one image, channels, pixels.
fn geometry(input: Shape) -> (usize, usize, usize) {
    let dims = input.dims();
    (dims[1] * dims[2] * dims[3], dims[3], dims[1] * dims[2])
}

impl Op for GlobalAveragePool {
    fn name(&self) -> &'static str {
        "global average pooling"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [input] = exactly(self.name(), inputs)?;
        match *input.dims() {
            [images, height, width, channels] if height * width * channels > 0 => {
                Ok(Shape::new(&[images, channels])?)
            }
            _ => Err(Error::InputShape {
                op: self.name(),
                input: "the feature map",
                expected: "[N, H, W, C] with at least one pixel and channel".to_owned(),
                got: input,
            }),
        }
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        let (image, channels, pixels) = geometry(inputs[0].shape());
        let means = output.data_mut().chunks_exact_mut(channels);
        for (input, means) in inputs[0].data().chunks_exact(image).zip(means) {
            means.fill(0.0);
            for pixel in input.chunks_exact(channels) {
                for (sum, value) in means.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
            for mean in means {
                *mean /= pixels as f32;
            }
        }
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        let Some(d_input) = &mut d_inputs[0] else { return };
        let (image, channels, pixels) = geometry(recorded.inputs[0].shape());
        let d_means = d_output.data().chunks_exact(channels);
        for (d_input, d_means) in d_input.data_mut().chunks_exact_mut(image).zip(d_means) {
            for d_pixel in d_input.chunks_exact_mut(channels) {
                for (d_value, d_mean) in d_pixel.iter_mut().zip(d_means) {
                    *d_value += d_mean / pixels as f32;
                }
            }
        }
    }
}
