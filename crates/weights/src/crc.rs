//! The CRC-32 of what several threads have read.

use crc32fast::Hasher;

/// Returns the CRC-32 of bytes that were summed in shares, which are given in their order.
pub(crate) fn crc_of_shares(shares: &[Hasher]) -> u32 {
    let mut all = Hasher::new();
    shares.iter().for_each(|share| all.combine(share));
    all.finalize()
}
