//! A head ready to run: its dense layers packed.

use icecap_kernels::{Isa, PackedDense, dense};
use icecap_weights::Activation;

/// Rows that go through the layers at a time: what lies between two layers stays small.
const ROWS: usize = 256;

/// A head whose layers are packed for inference.
#[derive(Clone, Debug)]
pub struct PackedHead {
    layers: Vec<PackedLayer>,
}

/// A packed layer, and what its outputs go through.
#[derive(Clone, Debug)]
pub(crate) struct PackedLayer {
    pub(crate) dense: PackedDense,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) activation: Activation,
}

impl PackedHead {
    /// A head of these layers, the one on the features first.
    pub(crate) fn new(layers: Vec<PackedLayer>) -> Self {
        Self { layers }
    }

    /// Computes the logits of rows of pooled features.
    ///
    /// # Shapes
    /// `rows` is [N, features], `logits` [N, logits].
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn run(&self, isa: Isa, rows: &[f32], logits: &mut [f32]) {
        let (Some(first), Some(last)) = (self.layers.first(), self.layers.last()) else { return };
        if let [only] = &self.layers[..] {
            dense(isa, rows, &only.dense, logits);
            return;
        }
        let pieces = rows.chunks(ROWS * first.inputs).zip(logits.chunks_mut(ROWS * last.outputs));
        for (rows, logits) in pieces {
            self.run_some(isa, rows, logits);
        }
    }

    fn run_some(&self, isa: Isa, rows: &[f32], logits: &mut [f32]) {
        let Some((last, hidden)) = self.layers.split_last() else { return };
        let count = logits.len() / last.outputs;
        let mut values: Option<Vec<f32>> = None;
        for layer in hidden {
            let mut next = vec![0.0; count * layer.outputs];
            dense(isa, values.as_deref().unwrap_or(rows), &layer.dense, &mut next);
            next.iter_mut().for_each(|value| *value = layer.activation.of(*value));
            values = Some(next);
        }
        dense(isa, values.as_deref().unwrap_or(rows), &last.dense, logits);
    }
}
