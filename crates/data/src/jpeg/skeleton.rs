//! The skeleton of a JPEG file: which segments stand where. Found by walking the markers, without decoding a pixel.
//!
//! It answers before any memory is taken: how large is the image, how are its colors to be read, which way up is
//! it, how many scans are there, does the data of each end where the next marker or the file's end is, and is there
//! an end marker. Garbage between segments and everything behind the end marker is passed over.

use std::ops::Range;

use crate::limits::check;
use crate::orient::Orientation;
use crate::{Error, Format, Limits, Result};

/// Bytes of quantization and Huffman tables that one file may define. Usual files have 600 for each scan.
const TABLE_BYTES: u64 = 256 << 10;

/// Bytes that one restart marker takes: its offset, in a list that grows by doubling.
pub(super) const RESTART_BYTES: u64 = 2 * size_of::<usize>() as u64;

pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
const DHT: u8 = 0xC4;
const DAC: u8 = 0xCC;
const RST0: u8 = 0xD0;
const RST7: u8 = 0xD7;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const TEM: u8 = 0x01;

/// One color channel, as the frame header lists it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Component {
    pub(super) id: u8,
    pub(super) across: u8,
    pub(super) down: u8,
    pub(super) table: u8,
}

/// The frame header.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// The largest sampling factors, across and down.
    pub(super) fn largest_sampling(&self) -> (u8, u8) {
        let largest = |of: fn(&Component) -> u8| self.components.iter().map(of).max().unwrap_or(1);
        (largest(|c| c.across), largest(|c| c.down))
    }

    /// The units of a scan of all channels: across, and rows of them.
    pub(super) fn units(&self) -> (usize, usize) {
        let (across, down) = self.largest_sampling();
        let units = |side: u16, most: u8| usize::from(side).div_ceil(usize::from(most) * 8);
        (units(self.width, across), units(self.height, down))
    }

    /// The most units that a scan may be cut into by restart markers: blocks of 8x8 pixels.
    fn blocks(&self) -> u64 {
        u64::from(self.width).div_ceil(8) * u64::from(self.height).div_ceil(8)
    }
}

/// One scan: its header, the tables defined since the scan before, its data.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// Table segments in front of this scan's header.
    pub(super) tables: Vec<Range<usize>>,
    /// The entropy-coded data with its restart markers.
    pub(super) data: Range<usize>,
    /// Where the restart markers in the data start.
    pub(super) restarts: Vec<usize>,
    /// Indices of the frame's components and the table selectors beside them.
    pub(super) members: Vec<(usize, u8)>,
    pub(super) spectral: (u8, u8),
    /// The bit above the ones that the scan adds; 0 in a first pass.
    pub(super) high_bit: u8,
    pub(super) low_bit: u8,
}

/// What the file says about its colors beside the frame header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hints {
    pub(super) jfif: bool,
    /// Adobe's marker and the transform it names.
    pub(super) adobe: Option<u8>,
}

/// The segments of one file.
#[derive(Clone, Debug)]
pub(super) struct Skeleton {
    pub(super) frame: Frame,
    pub(super) scans: Vec<Scan>,
    pub(super) hints: Hints,
    pub(super) orientation: Orientation,
    /// Whether there is an end marker.
    pub(super) ended: bool,
    /// Restart markers in all scans.
    pub(super) restarts: u64,
}

pub(super) fn broken(reason: impl Into<String>) -> Error {
    Error::Broken { format: Format::Jpeg, reason: reason.into() }
}

pub(super) fn truncated(reason: impl Into<String>) -> Error {
    Error::Truncated { format: Format::Jpeg, reason: reason.into() }
}

pub(super) fn unsupported(feature: impl Into<String>) -> Error {
    Error::Unsupported { format: Format::Jpeg, feature: feature.into() }
}

/// What the walk has seen so far.
#[derive(Default)]
struct Walk {
    frame: Option<Frame>,
    scans: Vec<Scan>,
    tables: Vec<Range<usize>>,
    table_bytes: u64,
    restarts: u64,
    hints: Hints,
    orientation: Option<Orientation>,
}

