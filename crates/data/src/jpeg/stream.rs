//! A JPEG written anew from its skeleton, so that the decoder sees only what it needs and cannot mistake missing data
//! for gray.
//!
//! Decoders go on with zeros where data runs out, and zeros are valid codes: the rows that a cut file lacks come out
//! as a plain color without an error. A Huffman code of ones only is valid in no table (ITU T.81, C.2), and the
//! decoder checks its tables for that. So behind the data of every scan, and of every restart interval, we put ones:
//! a decoder that has all its data never reads them, one that lacks a symbol meets an invalid code and says so.
//! What this cannot see are lost correction bits at the end of a progressive refinement, which carry no symbols;
//! they change a coefficient by its last bit, and no row is lost with them.
//!
//! Application segments (profiles, thumbnails, maker's notes) are left out: the skeleton has read what matters of them.

use std::ops::Range;

use super::skeleton::{EOI, SOI, Scan, Skeleton};

/// 0xFF in entropy-coded data is written with a zero behind it.
const ONES: [u8; 2] = [0xFF, 0x00];
/// 16 bytes of ones: more than a decoder's look-ahead of 8 and a symbol of 4.
const FILLER: usize = 16;
/// The same in bytes of the stream.
pub(super) const FILLER_BYTES: usize = FILLER * ONES.len();

/// Writes the whole file into `out`.
pub(super) fn rewrite(bytes: &[u8], skeleton: &Skeleton, out: &mut Vec<u8>) {
    let frame = &skeleton.frame;
    out.clear();
    out.extend([0xFF, SOI]);
    out.extend(&bytes[frame.segment.clone()]);
    if let [_] = frame.components[..] {
        // The sampling factors of a single channel mean nothing, but decoders stumble over them.
        let sampling = out.len() - 2;
        out[sampling] = 0x11;
    }
    for (index, scan) in skeleton.scans.iter().enumerate() {
        copy_tables(bytes, &scan.tables, out);
        if index == 0 && frame.progressive {
            // The decoder wants to find the next marker while it reads the first scan ahead, where the filler would
            // hide it. That scan only stores values, so it is given once as it is and once more with its filler.
            out.extend(&bytes[scan.segment.start..scan.data.end]);
        }
        copy_scan(bytes, scan, out);
        if !frame.progressive {
            // Sequential: the first scan has all channels, or we would not be here.
            break;
        }
    }
    out.extend([0xFF, EOI]);
}

/// Table segments, as they are.
pub(super) fn copy_tables(bytes: &[u8], tables: &[Range<usize>], out: &mut Vec<u8>) {
    for table in tables {
        out.extend(&bytes[table.clone()]);
    }
}

/// A scan's header and its data.
fn copy_scan(bytes: &[u8], scan: &Scan, out: &mut Vec<u8>) {
    out.extend(&bytes[scan.segment.clone()]);
    copy_data(bytes, scan, out);
}

/// A scan's data, with ones in front of each restart marker and at the end.
pub(super) fn copy_data(bytes: &[u8], scan: &Scan, out: &mut Vec<u8>) {
    let mut at = scan.data.start;
    for &restart in &scan.restarts {
        out.extend(&bytes[at..restart]);
        out.extend([ONES; FILLER].as_flattened());
        at = restart;
    }
    out.extend(&bytes[at..scan.data.end]);
    out.extend([ONES; FILLER].as_flattened());
}
