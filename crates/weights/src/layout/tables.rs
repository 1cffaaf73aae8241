//! From a file's tensor names to its layout, and from the layout to where each of Keras' tensors stands in the file.

use std::collections::{BTreeMap, BTreeSet};

use icecap_graph::TOP_KERNEL;

use super::kind::Layout;
use super::named::{Named, Source};
use super::{huggingface, keras, keras_config, timm, torch, torchvision};
use crate::FileHead;
use crate::container::Container;
use crate::error::Error;

impl Layout {
    /// Returns the layout that most of these tensor names belong to; `None` if no layout has any of them.
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

    /// Finds a file's tensors under Keras' names; the head of a model file is left out.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a tensor that the file has twice.
    pub(crate) fn named<'f>(self, file: &'f Container<'f>) -> Result<Named<'f>, Error> {
        if self == Self::Keras {
            let keras::Found { sources, unreadable } = keras::sources(file)?;
            let top = sources.get(TOP_KERNEL).and_then(|top| file.shape(&top.name));
            let described = keras_config::check(file, top.and_then(|top| top.dims().last().copied()))?;
            return Ok(named(file, sources, BTreeMap::new(), unreadable.or(described)));
        }
        let table = self.torch_table(file.names()).0;
        let torch::Found { sources, unreadable } = torch::sources(&table, file)?;
        Ok(named(file, sources, table, unreadable))
    }

    /// Returns where Keras' tensors stand in a file of one of PyTorch's layouts, and how many of these names are in
    /// that table. A layout has a table for each way in which its files come; the one that most of the names are in is
    /// taken.
    fn torch_table<'a>(
        self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> (BTreeMap<String, Source>, usize) {
        let ways: &[(torch::Naming, &[&str])] = match self {
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

/// A file's tensors, and its head if that cannot be read for the reason given.
fn named<'f>(
    file: &'f Container<'f>,
    sources: BTreeMap<String, Source>,
    table: BTreeMap<String, Source>,
    unreadable: Option<String>,
) -> Named<'f> {
    let named = Named::new(file, sources, table);
    match unreadable {
        Some(reason) => named.with_head(FileHead::Unreadable { reason }),
        None => named,
    }
}
