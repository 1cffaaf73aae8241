//! The first directory of a TIFF: tags with their numbers, in classic files and in those of more than 4 GiB.

/// Values of one tag at most: strips of a row each, of the longest image, in four planes.
const MOST_VALUES: u64 = 1 << 20;

/// A directory, read where it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directory<'a> {
    bytes: &'a [u8],
    pub(crate) big_endian: bool,
    /// Whether offsets have 64 bits.
    long: bool,
    /// Where the entries start, and how many there are.
    start: usize,
    entries: usize,
}

/// A number of up to 8 bytes.
fn number(bytes: &[u8], big_endian: bool) -> u64 {
    let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
    if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

impl<'a> Directory<'a> {
    /// The first directory of a file; `None` if there is none, or not all of it.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let (big_endian, long) = match bytes.get(..4)? {
            b"II*\0" => (false, false),
            b"MM\0*" => (true, false),
            b"II+\0" => (false, true),
            b"MM\0+" => (true, true),
            _ => return None,
        };
        let at = |start: usize, length: usize| {
            Some(number(bytes.get(start..start.checked_add(length)?)?, big_endian))
        };
        let (start, width) = if long { (at(8, 8)?, 8) } else { (at(4, 4)?, 2) };
        let start = usize::try_from(start).ok()?;
        let entries = usize::try_from(at(start, width)?).ok()?;
        let directory = Self { bytes, big_endian, long, start: start.checked_add(width)?, entries };
        let end = entries.checked_mul(directory.entry_bytes())?.checked_add(directory.start)?;
        (end <= bytes.len()).then_some(directory)
    }

    fn entry_bytes(&self) -> usize {
        if self.long { 20 } else { 12 }
    }

    fn at(&self, start: usize, length: usize) -> Option<u64> {
        Some(number(self.bytes.get(start..start.checked_add(length)?)?, self.big_endian))
    }

    /// Whether another directory follows: the file holds more pictures.
    pub(crate) fn is_followed(&self) -> bool {
        let end = self.start + self.entries * self.entry_bytes();
        self.at(end, if self.long { 8 } else { 4 }).is_some_and(|next| next != 0)
    }

    /// The type of a tag's values, their number and their bytes.
    fn entry(&self, tag: u16) -> Option<(u64, &'a [u8])> {
        let offset_bytes = if self.long { 8 } else { 4 };
        let entries = (0..self.entries).map(|index| self.start + index * self.entry_bytes());
        let entry = entries.into_iter().find(|&entry| self.at(entry, 2) == Some(tag.into()))?;
        let (kind, count) = (self.at(entry + 2, 2)?, self.at(entry + 4, offset_bytes)?);
        let width = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => return None,
        };
        let length = usize::try_from(count.min(MOST_VALUES).checked_mul(width)?).ok()?;
        let inside = entry + 4 + offset_bytes;
        let start = match length <= offset_bytes {
            true => inside,
            false => usize::try_from(self.at(inside, offset_bytes)?).ok()?,
        };
        Some((kind, self.bytes.get(start..start.checked_add(length)?)?))
    }

    /// The whole numbers of a tag; `None` if the tag is missing, or is of another type, or lies outside of the file.
    pub(crate) fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let (kind, bytes) = self.entry(tag)?;
        let width = match kind {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        Some(bytes.chunks_exact(width).map(|bytes| number(bytes, self.big_endian)).collect())
    }

    /// The only number of a tag, or the first of several.
    pub(crate) fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag)?.first().copied()
    }

    /// The fractions of a tag.
    pub(crate) fn fractions(&self, tag: u16) -> Option<Vec<f64>> {
        let (kind, bytes) = self.entry(tag)?;
        let value = |pair: &[u8]| {
            let [over, under] = [&pair[..4], &pair[4..]].map(|bytes| number(bytes, self.big_endian) as f64);
            over / under
        };
        (kind == 5).then(|| bytes.chunks_exact(8).map(value).collect())
    }

    /// The bytes of a tag.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.entry(tag).map(|(_, bytes)| bytes)
    }

    /// Whether the tag stands there at all.
    pub(crate) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }
}
