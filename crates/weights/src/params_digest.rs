//! The SHA-256 of a net.
//!
//! A net's hash says whether two files hold the same net, whatever their container, order or alignment, and with
//! or without a classification top. It is what caches and pins use; the hash of a file is only good for a download.
//! The bytes hashed, all numbers little-endian:
//!
//! ```text
//! "icecap params 1\n"                                     16 bytes of ASCII
//! number of tensors                                       u32
//! for each backbone tensor, in the byte order of its Keras name:
//!     length of the name, the name                        u32, UTF-8
//!     number of axes, their sizes outermost first         u32, u64 each
//!     the values, last axis fastest                       f32 each
//! BatchNorm's epsilon                                     f32
//! padding: 0 same, 1 symmetric                            u8
//! pixel scaling: factors r g b, summands r g b            f32 each
//! ```

use icecap_foundation::{Digest, Hasher};
use icecap_graph::{Numerics, Padding, Params};
use icecap_kernels::Shape;

/// What the bytes of a net's hash start with: a later layout of them gets another number.
const DOMAIN: &[u8; 16] = b"icecap params 1\n";

/// Values turned into bytes at a time: small enough for the first cache level, large enough to hide the call.
const CHUNK: usize = 1024;

/// Returns the hash of a net up to its features: tensors, epsilon, padding, pixel scaling.
///
/// # Cost
/// One pass over the tensors.
#[must_use]
pub fn params_digest(params: &Params) -> Digest {
    let mut hash = Hasher::new();
    hash.update(DOMAIN);
    hash.update(&(params.backbone_tensors().count() as u32).to_le_bytes());
    for (name, tensor) in params.backbone_tensors() {
        hash_shape(&mut hash, name, tensor.shape());
        for_each_le_chunk(tensor.data(), |bytes| hash.update(bytes));
    }
    hash_numerics(&mut hash, params.numerics());
    hash.digest()
}

/// Hashes the name and the shape of a tensor.
pub(crate) fn hash_shape(hash: &mut Hasher, name: &str, shape: Shape) {
    hash.update(&(name.len() as u32).to_le_bytes());
    hash.update(name.as_bytes());
    hash.update(&(shape.rank() as u32).to_le_bytes());
    for &dim in shape.dims() {
        hash.update(&(dim as u64).to_le_bytes());
    }
}

/// Hashes epsilon, padding and pixel scaling.
pub(crate) fn hash_numerics(hash: &mut Hasher, numerics: &Numerics) {
    hash.update(&numerics.epsilon.to_le_bytes());
    hash.update(&[match numerics.padding {
        Padding::Same => 0,
        Padding::Symmetric => 1,
        Padding::Trailing => 2,
    }]);
    for value in numerics.scaling.scale.iter().chain(&numerics.scaling.shift) {
        hash.update(&value.to_le_bytes());
    }
}

/// Hands `values` on as little-endian bytes, a cache-sized piece at a time.
pub(crate) fn for_each_le_chunk(values: &[f32], mut take: impl FnMut(&[u8])) {
    let mut bytes = [0u8; CHUNK * size_of::<f32>()];
    for chunk in values.chunks(CHUNK) {
        let bytes = &mut bytes[..size_of_val(chunk)];
        for (to, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(chunk) {
            *to = value.to_le_bytes();
        }
        take(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_the_values_in_order() {
        let values: Vec<f32> = (0..CHUNK + 5).map(|i| i as f32).collect();
        let mut bytes = Vec::new();
        for_each_le_chunk(&values, |chunk| bytes.extend_from_slice(chunk));
        let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(bytes, expected);
    }
}
