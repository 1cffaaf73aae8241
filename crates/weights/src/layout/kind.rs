//! The layouts and the numbers that come with each.

use std::fmt;
use std::str::FromStr;

use icecap_graph::{Numerics, Padding, Scaling};

/// The beginning of the names of a head's tensors in a model file. They belong to no backbone.
pub(crate) const HEAD_PREFIX: &str = "head/";

/// Mean and standard deviation of ImageNet's pixels in 0 to 1, with which PyTorch's nets are trained.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a file names its tensors: one way for each framework that publishes a MobileNetV2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Keras' layer names: `Conv1/kernel`, `bn_Conv1/gamma`, `block_1_depthwise/kernel`, `predictions/kernel`; in Keras
    /// 3's own files `layers/conv2d/vars/0`.
    Keras,
    /// torchvision's modules: `features.0.0.weight`, `features.2.conv.1.0.weight`, `classifier.1.weight`.
    Torchvision,
    /// timm's modules: `conv_stem.weight`, `blocks.1.0.conv_pw.weight`, `classifier.weight`.
    Timm,
    /// Hugging Face's port of TensorFlow's weights: `mobilenet_v2.conv_stem.first_conv.convolution.weight`.
    HuggingFace,
    /// The flat sequences of d-li14's and tonylins' ports: `features.2.conv.3.weight`, `conv.0.weight`.
    Flat,
    /// OpenMMLab's modules: `backbone.layer2.0.conv.1.conv.weight`, `head.fc.weight`.
    OpenMmLab,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 6] =
        [Self::Keras, Self::Torchvision, Self::Timm, Self::HuggingFace, Self::Flat, Self::OpenMmLab];

    /// Returns the layout's name in metadata and in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::HuggingFace => "huggingface",
            Self::Flat => "flat",
            Self::OpenMmLab => "openmmlab",
        }
    }

    /// Returns a tensor name that every file of this layout has, to show in messages.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Keras => "Conv1/kernel",
            Self::Torchvision => "features.0.0.weight",
            Self::Timm => "conv_stem.weight",
            Self::HuggingFace => "mobilenet_v2.conv_stem.first_conv.convolution.weight",
            Self::Flat => "features.1.conv.0.weight",
            Self::OpenMmLab => "backbone.conv1.conv.weight",
        }
    }

    /// Returns epsilon, padding and pixel scaling for files that do not state them.
    #[must_use]
    pub fn numerics(self) -> Numerics {
        match self {
            // Hugging Face's port keeps TensorFlow's numbers.
            Self::Keras | Self::HuggingFace => Numerics::KERAS,
            Self::Torchvision | Self::Timm | Self::Flat | Self::OpenMmLab => Numerics {
                epsilon: 1e-5,
                padding: Padding::Symmetric,
                scaling: Scaling::mean_std(IMAGENET_MEAN, IMAGENET_STD),
            },
        }
    }

    /// Returns the rows and columns to train on if neither the file nor the user states a size.
    #[must_use]
    pub fn train_size(self) -> [usize; 2] {
        match self {
            Self::Keras => [160, 160],
            // They were published for one size only.
            Self::Torchvision | Self::Timm | Self::HuggingFace | Self::Flat | Self::OpenMmLab => [224, 224],
        }
    }

    /// Returns the rows and columns on which to classify ImageNet's classes if neither the file nor the user states a
    /// size.
    #[must_use]
    pub fn classify_size(self) -> [usize; 2] {
        [224, 224]
    }

    /// Returns the resize rule for files that do not state one.
    #[must_use]
    pub fn resize(self) -> &'static str {
        match self {
            Self::Keras => "squash",
            // The shorter side to 256, of which 224 are kept.
            Self::Torchvision | Self::Timm | Self::HuggingFace | Self::Flat | Self::OpenMmLab => {
                "center-crop 0.875"
            }
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|layout| layout.name() == text);
        known.ok_or_else(|| format!("expected one of: {}", Self::ALL.map(Self::name).join(", ")))
    }
}
