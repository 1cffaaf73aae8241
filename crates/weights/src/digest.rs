//! SHA-256 of files and of nets.
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

use std::fmt;
use std::str::FromStr;

use icecap_graph::{Padding, Params};
use sha2::{Digest as _, Sha256};

/// What the bytes of a net's hash start with: a later layout of them gets another number.
const DOMAIN: &[u8; 16] = b"icecap params 1\n";

/// Values turned into bytes at a time: small enough for the first cache level, large enough to hide the call.
const CHUNK: usize = 1024;

/// A SHA-256. Prints and parses as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The hash of a file's bytes.
    #[must_use]
    pub fn of_file(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of a net up to its features: tensors, epsilon, padding, pixel scaling.
    ///
    /// # Cost
    /// One pass over the tensors.
    #[must_use]
    pub fn of_params(params: &Params) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update((params.backbone_tensors().count() as u32).to_le_bytes());
        for (name, tensor) in params.backbone_tensors() {
            let shape = tensor.shape();
            hash.update((name.len() as u32).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update((shape.rank() as u32).to_le_bytes());
            for &dim in shape.dims() {
                hash.update((dim as u64).to_le_bytes());
            }
            for_each_le_chunk(tensor.data(), |bytes| hash.update(bytes));
        }
        let numerics = params.numerics();
        hash.update(numerics.epsilon.to_le_bytes());
        hash.update([match numerics.padding {
            Padding::Same => 0,
            Padding::Symmetric => 1,
        }]);
        for value in numerics.scaling.scale.iter().chain(&numerics.scaling.shift) {
            hash.update(value.to_le_bytes());
        }
        Self(hash.finalize().into())
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

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        // Bytes, not chars: a cut inside a character of several bytes must not panic.
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotADigest);
        }
        let value = |digit: u8| (digit as char).to_digit(16).ok_or(NotADigest);
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_chunks::<2>().0) {
            *byte = (value(pair[0])? * 16 + value(pair[1])?) as u8;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_the_published_test_vector() {
        let abc = Digest::of_file(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(abc));
        for bad in ["", "ba78", &"é".repeat(32), &text.replace('b', "g")] {
            assert_eq!(bad.parse::<Digest>(), Err(NotADigest), "{bad}");
        }
    }

    #[test]
    fn chunks_are_the_values_in_order() {
        let values: Vec<f32> = (0..CHUNK + 5).map(|i| i as f32).collect();
        let mut bytes = Vec::new();
        for_each_le_chunk(&values, |chunk| bytes.extend_from_slice(chunk));
        let expected: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(bytes, expected);
    }
}
