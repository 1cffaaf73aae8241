//! From a file's tensor names to its layout, and from the layout to where each of Keras' tensors stands in the file.

use std::collections::BTreeMap;

use super::choice::Choice;
use super::described::Described;
use super::kind::Layout;
use super::named::Named;
use super::nets::find;
use super::torch::{Found, Place};
use super::{keras, keras_model};
use crate::container::Container;
use crate::error::Error;
use crate::{Activation, FileHead};

impl Layout {
    /// Returns the layout that most of these tensor names belong to, whatever stands before them; `None` if no layout has any
    /// of them.
    pub fn recognize<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let net = find(names.clone()).into_iter().next();
        most(names, net.map(|net| (net.layout(), net.hits)))
    }

    /// Returns what a file of this layout says of a whole model beside its weights; `None` if it says nothing.
    ///
    /// # Errors
    /// [`Error::Layer`] for a layer that is not followed, and what is wrong with a description that cannot be read.
    pub(crate) fn described(self, file: &Container<'_>) -> Result<Option<Described>, Error> {
        match self {
            Self::Keras => keras_model::described(file),
            _ => Ok(None),
        }
    }

    /// Finds the tensors of a file of Keras' names; the head of a model file is left out.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a tensor that the file has twice.
    pub(crate) fn named_by_keras<'f>(file: &'f Container<'f>) -> Result<Named<'f>, Error> {
        let keras::Found { sources, unreadable } = keras::sources(file)?;
        let named = Named::new(file, sources, BTreeMap::new());
        Ok(match unreadable {
            Some(reason) => named.with_head(FileHead::Unreadable { reason }),
            None => named,
        })
    }
}

impl Choice<'_> {
    /// Returns the layout of the file; `None` if its names are of none.
    pub(crate) fn layout(&self) -> Option<Layout> {
        most(self.file.names(), self.net.as_ref().map(|net| (net.layout(), net.hits)))
    }

    /// Finds the net's tensors under Keras' names in a file of this layout. `activation` is what stands in a head that does
    /// not tell its own, `described` what the file says of its model.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a tensor that the file has twice, and for blocks that MobileNetV2 does not have.
    pub(crate) fn named(
        &self,
        layout: Layout,
        activation: Option<Activation>,
        described: Option<Described>,
    ) -> Result<Named<'_>, Error> {
        if let Some(Described { sources, head, .. }) = described {
            return Ok(Named::new(&self.file, sources, BTreeMap::new()).with_head(head));
        }
        let Some(net) = self.net.as_ref().filter(|_| layout != Layout::Keras) else {
            return Layout::named_by_keras(&self.file);
        };
        let place = Place { file: &self.file, net, beside: &self.beside, activation };
        let Found { sources, table, head, scaling, notes } = place.read()?;
        let named = Named::new(&self.file, sources, table).with_scaling(scaling).with_notes(notes);
        // The top is told by its tensors.
        Ok(if matches!(head, FileHead::Top) { named } else { named.with_head(head) })
    }
}

/// Keras' layout or the one of a net that was found, whichever has more of the names.
fn most<'a>(names: impl Iterator<Item = &'a str>, net: Option<(Layout, usize)>) -> Option<Layout> {
    let keras = names.filter(|name| keras::owns(name)).count();
    match net {
        Some((layout, hits)) if hits >= keras => Some(layout),
        _ => (keras > 0).then_some(Layout::Keras),
    }
}
