//! A row of an operation's table of kernels, and how one is selected.
//!
//! Each operation has a table of its own, in its own file; `registry.rs` gathers them all.

use crate::isa::{Isa, Level};

/// What a kernel computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// 1x1 convolution.
    Pointwise,
    /// 3x3 depthwise convolution, stride 1.
    DepthwiseStride1,
    /// 3x3 depthwise convolution, stride 2.
    DepthwiseStride2,
    /// Pixels scaled to what the net expects.
    Scale,
    /// The first 3x3 convolution, from RGB.
    Stem,
    /// Global average pooling.
    Pool,
    /// A dense layer's logits.
    Dense,
    /// Bilinear resampling of a photo.
    Resize,
    /// The inverse cosine transform of a JPEG.
    InverseDct,
    /// The samples of a JPEG's channel doubled.
    Triangle,
    /// The color of a JPEG.
    YccToRgb,
    /// The gradient of a 1x1 convolution's weights.
    PointwiseGradient,
    /// The gradients of a 3x3 depthwise convolution, stride 1.
    DepthwiseGradientStride1,
    /// The gradients of a 3x3 depthwise convolution, stride 2.
    DepthwiseGradientStride2,
    /// The gradient of global average pooling.
    PoolGradient,
    /// The first convolution in integers, from RGB.
    IntegerStem,
    /// 1x1 convolution in integers to bytes.
    IntegerExpand,
    /// 3x3 depthwise convolution in integers, stride 1.
    IntegerDepthwiseStride1,
    /// 3x3 depthwise convolution in integers, stride 2.
    IntegerDepthwiseStride2,
    /// 1x1 convolution in integers to eighths of steps.
    IntegerProject,
    /// 1x1 convolution in integers to real numbers.
    IntegerLast,
}

impl Operation {
    /// Returns whether it computes with bytes and whole numbers, as nets in int8 do.
    #[must_use]
    pub fn is_integer(self) -> bool {
        match self {
            Self::IntegerStem
            | Self::IntegerExpand
            | Self::IntegerDepthwiseStride1
            | Self::IntegerDepthwiseStride2
            | Self::IntegerProject
            | Self::IntegerLast => true,
            Self::Pointwise
            | Self::DepthwiseStride1
            | Self::DepthwiseStride2
            | Self::Scale
            | Self::Stem
            | Self::Pool
            | Self::Dense
            | Self::Resize
            | Self::InverseDct
            | Self::Triangle
            | Self::YccToRgb
            | Self::PointwiseGradient
            | Self::DepthwiseGradientStride1
            | Self::DepthwiseGradientStride2
            | Self::PoolGradient => false,
        }
    }
}

/// A compiled kernel: its name, what it computes and the instruction set it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `operation_type_tile_isa`, such as `pointwise_f32_14x32_avx512`: 14 pixels by 32 output channels.
    pub name: &'static str,
    /// What it computes.
    pub operation: Operation,
    pub(crate) level: Level,
}

impl Kernel {
    /// Whether `isa` proves that this processor runs the kernel.
    #[must_use]
    pub fn runs_on(&self, isa: Isa) -> bool {
        isa.level().includes(self.level)
    }
}

/// A table row that carries its kernel's description.
pub(crate) trait Row {
    fn kernel(&self) -> &Kernel;
}

/// The rows of the best instruction set that `isa` proves. A pure function of its arguments.
pub(crate) fn select<R: Row>(rows: &'static [R], isa: Isa) -> &'static [R] {
    // A table lists its rows from the best instruction set to the plainest, which every processor runs.
    let Some(first) = rows.iter().position(|row| row.kernel().runs_on(isa)) else {
        unreachable!("every operation has a portable row")
    };
    let level = rows[first].kernel().level;
    let len = rows[first..].iter().take_while(|row| row.kernel().level == level).count();
    &rows[first..first + len]
}

/// The row that `isa` prefers, if it is one of `rows`.
pub(crate) fn forced<R: Row>(rows: &'static [R], isa: Isa) -> Option<&'static R> {
    let name = isa.kernel()?;
    rows.iter().find(|row| row.kernel().name == name && row.kernel().runs_on(isa))
}

/// The row of an operation whose rows all fit any shape: the one that `isa` prefers, or the first of the best.
pub(crate) fn pick<R: Row>(rows: &'static [R], isa: Isa) -> &'static R {
    forced(rows, isa).unwrap_or(&select(rows, isa)[0])
}

/// Makes the table `ROWS` of `$Row`, the best instruction set first; those of another processor are left out.
macro_rules! rows {
    ($Row:ident; $($(#[$attribute:meta])* $name:ident: $operation:ident, $level:ident, { $($field:ident: $value:expr),* $(,)? };)+) => {
        pub(crate) static ROWS: &[$Row] = &[$(
            $(#[$attribute])*
            $Row {
                kernel: $crate::row::Kernel {
                    name: stringify!($name),
                    operation: $crate::row::Operation::$operation,
                    level: $crate::isa::Level::$level,
                },
                $($field: $value),*
            },
        )+];
    };
}
pub(crate) use rows;

/// Says that `$Row` is a table's row: it has the field `kernel`.
macro_rules! row {
    ($Row:ident) => {
        impl $crate::row::Row for $Row {
            fn kernel(&self) -> &$crate::row::Kernel {
                &self.kernel
            }
        }
    };
}
pub(crate) use row;
