//! Whether integers from a file are those of a net: lengths, and ranges outside of which the kernels' sums would
//! overflow or mean something else than what the file says.

use super::{
    convolution::{LARGEST_BIAS, LARGEST_WEIGHT},
    integers::{BORDERS, Bottleneck, FINE_MOST, IntegerConv, IntegerNet, Outcome, RELU6_STEP},
};
use crate::{
    error::Error,
    spec::BLOCKS,
    topology::{ConvLayer, Part},
};
use icecap_kernels::Rescale;

/// The largest size of a bias: what it is made with, and the half that rounds the largest shift.
const BOUND: i64 = LARGEST_BIAS as i64 + (1 << Rescale::MAX_SHIFT) / 2;

impl IntegerNet {
    /// Checks integers that were not made here: each tensor has as many values as its layer, weights are -127 to 127,
    /// biases at most 2^28 + 2^12, steps and factors positive and finite, and blocks that add their input have the steps of
    /// what they add.
    ///
    /// # Errors
    /// [`Error::Integers`] with the layer and what is wrong with it; [`Error::Numerics`] for epsilon or scaling.
    pub fn checked(self) -> Result<Self, Error> {
        self.numerics.check()?;
        if self.blocks.len() != BLOCKS {
            let reason = format!("{} blocks, expected {BLOCKS}", self.blocks.len());
            return Err(Error::Integers { layer: "the net".to_owned(), reason });
        }
        for layer in ConvLayer::all() {
            let block = &self.blocks[layer.block];
            let refused = |reason| Error::Integers { layer: layer.name(), reason };
            if layer.part == Part::Expand && block.expand.is_none() {
                return Err(refused("it is missing".to_owned()));
            }
            self.check_conv(layer).map_err(refused)?;
        }
        if self.blocks[0].expand.is_some() {
            let reason = "a first block has no expansion".to_owned();
            return Err(Error::Integers { layer: ConvLayer { part: Part::Expand, block: 0 }.name(), reason });
        }
        for block in 0..BLOCKS {
            let layer = ConvLayer { part: Part::Project, block };
            self.check_output(block).map_err(|reason| Error::Integers { layer: layer.name(), reason })?;
        }
        Ok(self)
    }

    fn check_conv(&self, layer: ConvLayer) -> Result<(), String> {
        let conv: &IntegerConv = self.conv(layer);
        let convolution = layer.sized(&self.spec);
        let borders = if layer.part == Part::Stem { BORDERS } else { 1 };
        let outcomes = match &conv.outcome {
            Outcome::Rescaled(rescale) if layer.part != Part::Last => rescale.len(),
            Outcome::Real(factors) if layer.part == Part::Last => factors.len(),
            Outcome::Rescaled(_) => return Err("the last convolution gives real numbers".to_owned()),
            Outcome::Real(_) => return Err("only the last convolution gives real numbers".to_owned()),
        };
        for (what, got, expected) in [
            ("weights", conv.weights.len(), convolution.kernel_shape().elements()),
            ("biases", conv.bias.len(), borders * convolution.outputs),
            ("outcomes", outcomes, convolution.outputs),
        ] {
            if got != expected {
                return Err(format!("{got} {what}, expected {expected}"));
            }
        }
        // The least of all is found sixty at a time; its place is only looked for where it is needed.
        let (least, allowed) = (conv.weights.iter().copied().fold(0, i8::min), -LARGEST_WEIGHT as i8);
        if least < allowed {
            let at = conv.weights.iter().position(|weight| *weight == least).unwrap_or_default();
            return Err(format!("weight {at} is {least}, below {allowed}"));
        }
        if let Some(at) = conv.bias.iter().position(|bias| i64::from(*bias).abs() > BOUND) {
            return Err(format!("bias {at} is {}, beyond {BOUND}", conv.bias[at]));
        }
        if let Outcome::Real(factors) = &conv.outcome
            && let Some(at) = factors.iter().position(|factor| !usable(f64::from(*factor)))
        {
            return Err(format!("factor {at} is {}, no positive number", factors[at]));
        }
        Ok(())
    }

    fn check_output(&self, block: usize) -> Result<(), String> {
        let output = self.blocks[block].output;
        if !usable(output.step) {
            return Err(format!("a step of {}, no positive number", output.step));
        }
        let channels = self.spec.blocks()[block].output;
        if output.fine && channels > FINE_MOST {
            return Err(format!("{channels} channels read with all bits, expected at most {FINE_MOST}"));
        }
        let is_residual = self.spec.blocks()[block].is_residual();
        if is_residual && block == 0 {
            let doubled = (0..=Bottleneck::MOST_DOUBLINGS).map(|shift| RELU6_STEP * f64::from(1 << shift));
            return match doubled.into_iter().any(|step| step == output.step) {
                true => Ok(()),
                false => Err(format!("a step of {}, and what it adds has {RELU6_STEP}", output.step)),
            };
        }
        if is_residual && output != self.blocks[block - 1].output {
            let before = self.blocks[block - 1].output;
            return Err(format!(
                "a step of {} from {} on{}, and what it adds has {} from {} on{}",
                output.step,
                output.zero,
                read(output),
                before.step,
                before.zero,
                read(before)
            ));
        }
        Ok(())
    }
}

/// How a bottleneck is read, in words.
fn read(bottleneck: Bottleneck) -> &'static str {
    if bottleneck.fine { " with all bits" } else { "" }
}

/// Whether a number is a step or a factor.
fn usable(number: f64) -> bool {
    number > 0.0 && number.is_finite()
}
