//! The bytes of an entry: found behind its local header, unpacked, held against its checksum.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::{
    DEFLATED, LOCAL, LOCAL_LEN, Listed, Record, SIZES_BEHIND, STORED, ZipError, record, u16_at, u32_at,
};
use crate::read_at::ReadAt;

/// Deflate's best: a match of 258 bytes for two bits.
const MAX_RATIO: u64 = 1032;
/// What compressed data may take beyond twice its length: a stream of empty blocks would keep a reader busy for nothing.
const MAX_OVERHEAD: u64 = 1024;
/// What is read of compressed data at once.
const PIECE: u64 = 64 << 10;

const WRONG: &str = "does not unpack to the length that is stated";
const DAMAGED: &str = "is damaged: its compressed data breaks off or makes no sense";

/// What a local header says.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Where the entry's data starts.
    pub start: u64,
    /// Whether it has the sizes and the checksum that the directory has, or leaves them open.
    pub agrees: bool,
}

/// Reads the local header of an entry, which must be of that entry.
///
/// # Errors
/// [`ZipError`].
pub fn local(source: &(impl ReadAt + ?Sized), entry: &Listed<'_>) -> Result<Local, ZipError> {
    let Listed { name, record: known } = *entry;
    let found = record::<LOCAL_LEN>(source, known.header)?.filter(|record| u32_at(record, 0) == LOCAL);
    let Some(found) = found else {
        return Err(ZipError::entry(name, known.header, "has no local header"));
    };
    let texts = known.header + LOCAL_LEN as u64;
    let other = || ZipError::entry(name, known.header, "has a local header of another entry");
    if usize::from(u16_at(&found, 26)) != name.len() || u16_at(&found, 8) != known.method {
        return Err(other());
    }
    let mut own = vec![0; name.len()];
    if texts + name.len() as u64 > source.length() {
        return Err(other());
    }
    source.read_at(texts, &mut own)?;
    if own != name.as_bytes() {
        return Err(other());
    }
    let agrees = |at: usize, known: u64| {
        let own = u32_at(&found, at);
        u64::from(own) == known || own == u32::MAX || own == 0 && u16_at(&found, 6) & SIZES_BEHIND != 0
    };
    Ok(Local {
        start: texts + name.len() as u64 + u64::from(u16_at(&found, 28)),
        agrees: agrees(14, known.crc.into()) && agrees(18, known.packed) && agrees(22, known.length),
    })
}

/// Reads the bytes of an entry, whose data starts at `start`, into `out`, which takes as many as the directory states. The
/// caller has bounded that length.
///
/// # Errors
/// [`ZipError`], among others if they are not of that length or do not have the checksum.
pub fn unpack(
    source: &(impl ReadAt + ?Sized),
    entry: &Listed<'_>,
    start: u64,
    out: &mut Vec<u8>,
) -> Result<(), ZipError> {
    let Listed { name, record } = *entry;
    let refuse = |reason| ZipError::entry(name, start, reason);
    check(&record, start).map_err(refuse)?;
    out.clear();
    out.resize(usize::try_from(record.length).map_err(|_| refuse(WRONG))?, 0);
    match record.method {
        STORED => source.read_at(start, out)?,
        _ => match inflate(source, &record, start, out)? {
            Inflated::Whole => {}
            Inflated::Longer | Inflated::Shorter => return Err(refuse(WRONG)),
            Inflated::Damaged => return Err(refuse(DAMAGED)),
        },
    }
    match crc32fast::hash(out) == record.crc {
        true => Ok(()),
        false => Err(refuse("does not have the checksum that is stated")),
    }
}

/// Reads the first bytes of an entry, as many as `out` has, or fewer if there are fewer. Nothing tells whether they are right.
///
/// # Errors
/// [`ZipError`].
pub fn first_bytes<'o>(
    source: &(impl ReadAt + ?Sized),
    entry: &Listed<'_>,
    start: u64,
    out: &'o mut [u8],
) -> Result<&'o [u8], ZipError> {
    let Listed { name, record } = *entry;
    let refuse = |reason| ZipError::entry(name, start, reason);
    check(&record, start).map_err(refuse)?;
    let length = record.length.min(out.len() as u64) as usize;
    let out = &mut out[..length];
    match record.method {
        STORED => source.read_at(start, out)?,
        _ => match inflate(source, &record, start, out)? {
            Inflated::Whole | Inflated::Longer => {}
            Inflated::Shorter => return Err(refuse(WRONG)),
            Inflated::Damaged => return Err(refuse(DAMAGED)),
        },
    }
    Ok(out)
}

/// Whether an entry's data stands before the next entry, and can have the length that is stated.
fn check(record: &Record, start: u64) -> Result<(), &'static str> {
    let Record { packed, length, .. } = *record;
    if start.checked_add(packed).is_none_or(|end| end > record.end) {
        return Err("is cut short");
    }
    match record.method {
        STORED if packed == length => Ok(()),
        STORED => Err("is stored in more or fewer bytes than it has"),
        DEFLATED if length / MAX_RATIO > packed => Err(WRONG),
        DEFLATED if packed > length.saturating_mul(2).saturating_add(MAX_OVERHEAD) => {
            Err("takes far more bytes than it has")
        }
        DEFLATED => Ok(()),
        _ => Err("is compressed by another method than deflate"),
    }
}

/// What came of unpacking into as many bytes as were wanted.
enum Inflated {
    Whole,
    Longer,
    Shorter,
    Damaged,
}

fn inflate(
    source: &(impl ReadAt + ?Sized),
    record: &Record,
    start: u64,
    out: &mut [u8],
) -> std::io::Result<Inflated> {
    let mut state = Box::<DecompressorOxide>::default();
    let mut piece = vec![0; PIECE.min(record.packed) as usize];
    let (mut at, mut left, mut written) = (start, record.packed, 0);
    loop {
        let bytes = &mut piece[..PIECE.min(left) as usize];
        source.read_at(at, bytes)?;
        (at, left) = (at + bytes.len() as u64, left - bytes.len() as u64);
        let more = if left > 0 { TINFL_FLAG_HAS_MORE_INPUT } else { 0 };
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | more;
        let (status, read, wrote) = decompress(&mut state, bytes, out, written, flags);
        written += wrote;
        let all = read == bytes.len();
        return Ok(match status {
            TINFLStatus::NeedsMoreInput if left > 0 && all => continue,
            TINFLStatus::Done if left == 0 && all && written == out.len() => Inflated::Whole,
            TINFLStatus::HasMoreOutput => Inflated::Longer,
            TINFLStatus::Done => Inflated::Shorter,
            _ => Inflated::Damaged,
        });
    }
}
