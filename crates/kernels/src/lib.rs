//! Tensors and the arithmetic of MobileNetV2 on CPUs.

mod buffer;
mod error;
mod isa;
#[cfg(feature = "files")]
mod map;
pub mod matmul;
mod par;
#[cfg(feature = "files")]
mod replace;
pub mod rng;
mod shape;
mod simd;
mod tensor;

pub use buffer::{Buffer, LINE};
pub use error::Error;
pub use isa::{ISA_VARIABLE, Isa};
#[cfg(feature = "files")]
pub use map::with_mapped_file;
pub use par::Threads;
#[cfg(feature = "files")]
pub use replace::replace_file;
pub use shape::{MAX_RANK, Shape};
pub use tensor::{Tensor, TensorMut, TensorRef};
