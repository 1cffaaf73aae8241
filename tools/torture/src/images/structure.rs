//! What formats are made of: parts that can be left out, doubled and exchanged, and fields that hold lengths and sides.

use std::ops::Range;

use icecap::advanced::data::Format;

/// A number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) at: usize,
    pub(super) width: usize,
    pub(super) big_endian: bool,
}

/// The parts and fields of a file, as far as they can be told.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) parts: Vec<Range<usize>>,
    pub(super) fields: Vec<Field>,
}

impl Structure {
    pub(super) fn of(format: Format, bytes: &[u8]) -> Self {
        let mut found = Self::default();
        // What cannot be walked any further ends the walk.
        let _ = match format {
            Format::Png => found.png(bytes),
            Format::Jpeg => found.jpeg(bytes),
            Format::WebP => found.webp(bytes),
            Format::Gif => found.gif(bytes),
            Format::Tiff => found.tiff(bytes),
            _ => found.bmp(bytes),
        };
        found.fields.retain(|field| field.at + field.width <= bytes.len());
        found.parts.retain(|part| part.end <= bytes.len() && !part.is_empty());
        found
    }

    fn fields(&mut self, from: usize, widths: &[usize], big_endian: bool) {
        let mut at = from;
        for &width in widths {
            self.fields.push(Field { at, width, big_endian });
            at += width;
        }
    }

    fn png(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 8;
        self.fields(16, &[4, 4, 1, 1, 1, 1, 1], true);
        loop {
            let end = number(bytes, at, 4, true)?.checked_add(at + 12)?;
            self.fields(at, &[4, 4], true);
            self.parts.push(at..end);
            at = end;
        }
    }

    fn jpeg(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 2;
        loop {
            let code = *bytes.get(at + 1)?;
            let mut end = at + 2 + number(bytes, at + 2, 2, true)?;
            match code {
                0xC0..=0xC2 => self.fields(at + 2, &[2, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], true),
                0xDA => {
                    self.fields(at + 2, &[2, 1, 1, 1, 1, 1, 1, 1, 1, 1], true);
                    while !matches!(bytes.get(end..end + 2)?, [0xFF, code] if !matches!(code, 0 | 0xD0..=0xD7))
                    {
                        end += 1;
                    }
                }
                _ => self.fields(at + 2, &[2, 1, 1], true),
            }
            self.parts.push(at..end);
            at = end;
        }
    }

    fn webp(&mut self, bytes: &[u8]) -> Option<()> {
        self.fields(4, &[4], false);
        let mut at = 12;
        loop {
            let length = number(bytes, at + 4, 4, false)?;
            self.fields(at + 4, &[4], false);
            match bytes.get(at..at + 4)? {
                b"VP8X" => self.fields(at + 8, &[1, 3, 3, 3], false),
                b"VP8 " => self.fields(at + 8, &[3, 3, 2, 2], false),
                b"VP8L" => self.fields(at + 8, &[1, 4, 1], false),
                b"ANMF" => self.fields(at + 8, &[3, 3, 3, 3, 3, 1, 4, 4], false),
                _ => self.fields(at + 8, &[1, 1], false),
            }
            let end = at + 8 + length.next_multiple_of(2);
            self.parts.push(at..end);
            at = end;
        }
    }

    fn gif(&mut self, bytes: &[u8]) -> Option<()> {
        self.fields(6, &[2, 2, 1, 1, 1], false);
        let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) };
        let mut at = 13 + table(*bytes.get(10)?);
        loop {
            let start = at;
            at += match *bytes.get(at)? {
                b',' => {
                    self.fields(at + 1, &[2, 2, 2, 2, 1, 1, 1], false);
                    11 + table(*bytes.get(at + 9)?)
                }
                b'!' => 2,
                _ => return None,
            };
            loop {
                let length = usize::from(*bytes.get(at)?);
                self.fields(at, &[1], false);
                at += 1 + length;
                if length == 0 {
                    break;
                }
            }
            self.parts.push(start..at);
        }
    }

    fn bmp(&mut self, bytes: &[u8]) -> Option<()> {
        self.fields(2, &[4, 4, 4], false);
        match number(bytes, 14, 4, false)? {
            12 => self.fields(14, &[4, 2, 2, 2, 2], false),
            _ => self.fields(14, &[4, 4, 4, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4], false),
        }
        self.parts.push(14..bytes.len().min(54));
        Some(())
    }

    fn tiff(&mut self, bytes: &[u8]) -> Option<()> {
        let big = bytes.starts_with(b"MM");
        self.fields(2, &[2, 4], big);
        let start = number(bytes, 4, 4, big)?;
        self.fields(start, &[2], big);
        for entry in 0..number(bytes, start, 2, big)? {
            let at = start + 2 + entry * 12;
            self.fields(at, &[2, 2, 4, 4], big);
            // Sides and counts mostly have two bytes.
            self.fields(at + 8, &[2, 2], big);
            self.parts.push(at..at + 12);
        }
        Some(())
    }
}

fn number(bytes: &[u8], at: usize, width: usize, big_endian: bool) -> Option<usize> {
    let digits = bytes.get(at..at.checked_add(width)?)?.iter();
    let add = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
    Some(if big_endian { digits.fold(0, add) } else { digits.rev().fold(0, add) })
}
