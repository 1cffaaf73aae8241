//! The coefficients of a JPEG, from scans of any kind: sequential or progressive, of all channels, of some or of one,
//! with any sampling (ITU T.81, annexes A, F and G).

use super::bits::Bits;
use super::skeleton::{Component, Frame, Scan, Skeleton, broken, truncated};
use super::tables::{Code, Tables, ZIGZAG};
use crate::Result;

/// The coefficients of one channel.
#[derive(Debug)]
pub(super) struct Channel {
    /// Blocks in a row, and rows, with those that only fill the last units.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Blocks that hold pixels of the image.
    used: (usize, usize),
    /// `[down, across, 64]`, a block in rows of 8.
    pub(super) blocks: Vec<i16>,
    /// The divisors, in rows of 8.
    pub(super) quantization: [i32; 64],
    quantized: bool,
}

impl Channel {
    fn new(frame: &Frame, component: &Component) -> Self {
        let (most_across, most_down) = frame.largest_sampling();
        let blocks = |side: u16, own: u8, most: u8| {
            let units = usize::from(side).div_ceil(usize::from(most) * 8);
            (units * usize::from(own), (usize::from(side) * usize::from(own)).div_ceil(usize::from(most) * 8))
        };
        let (across, used_across) = blocks(frame.width, component.across, most_across);
        let (down, used_down) = blocks(frame.height, component.down, most_down);
        Self {
            across,
            down,
            used: (used_across, used_down),
            blocks: vec![0; across * down * 64],
            quantization: [1; 64],
            quantized: false,
        }
    }

    fn quantize(&mut self, tables: &Tables, component: &Component) -> Result<()> {
        if self.quantized {
            return Ok(());
        }
        let table = tables.quantization.get(usize::from(component.table)).and_then(Option::as_ref);
        let table = table.ok_or_else(|| broken("a quantization table is not defined"))?;
        for (&place, &value) in ZIGZAG.iter().zip(table) {
            self.quantization[usize::from(place)] = i32::from(value);
        }
        self.quantized = true;
        Ok(())
    }
}

/// Decodes every scan.
///
/// # Errors
/// [`Error::Truncated`](crate::Error::Truncated) where data is missing, `Broken` where it makes no sense.
pub(super) fn channels(bytes: &[u8], skeleton: &Skeleton, mut tables: Tables) -> Result<Vec<Channel>> {
    let frame = &skeleton.frame;
    let mut channels: Vec<Channel> =
        frame.components.iter().map(|component| Channel::new(frame, component)).collect();
    for scan in &skeleton.scans {
        tables.read(bytes, &scan.tables)?;
        for &(member, _) in &scan.members {
            channels[member].quantize(&tables, &frame.components[member])?;
        }
        Pass::new(frame, scan, &tables)?.run(bytes, &mut channels)?;
    }
    Ok(channels)
}

/// What one scan adds to its channels.
struct Pass<'a> {
    frame: &'a Frame,
    scan: &'a Scan,
    members: Vec<Member<'a>>,
    interval: usize,
}

/// A channel of a scan.
struct Member<'a> {
    channel: usize,
    /// Blocks of it in a unit of the scan.
    unit: (usize, usize),
    first: Option<&'a Code>,
    others: Option<&'a Code>,
}

/// What is carried from block to block, up to the next restart marker.
#[derive(Default)]
struct Carried {
    /// The last first coefficient of each channel.
    first: [i32; 4],
    /// Blocks that still have nothing new.
    idle: u32,
}

impl<'a> Pass<'a> {
    fn new(frame: &'a Frame, scan: &'a Scan, tables: &'a Tables) -> Result<Self> {
        let ((start, end), low) = (scan.spectral, scan.low_bit);
        // Only first coefficients come for several channels together.
        let alone = scan.members.len() == 1 || start == 0;
        let split = !frame.progressive || start > 0 || end == 0;
        if start > end || end > 63 || low > 13 || !alone || !split {
            return Err(broken("a scan of coefficients that do not go together"));
        }
        let members = scan.members.iter().map(|&(channel, selectors)| {
            let component = &frame.components[channel];
            let unit = match scan.members.len() {
                1 => (1, 1),
                _ => (usize::from(component.across), usize::from(component.down)),
            };
            let code =
                |class: usize, id: u8| tables.codes[class].get(usize::from(id)).and_then(Option::as_ref);
            Member { channel, unit, first: code(0, selectors >> 4), others: code(1, selectors & 15) }
        });
        Ok(Self { frame, scan, members: members.collect(), interval: tables.interval })
    }

