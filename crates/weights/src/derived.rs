//! What is derived from a net that was just read: its hash, the hash of its file, and the net packed.
//!
//! Each of the three is one pass over the weights, and none needs another, so each goes to a thread of its own.

use icecap_graph::{Error as NetError, Net, Params, Precision};
use icecap_kernels::{Threads, in_slabs};

use crate::{Digest, params_digest};

/// Whether a net that was read is packed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// For inference in this precision.
    Packed(Precision),
    Skipped,
}

/// The results of the passes over a net and its file.
pub(crate) struct Derived {
    pub(crate) params_sha256: Digest,
    /// `None` if no file was given.
    pub(crate) file_sha256: Option<Digest>,
    /// `None` if packing was skipped.
    pub(crate) net: Option<Net>,
}

enum Pass<'a> {
    Pack(Precision),
    HashNet,
    HashFile(&'a [u8]),
}

enum Passed {
    Net(Result<Box<Net>, NetError>),
    NetHash(Digest),
    FileHash(Digest),
}

impl Derived {
    /// Makes every pass that is asked for, all of them at the same time if there are threads enough.
    ///
    /// # Errors
    /// Those of [`pack`].
    pub(crate) fn new(
        params: &Params,
        file: Option<&[u8]>,
        packing: Packing,
        threads: &Threads,
    ) -> Result<Self, NetError> {
        // They are begun in this order: the longest first.
        let pack_first = match packing {
            Packing::Packed(precision) => Some(Pass::Pack(precision)),
            Packing::Skipped => None,
        };
        let passes = pack_first.into_iter().chain([Pass::HashNet]).chain(file.map(Pass::HashFile));
        let passed = threads.map(passes, |pass| match pass {
            Pass::Pack(precision) => Passed::Net(pack(params, precision).map(Box::new)),
            Pass::HashNet => Passed::NetHash(params_digest(params)),
            Pass::HashFile(bytes) => Passed::FileHash(Digest::of(bytes)),
        });
        let (mut params_sha256, mut file_sha256, mut net) = (None, None, None);
        for result in passed {
            match result {
                Passed::Net(packed) => net = Some(*packed?),
                Passed::NetHash(digest) => params_sha256 = Some(digest),
                Passed::FileHash(digest) => file_sha256 = Some(digest),
            }
        }
        let params_sha256 = params_sha256.unwrap_or_else(|| params_digest(params));
        Ok(Self { params_sha256, file_sha256, net })
    }
}

/// Folds and packs a net, in int8 quantized from its tensors alone, its weights in large pages.
///
/// # Errors
/// None in f32; in int8 those of [`Net::int8`].
pub(crate) fn pack(params: &Params, precision: Precision) -> Result<Net, NetError> {
    in_slabs(|| match precision {
        Precision::F32 => Ok(Net::new(params)),
        Precision::Int8 => Net::int8(params),
    })
}
