//! The kinds of containers, by name.

use std::fmt;

/// The kind of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerKind {
    /// A JSON header and raw values.
    Safetensors,
    /// A tree of groups, as Keras writes it.
    Hdf5,
    /// A zip archive around the HDF5 file `model.weights.h5`: Keras' own `.keras`.
    KerasArchive,
    /// What `torch.save` writes: a zip archive of a pickle and of raw values.
    TorchZip,
    /// What `torch.save` wrote before version 1.6: pickles, and raw values behind them.
    TorchPickle,
}

impl ContainerKind {
    /// What errors and people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Hdf5 => "HDF5",
            Self::KerasArchive => "a .keras archive",
            Self::TorchZip => "a PyTorch archive",
            Self::TorchPickle => "a PyTorch file",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
