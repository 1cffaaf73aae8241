//! The cap: dense layers on pooled features.

use icecap_autograd::{Loss, glorot_uniform};
use icecap_kernels::{Isa, PackedDense, Shape, Tensor, Threads};
use icecap_weights::{Activation, DenseLayer};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::TrainOptions;
use crate::model::packed_head::{PackedHead, PackedLayer};

/// The trained part of a classifier: dense layers from pooled features to logits, one in most heads.
#[derive(Clone, Debug)]
pub struct Head {
    /// Kernel [in, out] and bias [out] of each layer, one behind the other.
    parameters: Vec<Tensor>,
    /// What the outputs of each layer go through; those of the last are the logits.
    activations: Vec<Activation>,
    classes: usize,
    multi_label: bool,
}

/// A layer of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLayer<'a> {
    /// The weights, `[in, out]`.
    pub kernel: &'a Tensor,
    /// The bias, `[out]`.
    pub bias: &'a Tensor,
    /// What the outputs go through.
    pub activation: Activation,
}

impl Head {
    /// A head of one layer from its weights: `kernel` [F, logits], `bias` [logits].
    pub(crate) fn from_parts(kernel: Tensor, bias: Tensor, classes: usize) -> Self {
        let (parameters, activations) = (vec![kernel, bias], vec![Activation::None]);
        Self { parameters, activations, classes, multi_label: false }
    }

    /// A head of layers that fit each other and the classes.
    pub(crate) fn from_layers(
        layers: Vec<DenseLayer>,
        classes: usize,
        multi_label: bool,
    ) -> Result<Self, Error> {
        let (mut parameters, mut activations) = (Vec::new(), Vec::new());
        for DenseLayer { kernel, bias, activation } in layers {
            parameters.extend([kernel, Tensor::from_slice(Shape::new(&[bias.len()])?, &bias)?]);
            activations.push(activation);
        }
        Ok(Self { parameters, activations, classes, multi_label })
    }

    /// Returns an untrained head: its kernel is drawn by `seed` (Glorot, uniform), its bias is 0.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn untrained(features: usize, classes: usize, seed: u64) -> Result<Self, Error> {
        Self::untrained_with(features, None, classes, seed)
    }

    /// Returns an untrained head as [`Head::untrained`] does, with a hidden layer of `hidden` units and a ReLU between
    /// features and logits if a number is given. The hidden kernel is drawn like the other.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn untrained_with(
        features: usize,
        hidden: Option<usize>,
        classes: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let logits = Loss::for_classes(classes).logits(classes);
        let bias = |outputs| Ok::<_, Error>(Tensor::zeros(Shape::new(&[outputs])?));
        let (mut parameters, mut activations) = (Vec::new(), Vec::new());
        if let Some(units) = hidden {
            parameters.extend([glorot_uniform(features, units, seed, 1)?, bias(units)?]);
            activations.push(Activation::Relu);
        }
        let inputs = hidden.unwrap_or(features);
        parameters.extend([glorot_uniform(inputs, logits, seed, 0)?, bias(logits)?]);
        activations.push(Activation::None);
        Ok(Self { parameters, activations, classes, multi_label: false })
    }

    /// Returns the untrained head that a training with these options begins with.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn for_training(features: usize, classes: usize, options: &TrainOptions) -> Result<Self, Error> {
        let hidden = options.steps().and_then(|steps| steps.hidden);
        Self::untrained_with(features, hidden.map(|units| units as usize), classes, options.seed)
    }

    /// Returns the layers, the one on the features first.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = HeadLayer<'_>> {
        let pairs = self.parameters.as_chunks::<2>().0.iter();
        pairs.zip(&self.activations).map(|(pair, &activation)| HeadLayer {
            kernel: &pair[0],
            bias: &pair[1],
            activation,
        })
    }

    /// Returns the kernel of the last layer, `[F, logits]` where it is the only one.
    #[must_use]
    pub fn kernel(&self) -> &Tensor {
        &self.parameters[self.parameters.len() - 2]
    }

    /// Returns the bias of the last layer, `[logits]`.
    #[must_use]
    pub fn bias(&self) -> &Tensor {
        &self.parameters[self.parameters.len() - 1]
    }

    /// Returns how many pooled features the head reads.
    #[must_use]
    pub fn features(&self) -> usize {
        self.parameters[0].shape().dims()[0]
    }

    /// Returns how many classes the head tells apart. Two share one logit, which speaks for the second, unless each is a
    /// label of its own.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns whether each class is a label of its own, which any photo may have or not: each logit goes through a sigmoid.
    #[must_use]
    pub fn is_multi_label(&self) -> bool {
        self.multi_label
    }

    /// Returns how many logits the head gives for one row of features.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.bias().data().len()
    }

    /// Returns how many values are trained.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(|tensor| tensor.data().len()).sum()
    }

    /// Packs the layers for inference.
    #[must_use]
    pub fn packed(&self) -> PackedHead {
        let pack = |HeadLayer { kernel, bias, activation }: HeadLayer<'_>| {
            let (values, outputs) = (kernel.data(), bias.data().len());
            let inputs = values.len() / outputs;
            PackedLayer {
                dense: PackedDense::pack(values, bias.data(), inputs, outputs),
                inputs,
                outputs,
                activation,
            }
        };
        PackedHead::new(self.layers().map(pack).collect())
    }

    /// The layers as a model file holds them.
    pub(crate) fn to_layers(&self) -> Vec<DenseLayer> {
        let layer = |layer: HeadLayer<'_>| DenseLayer {
            kernel: layer.kernel.clone(),
            bias: layer.bias.data().to_vec(),
            activation: layer.activation,
        };
        self.layers().map(layer).collect()
    }

    pub(crate) fn parameters_mut(&mut self) -> &mut [Tensor] {
        &mut self.parameters
    }

    /// Computes the logits of the photos of `set`, `[N, logits]`, without dropout.
    #[must_use]
    pub fn logits_of(&self, isa: Isa, set: &FeatureSet) -> Vec<f32> {
        self.logits_on(&Threads::serial(), isa, set)
    }

    /// Computes what [`Head::logits_of`] does, on threads.
    pub(crate) fn logits_on(&self, threads: &Threads, isa: Isa, set: &FeatureSet) -> Vec<f32> {
        let mut logits = vec![0.0; set.len() * self.logits()];
        if !set.is_empty() {
            let packed = self.packed();
            set.stored().spread(threads, &mut logits, |rows, out| packed.run(isa, rows, out));
        }
        logits
    }

    /// Measures loss and accuracy on the photos of `set`, without dropout; [`Metrics::NONE`] if it is empty.
    ///
    /// # Errors
    /// [`Error::Autograd`] if features or labels do not fit the head; [`Error::Setting`] if it gives several labels, of which
    /// a photo of the set has one.
    pub fn evaluate(&self, isa: Isa, set: &FeatureSet) -> Result<Metrics, Error> {
        self.evaluate_on(&Threads::serial(), isa, set)
    }

    /// Measures what [`Head::evaluate`] does, on threads.
    pub(crate) fn evaluate_on(
        &self,
        threads: &Threads,
        isa: Isa,
        set: &FeatureSet,
    ) -> Result<Metrics, Error> {
        if self.multi_label {
            let reason = "it gives several labels, and the photos have a class each".to_owned();
            return Err(Error::Setting { what: "head", reason });
        }
        Metrics::of(&self.logits_on(threads, isa, set), set.labels(), self.classes)
    }
}
