//! The kinds of containers, by name.

use std::fmt;

/// A kind of file that holds named tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerKind {
    /// safetensors: a JSON header and raw values.
    Safetensors,
    /// HDF5: a tree of groups, as Keras writes it.
    Hdf5,
    /// A zip archive around the HDF5 file `model.weights.h5`: Keras' own `.keras`.
    KerasArchive,
    /// The file that `torch.save` writes: a zip archive of a pickle and of raw values.
    TorchZip,
    /// The file that `torch.save` wrote before version 1.6: pickles, and raw values behind them.
    TorchPickle,
    /// ONNX: a graph of operators, whose weights are told by what it computes.
    Onnx,
    /// TFLite: the same in a format for phones.
    Tflite,
}

impl ContainerKind {
    /// Returns the name of this kind for messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Hdf5 => "HDF5",
            Self::KerasArchive => "a .keras archive",
            Self::TorchZip => "a PyTorch archive",
            Self::TorchPickle => "a PyTorch file",
            Self::Onnx => "ONNX",
            Self::Tflite => "TFLite",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
