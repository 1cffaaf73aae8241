//! The bits of entropy-coded data. Where they run out is an error, not zeros.

use super::skeleton::truncated;
use super::tables::Code;
use crate::Result;

/// The bits between two restart markers, first bit first.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    /// What is left, with a zero behind each 0xFF.
    bytes: &'a [u8],
    /// Bits that are read ahead, the next one highest of the lowest `count`.
    ahead: u64,
    count: u32,
}

fn ran_out() -> crate::Error {
    truncated("rows are missing, or their data is damaged")
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, ahead: 0, count: 0 }
    }

    /// Reads ahead until there are `wanted` bits, up to 32, or no more bytes.
    fn fill(&mut self, wanted: u32) {
        while self.count < wanted {
            let Some((&byte, rest)) = self.bytes.split_first() else { return };
            // Fill bytes may stand in front of a marker, where the data ends.
            self.bytes = match (byte, rest) {
                (0xFF, [0, rest @ ..]) => rest,
                (0xFF, _) => &[],
                _ => rest,
            };
            if byte == 0xFF && self.bytes.is_empty() && rest.first() != Some(&0) {
                return;
            }
            self.ahead = self.ahead << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    /// The next `count` bits, up to 16, as a number.
    pub(super) fn take(&mut self, count: u32) -> Result<u32> {
        self.fill(count);
        if self.count < count {
            return Err(ran_out());
        }
        self.count -= count;
        Ok((self.ahead >> self.count) as u32 & ((1 << count) - 1))
    }

    /// The next symbol of `code`.
    pub(super) fn symbol(&mut self, code: &Code) -> Result<u8> {
        self.fill(16);
        // Behind the last bit stand ones, which start no code.
        let have = self.count.min(16);
        let bits = (self.ahead >> (self.count - have)) as u32 & ((1 << have) - 1);
        let (symbol, length) = code
            .symbol(bits << (16 - have) | (0xFFFF >> have))
            .filter(|(_, length)| *length <= self.count)
            .ok_or_else(ran_out)?;
        self.count -= length;
        Ok(symbol)
    }

    /// A number of `count` bits whose first bit tells its sign (T.81, F.12).
    pub(super) fn signed(&mut self, count: u32) -> Result<i32> {
        if count == 0 {
            return Ok(0);
        }
        let value = self.take(count)? as i32;
        Ok(if value < 1 << (count - 1) { value - (1 << count) + 1 } else { value })
    }
}
