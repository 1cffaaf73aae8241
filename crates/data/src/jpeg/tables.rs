//! The tables of a JPEG: quantization, Huffman codes, the restart interval; and the Huffman tables of ITU T.81, K.3,
//! which frames of webcams and of motion JPEG leave out.

use std::ops::Range;

use super::skeleton::{Scan, broken};
use crate::Result;

const DHT: u8 = 0xC4;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;

/// Where the coefficients of a block stand in the file: `ZIGZAG[n]` is the place of the n-th in rows of 8.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Bits that are looked up at once.
pub(super) const LOOK: u32 = 10;

/// What the next bits are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    /// The number behind the symbol; 0 if there is none or it does not fit into the bits that were looked up.
    pub(super) value: i16,
    /// Zeros in the upper half, bits of the number in the lower.
    pub(super) symbol: u8,
    /// Bits of the symbol, and of the number if `value` has it; 0 for a longer code.
    pub(super) length: u8,
}

/// A Huffman code of T.81, annex C: codes of one length are consecutive numbers.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// For each length from 1 to 16, the code that follows its last, aligned to 16 bits; 0 for none of that length.
    ends: [u32; 16],
    /// What to add to a code of a length to get the place of its symbol.
    offsets: [i32; 16],
    symbols: Vec<u8>,
    /// What each value of the next [`LOOK`] bits starts with.
    entries: Box<[Entry; 1 << LOOK]>,
}

impl Code {
    /// The code with `counts` symbols of each length.
    fn new(counts: &[u8], symbols: &[u8]) -> Result<Self> {
        let (mut ends, mut offsets) = ([0; 16], [0; 16]);
        let (mut next, mut place) = (0u32, 0i32);
        let mut entries = Box::new([Entry::default(); 1 << LOOK]);
        for (length, &count) in counts.iter().enumerate() {
            offsets[length] = place - next as i32;
            let first = next;
            next += u32::from(count);
            // A code of ones only is none; a table that needs one has too many.
            if next >= 1 << (length + 1) && count > 0 {
                return Err(broken("a Huffman table with too many codes"));
            }
            if length < LOOK as usize {
                for (code, &symbol) in (first..next).zip(symbols.iter().skip(place as usize)) {
                    fill(&mut entries, code, length as u32 + 1, symbol);
                }
            }
            place += i32::from(count);
            ends[length] = if count > 0 { next << (15 - length) } else { 0 };
            next <<= 1;
        }
        Ok(Self { ends, offsets, symbols: symbols.to_vec(), entries })
    }

    /// What `bits`, [`LOOK`] of them, start with.
    #[inline(always)]
    pub(super) fn look_up(&self, bits: usize) -> Entry {
        self.entries[bits & ((1 << LOOK) - 1)]
    }

    /// The symbol of the code that `bits`, 16 of them, start with.
    pub(super) fn long(&self, bits: u32) -> Option<Entry> {
        let length = self.ends.iter().position(|&end| bits < end)?;
        let place = (bits >> (15 - length)) as i32 + self.offsets[length];
        let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
        Some(Entry { value: 0, symbol, length: length as u8 + 1 })
    }
}

/// Writes the entries of a code, for all bits that may follow it.
fn fill(entries: &mut [Entry; 1 << LOOK], code: u32, length: u32, symbol: u8) {
    let free = LOOK - length;
    let size = u32::from(symbol & 15);
    for after in 0..1 << free {
        let at = (code << free | after) as usize;
        entries[at] = match size {
            1.. if size <= free => Entry {
                value: extended((after >> (free - size)) as i32, size) as i16,
                symbol,
                length: (length + size) as u8,
            },
            _ => Entry { value: 0, symbol, length: length as u8 },
        };
    }
}

/// The number that `size` bits stand for; those that start with a zero are negative (T.81, F.12).
pub(super) fn extended(bits: i32, size: u32) -> i32 {
    if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits }
}

/// The tables that hold at a place of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// Divisors in the order of the file.
    pub(super) quantization: [Option<[u16; 64]>; 4],
    /// Codes of the first coefficient, and of the others.
    pub(super) codes: [[Option<Code>; 4]; 2],
    /// Units between restart markers; 0 for no such markers.
    pub(super) interval: usize,
}

