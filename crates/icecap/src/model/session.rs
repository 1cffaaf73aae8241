//! What one caller needs to run a backbone: a plan for images of one size, and its memory.

use icecap_graph::{Input, Plan, Tap};

use crate::error::Error;
use crate::model::backbone::Backbone;

impl Backbone {
    /// Makes a session for images of `size` (rows, columns) up to the tap `to`.
    ///
    /// # Errors
    /// What [`Backbone::plan`] returns.
    pub fn session(&self, size: [usize; 2], to: Tap) -> Result<Session, Error> {
        let plan = self.plan(size, to, self.threads().count())?;
        let arenas = vec![plan.arena()];
        Ok(Session { backbone: self.clone(), plan, arenas })
    }
}

/// What one caller needs to run a backbone on images of one size: a plan and its memory. Concurrent callers take a session
/// each.
#[derive(Debug)]
pub struct Session {
    backbone: Backbone,
    plan: Plan,
    arenas: Vec<icecap_graph::Arena>,
}

impl Session {
    /// Runs a batch of images through the net, on all threads of the backbone.
    ///
    /// # Shapes
    /// `input` N times [`Session::input_len`], `output` N times [`Session::output_len`].
    ///
    /// # Errors
    /// [`Error::Graph`] if the lengths do not fit.
    pub fn run(&mut self, input: Input<'_>, output: &mut [f32]) -> Result<(), Error> {
        let threads = self.backbone.threads();
        let batch = output.len() / self.output_len();
        // A batch goes one image to a thread, and each thread needs memory of its own.
        while self.arenas.len() < batch.min(threads.count()) {
            self.arenas.push(self.plan.arena());
        }
        Ok(self.plan.run(threads, input, &mut self.arenas, output)?)
    }

    /// Returns how many values an image's pixels have: rows times columns times 3.
    #[must_use]
    pub fn input_len(&self) -> usize {
        self.plan.input_shape().elements()
    }

    /// Returns how many values come out for an image.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.plan.output_shape().elements()
    }
}
