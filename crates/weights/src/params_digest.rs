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
use icecap_graph::{Padding, Params};
use icecap_kernels::Threads;

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
        let shape = tensor.shape();
        hash.update(&(name.len() as u32).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(&(shape.rank() as u32).to_le_bytes());
        for &dim in shape.dims() {
            hash.update(&(dim as u64).to_le_bytes());
        }
        for_each_le_chunk(tensor.data(), |bytes| hash.update(bytes));
    }
    let numerics = params.numerics();
    hash.update(&numerics.epsilon.to_le_bytes());
    hash.update(&[match numerics.padding {
        Padding::Same => 0,
        Padding::Symmetric => 1,
    }]);
    for value in numerics.scaling.scale.iter().chain(&numerics.scaling.shift) {
        hash.update(&value.to_le_bytes());
    }
    hash.digest()
}

/// The hash of the net, that of the file where there is one, and what `prepare` makes of the net. All of it at once,
/// where `threads` are more than one.
pub(crate) fn digests_while<R: Send>(
    threads: &Threads,
    file: Option<&[u8]>,
    params: &Params,
    prepare: impl FnOnce(&Params) -> R + Send,
) -> (Digest, Option<Digest>, R) {
    enum Job<'a, F, R> {
        Prepare(Option<F>, Option<R>),
        Net(Option<Digest>),
        File(&'a [u8], Option<Digest>),
    }
    // In the order in which they are begun.
    let mut jobs = vec![Job::Prepare(Some(prepare), None), Job::Net(None)];
    jobs.extend(file.map(|bytes| Job::File(bytes, None)));
    threads.for_each_chunk(&mut vec![(); threads.count()], &mut jobs, 1, |(), _, job| match &mut job[0] {
        Job::Prepare(prepare, prepared) => *prepared = prepare.take().map(|prepare| prepare(params)),
        Job::Net(digest) => *digest = Some(params_digest(params)),
        Job::File(bytes, digest) => *digest = Some(Digest::of(bytes)),
    });
    let (mut net, mut of_file, mut prepared) = (None, None, None);
    for job in jobs {
        match job {
            Job::Prepare(_, made) => prepared = made,
            Job::Net(digest) => net = digest,
            Job::File(_, digest) => of_file = digest,
        }
    }
    match (net, prepared) {
        (Some(net), Some(prepared)) => (net, of_file, prepared),
        _ => unreachable!("every chunk is worked on"),
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