impl Tables {
    /// Reads the segments at `ranges`.
    pub(super) fn read(&mut self, bytes: &[u8], ranges: &[Range<usize>]) -> Result<()> {
        for range in ranges {
            // Marker and length are in front.
            let segment = &bytes[range.clone()];
            match segment[1] {
                DHT => self.read_codes(&segment[4..])?,
                DQT => self.read_quantization(&segment[4..])?,
                DRI if segment.len() >= 6 => {
                    self.interval = usize::from(u16::from_be_bytes([segment[4], segment[5]]));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts the tables of K.3 where those of a sequential scan are not defined.
    pub(super) fn stand_in(&mut self, scan: &Scan) -> Result<()> {
        let lacks = scan.members.iter().any(|&(_, selectors)| {
            let id = [selectors >> 4, selectors & 15].map(usize::from);
            (0..2).any(|class| self.codes[class].get(id[class]).is_some_and(Option::is_none))
        });
        if lacks {
            let mut standard = Self::default();
            standard.read_codes(&standard_codes())?;
            for (own, standard) in self.codes.iter_mut().flatten().zip(standard.codes.into_iter().flatten()) {
                *own = own.take().or(standard);
            }
        }
        Ok(())
    }

    fn read_codes(&mut self, mut body: &[u8]) -> Result<()> {
        while let [selector, rest @ ..] = body {
            let short = || broken("a Huffman table that is cut off");
            let (counts, rest) = rest.split_at_checked(16).ok_or_else(short)?;
            let symbols = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols).ok_or_else(short)?;
            let (class, id) = (usize::from(selector >> 4), usize::from(selector & 15));
            let place = self.codes.get_mut(class).and_then(|codes| codes.get_mut(id));
            *place.ok_or_else(|| broken("a Huffman table of an unknown number"))? =
                Some(Code::new(counts, symbols)?);
            body = rest;
        }
        Ok(())
    }

    fn read_quantization(&mut self, mut body: &[u8]) -> Result<()> {
        while let [selector, rest @ ..] = body {
            let bytes = if selector >> 4 == 0 { 1 } else { 2 };
            let short = || broken("a quantization table that is cut off");
            let (values, rest) = rest.split_at_checked(64 * bytes).ok_or_else(short)?;
            let values = values.chunks_exact(bytes);
            let mut table = [0; 64];
            for (to, value) in table.iter_mut().zip(values) {
                *to = value.iter().fold(0, |sum, &byte| sum << 8 | u16::from(byte));
            }
            let place = self.quantization.get_mut(usize::from(selector & 15));
            *place.ok_or_else(|| broken("a quantization table of an unknown number"))? = Some(table);
            body = rest;
        }
        Ok(())
    }
}

/// The payload of a segment with the tables of K.3: numbers 0 for brightness, 1 for color.
fn standard_codes() -> Vec<u8> {
    let mut out = Vec::with_capacity(420);
    for (selector, counts, symbols) in [
        (0x00, &DC_COUNTS[0], &DC_SYMBOLS[..]),
        (0x10, &AC_COUNTS[0], &AC_BRIGHTNESS[..]),
        (0x01, &DC_COUNTS[1], &DC_SYMBOLS[..]),
        (0x11, &AC_COUNTS[1], &AC_COLOR[..]),
    ] {
        out.push(selector);
        out.extend(counts);
        out.extend(symbols);
    }
    out
}

const DC_COUNTS: [[u8; 16]; 2] =
    [[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]];
const DC_SYMBOLS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AC_COUNTS: [[u8; 16]; 2] =
    [[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125], [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119]];
const AC_BRIGHTNESS: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
    0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33,
    0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x34,
    0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55,
    0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76,
    0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5,
    0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4,
    0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];
const AC_COLOR: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
    0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62,
    0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26, 0x27, 0x28, 0x29,
    0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54,
    0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75,
    0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3,
    0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2,
    0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA,
    0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA,
];
