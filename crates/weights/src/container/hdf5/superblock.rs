//! The superblock: how wide addresses are, how long the file is, where the root group stands.

use super::SIGNATURE;
use super::bytes::File;
use crate::Error;

/// Reads the superblock into `file`; returns the address of the root's object header.
pub(super) fn read(file: &mut File<'_>) -> Result<u64, Error> {
    const WHAT: &str = "the superblock";
    let mut cursor = file.from(0, WHAT)?;
    cursor.skip(SIGNATURE.len())?;
    let version = cursor.version(0..=3)?;
    if version < 2 {
        // Versions of parts that never had another.
        cursor.skip(4)?;
    }
    let at = cursor.at();
    let widths = [cursor.u8()?, cursor.u8()?];
    if widths.iter().any(|width| !matches!(width, 2 | 4 | 8)) {
        return Err(file.damaged(at, format!("addresses and lengths of {widths:?} bytes")));
    }
    // Flags of who has the file open, and in the old ones the sizes of nodes, which each node states again.
    let rest = match version {
        0 => 9,
        1 => 13,
        _ => 1,
    };
    cursor.skip(rest)?;
    let start = cursor.at();
    [file.offsets, file.lengths] = widths.map(usize::from);
    let mut cursor = file.from(file.address_of(start), WHAT)?;
    // Where the superblock was when the file was made: addresses count from it, the file's end does not.
    let base = cursor.offset()?.unwrap_or_default();
    // Of free space or of an extension, which hold nothing that is needed.
    cursor.offset()?;
    let at = cursor.at();
    let end = cursor.address("the file's end")?.saturating_sub(base);
    let length = file.length();
    if end > length {
        return Err(file.damaged(at, format!("the file is cut short: {length} bytes of {end}")));
    }
    if version < 2 {
        // Of a driver, and the name of the root.
        cursor.offset()?;
        cursor.offset()?;
    }
    cursor.address("the root group")
}
