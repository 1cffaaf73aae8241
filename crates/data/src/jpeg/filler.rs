//! What stands behind the data of a scan, so that a decoder which runs out of data meets an error.
//!
//! Decoders go on with zeros where data runs out, and zeros are valid codes: the rows that a cut file lacks come out
//! as a plain color without an error. A Huffman code of ones only is valid in no table (ITU T.81, C.2), and the
//! decoder checks its tables for that. So behind the data of every scan, and of every restart interval, we put ones:
//! a decoder that has all its data never reads them, one that lacks a symbol meets an invalid code and says so.
//! What this cannot see are lost correction bits at the end of a progressive refinement, which carry no symbols;
//! they change a coefficient by its last bit, and no row is lost with them.

/// Ones that a decoder can read past the data: more than its look-ahead of 8 bytes and a symbol of 4.
const ONES: usize = 16;

/// Bytes of the filler in the stream.
pub(super) const FILLER_BYTES: usize = ONES * 2;

/// The filler. 0xFF in entropy-coded data is written with a zero behind it.
pub(super) const FILLER: [u8; FILLER_BYTES] = {
    let mut bytes = [0; FILLER_BYTES];
    let mut at = 0;
    while at < FILLER_BYTES {
        bytes[at] = 0xFF;
        at += 2;
    }
    bytes
};
