//! The SHA-256 of a net in integers: what caches know it by, and what its model file states.
//!
//! ```text
//! "icecap int8 1\n"                                       14 bytes of ASCII
//! number of tensors                                       u32
//! for each tensor, in the byte order of its name:
//!     length of the name, the name                        u32, UTF-8
//!     number of axes, their sizes outermost first         u32, u64 each
//!     the values, last axis fastest                       as in the file, little-endian
//! BatchNorm's epsilon, padding, pixel scaling             as in the hash of a net in f32
//! ```

use icecap_foundation::{Digest, Hasher};
use icecap_graph::int8::IntegerNet;

use super::tensors::tensors;
use crate::params_digest::{hash_numerics, hash_shape};

/// What the bytes of the hash start with: a later layout of them gets another text.
const DOMAIN: &[u8] = b"icecap int8 1\n";

/// Returns the hash of a net in integers.
///
/// # Cost
/// One pass over its integers, 2 MB at width 1.0.
#[must_use]
pub fn integers_digest(net: &IntegerNet) -> Digest {
    let mut hash = Hasher::new();
    hash.update(DOMAIN);
    let tensors = tensors(net);
    hash.update(&(tensors.len() as u32).to_le_bytes());
    for tensor in &tensors {
        hash_shape(&mut hash, &tensor.name, tensor.shape);
        hash.update(&tensor.values.to_le_bytes());
    }
    hash_numerics(&mut hash, &net.numerics);
    hash.digest()
}
