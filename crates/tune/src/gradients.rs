//! The gradients of a piece of a layer, and what moves the piece along them.

use icecap_autograd::{Optimizer, optim};
use icecap_kernels::{BLOCK, Tensor};

use crate::{error::Error, layer::Piece};

/// The gradients of a piece of a layer, and the optimizer that moves it.
#[derive(Debug)]
pub(crate) struct PieceState {
    /// Of kernel, gamma and beta; the first holds that of the folded weights until it is taken back.
    pub(crate) gradients: [Tensor; 3],
    /// Of the folded bias, in whole panels.
    pub(crate) d_bias: Vec<f32>,
    pub(crate) optimizer: Box<dyn Optimizer>,
}

impl PieceState {
    /// No gradient yet, and an optimizer of this name that has taken no step.
    pub(crate) fn new(piece: &Piece, optimizer: &str) -> Result<Self, Error> {
        let gradients = piece.parameters.each_ref().map(|tensor| Tensor::zeros(tensor.shape()));
        let d_bias = vec![0.0; piece.panels.len() * BLOCK];
        Ok(Self { gradients, d_bias, optimizer: optim::named(optimizer)? })
    }

    /// Forgets the gradients of the last batch.
    pub(crate) fn clear(&mut self) {
        self.gradients[0].data_mut().fill(0.0);
        self.d_bias.fill(0.0);
    }
}
