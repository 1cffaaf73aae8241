//! A convolution that is trained: kernel, gamma and beta as they are saved, and the folded, packed weights that run.
//!
//! All of them lie in the order of packed weights, `[outputs/16][inputs of one output][16]`, whatever the convolution: 9
//! inputs for a depthwise one, 27 for the first of a net. So folding, its backward and the optimizer go through memory once,
//! value by value. A layer is cut into **pieces** of a few panels, which threads take one by one; each has its own tensors
//! and its own optimizer, since nothing that these compute crosses a channel.

use std::ops::Range;

use icecap_graph::{BATCH_NORM, ConvLayer, Norm, Params, Part, norms};
use icecap_kernels::{BLOCK, Element, PackedDepthwise, PackedPointwise, PackedStem, Shape, Tensor, WINDOW};

/// Panels of a piece at most: two tiles of the kernel for gradients of weights.
const PANELS: usize = 6;

/// Pieces of a layer at least, where it has as many panels.
const PIECES: usize = 2;

/// What of a BatchNorm is trained. Its mean and variance never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norms {
    /// Gamma and beta. Of one that was folded into its convolution before, beta alone: it is the bias, and there is no gamma.
    #[default]
    Trained,
    /// Nothing: kernels alone are trained, as in Keras under BatchNorm layers with `trainable = False`.
    Frozen,
}

impl Norms {
    /// How many of a piece's tensors are trained: the kernel, then beta, then gamma.
    fn tensors(self, folded: bool) -> usize {
        match self {
            Self::Trained if folded => 2,
            Self::Trained => 3,
            Self::Frozen => 1,
        }
    }
}

/// Some of a layer's output channels, whole panels of 16.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) panels: Range<usize>,
    /// Kernel `[panels, inputs, 16]`, beta and gamma `[channels]`: those that are trained come first.
    pub(crate) parameters: [Tensor; 3],
    /// BatchNorm's numbers when training began; of these, mean and variance stay.
    norms: Vec<Norm>,
}

impl Piece {
    /// BatchNorm of a channel as it is by now.
    fn norm(&self, channel: usize) -> Norm {
        let [_, beta, gamma] = &self.parameters;
        Norm { gamma: gamma.data()[channel], beta: beta.data()[channel], ..self.norms[channel] }
    }

    /// Each of 16 channels' scale; those above the piece's channels have 0.
    fn scales(&self, panel: usize) -> [f64; BLOCK] {
        let first = panel * BLOCK;
        std::array::from_fn(|lane| match first + lane < self.norms.len() {
            true => self.norm(first + lane).scale(),
            false => 0.0,
        })
    }

    /// Folds what is trained into the packed weights and bias of the piece.
    pub(crate) fn fold(&self, weights: &mut [f32], bias: &mut [f32]) {
        let panel_len = weights.len() / self.panels.len();
        let kernel = self.parameters[0].data();
        let panels = weights.chunks_exact_mut(panel_len).zip(kernel.chunks_exact(panel_len));
        for (panel, (folded, kernel)) in panels.enumerate() {
            let scales = self.scales(panel);
            for (folded, kernel) in folded.as_chunks_mut::<BLOCK>().0.iter_mut().zip(kernel.as_chunks().0) {
                let kernel: &[f32; BLOCK] = kernel;
                for lane in 0..BLOCK {
                    folded[lane] = Norm::fold(kernel[lane], scales[lane]).flush();
                }
            }
            let first = panel * BLOCK;
            for channel in first..self.norms.len().min(first + BLOCK) {
                bias[channel] = self.norm(channel).bias(scales[channel - first]).flush();
            }
        }
    }

