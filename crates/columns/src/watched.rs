//! What the reader of tables reads from: bytes at offsets, each length held against the file's and against the memory that there
//! is before it is taken.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use icecap_foundation::read_at::ReadAt;
use parquet::basic::Compression;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

use crate::Error;

/// The most bytes of a page.
pub(crate) const MAX_PAGE: u64 = 1 << 30;
/// Bytes that are read ahead of a page's header.
const HEADER: usize = 512;
/// How many bytes one of Snappy's can stand for: three of them copy 64.
const SNAPPY: u64 = 22;

/// A source of bytes, watched.
pub(crate) struct Watched<S> {
    source: Arc<S>,
    /// How pages are compressed, where it is pages that are read.
    pages: Option<Compression>,
}

impl<S: ReadAt> Watched<S> {
    pub(crate) fn of(source: Arc<S>) -> Self {
        Self { source, pages: None }
    }

    /// Of pages every header is looked at before the reader makes room for what it states.
    pub(crate) fn of_pages(source: Arc<S>, compression: Compression) -> Self {
        Self { source, pages: Some(compression) }
    }
}

/// Checks what a header, which begins so, says of its page.
fn check_header(start: &[u8], compression: Compression) -> std::result::Result<(), Error> {
    let sizes = sizes(start).ok_or_else(|| Error::content("is damaged: a page without its sizes"))?;
    let (packed, unpacked) = sizes;
    if unpacked.max(packed) > MAX_PAGE {
        return Err(Error::content(format!(
            "has a page of {} bytes, and one of at most {MAX_PAGE} is read; write it with smaller pages or row groups",
            unpacked.max(packed)
        )));
    }
    // Room for all of it is filled with zeros first.
    if compression == Compression::SNAPPY && unpacked > packed.saturating_mul(SNAPPY) + 64 {
        return Err(Error::content("is damaged: a page that says it unpacks to more than it can"));
    }
    // Where the reader gets no memory, it ends the process.
    room(unpacked).map(drop)
}

/// How many bytes a page has in the file, and unpacked, by the first bytes of its header: the second and third of its numbers.
fn sizes(header: &[u8]) -> Option<(u64, u64)> {
    let mut rest = header.iter();
    let mut number = || {
        // A number of 32 bits, the field that follows the last one.
        (*rest.next()? == 0x15).then_some(())?;
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = *rest.next()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                // Even ones are not negative.
                return value.is_multiple_of(2).then_some(value / 2);
            }
        }
        None
    };
    let _kind = number()?;
    let unpacked = number()?;
    Some((number()?, unpacked))
}

/// Room for so many bytes.
fn room(bytes: u64) -> std::result::Result<Vec<u8>, Error> {
    let mut room = Vec::new();
    let count = usize::try_from(bytes).map_err(|_| Error::Memory { bytes })?;
    room.try_reserve_exact(count).map_err(|_| Error::Memory { bytes })?;
    Ok(room)
}

impl<S: ReadAt> Length for Watched<S> {
    fn len(&self) -> u64 {
        self.source.length()
    }
}

impl<S: ReadAt + Send + Sync> ChunkReader for Watched<S> {
    type T = BufReader<From<S>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let from = From { source: self.source.clone(), at: start, header_of: self.pages };
        Ok(BufReader::with_capacity(HEADER, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.source.length());
        if end.is_none() {
            return Err(
                Error::content("is damaged, or cut: it says that something stands behind its end").into()
            );
        }
        let mut bytes = room(length as u64)?;
        bytes.resize(length, 0);
        self.source.read_at(start, &mut bytes).map_err(Error::Io)?;
        Ok(bytes.into())
    }
}

/// A source, read on from a place.
pub(crate) struct From<S> {
    source: Arc<S>,
    at: u64,
    /// How the page is compressed whose header comes next.
    header_of: Option<Compression>,
}

impl<S: ReadAt> Read for From<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.source.length().saturating_sub(self.at).min(out.len() as u64) as usize;
        self.source.read_at(self.at, &mut out[..count])?;
        self.at += count as u64;
        // Its sizes stand in its first bytes, which are read at once.
        if let Some(compression) = self.header_of.take() {
            check_header(&out[..count], compression).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_how_large_its_page_is() {
        // Type 0, 300 bytes unpacked, 5 in the file.
        assert_eq!(sizes(&[0x15, 0, 0x15, 0xD8, 0x04, 0x15, 10]), Some((5, 300)));
        for wrong in [
            &[][..],
            &[0x15, 0, 0x15, 0xD8],
            &[0x15, 0, 0x15, 1, 0x15, 10],
            &[0x19, 0, 0x15, 2, 0x15, 2],
            &[0x15; 24],
        ] {
            assert_eq!(sizes(wrong), None, "{wrong:?}");
        }
    }
}
