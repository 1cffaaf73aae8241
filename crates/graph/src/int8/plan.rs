//! A plan of a net in integers.

use std::sync::Arc;

use icecap_kernels::{Isa, Threads, dense};

use super::reference::{IntegerReference, Intermediate};
use crate::{
    arena::Arena,
    error::Error,
    input::Input,
    net::{Net, Weights},
    precision::Precision,
    tap::Tap,
};

/// A net in integers for one input size, from the image to a tap behind the last convolution.
#[derive(Debug)]
pub(crate) struct IntegerPlan {
    net: Arc<Net>,
    isa: Isa,
    size: [usize; 2],
    to: Tap,
}

impl IntegerPlan {
    /// Plans the net from the image to `to`.
    pub(crate) fn new(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        to: Tap,
        _workers: usize,
    ) -> Result<Self, Error> {
        Ok(Self { net: Arc::clone(net), isa, size, to })
    }

    /// Returns the number of bytes that the arena holds.
    pub(crate) fn arena_len(&self) -> usize {
        0
    }

    /// Computes one image; `done` is called behind each step, with the tap behind it.
    pub(crate) fn image(
        &self,
        _threads: &Threads,
        image: Input<'_>,
        output: &mut [f32],
        _arena: &mut Arena,
        done: &mut dyn FnMut(Tap),
    ) -> Result<(), Error> {
        let Weights::Int8(net) = &self.net.weights else {
            return Err(Error::Precision { needed: Precision::Int8, got: Precision::F32 });
        };
        let trace = IntegerReference::new(net, self.size)?.run(image)?;
        let tap = if self.to == Tap::Features { Tap::Features } else { Tap::Pooled };
        let Some(Intermediate::Real(real)) = trace.get(&tap.to_string()) else {
            unreachable!("features are real")
        };
        match (&self.net.top, self.to) {
            (Some(top), Tap::Classes) => dense(self.isa, &real.values, top, output),
            _ => output.copy_from_slice(&real.values),
        }
        done(self.to);
        Ok(())
    }
}