    /// Takes the gradients of the folded weights, which lie in `gradients`' first tensor, and of the folded bias to those of
    /// kernel, gamma and beta, in place.
    pub(crate) fn unfold(&self, d_bias: &[f32], gradients: &mut [Tensor; 3]) {
        let [d_kernel, d_beta, d_gamma] = gradients;
        let panel_len = d_kernel.data().len() / self.panels.len();
        let kernel = self.parameters[0].data();
        let panels = d_kernel.data_mut().chunks_exact_mut(panel_len).zip(kernel.chunks_exact(panel_len));
        for (panel, (gradient, kernel)) in panels.enumerate() {
            let (scales, mut products) = (self.scales(panel), [0.0; BLOCK]);
            for (gradient, kernel) in gradient.as_chunks_mut::<BLOCK>().0.iter_mut().zip(kernel.as_chunks().0)
            {
                let kernel: &[f32; BLOCK] = kernel;
                for lane in 0..BLOCK {
                    products[lane] += f64::from(kernel[lane]) * f64::from(gradient[lane]);
                    gradient[lane] = Norm::fold(gradient[lane], scales[lane]);
                }
            }
            let first = panel * BLOCK;
            for channel in first..self.norms.len().min(first + BLOCK) {
                let norm = self.norm(channel);
                d_gamma.data_mut()[channel] = norm.d_gamma(products[channel - first], d_bias[channel]);
                d_beta.data_mut()[channel] = d_bias[channel];
            }
        }
    }
}

/// The weights that run.
#[derive(Clone, Debug)]
pub(crate) enum Packed {
    /// A 1x1 convolution, and the same from its outputs to its inputs, as gradients pass it.
    Pointwise {
        forward: PackedPointwise,
        backward: PackedPointwise,
    },
    Depthwise(PackedDepthwise),
    Stem(PackedStem),
}

/// A convolution with its BatchNorm.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) convolution: ConvLayer,
    /// Weights of one output channel.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) packed: Packed,
    /// How many of each piece's tensors are trained.
    pub(crate) trained: usize,
    /// Whether its BatchNorm was folded into it before.
    pub(crate) is_folded: bool,
    shape: Shape,
}

impl Layer {
    /// A layer of trained params, folded and packed.
    pub(crate) fn new(params: &Params, convolution: ConvLayer, trained: Norms) -> Self {
        let norms = norms(params, convolution);
        let Some(kernel) = params.tensor(&convolution.kernel()) else {
            unreachable!("checked params have every kernel")
        };
        let (outputs, shape) = (norms.len(), kernel.shape());
        let inputs = kernel.data().len() / outputs;
        let is_folded = norms.iter().all(Norm::is_folded);
        let trained = trained.tensors(is_folded);
        let panels = outputs.div_ceil(BLOCK);
        let count = panels.div_ceil(PANELS).max(PIECES.min(panels));
        let pieces = (0..count)
            .map(|index| {
                let panels = index * panels / count..(index + 1) * panels / count;
                let channels = panels.start * BLOCK..outputs.min(panels.end * BLOCK);
                let norms = norms[channels.clone()].to_vec();
                let vector = |of: fn(&Norm) -> f32| {
                    let mut tensor = Tensor::zeros(Shape::of([norms.len()]));
                    tensor.data_mut().iter_mut().zip(&norms).for_each(|(value, norm)| *value = of(norm));
                    tensor
                };
                let mut packed = Tensor::zeros(Shape::of([panels.len(), inputs, BLOCK]));
                for (at, value) in packed.data_mut().iter_mut().enumerate() {
                    let channel = channels.start + at / (inputs * BLOCK) * BLOCK + at % BLOCK;
                    if channel < channels.end {
                        *value = kernel.data()[at / BLOCK % inputs * outputs + channel];
                    }
                }
                let parameters = [packed, vector(|norm| norm.beta), vector(|norm| norm.gamma)];
                Piece { panels, parameters, norms }
            })
            .collect();
        let packed = match convolution.part {
            Part::Stem => PackedStem::pack(&vec![0.0; inputs * outputs], &vec![0.0; outputs], outputs).into(),
            Part::Depthwise => PackedDepthwise::zeros(outputs).into(),
            Part::Expand | Part::Project | Part::Last => Packed::Pointwise {
                forward: PackedPointwise::zeros(inputs, outputs),
                backward: PackedPointwise::zeros(outputs, inputs),
            },
        };
        let mut layer = Self { convolution, inputs, outputs, pieces, packed, trained, is_folded, shape };
        for (piece, weights, bias) in layer.split() {
            piece.fold(weights, bias);
        }
        layer.transpose();
        layer
    }

