//! The trained part of a net: everything behind a tap, up to the pooled features.

use icecap_graph::{Params, Scaling, Tap};
use icecap_kernels::{Shape, Tensor};

use crate::{
    error::Error,
    group::{GROUP, Group},
    layer::{Layer, Norms},
    sections::Sections,
};

/// The part of a net behind a tap, for one size of photo: its parameters as they are trained, and the weights that run.
///
/// A clone is a state of the training to come back to: it holds the parameters, no optimizer and no activations.
#[derive(Clone, Debug)]
pub struct Tail {
    pub(crate) sections: Sections,
    pub(crate) layers: Vec<Layer>,
    pub(crate) scaling: Scaling,
    input: Shape,
}

impl Tail {
    /// Takes the part of `params` behind `from` for photos of `size` (rows, columns). With [`Tap::Image`] that is the whole
    /// net, with `Tap::Block(12)` everything from block 13 on.
    ///
    /// # Errors
    /// [`Error::Graph`] for a size that the net cannot run, [`Error::NothingBehind`] for a tap behind the last block.
    pub fn new(params: &Params, from: Tap, size: [usize; 2], norms: Norms) -> Result<Self, Error> {
        let (sections, convolutions) = Sections::new(params, from, size)?;
        let input = match from {
            Tap::Image => Shape::of([size[0], size[1], 3]),
            _ => Shape::of([sections.entry.0, sections.entry.1, sections.input()]),
        };
        let layer = |convolution| Layer::new(params, convolution, norms);
        let layers = convolutions.into_iter().map(layer).collect();
        Ok(Self { sections, layers, scaling: params.numerics().scaling, input })
    }

    /// Returns the shape of one photo's row at the tap: [h, w, C], or the pixels from 0 to 255.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.input
    }

    /// Returns the length of the pooled features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.sections.last[1]
    }

    /// Returns how many numbers are trained.
    #[must_use]
    pub fn trainable(&self) -> usize {
        self.layers.iter().map(Layer::trainable).sum()
    }

    /// Returns whether the BatchNorm of some layer was folded into its convolution before: what is trained there are kernel and
    /// bias, which is what beta then is, and there is no gamma.
    #[must_use]
    pub fn has_folded(&self) -> bool {
        self.layers.iter().any(|layer| layer.is_folded)
    }

    /// Returns the tensors that are trained as they are by now, by Keras' names, as
    /// [`Params::with_tensors`](icecap_graph::Params::with_tensors) takes them.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let named = |layer: &Layer| layer.named(|piece| &layer.pieces[piece].parameters);
        self.layers.iter().flat_map(named).collect()
    }

    /// How many photos `rows` are.
    pub(crate) fn photos(&self, rows: &[f32]) -> Result<usize, Error> {
        let (row, got) = (self.input.elements(), rows.len());
        if got.is_multiple_of(row) { Ok(got / row) } else { Err(Error::Rows { row, got }) }
    }

    /// Makes the groups fit so many photos; those that do already stay.
    pub(crate) fn regroup(&self, groups: &mut Vec<Group>, photos: usize) {
        let count = photos.div_ceil(GROUP);
        groups.truncate(count);
        for index in 0..count {
            let own = GROUP.min(photos - index * GROUP);
            match groups.get_mut(index) {
                Some(group) if group.photos == own => {}
                Some(group) => *group = Group::new(&self.sections, own),
                None => groups.push(Group::new(&self.sections, own)),
            }
        }
    }
}
