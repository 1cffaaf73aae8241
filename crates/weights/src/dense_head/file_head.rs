//! What a weight file says of the head on its net.

use super::layers::DenseHead;

/// What a weight file says of the head on its net.
#[derive(Clone, Debug)]
pub enum FileHead {
    /// The file has no head.
    None,
    /// One dense layer with its bias on the pooled features, whose tensors stand with the net's as `predictions/kernel` and
    /// `predictions/bias`; its outputs go through a softmax, or through a sigmoid if there is one.
    Top,
    /// Another head that can be computed.
    Layers(DenseHead),
    /// A head that cannot be read. The net below it can be used all the same.
    Unreadable {
        /// The layer or tensor, and why it cannot be read.
        reason: String,
    },
}

impl FileHead {
    /// Returns the reason why the head cannot be read; `None` if it can, or there is none.
    #[must_use]
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable { reason } => Some(reason),
            Self::None | Self::Top | Self::Layers(_) => None,
        }
    }
}
