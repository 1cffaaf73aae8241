//! Inverted dropout: while training, each feature is dropped with probability r and the rest is scaled up, so that
//! the expected value stays and nothing needs to be done at inference.
//!
//! ```text
//! y[n, i] = x[n, i] * mask        d_x[n, i] += d_y[n, i] * mask        mask = u < r ? 0 : 1 / (1 - r)
//! ```
//!
//! `u` is the i-th uniform number of the counter-based stream of (seed, epoch, sample): a pure function of them and
//! of i. The mask of a photo is therefore the same in whichever batch, order or thread it is met, and the backward
//! pass draws it again instead of keeping it.
//!
//! # Source
//! Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, TensorMut, TensorRef};

use super::{Op, Recorded, exactly};
use crate::Error;

#[derive(Clone, Copy, Debug)]
struct Draw<'a> {
    rate: f32,
    seed: u64,
    epoch: u32,
    samples: &'a [u32],
}

/// Inverted dropout.
///
/// # Shapes
/// `[N, ...]` -> `[N, ...]`.
#[derive(Clone, Copy, Debug)]
pub struct Dropout<'a> {
    /// `None` where nothing is dropped.
    draw: Option<Draw<'a>>,
}

impl<'a> Dropout<'a> {
    /// Returns the dropout of a training step; a rate of 0 drops nothing. `samples` holds the id of each row of the
    /// batch, such as its row in the matrix of all features.
    ///
    /// # Errors
    /// [`Error::Setting`] for a rate outside `[0, 1)`.
    pub fn training(rate: f32, seed: u64, epoch: u32, samples: &'a [u32]) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::Setting {
                what: "the dropout rate",
                value: f64::from(rate),
                allowed: "0 or more, and less than 1",
            });
        }
        Ok(Self { draw: (rate > 0.0).then_some(Draw { rate, seed, epoch, samples }) })
    }

    /// Returns the dropout of inference, which is the identity.
    #[must_use]
    pub fn inference() -> Self {
        Self { draw: None }
    }
}

impl Draw<'_> {
    /// Calls `put(output, input * mask)` for every value.
    fn mask(&self, input: &[f32], output: &mut [f32], put: impl Fn(&mut f32, f32)) {
        let width = input.len() / self.samples.len().max(1);
        if width == 0 {
            return;
        }
        let scale = (1.0 / (1.0 - f64::from(self.rate))) as f32;
        // A uniform number is a multiple of 2^-24; the rate in that unit is an exact product.
        let threshold = self.rate * (1 << 24) as f32;
        let mask = |bits: u32| if ((bits >> 8) as f32) < threshold { 0.0 } else { scale };
        let rows = input.chunks_exact(width).zip(output.chunks_exact_mut(width));
        for ((input, output), &sample) in rows.zip(self.samples) {
            let mut stream = Stream::new(self.seed, Purpose::Dropout, self.epoch, sample);
            let ((input, input_rest), (output, output_rest)) =
                (input.as_chunks::<4>(), output.as_chunks_mut::<4>());
            for (input, output) in input.iter().zip(output) {
                let bits = stream.next_block();
                for lane in 0..4 {
                    put(&mut output[lane], input[lane] * mask(bits[lane]));
                }
            }
            for ((input, output), bits) in input_rest.iter().zip(output_rest).zip(stream.next_block()) {
                put(output, input * mask(bits));
            }
        }
    }
}

impl Op for Dropout<'_> {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [input] = exactly(self.name(), inputs)?;
        let rows = input.dims().first().copied().unwrap_or(1);
        match self.draw {
            Some(Draw { samples, .. }) if samples.len() != rows => Err(Error::BatchCount {
                op: self.name(),
                what: "sample ids",
                expected: rows,
                got: samples.len(),
            }),
            _ => Ok(input),
        }
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        let (input, output) = (inputs[0].data(), output.data_mut());
        match self.draw {
            Some(draw) => draw.mask(input, output, |output, masked| *output = masked),
            None => output.copy_from_slice(input),
        }
    }

    fn backward(&self, _: &Recorded<'_>, d_output: TensorRef<'_>, d_inputs: &mut [Option<TensorMut<'_>>]) {
        let Some(d_input) = &mut d_inputs[0] else { return };
        let (d_output, d_input) = (d_output.data(), d_input.data_mut());
        match self.draw {
            Some(draw) => draw.mask(d_output, d_input, |d_input, masked| *d_input += masked),
            None => d_input.iter_mut().zip(d_output).for_each(|(d_input, d_output)| *d_input += d_output),
        }
    }
}
