//! The few vector operations that the kernels are written in, once for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
mod vector;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2x8;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512x16;
pub(crate) use portable::Portable8;
pub(crate) use vector::{TINY, Vector, prefetch};
