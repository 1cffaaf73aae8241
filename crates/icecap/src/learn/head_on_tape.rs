//! A head on the tape of a step: its layers as parameters, its logits, its loss.

use icecap_autograd::{CrossEntropy, Dense, Dropout, L2Penalty, Relu, Tape, Var};
use icecap_weights::Activation;

use crate::error::Error;
use crate::model::head::Head;

/// The layers of a head as parameters of a tape.
pub(crate) struct HeadOnTape {
    /// Kernel, bias and what the outputs go through.
    layers: Vec<(Var, Var, Activation)>,
}

impl HeadOnTape {
    /// Puts the layers of `head` on the tape.
    pub(crate) fn put<'a>(tape: &mut Tape<'a>, head: &'a Head) -> Self {
        let layers = head.layers().map(|layer| {
            (tape.parameter(layer.kernel.view()), tape.parameter(layer.bias.view()), layer.activation)
        });
        Self { layers: layers.collect() }
    }

    /// The logits of a batch of features, with `dropout` before the last layer.
    pub(crate) fn logits<'a>(
        &self,
        tape: &mut Tape<'a>,
        features: Var,
        dropout: Dropout<'a>,
    ) -> Result<Var, Error> {
        let mut values = features;
        for (index, &(kernel, bias, activation)) in self.layers.iter().enumerate() {
            // What the last layer reads: the features, or what has left the hidden one.
            if index + 1 == self.layers.len() {
                values = tape.apply(dropout, &[values])?;
            }
            values = tape.apply(Dense, &[values, kernel, bias])?;
            match activation {
                Activation::None => {}
                Activation::Relu => values = tape.apply(Relu, &[values])?,
                Activation::Relu6 => {
                    let reason = "a layer with a ReLU6 is not trained".to_owned();
                    return Err(Error::Setting { what: "head", reason });
                }
            }
        }
        Ok(values)
    }

    /// The mean loss of the logits, with a penalty on each kernel if `l2` is above 0.
    pub(crate) fn loss<'a>(
        &self,
        tape: &mut Tape<'a>,
        logits: Var,
        loss: CrossEntropy<'a>,
        l2: f32,
    ) -> Result<Var, Error> {
        let mut mean = tape.apply(loss, &[logits])?;
        if l2 > 0.0 {
            for (kernel, ..) in &self.layers {
                mean = tape.apply(L2Penalty::new(l2)?, &[mean, *kernel])?;
            }
        }
        Ok(mean)
    }
}
