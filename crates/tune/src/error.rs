//! What can go wrong between a net, its rows and a step of tuning.

use icecap_graph::Tap;

/// An error of this crate. A message is lower case, without a full stop, and says what to do next if something can be
/// done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A net or a size that the graph refuses.
    #[error(transparent)]
    Graph(#[from] icecap_graph::Error),
    /// An optimizer or a shape that autograd refuses.
    #[error(transparent)]
    Autograd(#[from] icecap_autograd::Error),
    /// A tap behind which no convolution is left.
    #[error("nothing behind {tap} can be trained; start at a block or before")]
    NothingBehind {
        /// The tap.
        tap: Tap,
    },
    /// Rows that are not a whole number of photos.
    #[error("{got} values are no whole number of rows of {row}")]
    Rows {
        /// Values in one photo's row.
        row: usize,
        /// Values given.
        got: usize,
    },
    /// A backward pass of another batch than the forward one.
    #[error("a gradient of {got} values for a batch whose pooled features are {expected}")]
    Batch {
        /// Values of the pooled features.
        expected: usize,
        /// Values given.
        got: usize,
    },
}
