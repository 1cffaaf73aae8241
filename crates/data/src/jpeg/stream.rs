//! A JPEG written anew from its skeleton, so that the decoder sees only what it needs and cannot mistake missing data
//! for gray.
//!
//! Behind the data of every scan, and of every restart interval, it puts a filler (`filler.rs`) that is an error to read.
//!
//! Application segments (profiles, thumbnails, maker's notes) are left out: the skeleton has read what matters of them.

use std::ops::Range;

use super::filler::FILLER;
use super::skeleton::{EOI, SOI, Scan, Skeleton};

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
fn copy_tables(bytes: &[u8], tables: &[Range<usize>], out: &mut Vec<u8>) {
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
fn copy_data(bytes: &[u8], scan: &Scan, out: &mut Vec<u8>) {
    let mut at = scan.data.start;
    for &restart in &scan.restarts {
        out.extend(&bytes[at..restart]);
        out.extend(FILLER);
        at = restart;
    }
    out.extend(&bytes[at..scan.data.end]);
    out.extend(FILLER);
}
