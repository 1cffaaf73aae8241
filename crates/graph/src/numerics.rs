//! The numbers that belong to trained weights beside their tensors: BatchNorm's epsilon, how convolutions pad, how
//! pixels are scaled. Frameworks differ in all three, and a net run with another framework's numbers gives other
//! features.

use crate::{error::Error, spec::INPUT_CHANNELS};

/// How a 3x3 convolution pads its input. This belongs to the weights: frameworks differ, and weights were trained with
/// one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// TensorFlow's `same`: as little as gives `ceil(n / stride)` outputs, the odd pixel at the bottom and right.
    Same,
    /// PyTorch's `padding=1`: one pixel on every side.
    Symmetric,
    /// Keras' net where it was built for no size of input: as [`Padding::Same`], but that a depthwise convolution of
    /// stride 2 has its one row and column of zeros at the bottom and right whatever the size. Of an odd size it then gives
    /// one row or column less.
    Trailing,
}

impl Padding {
    /// Returns the zeros before and behind a side of `n` pixels that a 3-wide window walks over in steps of `stride`.
    #[must_use]
    pub fn amounts(self, n: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Same => {
                let total = ((n.div_ceil(stride) - 1) * stride + 3).saturating_sub(n);
                (total / 2, total - total / 2)
            }
            Self::Symmetric => (1, 1),
            Self::Trailing if stride == 1 => (1, 1),
            Self::Trailing => (0, 1),
        }
    }

    /// Returns how the first convolution of a net pads whose others pad like this.
    #[must_use]
    pub fn of_stem(self) -> Self {
        match self {
            Self::Trailing => Self::Same,
            Self::Same | Self::Symmetric => self,
        }
    }
}

/// What the net expects of a pixel value `v` in 0 to 255: `v * scale + shift`, for red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// The factors, for red, green and blue.
    pub scale: [f32; 3],
    /// The summands, for red, green and blue.
    pub shift: [f32; 3],
}

impl Scaling {
    /// Scaling to [-1, 1], as Keras' `mobilenet_v2.preprocess_input` does it.
    pub const SIGNED: Self = Self { scale: [1.0 / 127.5; 3], shift: [-1.0; 3] };

    /// Returns the scaling to `(v / 255 - mean) / std`, as torchvision and timm do it.
    #[must_use]
    pub fn mean_std(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self {
            scale: std::array::from_fn(|c| (1.0 / (255.0 * f64::from(std[c]))) as f32),
            shift: std::array::from_fn(|c| (-f64::from(mean[c]) / f64::from(std[c])) as f32),
        }
    }
}

/// The numbers that belong to trained weights beside their tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numerics {
    /// Added to BatchNorm's variance: 1e-3 in Keras, 1e-5 in PyTorch.
    pub epsilon: f32,
    /// How 3x3 convolutions pad.
    pub padding: Padding,
    /// What the first convolution expects of a pixel.
    pub scaling: Scaling,
}

impl Numerics {
    /// Keras' numbers: epsilon 1e-3, padding `same`, pixels scaled to [-1, 1].
    pub const KERAS: Self = Self { epsilon: 1e-3, padding: Padding::Same, scaling: Scaling::SIGNED };

    /// Refuses numbers with which no net gives features.
    ///
    /// # Errors
    /// [`Error::Numerics`] with the first number that cannot be used.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { epsilon, scaling, .. } = self;
        let usable =
            |what, value: f32, ok: bool| if ok { Ok(()) } else { Err(Error::Numerics { what, value }) };
        usable("BatchNorm's epsilon", *epsilon, epsilon.is_finite() && *epsilon > 0.0)?;
        for c in 0..INPUT_CHANNELS {
            usable("the pixel scale", scaling.scale[c], scaling.scale[c].is_normal())?;
            usable("the pixel shift", scaling.shift[c], scaling.shift[c].is_finite())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensorflow_same_padding_puts_the_odd_pixel_last() {
        assert_eq!(Padding::Same.amounts(160, 2), (0, 1));
        assert_eq!(Padding::Same.amounts(97, 2), (1, 1));
        assert_eq!(Padding::Same.amounts(1, 2), (1, 1));
        assert_eq!(Padding::Same.amounts(5, 1), (1, 1));
        assert_eq!(Padding::Symmetric.amounts(160, 2), (1, 1));
        let trailing =
            [(50, 2), (25, 2), (25, 1)].map(|(side, stride)| Padding::Trailing.amounts(side, stride));
        assert_eq!(trailing, [(0, 1), (0, 1), (1, 1)]);
        assert_eq!(Padding::Trailing.of_stem().amounts(97, 2), (1, 1));
    }
}
