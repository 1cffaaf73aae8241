//! How long work of which there is nothing to tell is stopped.

use std::ops::ControlFlow;

/// Asked between pieces of work, from any thread, whether to go on.
pub(crate) type Pulse<'a> = &'a (dyn Fn() -> ControlFlow<()> + Sync);
