//! What is derived from a net that was just read: its hash, the hash of its file, and the net packed.
//!
//! Each of the three is one pass over the weights, and none needs another, so each goes to a thread of its own.

use icecap_graph::{Net, Params};
use icecap_kernels::{Threads, in_slabs};

use crate::{Digest, params_digest};

/// Whether a net that was read is packed as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Packed,
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
    Pack,
    HashNet,
    HashFile(&'a [u8]),
}

enum Passed {
    Net(Box<Net>),
    NetHash(Digest),
    FileHash(Digest),
}

impl Derived {
    /// Makes every pass that is asked for, all of them at the same time if there are threads enough.
    pub(crate) fn new(params: &Params, file: Option<&[u8]>, packing: Packing, threads: &Threads) -> Self {
        // They are begun in this order: the longest first.
        let pack_first = (packing == Packing::Packed).then_some(Pass::Pack);
        let passes = pack_first.into_iter().chain([Pass::HashNet]).chain(file.map(Pass::HashFile));
        let passed = threads.map(passes, |pass| match pass {
            Pass::Pack => Passed::Net(Box::new(pack(params))),
            Pass::HashNet => Passed::NetHash(params_digest(params)),
            Pass::HashFile(bytes) => Passed::FileHash(Digest::of(bytes)),
        });
        let (mut params_sha256, mut file_sha256, mut net) = (None, None, None);
        for result in passed {
            match result {
                Passed::Net(packed) => net = Some(*packed),
                Passed::NetHash(digest) => params_sha256 = Some(digest),
                Passed::FileHash(digest) => file_sha256 = Some(digest),
            }
        }
        let params_sha256 = params_sha256.unwrap_or_else(|| params_digest(params));
        Self { params_sha256, file_sha256, net }
    }
}

/// Folds and packs a net, its weights in large pages.
pub(crate) fn pack(params: &Params) -> Net {
    in_slabs(|| Net::new(params))
}