impl Skeleton {
    /// Walks the markers of `bytes` up to the end marker or the last byte.
    pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut walk = Walk::default();
        let mut at = 2;
        let mut ended = false;
        while let Some((code, start)) = next_marker(bytes, at) {
            at = start + 2;
            if code == EOI {
                ended = true;
                break;
            }
            if matches!(code, 0 | TEM | SOI | RST0..=RST7) {
                continue;
            }
            // A segment that the file's end cuts is no segment; what is missing shows below.
            let Some(payload) = segment(bytes, at)? else { break };
            at = payload.end;
            walk.segment(bytes, code, start, payload, limits)?;
            if code == SOS {
                at = walk.data(bytes, at, limits)?;
            }
        }
        let frame = walk.frame.ok_or_else(|| truncated("there is no image header"))?;
        if walk.scans.is_empty() {
            return Err(truncated("there is no image data"));
        }
        let orientation = walk.orientation.unwrap_or_default();
        let Walk { scans, hints, restarts, .. } = walk;
        let skeleton = Self { frame, scans, hints, orientation, ended, restarts };
        skeleton.check_coverage()?;
        Ok(skeleton)
    }

    /// Every component must be described by a scan, and a file without its end marker down to the last bit.
    fn check_coverage(&self) -> Result<()> {
        if self.missing_bits(0) {
            return Err(truncated("a color channel has no data"));
        }
        if !self.ended && !self.is_refined() {
            return Err(truncated("it stops between two passes over the image"));
        }
        Ok(())
    }

    /// Whether every coefficient is described down to its last bit.
    pub(super) fn is_refined(&self) -> bool {
        !self.frame.progressive || !(0..64).any(|coefficient| self.exact_bits_missing(coefficient))
    }

    /// Whether the first scan has all that there is, so that the image can be made row by row.
    pub(super) fn is_in_one_scan(&self) -> bool {
        !self.frame.progressive && self.scans[0].members.len() == self.frame.components.len()
    }

    /// Whether some component lacks a scan with `coefficient`.
    fn missing_bits(&self, coefficient: u8) -> bool {
        (0..self.frame.components.len())
            .any(|index| !self.scans.iter().any(|scan| scan.covers(index, coefficient)))
    }

    /// Whether some component lacks a scan with the last bit of `coefficient`.
    fn exact_bits_missing(&self, coefficient: u8) -> bool {
        (0..self.frame.components.len())
            .any(|index| !self.scans.iter().any(|scan| scan.low_bit == 0 && scan.covers(index, coefficient)))
    }
}

impl Scan {
    fn covers(&self, component: usize, coefficient: u8) -> bool {
        (self.spectral.0..=self.spectral.1).contains(&coefficient)
            && self.members.iter().any(|(index, _)| *index == component)
    }
}

impl Walk {
    fn segment(
        &mut self,
        bytes: &[u8],
        code: u8,
        start: usize,
        payload: Range<usize>,
        limits: &Limits,
    ) -> Result<()> {
        let body = &bytes[payload.clone()];
        let whole = start..payload.end;
        match code {
            0xC0..=0xC2 => {
                let frame = frame(body, code == 0xC2)?;
                limits.check_size(frame.width.into(), frame.height.into())?;
                if self.frame.replace(frame).is_some() {
                    return Err(broken("two image headers"));
                }
            }
            DHT | DQT | DRI => {
                self.table_bytes += whole.len() as u64;
                check("the tables' size in bytes", self.table_bytes, TABLE_BYTES)?;
                self.tables.push(whole);
            }
            DAC | 0xC9..=0xCB | 0xCD..=0xCF => return Err(unsupported("arithmetic coding")),
            0xC3 | 0xC5..=0xC7 => return Err(unsupported("lossless or hierarchical coding")),
            SOS => {
                let frame = self.frame.as_ref().ok_or_else(|| broken("data before the image header"))?;
                let mut scan = scan(body, frame)?;
                scan.tables = std::mem::take(&mut self.tables);
                self.scans.push(scan);
                check("the number of scans", self.scans.len() as u64, limits.scans as u64)?;
            }
            0xE0 => self.hints.jfif |= body.starts_with(b"JFIF\0"),
            0xE1 if self.orientation.is_none() => {
                self.orientation = body.strip_prefix(b"Exif\0\0").map(Orientation::from_tiff);
            }
            0xEE if body.starts_with(b"Adobe") && body.len() >= 12 => self.hints.adobe = Some(body[11]),
            _ => {}
        }
        Ok(())
    }

    /// Notes the last scan's data, which starts at `start`, and its restart markers. Returns where it ends: at a
    /// marker that is no restart marker, or at the file's end.
    fn data(&mut self, bytes: &[u8], start: usize, limits: &Limits) -> Result<usize> {
        let (Some(frame), Some(scan)) = (&self.frame, self.scans.last_mut()) else { return Ok(start) };
        // A file may be nothing but restart markers, and each takes more memory here than in the file.
        let most = frame.blocks().min(limits.decoded_bytes / RESTART_BYTES - self.restarts);
        let mut at = start;
        // A lone 0xFF at the end is the first half of a marker.
        let mut end = if bytes.last() == Some(&0xFF) { bytes.len() - 1 } else { bytes.len() };
        while let Some((code, marker)) = next_marker(bytes, at) {
            match code {
                0 => {}
                RST0..=RST7 => {
                    check("the number of restart markers", scan.restarts.len() as u64 + 1, most)?;
                    scan.restarts.push(marker);
                }
                _ => {
                    end = marker;
                    break;
                }
            }
            at = marker + 2;
        }
        scan.restarts.shrink_to_fit();
        self.restarts += scan.restarts.len() as u64;
        scan.data = start..end;
        Ok(end)
    }
}

