//! The net layer by layer, as Keras lists it: what `summary` prints and the benchmarks walk.

use icecap_kernels::{ConvGeometry, Shape};

use crate::{
    error::Error,
    numerics::Padding,
    spec::Spec,
    stage::{Node, Stage, chain},
    tap::Tap,
    topology::{BATCH_NORM, ConvLayer, Convolution, Part},
};

/// What a layer computes, with what its kernel must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerKind {
    /// A full 3x3 convolution from `inputs` channels.
    Conv {
        /// Sizes, padding and stride.
        geometry: ConvGeometry,
        /// Channels that it reads.
        inputs: usize,
    },
    /// A depthwise 3x3 convolution.
    Depthwise {
        /// Sizes, padding and stride.
        geometry: ConvGeometry,
    },
    /// A 1x1 convolution from `inputs` channels.
    Pointwise {
        /// Channels that it reads.
        inputs: usize,
    },
    /// BatchNorm, folded into the convolution before it.
    BatchNorm,
    /// Clamping to [0, 6], fused into the convolution before it.
    Relu6,
    /// A residual connection, fused into the convolution before it.
    Add,
    /// Global average pooling.
    Pool,
    /// A dense layer from `inputs` features.
    Dense {
        /// Features that it reads.
        inputs: usize,
    },
}

impl LayerKind {
    /// Returns Keras' name of the layer type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } | Self::Pointwise { .. } => "Conv2D",
            Self::Depthwise { .. } => "DepthwiseConv2D",
            Self::BatchNorm => "BatchNormalization",
            Self::Relu6 => "ReLU",
            Self::Add => "Add",
            Self::Pool => "GlobalAveragePooling2D",
            Self::Dense { .. } => "Dense",
        }
    }
}

/// One layer of a net for one input size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The layer's Keras name.
    pub name: String,
    /// The tap behind the section of the net that the layer belongs to.
    pub section: Tap,
    /// The convolution that the layer is, or belongs to as its BatchNorm or ReLU6; `None` for the other kinds of
    /// layers.
    pub convolution: Option<ConvLayer>,
    /// What the layer computes.
    pub kind: LayerKind,
    /// The shape of its output for one image: [1, H, W, C] or [1, C].
    pub output: Shape,
    /// The number of trained values, BatchNorm's statistics among them.
    pub parameters: usize,
    /// Multiply-adds for one image, before anything is folded.
    pub macs: usize,
}

/// Lists the layers of a net for an input of `size` (rows, columns), ending with pooling or, given `classes`, with a
/// dense layer.
///
/// # Errors
/// [`Error::InputSize`] for a side that the net cannot run.
pub fn layers(
    spec: &Spec,
    padding: Padding,
    classes: Option<usize>,
    size: [usize; 2],
) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    for node in chain(spec, padding, classes, size)? {
        for convolution in &node.section.convolutions {
            push_convolution(&mut layers, &node, convolution);
        }
        if let Some(name) = &node.section.add {
            let output = image(&node, node.section.outputs);
            layers.push(layer(&node, name.clone(), LayerKind::Add, output));
        }
        let (name, output) = (node.section.tap.to_string(), Shape::of([1, node.section.outputs]));
        match node.stage {
            Stage::Pool => layers.push(layer(&node, name, LayerKind::Pool, output)),
            Stage::Top => {
                let (inputs, outputs) = (spec.feature_channels(), node.section.outputs);
                layers.push(Layer {
                    parameters: (inputs + 1) * outputs,
                    macs: inputs * outputs,
                    ..layer(&node, name, LayerKind::Dense { inputs }, output)
                });
            }
            Stage::Stem(_) | Stage::Block(..) | Stage::Last => {}
        }
    }
    Ok(layers)
}

/// Adds a convolution, its BatchNorm and, where it has one, its ReLU6.
fn push_convolution(layers: &mut Vec<Layer>, node: &Node, convolution: &Convolution) {
    let &Convolution { layer: conv, inputs, outputs, .. } = convolution;
    let output = match (&node.stage, conv.part) {
        // A block changes its size behind the expansion.
        (Stage::Block(_, geometry), Part::Expand) => {
            let (height, width) = geometry.input();
            Shape::of([1, height, width, outputs])
        }
        _ => image(node, outputs),
    };
    let (kind, macs) = match (&node.stage, conv.part) {
        (Stage::Stem(geometry), Part::Stem) => {
            (LayerKind::Conv { geometry: *geometry, inputs }, geometry.macs_per_pair() * inputs * outputs)
        }
        (Stage::Block(_, geometry), Part::Depthwise) => {
            (LayerKind::Depthwise { geometry: *geometry }, geometry.macs_per_pair() * outputs)
        }
        _ => (LayerKind::Pointwise { inputs }, output.elements() * inputs),
    };
    let parameters = convolution.kernel_shape().elements();
    let of_convolution = |name, kind| Layer { convolution: Some(conv), ..layer(node, name, kind, output) };
    layers.push(Layer { parameters, macs, ..of_convolution(conv.name(), kind) });
    let norm = of_convolution(conv.norm(), LayerKind::BatchNorm);
    layers.push(Layer { parameters: BATCH_NORM.len() * outputs, ..norm });
    layers.extend(conv.activation().map(|name| of_convolution(name, LayerKind::Relu6)));
}

/// A layer of a stage without trained numbers.
fn layer(node: &Node, name: String, kind: LayerKind, output: Shape) -> Layer {
    Layer { name, section: node.section.tap, convolution: None, kind, output, parameters: 0, macs: 0 }
}

/// The shape of an image as large as the one that leaves the stage.
fn image(node: &Node, channels: usize) -> Shape {
    Shape::of([1, node.output.height(), node.output.width(), channels])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_one_has_the_published_counts() {
        let spec = Spec::with_width(1.0).unwrap();
        let layers = layers(&spec, Padding::Same, Some(1000), [160, 160]).unwrap();
        let sum = |f: fn(&Layer) -> usize, top: bool| {
            layers.iter().filter(|l| top || l.name != Tap::Classes.to_string()).map(f).sum::<usize>()
        };
        assert_eq!(sum(|l| l.parameters, false), 2_257_984);
        assert_eq!(sum(|l| l.parameters, true), 3_538_984);
        // 152.8 million multiply-adds at 160x160 without the top.
        assert_eq!(sum(|l| l.macs, false) / 100_000, 1528);
        let features = layers.iter().find(|l| l.name == Tap::Features.to_string()).unwrap();
        assert_eq!(features.output.to_string(), "[1, 5, 5, 1280]");
    }
}
