//! Convolutions in integers: bytes, weights of eight bits, exact sums. `docs/int8.md` defines the numbers.
//!
//! `lanes` has the operations on sixteen channels that the kernels are written in, with a file for each family of
//! instruction sets; `tile` the register tile, `amx` the loops over tile registers; `layout` says where bytes lie between
//! the kernels.

pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod blocks;
pub(crate) mod depthwise;
pub(crate) mod expand;
mod kept;
mod lanes;
pub(crate) mod last;
mod layout;
mod packed;
pub(crate) mod peak;
mod portable;
pub(crate) mod project;
pub(crate) mod stem;
mod tile;

pub use depthwise::{IntegerDepthwise, PackedIntegerDepthwise, depthwise_integers};
pub use expand::{IntegerExpand, expand_integers};
pub use kept::{INTEGER_PACK_VERSION, PackedBuffers, PackedValues};
pub use last::last_integers;
pub use layout::{Grouping, Quads, eighths_len, group_len, stem_eighths};
pub use packed::{IntegerWeights, PackedIntegers, Reading};
pub use project::{IntegerProject, Projected, project_integers};
pub use stem::{IntegerStem, PackedIntegerStem, pad_image, padded_image_len, stem_integers};