/// The code and the offset of the next marker at or behind `at`.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut start = at + first_ff(bytes.get(at..)?)?;
    // A marker may be preceded by any number of fill bytes.
    while *bytes.get(start + 1)? == 0xFF {
        start += 1;
    }
    Some((bytes[start + 1], start))
}

/// Where the first 0xFF stands. Eight bytes at a time, because this reads all of every file.
fn first_ff(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xFF;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let inverted = !u64::from_le_bytes(*word);
        // The lowest byte of zero gets its top bit set; above it the answer may be wrong.
        let zeros = inverted.wrapping_sub(ONES) & !inverted & (ONES << 7);
        if zeros != 0 {
            return Some(index * 8 + zeros.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|&byte| byte == 0xFF).map(|at| words.len() * 8 + at)
}

/// The payload of the segment whose length stands at `at`; `None` if the file ends first.
fn segment(bytes: &[u8], at: usize) -> Result<Option<Range<usize>>> {
    let Some(length) = bytes.get(at..at + 2) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length < 2 {
        return Err(broken(format!("a segment of length {length} at byte {at}")));
    }
    Ok((at + length <= bytes.len()).then_some(at + 2..at + length))
}

fn frame(body: &[u8], progressive: bool) -> Result<Frame> {
    let [precision, h1, h0, w1, w0, count, list @ ..] = body else {
        return Err(broken("a short image header"));
    };
    let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
    if *precision != 8 {
        return Err(unsupported(format!("{precision} bits a channel")));
    }
    if width == 0 || height == 0 {
        return Err(broken(format!("an image of {width}x{height} pixels")));
    }
    if !matches!(count, 1 | 3 | 4) {
        return Err(unsupported(format!("{count} color channels")));
    }
    if list.len() != usize::from(*count) * 3 {
        return Err(broken("an image header of the wrong length"));
    }
    let mut components: Vec<_> = list
        .chunks_exact(3)
        .map(|c| Component { id: c[0], across: c[1] >> 4, down: c[1] & 15, table: c[2] })
        .collect();
    if let [only] = &mut components[..] {
        // The sampling factors of a single channel mean nothing.
        (only.across, only.down) = (1, 1);
    }
    if components.iter().any(|c| !(1..=4).contains(&c.across) || !(1..=4).contains(&c.down)) {
        return Err(broken("a sampling factor outside 1 to 4"));
    }
    Ok(Frame { progressive, width, height, components })
}

fn scan(body: &[u8], frame: &Frame) -> Result<Scan> {
    let short = || broken("a scan header of the wrong length");
    let (count, rest) = body.split_first().ok_or_else(short)?;
    let count = usize::from(*count);
    if !(1..=4).contains(&count) || rest.len() != count * 2 + 3 {
        return Err(short());
    }
    let mut members = Vec::with_capacity(count);
    for pair in rest[..count * 2].chunks_exact(2) {
        // Names may stand twice, as in 1, 1, 1: then each means the next channel of that name.
        let free = |index: &usize| !members.iter().any(|(member, _)| member == index);
        let named = (0..frame.components.len()).filter(|&index| frame.components[index].id == pair[0]);
        let index = named.into_iter().find(free);
        members.push((index.ok_or_else(|| broken("a scan of an unknown channel"))?, pair[1]));
    }
    let [start, end, bits] = [rest[count * 2], rest[count * 2 + 1], rest[count * 2 + 2]];
    // What a sequential file says here means nothing; some write zeros.
    let spectral = if frame.progressive { (start, end) } else { (0, 63) };
    let [high_bit, low_bit] = if frame.progressive { [bits >> 4, bits & 15] } else { [0, 0] };
    let (tables, restarts) = (Vec::new(), Vec::new());
    Ok(Scan { tables, data: 0..0, restarts, members, spectral, high_bit, low_bit })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_ff_is_found(bytes in proptest::collection::vec(prop_oneof![Just(0xFEu8), Just(0xFFu8), Just(0u8), any::<u8>()], 0..40)) {
            prop_assert_eq!(first_ff(&bytes), bytes.iter().position(|&byte| byte == 0xFF));
        }
    }
}
