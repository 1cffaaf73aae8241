//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognised by the tensor names in a file, never by the file's name. It says
//! which tensor is which of Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling,
//! size and resize rule for files whose metadata does not state them.

mod keras;
mod named;
mod order;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use icecap_graph::Numerics;

use crate::Error;
use crate::container::Container;
pub(crate) use named::{Named, Source};
pub(crate) use order::AxisOrder;

/// What the names of a head's tensors start with in a model file. They belong to no backbone.
pub(crate) const HEAD_PREFIX: &str = "head/";

/// How a file names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Keras' layer names: `Conv1/kernel`, `bn_Conv1/gamma`, `block_1_depthwise/kernel`, `predictions/kernel`.
    Keras,
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 1] = [Self::Keras];

    /// The layout that most of these tensor names belong to, where any does.
    pub fn recognise<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let count = |layout: Self| names.clone().filter(|name| layout.owns(name)).count();
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
        }
    }

    /// Epsilon, padding and pixel scaling of files that state none.
    #[must_use]
    pub fn numerics(self) -> Numerics {
        match self {
            Self::Keras => Numerics::KERAS,
        }
    }

    /// Rows and columns to train on where nothing states them.
    #[must_use]
    pub fn train_size(self) -> [usize; 2] {
        match self {
            Self::Keras => [160, 160],
        }
    }

    /// Rows and columns to classify ImageNet's classes on where nothing states them.
    #[must_use]
    pub fn classify_size(self) -> [usize; 2] {
        match self {
            Self::Keras => [224, 224],
        }
    }

    /// The resize rule of files that state none.
    #[must_use]
    pub fn resize(self) -> &'static str {
        match self {
            Self::Keras => "squash",
        }
    }

    fn owns(self, name: &str) -> bool {
        match self {
            Self::Keras => keras::owns(name),
        }
    }

    /// A file's tensors under Keras' names, without a model file's head.
    pub(crate) fn named<'f>(self, file: &'f Container<'f>) -> Result<Named<'f>, Error> {
        let sources: BTreeMap<String, Source> = match self {
            Self::Keras => keras::sources(file)?,
        };
        Ok(Named::new(file, sources))
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
