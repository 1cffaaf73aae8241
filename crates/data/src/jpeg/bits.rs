//! The bits of entropy-coded data. Where they run out is an error, not zeros.

use super::skeleton::truncated;
use super::tables::{Code, Entry, LOOK, extended};
use crate::Result;

/// The bits between two restart markers, first bit first.
///
/// Behind the last one stand ones, which start no code (T.81, C.2): a reader goes on over them until a symbol fails, or
/// until it asks [`Bits::check`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    /// The data, with a zero behind each 0xFF.
    bytes: &'a [u8],
    /// How many of the bytes are read.
    at: usize,
    /// Bits that are read ahead, the next one highest. Below the first `count` stand more of the data, or zeros.
    ahead: u64,
    count: u32,
    /// How many ones were put behind the last bit.
    padding: u32,
}

/// What damaged or missing data leads to.
fn ran_out() -> crate::Error {
    truncated("rows are missing, or their data is damaged")
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, ahead: 0, count: 0, padding: 0 }
    }

    /// Reads ahead, so that there are at least 32 bits: a symbol of 16 and a number of 16.
    #[inline(always)]
    fn fill(&mut self) {
        const ONES: u64 = u64::MAX / 0xFF;
        if self.count >= 32 {
            return;
        }
        if let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*word);
            // No byte is 0xFF: as many as fit, at once.
            if (!word).wrapping_sub(ONES) & word & (ONES << 7) == 0 {
                self.ahead |= word >> self.count;
                let bytes = (64 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
                return;
            }
        }
        *self = self.filled_byte_by_byte();
    }

    /// By value, so that a loop over [`Bits::fill`] keeps all of it in registers.
    #[cold]
    #[inline(never)]
    fn filled_byte_by_byte(mut self) -> Self {
        while self.count <= 56 {
            let byte = self.next_byte();
            self.ahead |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// The next byte of data, or one of ones.
    fn next_byte(&mut self) -> u8 {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        // Any number of fill bytes may stand in front of a marker, where the data ends, and of a stuffed zero.
        match (fill, rest.get(fill)) {
            (0, Some(&byte)) => {
                self.at += 1;
                return byte;
            }
            (1.., Some(0)) => {
                self.at += fill + 1;
                return 0xFF;
            }
            _ => self.at = self.bytes.len(),
        }
        self.padding += 8;
        0xFF
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.ahead <<= count;
        self.count -= count;
    }

    /// Whether all bits that were taken are bits of the data.
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated).
    #[inline(always)]
    pub(super) fn check(&self) -> Result<()> {
        if self.count < self.padding { Err(ran_out()) } else { Ok(()) }
    }

    /// The next `count` bits, up to 16, as a number.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        self.fill();
        let value = (self.ahead >> (64 - count)) as u32;
        self.skip(count);
        value
    }

    /// The next symbol of `code`, alone.
    #[inline(always)]
    pub(super) fn symbol(&mut self, code: &Code) -> Result<u8> {
        let entry = self.entry(code)?;
        // The number behind it may be in the entry, too.
        let number = if entry.value == 0 { 0 } else { entry.symbol & 15 };
        self.skip(u32::from(entry.length - number));
        Ok(entry.symbol)
    }

    /// The next symbol of `code` and the number behind it, whose bits are the symbol's lower half and whose first bit
    /// tells its sign (T.81, F.12).
    #[inline(always)]
    pub(super) fn number(&mut self, code: &Code) -> Result<(u8, i32)> {
        let entry = self.entry(code)?;
        self.skip(u32::from(entry.length));
        let size = u32::from(entry.symbol & 15);
        if entry.value != 0 || size == 0 {
            return Ok((entry.symbol, i32::from(entry.value)));
        }
        let bits = (self.ahead >> (64 - size)) as i32;
        self.skip(size);
        Ok((entry.symbol, extended(bits, size)))
    }

    /// Reads ahead and looks the next bits up.
    #[inline(always)]
    fn entry(&mut self, code: &Code) -> Result<Entry> {
        self.fill();
        let entry = code.look_up((self.ahead >> (64 - LOOK)) as usize);
        if entry.length > 0 {
            return Ok(entry);
        }
        code.long((self.ahead >> 48) as u32).ok_or_else(ran_out)
    }
}
