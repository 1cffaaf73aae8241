//! The topology of the net: its sections one behind the other, the convolutions of each, and Keras' names for all of
//! them.
//!
//! ```text
//! section            layers, by Keras' names
//! first convolution  Conv1, bn_Conv1, Conv1_relu
//! block 0            expanded_conv_depthwise, …_BN, …_relu, expanded_conv_project, …_BN (, expanded_conv_add)
//! block n            block_n_expand, …_BN, …_relu, then as block 0: block_n_depthwise … (, block_n_add)
//! last convolution   Conv_1, Conv_1_bn, out_relu
//! mean               global_average_pooling2d
//! dense              predictions
//! ```
//!
//! This is the one walk over the net. Whoever goes through it (the table of layers, the shapes of its tensors, the
//! plan, the readers of weight files, the writer of ONNX) takes [`sections`] or [`ConvLayer::all`] and makes up no name
//! of its own.
//!
//! # Source
//! Names are those of `keras.applications.MobileNetV2`; they are what every other layout of weights is translated to.

use icecap_kernels::{Shape, WINDOW};

use crate::{
    spec::{BlockSpec, INPUT_CHANNELS, Spec},
    tap::Tap,
};

/// Stride of the first convolution.
const STEM_STRIDE: usize = 2;

/// What a convolution is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The first 3x3, over the pixels.
    Stem,
    /// The 1x1 that widens a block; the first block has none.
    Expand,
    /// The 3x3 of each channel by itself.
    Depthwise,
    /// The 1x1 that narrows a block.
    Project,
    /// The last 1x1, whose output is the features.
    Last,
}

/// One of the 52 convolutions of the net with the BatchNorm behind it, whatever the net's width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvLayer {
    /// What it is for.
    pub part: Part,
    /// The index of its block; 0 for the first and the last convolution of the net, which are in no block.
    pub block: usize,
}

impl ConvLayer {
    /// The first convolution.
    pub const STEM: Self = Self { part: Part::Stem, block: 0 };

    /// The last convolution.
    pub const LAST: Self = Self { part: Part::Last, block: 0 };

    /// Iterates over all convolutions in the order in which they run.
    pub fn all() -> impl Iterator<Item = Self> {
        Tap::all().flat_map(Self::before)
    }

    /// Iterates over the convolutions of the section that ends at `tap`.
    fn before(tap: Tap) -> impl Iterator<Item = Self> {
        let (block, parts): (usize, &[Part]) = match tap {
            Tap::Stem => (0, &[Part::Stem]),
            // Its expansion would be by a factor of 1.
            Tap::Block(0) => (0, &[Part::Depthwise, Part::Project]),
            Tap::Block(block) => (block, &[Part::Expand, Part::Depthwise, Part::Project]),
            Tap::Features => (0, &[Part::Last]),
            Tap::Image | Tap::Pooled | Tap::Classes => (0, &[]),
        };
        parts.iter().map(move |&part| Self { part, block })
    }

    /// Returns Keras' name of the convolution.
    #[must_use]
    pub fn name(self) -> String {
        let part = match self.part {
            Part::Stem => return "Conv1".to_owned(),
            Part::Last => return "Conv_1".to_owned(),
            Part::Expand => "expand",
            Part::Depthwise => "depthwise",
            Part::Project => "project",
        };
        format!("{}_{part}", Tap::Block(self.block))
    }

    /// Returns Keras' name of the BatchNorm behind the convolution.
    #[must_use]
    pub fn norm(self) -> String {
        match self.part {
            Part::Stem => "bn_Conv1".to_owned(),
            Part::Last => "Conv_1_bn".to_owned(),
            _ => format!("{}_BN", self.name()),
        }
    }

    /// Returns Keras' name of the ReLU6 behind the BatchNorm; `None` for a projection, which is linear.
    #[must_use]
    pub fn activation(self) -> Option<String> {
        match self.part {
            Part::Stem => Some(Tap::Stem.to_string()),
            Part::Last => Some(Tap::Features.to_string()),
            Part::Project => None,
            Part::Expand | Part::Depthwise => Some(format!("{}_relu", self.name())),
        }
    }

    /// Returns the name of the tensor that holds the convolution's weights.
    #[must_use]
    pub fn kernel(self) -> String {
        format!("{}/kernel", self.name())
    }

    /// Returns the name of the tensor that holds one of the BatchNorm's vectors, `variable` being one of
    /// [`BATCH_NORM`].
    #[must_use]
    pub fn vector(self, variable: &str) -> String {
        format!("{}/{variable}", self.norm())
    }

    /// Returns the convolution with the sizes that it has in the net of `spec`.
    ///
    /// # Panics
    /// If the net has no block of this index.
    #[must_use]
    pub(crate) fn sized(self, spec: &Spec) -> Convolution {
        let block = &spec.blocks()[self.block];
        let (inputs, outputs, stride) = match self.part {
            Part::Stem => (INPUT_CHANNELS, spec.stem_channels(), STEM_STRIDE),
            Part::Expand => (block.input, block.expanded, 1),
            Part::Depthwise => (block.expanded, block.expanded, block.stride),
            Part::Project => (block.expanded, block.output, 1),
            Part::Last => (spec.last_channels(), spec.feature_channels(), 1),
        };
        Convolution { layer: self, inputs, outputs, stride }
    }
}

/// BatchNorm's four vectors, by Keras' names.
pub const BATCH_NORM: [&str; 4] = ["gamma", "beta", "moving_mean", "moving_variance"];

/// The name of the tensor that holds the weights of the classification top.
pub const TOP_KERNEL: &str = "predictions/kernel";

/// The name of the tensor that holds the bias of the classification top.
pub const TOP_BIAS: &str = "predictions/bias";

