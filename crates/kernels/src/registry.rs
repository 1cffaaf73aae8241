//! Every kernel there is, by name: what the tests walk, the benches print and `select` chooses from.
//!
//! A name is `operation_type_tile_isa`; it is the row's symbol, its test case, its bench id and its log line.

use crate::{Isa, dense, depthwise, isa::Level, pointwise, pool, resize, scale, stem};

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
}

/// What a kernel is called and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// `operation_type_tile_isa`.
    pub name: &'static str,
    /// What it computes.
    pub operation: Operation,
    pub(crate) level: Level,
}

impl Kernel {
    /// Whether `isa` proves that this processor runs it.
    #[must_use]
    pub fn runs_on(&self, isa: Isa) -> bool {
        self.level <= isa.level()
    }
}

/// All kernels compiled in, those that this processor cannot run among them.
#[must_use]
pub fn kernels() -> Vec<Kernel> {
    let mut all = Vec::new();
    all.extend(pointwise::ROWS.iter().map(|row| row.kernel));
    all.extend(depthwise::ROWS.iter().map(|row| row.kernel));
    all.extend(scale::ROWS.iter().map(|row| row.kernel));
    all.extend(stem::ROWS.iter().map(|row| row.kernel));
    all.extend(pool::ROWS.iter().map(|row| row.kernel));
    all.extend(dense::ROWS.iter().map(|row| row.kernel));
    all.extend(resize::ROWS.iter().map(|row| row.kernel));
    all
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

/// Rows of `$Row`, the best instruction set first; those of another processor are left out.
macro_rules! rows {
    ($Row:ident; $($(#[$attribute:meta])* $name:ident: $operation:ident, $level:ident, { $($field:ident: $value:expr),* $(,)? };)+) => {
        pub(crate) static ROWS: &[$Row] = &[$(
            $(#[$attribute])*
            $Row {
                kernel: $crate::registry::Kernel {
                    name: stringify!($name),
                    operation: $crate::registry::Operation::$operation,
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
        impl $crate::registry::Row for $Row {
            fn kernel(&self) -> &$crate::registry::Kernel {
                &self.kernel
            }
        }
    };
}
pub(crate) use row;
