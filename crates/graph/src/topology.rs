//! The one walk over the net.

use crate::{Spec, tap::Tap};

impl Tap {
    /// Keras' name of the layer whose output is tapped in the net of `spec`: of a block, `block_2_add` where the block adds
    /// its input, else `block_3_project_BN`.
    #[must_use]
    pub fn layer(self, spec: &Spec) -> String {
        match self {
            Self::Block(index) => {
                let adds = spec.blocks().get(index).is_some_and(crate::BlockSpec::is_residual);
                format!("{self}_{}", if adds { "add" } else { "project_BN" })
            }
            _ => self.to_string(),
        }
    }
}