    fn run(&self, bytes: &[u8], channels: &mut [Channel]) -> Result<()> {
        // The units of a scan of one channel are its blocks, without those that only fill up.
        let (across, down) = match &self.members[..] {
            [only] => channels[only.channel].used,
            _ => {
                let (most_across, most_down) = self.frame.largest_sampling();
                let units = |side: u16, most: u8| usize::from(side).div_ceil(usize::from(most) * 8);
                (units(self.frame.width, most_across), units(self.frame.height, most_down))
            }
        };
        let data = self.scan.data.clone();
        let markers = &self.scan.restarts;
        let mut pieces = std::iter::once(data.start)
            .chain(markers.iter().map(|at| at + 2))
            .zip(markers.iter().copied().chain([data.end]));
        let mut bits = Bits::new(&[]);
        let mut carried = Carried::default();
        for unit in 0..across * down {
            if unit == 0 || (self.interval > 0 && unit % self.interval == 0) {
                let (start, end) = pieces.next().ok_or_else(|| truncated("rows are missing"))?;
                bits = Bits::new(&bytes[start..end.max(start)]);
                carried = Carried::default();
            }
            for member in &self.members {
                let channel = &mut channels[member.channel];
                for y in 0..member.unit.1 {
                    for x in 0..member.unit.0 {
                        let row = unit / across * member.unit.1 + y;
                        let column = unit % across * member.unit.0 + x;
                        let at = (row * channel.across + column) * 64;
                        let block = channel.blocks[at..].first_chunk_mut::<64>();
                        let block = block.ok_or_else(|| broken("a block outside the image"))?;
                        self.block(member, &mut bits, &mut carried, block)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn block(
        &self,
        member: &Member<'_>,
        bits: &mut Bits<'_>,
        carried: &mut Carried,
        block: &mut [i16; 64],
    ) -> Result<()> {
        let Scan { spectral: (start, _), low_bit, high_bit, .. } = *self.scan;
        let refines = self.frame.progressive && high_bit > 0;
        if start == 0 && refines {
            block[0] |= (bits.take(1)? << low_bit) as i16;
        } else if start == 0 {
            let symbol = bits.symbol(defined(member.first)?)?;
            if symbol > 15 {
                return Err(broken("a coefficient that is too large"));
            }
            let last = &mut carried.first[member.channel];
            *last = last.wrapping_add(bits.signed(symbol.into())?);
            block[0] = (*last << low_bit) as i16;
        }
        match (self.frame.progressive, start, refines) {
            (false, ..) => self.sequential(member, bits, block),
            (true, 0, _) => Ok(()),
            (true, _, false) => self.first_bits(member, bits, &mut carried.idle, block),
            (true, _, true) => self.more_bits(member, bits, &mut carried.idle, block),
        }
    }

    fn sequential(&self, member: &Member<'_>, bits: &mut Bits<'_>, block: &mut [i16; 64]) -> Result<()> {
        let code = defined(member.others)?;
        let mut at = 1;
        while at < 64 {
            let symbol = bits.symbol(code)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                break;
            }
            at += zeros;
            let value = bits.signed(size)?;
            let place = ZIGZAG.get(at).ok_or_else(|| broken("more than 64 coefficients in a block"))?;
            block[usize::from(*place)] = value as i16;
            at += 1;
        }
        Ok(())
    }

    /// The upper bits of coefficients (T.81, G.1.2.2).
    fn first_bits(
        &self,
        member: &Member<'_>,
        bits: &mut Bits<'_>,
        idle: &mut u32,
        block: &mut [i16; 64],
    ) -> Result<()> {
        if *idle > 0 {
            *idle -= 1;
            return Ok(());
        }
        let (code, (start, end)) = (defined(member.others)?, self.scan.spectral);
        let mut at = usize::from(start);
        while at <= usize::from(end) {
            let symbol = bits.symbol(code)?;
            let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                *idle = (1 << zeros) - 1 + bits.take(zeros.into())?;
                break;
            }
            at += usize::from(zeros);
            let value = bits.signed(size)?;
            let place = ZIGZAG.get(at).ok_or_else(|| broken("more than 64 coefficients in a block"))?;
            block[usize::from(*place)] = (value << self.scan.low_bit) as i16;
            at += 1;
        }
        Ok(())
    }

    /// One more bit of coefficients (T.81, G.1.2.3).
    fn more_bits(
        &self,
        member: &Member<'_>,
        bits: &mut Bits<'_>,
        idle: &mut u32,
        block: &mut [i16; 64],
    ) -> Result<()> {
        let (code, (start, end)) = (defined(member.others)?, self.scan.spectral);
        let one = 1i16 << self.scan.low_bit;
        let refine = |value: &mut i16, bits: &mut Bits<'_>| -> Result<()> {
            if bits.take(1)? == 1 && *value & one == 0 {
                *value = value.wrapping_add(if *value < 0 { -one } else { one });
            }
            Ok(())
        };
        let (mut at, end) = (usize::from(start), usize::from(end));
        while at <= end && *idle == 0 {
            let symbol = bits.symbol(code)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            let mut new = 0;
            if size > 1 {
                return Err(broken("a refinement of more than one bit"));
            } else if size == 1 {
                new = if bits.take(1)? == 1 { one } else { -one };
            } else if zeros < 15 {
                *idle = (1 << zeros) + bits.take(zeros.into())?;
                break;
            }
            // Coefficients that are not zero yet are refined on the way, the zeros between them counted.
            while at <= end {
                let value = &mut block[usize::from(ZIGZAG[at])];
                at += 1;
                if *value != 0 {
                    refine(value, bits)?;
                } else if zeros == 0 {
                    *value = new;
                    break;
                } else {
                    zeros -= 1;
                }
            }
        }
        if *idle > 0 {
            for &place in &ZIGZAG[at..=end] {
                let value = &mut block[usize::from(place)];
                if *value != 0 {
                    refine(value, bits)?;
                }
            }
            *idle -= 1;
        }
        Ok(())
    }
}

fn defined(code: Option<&Code>) -> Result<&Code> {
    code.ok_or_else(|| broken("a Huffman table is not defined"))
}
