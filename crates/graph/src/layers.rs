//! The net layer by layer, as Keras lists it: what `summary` prints and the benchmarks walk.

use icecap_kernels::{ConvGeometry, Shape};

use crate::{Error, Padding, Spec, spec::INPUT_CHANNELS, stage, tap::Tap};

/// What a layer computes, with what its kernel must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerKind {
    /// A full 3x3 convolution from `inputs` channels.
    Conv {
        /// Sizes, padding, stride.
        geometry: ConvGeometry,
        /// Input channels.
        inputs: usize,
    },
    /// A depthwise 3x3 convolution.
    Depthwise {
        /// Sizes, padding, stride.
        geometry: ConvGeometry,
    },
    /// A 1x1 convolution from `inputs` channels.
    Pointwise {
        /// Input channels.
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
        /// Input features.
        inputs: usize,
    },
}

impl LayerKind {
    /// Keras' name of the layer type.
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
    /// Its Keras name.
    pub name: String,
    /// What it computes.
    pub kind: LayerKind,
    /// The shape of its output for one image: [1, H, W, C] or [1, C].
    pub output: Shape,
    /// Trained numbers, BatchNorm's statistics among them.
    pub parameters: usize,
    /// Multiply-adds for one image, before anything is folded.
    pub macs: usize,
}

/// The layers of a net for an input of `height` x `width`, ending with pooling and, given `classes`, a dense layer.
///
/// # Errors
/// [`Error::InputSize`].
pub fn layers(
    spec: &Spec,
    padding: Padding,
    classes: Option<usize>,
    [height, width]: [usize; 2],
) -> Result<Vec<Layer>, Error> {
    stage::check_size(height, width)?;
    let mut list = List { layers: Vec::new(), size: (height, width), channels: INPUT_CHANNELS, padding };
    list.spatial("Conv1", "bn_Conv1", 2, Some(spec.stem_channels()))?;
    list.push(&Tap::Stem.to_string(), LayerKind::Relu6, 0, 0);
    for (index, block) in spec.blocks().iter().enumerate() {
        let prefix = &block.prefix;
        if block.has_expand() {
            list.pointwise(&format!("{prefix}_expand"), &format!("{prefix}_expand_BN"), block.expanded);
            list.push(&format!("{prefix}_expand_relu"), LayerKind::Relu6, 0, 0);
        }
        list.spatial(&format!("{prefix}_depthwise"), &format!("{prefix}_depthwise_BN"), block.stride, None)?;
        list.push(&format!("{prefix}_depthwise_relu"), LayerKind::Relu6, 0, 0);
        list.pointwise(&format!("{prefix}_project"), &format!("{prefix}_project_BN"), block.output);
        if block.is_residual() {
            list.push(&Tap::Block(index).layer(spec), LayerKind::Add, 0, 0);
        }
    }
    list.pointwise("Conv_1", "Conv_1_bn", spec.feature_channels());
    list.push(&Tap::Features.to_string(), LayerKind::Relu6, 0, 0);
    let features = spec.feature_channels();
    let shape = Shape::of([1, features]);
    list.layers.push(Layer {
        name: Tap::Pooled.to_string(),
        kind: LayerKind::Pool,
        output: shape,
        parameters: 0,
        macs: 0,
    });
    if let Some(classes) = classes {
        list.layers.push(Layer {
            name: Tap::Classes.to_string(),
            kind: LayerKind::Dense { inputs: features },
            output: Shape::of([1, classes]),
            parameters: (features + 1) * classes,
            macs: features * classes,
        });
    }
    Ok(list.layers)
}

struct List {
    layers: Vec<Layer>,
    size: (usize, usize),
    channels: usize,
    padding: Padding,
}

impl List {
    fn push(&mut self, name: &str, kind: LayerKind, parameters: usize, macs: usize) {
        let output = Shape::of([1, self.size.0, self.size.1, self.channels]);
        self.layers.push(Layer { name: name.to_owned(), kind, output, parameters, macs });
    }

    /// A 1x1 convolution and its BatchNorm.
    fn pointwise(&mut self, name: &str, norm: &str, outputs: usize) {
        let inputs = self.channels;
        self.channels = outputs;
        let macs = self.size.0 * self.size.1 * inputs * outputs;
        self.push(name, LayerKind::Pointwise { inputs }, inputs * outputs, macs);
        self.push(norm, LayerKind::BatchNorm, 4 * outputs, 0);
    }

    /// A 3x3 convolution and its BatchNorm; depthwise without `outputs`.
    fn spatial(
        &mut self,
        name: &str,
        norm: &str,
        stride: usize,
        outputs: Option<usize>,
    ) -> Result<(), Error> {
        let geometry = stage::geometry(self.padding, self.size.0, self.size.1, stride)?;
        self.size = geometry.output();
        let inputs = self.channels;
        let (kind, pairs) = match outputs {
            Some(outputs) => {
                self.channels = outputs;
                (LayerKind::Conv { geometry, inputs }, inputs * outputs)
            }
            None => (LayerKind::Depthwise { geometry }, inputs),
        };
        self.push(name, kind, 9 * pairs, geometry.macs_per_pair() * pairs);
        self.push(norm, LayerKind::BatchNorm, 4 * self.channels, 0);
        Ok(())
    }
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
