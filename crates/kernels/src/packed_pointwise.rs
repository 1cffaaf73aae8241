//! Weights of a 1x1 convolution, packed once or written anew at each step of a training.

use crate::{buffer::Buffer, panels::Panels};

/// Weights of a 1x1 convolution, packed.
#[derive(Clone, Debug)]
pub struct PackedPointwise(pub(crate) Panels);

impl PackedPointwise {
    /// Packs `weights` [inputs, outputs], row-major, and `bias` `[outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[f32], bias: &[f32], inputs: usize, outputs: usize) -> Self {
        Self(Panels::pack(weights, bias, inputs, outputs))
    }

    /// Packed weights from buffers that hold what [`Self::values`] gave: `take` gives the next buffer, of as many values as
    /// it is asked for. Returns `None` as soon as `take` does, or if a buffer has another length.
    #[must_use]
    pub fn unpack(
        inputs: usize,
        outputs: usize,
        take: &mut dyn FnMut(usize) -> Option<Buffer>,
    ) -> Option<Self> {
        Panels::unpack(inputs, outputs, take).map(Self)
    }

    /// The packed weights and the packed bias, in the order of memory. [`PACK_VERSION`](crate::PACK_VERSION) names their
    /// layout.
    #[must_use]
    pub fn values(&self) -> [&[f32]; 2] {
        self.0.values()
    }

    /// Weights of zeros, to be written by [`Self::values_mut`] or [`Self::transpose_into`].
    ///
    /// # Panics
    /// If they would not fit the address space.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self(Panels::zeros(inputs, outputs))
    }

    /// The packed weights and the packed bias for writing, in the order of memory: `[outputs/16][inputs][16]` and
    /// `[outputs/16][16]`. What is written is to be as [`Element::flush`](crate::Element::flush) leaves it, and 0 in the
    /// lanes above the outputs.
    #[must_use]
    pub fn values_mut(&mut self) -> [&mut [f32]; 2] {
        self.0.values_mut()
    }

    /// Writes the transpose of the weights to `to`: with them a convolution leads a gradient of the outputs back to one of
    /// the inputs. The bias of `to` stays as it is.
    ///
    /// # Panics
    /// If the inputs of `to` are not the outputs here, or its outputs not the inputs.
    ///
    /// # Cost
    /// One read and one write of each weight.
    pub fn transpose_into(&self, to: &mut Self) {
        self.0.transpose_into(&mut to.0);
    }

    /// The number of input channels.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.0.k
    }

    /// The number of output channels.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.0.n
    }

    /// The number of panels of 16 output channels.
    #[must_use]
    pub fn panels(&self) -> usize {
        self.0.count()
    }
}
