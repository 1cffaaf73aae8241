//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognized by the tensor names in a file, never by the file's name. It says
//! which tensor is which of Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling,
//! size and resize rule for files whose metadata does not state them.

mod huggingface;
mod keras;
mod keras_config;
mod layers;
mod named;
mod order;
mod timm;
mod torch;
mod torchvision;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use icecap_graph::{Numerics, Padding, Scaling};

use crate::Error;
use crate::container::Container;
pub(crate) use named::{Named, Source};
pub(crate) use order::AxisOrder;

/// What the names of a head's tensors start with in a model file. They belong to no backbone.
pub(crate) const HEAD_PREFIX: &str = "head/";
/// Keras' names of the classification top's tensors.
pub(crate) const TOP_KERNEL: &str = "predictions/kernel";
pub(crate) const TOP_BIAS: &str = "predictions/bias";

/// Mean and standard deviation of ImageNet's pixels in 0 to 1, as PyTorch's nets are trained with.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// How a file names its tensors.
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
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 4] = [Self::Keras, Self::Torchvision, Self::Timm, Self::HuggingFace];

    /// The layout that most of these tensor names belong to, where any does.
    pub fn recognize<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let count = |layout: Self| match layout {
            Self::Keras => names.clone().filter(|name| keras::owns(name)).count(),
            _ => layout.torch_table(names.clone()).1,
        };
        Self::ALL
            .into_iter()
            .map(|layout| (count(layout), layout))
            .filter(|(n, _)| *n > 0)
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
            Self::HuggingFace => "huggingface",
        }
    }

    /// A name that a file of this layout has.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Keras => "Conv1/kernel",
            Self::Torchvision => "features.0.0.weight",
            Self::Timm => "conv_stem.weight",
            Self::HuggingFace => "mobilenet_v2.conv_stem.first_conv.convolution.weight",
        }
    }

    /// Epsilon, padding and pixel scaling of files that state none.
    #[must_use]
    pub fn numerics(self) -> Numerics {
        match self {
            // Hugging Face's port keeps TensorFlow's numbers.
            Self::Keras | Self::HuggingFace => Numerics::KERAS,
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
            // They were published for one size only.
            Self::Torchvision | Self::Timm | Self::HuggingFace => [224, 224],
        }
    }

    /// Rows and columns to classify ImageNet's classes on where nothing states them.
    #[must_use]
    pub fn classify_size(self) -> [usize; 2] {
        [224, 224]
    }

    /// The resize rule of files that state none.
    #[must_use]
    pub fn resize(self) -> &'static str {
        match self {
            Self::Keras => "squash",
            // The shorter side to 256, of which 224 are kept.
            Self::Torchvision | Self::Timm | Self::HuggingFace => "center-crop 0.875",
        }
    }

    /// A file's tensors under Keras' names, without a model file's head.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a tensor that stands there twice, and for a second dense layer.
    pub(crate) fn named<'f>(self, file: &'f Container<'f>) -> Result<Named<'f>, Error> {
        if self == Self::Keras {
            let sources = keras::sources(file)?;
            let top = sources.get(TOP_KERNEL).and_then(|top| file.shape(&top.name));
            keras_config::check(file, top.and_then(|top| top.dims().last().copied()))?;
            return Ok(Named::new(file, sources, BTreeMap::new()));
        }
        let table = self.torch_table(file.names()).0;
        let sources = torch::sources(&table, file)?;
        Ok(Named::new(file, sources, table))
    }

    /// Where Keras' tensors stand in a file of one of PyTorch's layouts that has tensors of these names, and how many of
    /// the names are in that table. A layout has a table for each way in which its files come; the one that fits best.
    fn torch_table<'a>(
        self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> (BTreeMap<String, Source>, usize) {
        let ways: &[(torch::Modules, &[&str])] = match self {
            Self::Keras => &[],
            Self::Torchvision => &[(torchvision::modules, &torchvision::TOPS)],
            Self::Timm => &[(timm::modules, &timm::TOPS)],
            Self::HuggingFace => {
                &[(huggingface::modules, &huggingface::TOPS), (huggingface::bare_modules, &huggingface::TOPS)]
            }
        };
        let ways = ways.iter().flat_map(|(modules, tops)| tops.iter().map(|top| (*modules, *top)));
        let tables = ways.map(|(modules, top)| {
            let table = torch::table(modules, top);
            let here: BTreeSet<&str> = table.values().map(|source| source.name.as_str()).collect();
            let count = names.clone().filter(|name| here.contains(name)).count();
            (table, count)
        });
        // The first of equals: of a file that fits none, the published way names what is missing.
        tables.reduce(|best, next| if next.1 > best.1 { next } else { best }).unwrap_or_default()
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
