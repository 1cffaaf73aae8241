//! Two taps in one pass: what leaves the net at a tap goes to a store of rows, and on from there to the features.

use std::sync::Arc;

use icecap_graph::{Arena, Input, Plan, Tap};
use icecap_kernels::Threads;

use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::row_store::RowStore;

/// The way from pixels to a tap, and from there to the pooled features.
pub(crate) struct Tapped {
    /// The layer that is tapped, as the cache knows it.
    pub(crate) name: String,
    /// From pixels to the tap; `None` if the pixels are what is tapped.
    to: Option<Plan>,
    /// From the tap to the pooled features.
    on: Plan,
    store: Arc<RowStore>,
    /// The number of the first photo's first row in the store.
    first: usize,
}

/// What one thread needs on that way.
pub(crate) struct TappedMemory {
    /// The rows of a photo's views.
    rows: Vec<f32>,
    to: Option<[Arena; 1]>,
    on: [Arena; 1],
}

impl Tapped {
    pub(crate) fn new(
        backbone: &Backbone,
        size: [usize; 2],
        tap: Tap,
        store: Arc<RowStore>,
    ) -> Result<Self, Error> {
        let to = match tap {
            Tap::Image => None,
            _ => Some(backbone.plan(size, tap, 1)?),
        };
        let on = backbone.plan_between(size, tap..Tap::Pooled, 1)?;
        Ok(Self { name: tap.layer(backbone.spec()), to, on, store, first: 0 })
    }

    /// Puts rows into the store from the number `first` on.
    pub(crate) fn starting_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Values of a row.
    pub(crate) fn row_len(&self) -> usize {
        self.on.input_shape().elements()
    }

    pub(crate) fn memory(&self, views: usize) -> TappedMemory {
        TappedMemory {
            rows: vec![0.0; views * self.row_len()],
            to: self.to.as_ref().map(|to| [to.arena()]),
            on: [self.on.arena()],
        }
    }

    /// The memory for the row of a view.
    pub(crate) fn row<'a>(&self, memory: &'a mut TappedMemory, view: usize) -> &'a mut [f32] {
        &mut memory.rows[view * self.row_len()..][..self.row_len()]
    }

    /// From a view's pixels to its row.
    pub(crate) fn tap(&self, memory: &mut TappedMemory, view: usize, pixels: &[f32]) {
        let len = self.row_len();
        let TappedMemory { rows, to: arenas, .. } = memory;
        let row = &mut rows[view * len..][..len];
        match (&self.to, arenas) {
            (Some(plan), Some(arenas)) => run(plan, arenas, pixels, row),
            _ => row.copy_from_slice(pixels),
        }
    }

    /// Keeps a view's row under its number in the store.
    pub(crate) fn keep(&self, memory: &TappedMemory, view: usize, number: usize) {
        self.store.put(self.first + number, &memory.rows[view * self.row_len()..][..self.row_len()]);
    }

    /// From a view's row to its pooled features.
    pub(crate) fn go_on(&self, memory: &mut TappedMemory, view: usize, features: &mut [f32]) {
        let len = self.row_len();
        run(&self.on, &mut memory.on, &memory.rows[view * len..][..len], features);
    }
}

fn run(plan: &Plan, arenas: &mut [Arena; 1], values: &[f32], output: &mut [f32]) {
    if let Err(error) = plan.run(&Threads::serial(), Input::F32(values), arenas, output) {
        unreachable!("values and output were sized by the plan: {error}");
    }
}
