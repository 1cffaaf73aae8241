//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognised by the tensor names in a file, never by the file's name. It says
//! which tensor is which of Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling,
//! size and resize rule for files whose metadata does not state them.

mod huggingface;
mod keras;
mod modules;
mod named;
mod order;
mod timm;
mod torchvision;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use icecap_graph::{Numerics, Padding, Scaling};

use crate::container::Container;
pub(crate) use named::{Named, Source};
pub(crate) use order::AxisOrder;

/// What the names of a head's tensors start with in a model file. They belong to no backbone.
pub(crate) const HEAD_PREFIX: &str = "head/";

/// The mean and deviation of ImageNet's pixels, by which PyTorch's weights have theirs scaled.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a file names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Keras' layer names: `Conv1/kernel`, `bn_Conv1/gamma`, `block_1_depthwise/kernel`, `predictions/kernel`.
    Keras,
    /// torchvision's modules: `features.0.0.weight`, `features.2.conv.0.1.running_mean`, `classifier.1.weight`.
    Torchvision,
    /// timm's modules: `conv_stem.weight`, `blocks.1.0.conv_pw.weight`, `classifier.weight`.
    Timm,
    /// Google's weights as `transformers` names them: `mobilenet_v2.layer.0.expand_1x1.convolution.weight`, with or
    /// without `mobilenet_v2.`.
    Huggingface,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 4] = [Self::Keras, Self::Torchvision, Self::Timm, Self::Huggingface];

    /// The layout that most of these tensor names belong to, where any does.
    pub fn recognise<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let count = |layout: Self| names.clone().filter(|name| layout.owns(name)).count();
        Self::ALL
            .into_iter()
            .map(|layout| (count(layout), layout))
            .filter(|(n, _)| *n > 0)
            // The first of equals wins: a `max_by_key` takes the last.
            .rev()
            .max_by_key(|(n, _)| *n)
            .map(|(_, layout)| layout)
    }

    /// Its name in metadata and in the manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Huggingface => "huggingface",
        }
    }

    /// Epsilon, padding and pixel scaling of files that state none.
    #[must_use]
    pub fn numerics(self) -> Numerics {
        match self {
            // Google's port keeps TensorFlow's epsilon, padding and range of pixels.
            Self::Keras | Self::Huggingface => Numerics::KERAS,
            Self::Torchvision | Self::Timm => Numerics {
                epsilon: 1e-5,
                padding: Padding::Symmetric,
                scaling: Scaling::mean_std(IMAGENET_MEAN, IMAGENET_STD),
            },
        }
    }

    /// Rows and columns to train on where nothing states them.
    #[must_use]
    pub fn train_size(self) -> [usize; 2] {
        match self {
            Self::Keras => [160, 160],
            Self::Torchvision | Self::Timm | Self::Huggingface => [224, 224],
        }
    }

    /// Rows and columns to classify ImageNet's classes on where nothing states them.
    #[must_use]
    pub fn classify_size(self) -> [usize; 2] {
        [224, 224]
    }

    /// The resize rule of files that state none.
    ///
    /// torchvision's first weights and Google's are resized to 256 and cropped to 224, which is 0.875; torchvision's second
    /// ones to 232. timm's rule is 0.875 too, but by a bicubic resize, where ours is bilinear.
    #[must_use]
    pub fn resize(self) -> &'static str {
        match self {
            Self::Keras => "squash",
            Self::Torchvision | Self::Timm | Self::Huggingface => "center-crop 0.875",
        }
    }

    /// What a file of this layout calls one of Keras' tensors, where it does not call it that.
    pub(crate) fn own_name(self, keras: &str) -> Option<String> {
        match self {
            Self::Keras => None,
            Self::Torchvision => modules::own_name(keras, &torchvision::NAMES),
            Self::Timm => modules::own_name(keras, &timm::NAMES),
            Self::Huggingface => modules::own_name(keras, &huggingface::NAMES),
        }
    }

    fn owns(self, name: &str) -> bool {
        match self {
            Self::Keras => keras::owns(name),
            Self::Torchvision => torchvision::owns(name),
            Self::Timm => timm::owns(name),
            Self::Huggingface => huggingface::owns(name),
        }
    }

    /// A file's tensors under Keras' names, without a model file's head.
    pub(crate) fn named<'f>(self, file: &'f Container<'f>) -> Named<'f> {
        let sources: BTreeMap<String, Source> = match self {
            Self::Keras => keras::sources(file),
            Self::Torchvision => modules::sources(file, &torchvision::NAMES),
            Self::Timm => modules::sources(file, &timm::NAMES),
            Self::Huggingface => modules::sources(file, &huggingface::NAMES),
        };
        Named::new(self, file, sources)
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
