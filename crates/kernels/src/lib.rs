//! Tensors and the arithmetic of MobileNetV2 on CPUs.
//!
//! Every operation is a safe function that takes an [`Isa`], asserts its shapes and chooses among the rows of the
//! [`kernels`] table. What it does is a struct of its own ([`Pointwise`], [`Depthwise`], [`Stem`], [`Scale`]), its weights
//! are packed once ([`PackedPointwise`], [`PackedDepthwise`], [`PackedStem`], [`PackedDense`]). For training there are
//! gradients ([`PointwiseGradient`], [`DepthwiseGradient`], [`pool_gradient`]), in the same layouts.
//!
//! There are two layouts. A [`Tensor`] is plain row-major `N H W C`: what the outside sees. Between kernels an image is
//! [`Blocked`]: sixteen channels of a pixel lie side by side, then the next pixel's.
//!
//! This is the only crate with `unsafe` code beside the C library, which takes pointers: vector loads and stores, disjoint splits over threads, large pages, zeros
//! that may be refused ([`memory`]), an allocator that says what is missing ([`Allocator`]).
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | line | 64 bytes: a cache line, and an AVX-512 register ([`LINE_BYTES`]). Every [`Buffer`] starts on one |
//! | block | 16 channels of an image ([`BLOCK`]); in f32 a pixel's share of a block is one line |
//! | panel | packed weights of 16 output channels: for each input, sixteen weights side by side |
//! | lane | one of the values that an instruction works on at once; also a channel's place in its block or panel |
//! | compact | without zeros around the image, so that its pixels lie one behind the other |
//! | band | some rows of an image where they lie; its blocks are as far apart as the whole image's |
//! | chunk | some blocks of channels that are expanded, convolved and kept before the next ones are begun |
//! | tap | one of the weights of a window: nine for 3x3. In `resize`, what one output row or column reads |
//! | tile | what one pass of a kernel holds in registers: some pixels by some output channels |
//! | group | the output channels of one tile: a kernel's width |
//! | cut | how a row of pixels, or of channels, is divided into tiles of almost equal width |
//! | walk | tiles that one call computes one after the other, a fixed step apart |
//! | segment | in `tiling`, output channels that one kernel computes; in `tile`, inputs that lie side by side |
//! | resident | said of weights that stay in the first-level cache while all pixels pass by |
//! | tiling | which kernels compute a row of output channels: at most three segments |
//! | gradient | of a value: by how much a loss changes with it; `d_input` is that of an input. A kernel that computes gradients of weights adds to what is there |
//! | mask | what decides which gradients pass a ReLU6 backwards: where what left it lies strictly between 0 and 6 |
//! | row | an entry of an operation's table: one compiled kernel, under the name `operation_type_tile_isa` |
//! | registry | all rows of all operations: what tests force one by one and measurements are named by |
//! | shell | a function that compiles a kernel's generic body with the features of one instruction set |
//! | slab | large pages that many buffers share, such as all weights of a net |
//! | lease | the hold that one caller has on the worker threads; whoever comes meanwhile works alone |

mod allocator;
#[cfg(target_arch = "x86_64")]
mod amx;
mod blocked;
mod buffer;
mod cut;
mod dense;
mod depthwise;
mod depthwise_gradient;
mod element;
mod error;
#[cfg(feature = "files")]
mod file_bytes;
mod geometry;
pub mod int8;
pub mod integer_oracle;
mod isa;
pub mod jpeg;
mod layout;
mod line;
pub mod matmul;
pub mod memory;
pub mod oracle;
mod packed_pointwise;
mod panels;
mod par;
#[cfg(feature = "rayon")]
mod pieces;
mod pointwise;
mod pointwise_gradient;
mod pool;
mod pool_gradient;
mod registry;
mod rescale;
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
#[cfg(feature = "rayon")]
mod workers;

pub use allocator::Allocator;
pub use blocked::{Blocked, BlockedMut};
pub use buffer::Buffer;
#[cfg(not(feature = "files"))]
pub use buffer::in_slabs;
pub use dense::{PackedDense, dense};
pub use depthwise::{Depthwise, PackedDepthwise, depthwise};
pub use depthwise_gradient::{DepthwiseGradient, depthwise_gradient};
pub use element::{Bf16, Element};
pub use error::Error;
#[cfg(feature = "files")]
pub use file_bytes::{FileBytes, FileReader};
pub use geometry::{ConvGeometry, Pads, WINDOW};
pub use isa::{ISA_VARIABLE, Isa};
pub use layout::Layout;
pub use line::{BLOCK, LINE_BYTES};
pub use packed_pointwise::PackedPointwise;
pub use panels::PACK_VERSION;
pub use par::{MAX_THREADS, Threads};
pub use pointwise::{Epilogue, Pointwise, pointwise};
pub use pointwise_gradient::{PointwiseGradient, pointwise_gradient};
pub use pool::pool;
pub use pool_gradient::pool_gradient;
pub use registry::{Task, kernels};
pub use rescale::Rescale;
pub use resize::{ResizeScratch, RgbView, Size, resize_bilinear_rgb};
pub use row::{Kernel, Operation};
pub use scale::{Pixel, Scale, scale_pixels, scaled_len};
pub use shape::{MAX_RANK, Shape};
#[cfg(feature = "files")]
pub use slab::in_slabs;
pub use stem::{PackedStem, Stem, stem};
pub use tensor::{Tensor, TensorMut, TensorRef};
