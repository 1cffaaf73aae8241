//! The cap: a dense layer on pooled features.

use icecap_autograd::{Loss, glorot_uniform};
use icecap_kernels::{Isa, PackedDense, Shape, Tensor, dense};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;

/// The trained part of a classifier: a dense layer from pooled features to logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// The kernel [F, logits] and the bias [logits].
    parameters: [Tensor; 2],
    classes: usize,
}

impl Head {
    /// A head from its weights: `kernel` [F, logits], `bias` [logits].
    pub(crate) fn from_parts(kernel: Tensor, bias: Tensor, classes: usize) -> Self {
        Self { parameters: [kernel, bias], classes }
    }

    /// Returns an untrained head: its kernel is drawn by `seed` (Glorot, uniform), its bias is 0.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn untrained(features: usize, classes: usize, seed: u64) -> Result<Self, Error> {
        let logits = Loss::for_classes(classes).logits(classes);
        let kernel = glorot_uniform(features, logits, seed, 0)?;
        Ok(Self { parameters: [kernel, Tensor::zeros(Shape::of([logits]))], classes })
    }

    /// Returns the kernel, `[F, logits]`.
    #[must_use]
    pub fn kernel(&self) -> &Tensor {
        &self.parameters[0]
    }

    /// Returns the bias, `[logits]`.
    #[must_use]
    pub fn bias(&self) -> &Tensor {
        &self.parameters[1]
    }

    /// Returns how many classes the head tells apart. Two share one logit, which speaks for the second.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns how many logits the head gives for one row of features.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.bias().data().len()
    }

    /// Packs the layer for inference.
    #[must_use]
    pub fn packed(&self) -> PackedDense {
        let logits = self.logits();
        let features = self.kernel().data().len() / logits;
        PackedDense::pack(self.kernel().data(), self.bias().data(), features, logits)
    }

    /// The kernel and the bias, as they are trained.
    pub(crate) fn parameters(&self) -> &[Tensor; 2] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [Tensor; 2] {
        &mut self.parameters
    }

    /// Computes the logits of the photos of `set`, `[N, logits]`, without dropout.
    #[must_use]
    pub fn logits_of(&self, isa: Isa, set: &FeatureSet) -> Vec<f32> {
        let mut logits = vec![0.0; set.len() * self.logits()];
        if !set.is_empty() {
            dense(isa, set.features().data(), &self.packed(), &mut logits);
        }
        logits
    }

    /// Measures loss and accuracy on the photos of `set`, without dropout; [`Metrics::NONE`] if it is empty.
    ///
    /// # Errors
    /// [`Error::Autograd`] if features or labels do not fit the head.
    pub fn evaluate(&self, isa: Isa, set: &FeatureSet) -> Result<Metrics, Error> {
        Metrics::of(&self.logits_of(isa, set), set.labels(), self.classes)
    }
}