    /// The pieces, each with its part of the packed weights and bias.
    pub(crate) fn split(&mut self) -> Vec<(&mut Piece, &mut [f32], &mut [f32])> {
        let [mut weights, mut bias] = match &mut self.packed {
            Packed::Pointwise { forward, .. } => forward.values_mut(),
            Packed::Depthwise(packed) => packed.values_mut(),
            Packed::Stem(packed) => packed.values_mut(),
        };
        let panel_len = self.inputs * BLOCK;
        let mut parts = Vec::with_capacity(self.pieces.len());
        for piece in &mut self.pieces {
            let (panel_weights, panel_bias);
            (panel_weights, weights) = weights.split_at_mut(piece.panels.len() * panel_len);
            (panel_bias, bias) = bias.split_at_mut(piece.panels.len() * BLOCK);
            parts.push((piece, panel_weights, panel_bias));
        }
        parts
    }

    /// Brings the weights that gradients pass up to date with the folded ones.
    pub(crate) fn transpose(&mut self) {
        if let Packed::Pointwise { forward, backward } = &mut self.packed {
            forward.transpose_into(backward);
        }
    }

    /// The weights of a 1x1 convolution, forwards and backwards.
    pub(crate) fn pointwise(&self) -> [&PackedPointwise; 2] {
        match &self.packed {
            Packed::Pointwise { forward, backward } => [forward, backward],
            _ => unreachable!("{} is no 1x1 convolution", self.convolution.name()),
        }
    }

    /// The weights of a depthwise convolution.
    pub(crate) fn depthwise(&self) -> &PackedDepthwise {
        match &self.packed {
            Packed::Depthwise(packed) => packed,
            _ => unreachable!("{} is no depthwise convolution", self.convolution.name()),
        }
    }

    /// The weights of the net's first convolution.
    pub(crate) fn stem(&self) -> &PackedStem {
        match &self.packed {
            Packed::Stem(packed) => packed,
            _ => unreachable!("{} is not the first convolution", self.convolution.name()),
        }
    }

    /// How many numbers are trained.
    pub(crate) fn trainable(&self) -> usize {
        self.outputs * (self.inputs + self.trained - 1)
    }

    /// What is trained of the layer, by Keras' names and in Keras' order, taken from tensors in the order of the pieces'.
    pub(crate) fn named<'a>(&self, of: impl Fn(usize) -> &'a [Tensor; 3]) -> Vec<(String, Tensor)> {
        let mut kernel = Tensor::zeros(self.shape);
        let mut vectors = [(); 2].map(|()| Tensor::zeros(Shape::of([self.outputs])));
        for (index, piece) in self.pieces.iter().enumerate() {
            let [packed, beta, gamma] = of(index);
            let first = piece.panels.start * BLOCK;
            for (at, &value) in packed.data().iter().enumerate() {
                let channel = first + at / (self.inputs * BLOCK) * BLOCK + at % BLOCK;
                if channel < self.outputs {
                    kernel.data_mut()[at / BLOCK % self.inputs * self.outputs + channel] = value;
                }
            }
            for (vector, part) in vectors.iter_mut().zip([gamma, beta]) {
                vector.data_mut()[first..first + part.data().len()].copy_from_slice(part.data());
            }
        }
        // Gamma and beta are the first two of BatchNorm's vectors.
        let names = BATCH_NORM.iter().map(|variable| self.convolution.vector(variable));
        let left_out = vectors.len() + 1 - self.trained;
        let mut named = vec![(self.convolution.kernel(), kernel)];
        named.extend(names.zip(vectors).skip(left_out));
        named
    }
}

impl From<PackedStem> for Packed {
    fn from(packed: PackedStem) -> Self {
        Self::Stem(packed)
    }
}

impl From<PackedDepthwise> for Packed {
    fn from(packed: PackedDepthwise) -> Self {
        Self::Depthwise(packed)
    }
}

/// Weights of one channel of a depthwise convolution.
pub(crate) const TAPS: usize = WINDOW * WINDOW;
