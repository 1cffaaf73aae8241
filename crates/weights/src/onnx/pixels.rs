//! What an ONNX file takes as its input: scaled values or bytes.

use icecap_graph::{INPUT_CHANNELS, Numerics, Scaling};

/// What an ONNX file takes as its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnnxPixels {
    /// f32 [N, 3, H, W], red, green and blue scaled to what the net expects: the input that most tools prepare.
    Scaled,
    /// u8 [N, H, W, 3], as they come from an image decoder; the graph converts and scales them.
    Bytes,
}

impl OnnxPixels {
    /// Returns the element type of the input, by NumPy's name for it.
    #[must_use]
    pub fn element(self) -> &'static str {
        match self {
            Self::Scaled => "float32",
            Self::Bytes => "uint8",
        }
    }

    /// Returns the order of the input's axes, by their letters.
    #[must_use]
    pub fn layout(self) -> &'static str {
        match self {
            Self::Scaled => "NCHW",
            Self::Bytes => "NHWC",
        }
    }

    /// Returns the sizes of one image's axes, in the order of [`OnnxPixels::layout`].
    #[must_use]
    pub fn shape(self, [height, width]: [usize; 2]) -> [usize; 3] {
        match self {
            Self::Scaled => [INPUT_CHANNELS, height, width],
            Self::Bytes => [height, width, INPUT_CHANNELS],
        }
    }

    /// Returns what the caller of the graph has to do to a pixel value of 0 to 255: `value * scale + shift`.
    pub(super) fn scaling(self, numerics: &Numerics) -> Scaling {
        match self {
            Self::Scaled => numerics.scaling,
            Self::Bytes => Scaling { scale: [1.0; INPUT_CHANNELS], shift: [0.0; INPUT_CHANNELS] },
        }
    }
}
