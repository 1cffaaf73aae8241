//! Tensors and the arithmetic of MobileNetV2 on CPUs.
//!
//! Two layouts: a [`Tensor`] is plain row-major `N H W C`, what the outside sees; between kernels an image is
//! [`Blocked`], sixteen channels to a cache line. Weights are packed once ([`PackedPointwise`], [`PackedDepthwise`],
//! [`PackedStem`], [`PackedDense`]). Every operation is a safe function that takes an [`Isa`], asserts its shapes and
//! chooses a row of the [`kernels`] table.
//!
//! This is the only crate with `unsafe` code: vector loads and stores, disjoint splits over threads, one file mapping.

mod blocked;
mod buffer;
mod dense;
mod depthwise;
mod element;
mod error;
mod geometry;
mod isa;
mod line;
#[cfg(feature = "files")]
mod mapped_file;
pub mod matmul;
pub mod oracle;
mod panels;
mod par;
#[cfg(feature = "rayon")]
mod pieces;
mod pointwise;
mod pool;
mod registry;
mod resize;
pub mod rng;
pub mod roofline;
mod row;
mod scale;
mod shape;
mod simd;
#[cfg(feature = "files")]
mod slab;
mod stem;
#[cfg(feature = "rayon")]
mod team;
mod tensor;
mod tile;
mod tiling;

pub use blocked::{Blocked, BlockedMut, Layout};
pub use buffer::Buffer;
#[cfg(not(feature = "files"))]
pub use buffer::in_slabs;
pub use dense::{PackedDense, dense};
pub use depthwise::{Depthwise, PackedDepthwise, depthwise};
pub use element::{Bf16, Element};
pub use error::Error;
pub use geometry::{ConvGeometry, Pads, WINDOW};
pub use isa::{ISA_VARIABLE, Isa};
pub use line::{BLOCK, LINE_BYTES};
#[cfg(feature = "files")]
pub use mapped_file::{KeptFile, with_mapped_file};
pub use panels::PACK_VERSION;
pub use par::{MAX_THREADS, Threads};
pub use pointwise::{Epilogue, PackedPointwise, Pointwise, pointwise};
pub use pool::pool;
pub use registry::{Task, kernels};
pub use resize::{ResizeScratch, RgbView, Size, resize_bilinear_rgb};
pub use row::{Kernel, Operation};
pub use scale::{Pixel, Scale, scale_pixels, scaled_len};
pub use shape::{MAX_RANK, Shape};
#[cfg(feature = "files")]
pub use slab::in_slabs;
pub use stem::{PackedStem, Stem, stem};
pub use tensor::{Tensor, TensorMut, TensorRef};
