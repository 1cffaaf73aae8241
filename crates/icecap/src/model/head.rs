//! The cap: a dense layer on pooled features.

use icecap_autograd::{Loss, glorot_uniform};
use icecap_kernels::{Isa, PackedDense, Shape, Tensor, dense};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;

/// The cap itself: a dense layer from pooled features to logits.
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

    /// An untrained head: Glorot uniform kernel, zero bias.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn untrained(features: usize, classes: usize, seed: u64) -> Result<Self, Error> {
        let logits = Loss::for_classes(classes).logits(classes);
        let kernel = glorot_uniform(features, logits, seed, 0)?;
        Ok(Self { parameters: [kernel, Tensor::zeros(Shape::of([logits]))], classes })
    }

    /// The kernel, [F, logits].
    #[must_use]
    pub fn kernel(&self) -> &Tensor {
        &self.parameters[0]
    }

    /// The bias, `[logits]`.
    #[must_use]
    pub fn bias(&self) -> &Tensor {
        &self.parameters[1]
    }

    /// Classes that it tells apart; two share one logit.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Logits for one row of features.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.bias().data().len()
    }

    /// The layer packed for inference.
    #[must_use]
    pub fn packed(&self) -> PackedDense {
        let logits = self.logits();
        let features = self.kernel().data().len() / logits;
        PackedDense::pack(self.kernel().data(), self.bias().data(), features, logits)
    }

    /// Both as they are trained.
    pub(crate) fn parameters(&self) -> &[Tensor; 2] {
        &self.parameters
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [Tensor; 2] {
        &mut self.parameters
    }

    /// What it says of some photos, dropout off: logits [N, logits].
    #[must_use]
    pub fn logits_of(&self, isa: Isa, set: &FeatureSet) -> Vec<f32> {
        let mut logits = vec![0.0; set.len() * self.logits()];
        if !set.is_empty() {
            dense(isa, set.features().data(), &self.packed(), &mut logits);
        }
        logits
    }

    /// Loss and accuracy on some photos, dropout off; [`Metrics::NONE`] on none.
    ///
    /// # Errors
    /// [`Error::Autograd`] where features or labels do not fit the head.
    pub fn evaluate(&self, isa: Isa, set: &FeatureSet) -> Result<Metrics, Error> {
        Metrics::of(&self.logits_of(isa, set), set.labels(), self.classes)
    }
}