/// A convolution with the sizes that it has in one net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Convolution {
    pub(crate) layer: ConvLayer,
    /// Channels that it reads.
    pub(crate) inputs: usize,
    /// Channels that it gives.
    pub(crate) outputs: usize,
    /// Pixels of input for one pixel of output, in each direction.
    pub(crate) stride: usize,
}

impl Convolution {
    /// Returns the shape of the weights: [height, width, in, out], or [3, 3, channels, 1] of a depthwise convolution.
    pub(crate) fn kernel_shape(&self) -> Shape {
        Shape::of(match self.layer.part {
            Part::Stem => [WINDOW, WINDOW, self.inputs, self.outputs],
            Part::Depthwise => [WINDOW, WINDOW, self.inputs, 1],
            Part::Expand | Part::Project | Part::Last => [1, 1, self.inputs, self.outputs],
        })
    }
}

/// A section of a net: what lies between two taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The tap behind it.
    pub(crate) tap: Tap,
    /// Its convolutions in the order in which they run; none in the mean and in the dense layer.
    pub(crate) convolutions: Vec<Convolution>,
    /// Keras' name of the layer that adds the section's input to its output; `None` if nothing is added.
    pub(crate) add: Option<String>,
    /// Channels that leave it.
    pub(crate) outputs: usize,
}

/// Iterates over the sections of a net in the order in which they run; a dense layer of `classes` outputs is the last
/// of them if it is asked for.
pub(crate) fn sections(spec: &Spec, classes: Option<usize>) -> impl Iterator<Item = Section> {
    // Nothing has to be computed for the image.
    let taps = Tap::all().skip(1).filter(move |&tap| tap != Tap::Classes || classes.is_some());
    taps.map(move |tap| {
        let convolutions: Vec<Convolution> = ConvLayer::before(tap).map(|layer| layer.sized(spec)).collect();
        let outputs = match (tap, convolutions.last()) {
            (_, Some(last)) => last.outputs,
            (Tap::Classes, None) => classes.unwrap_or_default(),
            (_, None) => spec.feature_channels(),
        };
        let add = tap.is_residual(spec).then(|| tap.layer(spec));
        Section { tap, convolutions, add, outputs }
    })
}

impl Tap {
    /// Returns Keras' name of the layer whose output is tapped in the net of `spec`: of a block, `block_2_add` where
    /// the block adds its input, else `block_3_project_BN`.
    #[must_use]
    pub fn layer(self, spec: &Spec) -> String {
        match self {
            Self::Block(_) if self.is_residual(spec) => format!("{self}_add"),
            Self::Block(block) => ConvLayer { part: Part::Project, block }.norm(),
            _ => self.to_string(),
        }
    }

    /// Returns whether the section before the tap adds what it read to what it gives.
    fn is_residual(self, spec: &Spec) -> bool {
        matches!(self, Self::Block(index) if spec.blocks().get(index).is_some_and(BlockSpec::is_residual))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_convolution_comes_once_under_keras_names() {
        let all: Vec<ConvLayer> = ConvLayer::all().collect();
        assert_eq!(all.len(), 52);
        let names: BTreeSet<String> = all.iter().flat_map(|layer| [layer.name(), layer.norm()]).collect();
        assert_eq!(names.len(), 2 * all.len(), "each name once");
        let activations: BTreeSet<String> = all.iter().filter_map(|layer| layer.activation()).collect();
        assert_eq!(activations.len(), 52 - 17, "all but the projections are clamped");
        let told: Vec<String> = all[..6].iter().map(|layer| layer.name()).collect();
        assert_eq!(
            told,
            [
                "Conv1",
                "expanded_conv_depthwise",
                "expanded_conv_project",
                "block_1_expand",
                "block_1_depthwise",
                "block_1_project"
            ]
        );
        assert_eq!(all[51].name(), "Conv_1");
        assert_eq!(all[2].norm(), "expanded_conv_project_BN");
        assert_eq!(all[4].activation().as_deref(), Some("block_1_depthwise_relu"));
        assert_eq!(all[5].activation(), None);
    }

    #[test]
    fn what_leaves_a_convolution_enters_the_next() {
        for width in [0.1, 0.35, 1.0, 1.4] {
            let spec = Spec::with_width(width).unwrap();
            let mut channels = INPUT_CHANNELS;
            for section in sections(&spec, Some(10)) {
                let entered = channels;
                for convolution in &section.convolutions {
                    assert_eq!(convolution.inputs, channels, "{width}: {:?}", convolution.layer);
                    channels = convolution.outputs;
                }
                if section.tap == Tap::Classes {
                    channels = section.outputs;
                }
                assert_eq!(section.outputs, channels, "{width}: {}", section.tap);
                if section.add.is_some() {
                    let stride = section.convolutions.iter().map(|one| one.stride).product::<usize>();
                    assert_eq!(
                        (entered, stride),
                        (channels, 1),
                        "{width}: {} adds what it read",
                        section.tap
                    );
                }
            }
            assert_eq!(channels, 10, "the classes come last");
        }
    }

    #[test]
    fn only_the_narrowest_nets_add_in_their_first_block() {
        let layer = |width, tap: Tap| tap.layer(&Spec::with_width(width).unwrap());
        assert_eq!(layer(1.0, Tap::Block(0)), "expanded_conv_project_BN");
        assert_eq!(layer(0.1, Tap::Block(0)), "expanded_conv_add");
        assert_eq!(layer(1.0, Tap::Block(2)), "block_2_add");
        assert_eq!(layer(1.0, Tap::Block(3)), "block_3_project_BN");
        assert_eq!(layer(1.0, Tap::Features), "out_relu");
        assert_eq!(
            layer(1.0, Tap::Block(17)),
            "block_17_project_BN",
            "a block that no net has has a name to be refused by"
        );
    }
}
