//! What a pass runs on, and how its pieces are shared out.

use std::ops::ControlFlow;

use icecap_kernels::{Isa, Threads};

/// The threads that share a pass, and the instruction set that it runs on.
#[derive(Clone, Copy)]
pub struct Compute<'a> {
    /// The threads.
    pub threads: &'a Threads,
    /// The instruction set.
    pub isa: Isa,
}

/// A piece of work that writes outputs which no other piece writes; `S` is what the thread that does it may scribble in.
pub(crate) type Piece<'a, S = ()> = Box<dyn FnOnce(&mut S) + Send + 'a>;

impl Compute<'_> {
    /// Does all pieces, in any order.
    pub(crate) fn run(&self, pieces: Vec<Piece<'_>>) {
        self.run_with(&mut vec![(); self.threads.count()], pieces);
    }

    /// Does all pieces, in any order, each with one of the `states` to scribble in.
    pub(crate) fn run_with<S: Send>(&self, states: &mut [S], pieces: Vec<Piece<'_, S>>) {
        let go_on = || ControlFlow::Continue(());
        let done = self.threads.map_until_with(&go_on, states, pieces, |state, piece| piece(state));
        debug_assert!(done.is_some(), "nothing stops it");
    }
}
