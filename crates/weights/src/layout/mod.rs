//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognized by the tensor names in a file, never by the file's name. It says
//! which tensor is which of Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling,
//! size and resize rule for files whose metadata does not state them.

mod huggingface;
mod keras;
mod keras_config;
mod kind;
mod layers;
mod named;
mod order;
mod tensor_name;
mod timm;
mod torch;
mod torchvision;

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;
use crate::container::Container;
pub use kind::Layout;
pub(crate) use named::{Named, Source};
pub(crate) use order::AxisOrder;
pub(crate) use tensor_name::{HEAD_PREFIX, TOP_BIAS, TOP_KERNEL};

impl Layout {
    /// Returns the layout that most of these tensor names belong to; `None` if they belong to no known one.
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
