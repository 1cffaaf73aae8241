//! What is derived from a net that was just read: its hash, the hash of its file, and the net packed.
//!
//! Each of the three is one pass over the weights, and none needs another, so each goes to a thread of its own.

use icecap_graph::{Net, Params};
use icecap_kernels::{Threads, in_slabs};

use crate::Digest;

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

/// One pass, and afterwards its result.
enum Pass<'a> {
    Pack(Option<Net>),
    HashNet(Option<Digest>),
    HashFile(&'a [u8], Option<Digest>),
}

impl Derived {
    /// Makes every pass that is asked for, all of them at the same time if there are threads enough.
    pub(crate) fn new(params: &Params, file: Option<&[u8]>, packing: Packing, threads: &Threads) -> Self {
        // Threads take the passes in this order: the longest first.
        let mut passes = Vec::new();
        if packing == Packing::Packed {
            passes.push(Pass::Pack(None));
        }
        passes.push(Pass::HashNet(None));
        passes.extend(file.map(|bytes| Pass::HashFile(bytes, None)));
        threads.for_each_chunk(&mut vec![(); threads.count()], &mut passes, 1, |(), _, pass| match &mut pass
            [0]
        {
            Pass::Pack(net) => *net = Some(pack(params)),
            Pass::HashNet(digest) => *digest = Some(Digest::of_params(params)),
            Pass::HashFile(bytes, digest) => *digest = Some(Digest::of_file(bytes)),
        });
        let (mut params_sha256, mut file_sha256, mut packed) = (None, None, None);
        for pass in passes {
            match pass {
                Pass::Pack(net) => packed = net,
                Pass::HashNet(digest) => params_sha256 = digest,
                Pass::HashFile(_, digest) => file_sha256 = digest,
            }
        }
        let params_sha256 = params_sha256.unwrap_or_else(|| Digest::of_params(params));
        Self { params_sha256, file_sha256, net: packed }
    }
}

/// Folds and packs a net, its weights in large pages.
pub(crate) fn pack(params: &Params) -> Net {
    in_slabs(|| Net::new(params))
}
