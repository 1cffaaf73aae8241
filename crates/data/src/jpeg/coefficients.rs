//! The coefficients of a JPEG, from scans of any kind: sequential or progressive, of all channels, of some or of one,
//! with any sampling (ITU T.81, annexes A, F and G).

use super::bits::Bits;
use super::skeleton::{Component, Frame, Scan, Skeleton, broken, truncated};
use super::tables::{Code, Tables, ZIGZAG};
use crate::Result;
use crate::room::set_len;

/// The coefficients of one channel; kept from photo to photo.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Blocks in a row, and rows, with those that only fill the last units.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Blocks that hold pixels of the image.
    used: (usize, usize),
    /// `[rows, across, 64]`, a block in rows of 8: all rows of blocks, or those of one row of units.
    pub(super) blocks: Vec<i16>,
    /// The divisors, in rows of 8; of the first scan that has the channel.
    pub(super) divisors: Option<[u16; 64]>,
}

impl Channel {
    /// Makes room for the coefficients of `component`: all of them, or `one_row` of units.
    fn prepare(&mut self, frame: &Frame, component: &Component, one_row: bool) -> Result<()> {
        let (most_across, most_down) = frame.largest_sampling();
        let blocks = |side: u16, own: u8, most: u8| {
            let units = usize::from(side).div_ceil(usize::from(most) * 8);
            (units * usize::from(own), (usize::from(side) * usize::from(own)).div_ceil(usize::from(most) * 8))
        };
        let (across, used_across) = blocks(frame.width, component.across, most_across);
        let (down, used_down) = blocks(frame.height, component.down, most_down);
        (self.across, self.down, self.used) = (across, down, (used_across, used_down));
        self.divisors = None;
        let rows = if one_row { usize::from(component.down) } else { down };
        self.blocks.clear();
        set_len(&mut self.blocks, rows * across * 64, (frame.width.into(), frame.height.into()))
    }

    /// Gives the memory of more than `kept` coefficients back.
    pub(super) fn shrink_to(&mut self, kept: usize) {
        self.blocks.truncate(kept);
        self.blocks.shrink_to(kept);
    }

    fn take_divisors(&mut self, tables: &Tables, component: &Component) -> Result<()> {
        if self.divisors.is_some() {
            return Ok(());
        }
        let table = tables.quantization.get(usize::from(component.table)).and_then(Option::as_ref);
        let table = table.ok_or_else(|| broken("a quantization table is not defined"))?;
        let mut divisors = [0; 64];
        for (&place, &value) in ZIGZAG.iter().zip(table) {
            divisors[usize::from(place)] = value;
        }
        self.divisors = Some(divisors);
        Ok(())
    }
}

/// Decodes the scans of a file into its channels.
#[derive(Debug)]
pub(super) struct Scans<'a> {
    bytes: &'a [u8],
    skeleton: &'a Skeleton,
    tables: Tables,
}

impl<'a> Scans<'a> {
    pub(super) fn new(bytes: &'a [u8], skeleton: &'a Skeleton) -> Self {
        Self { bytes, skeleton, tables: Tables::default() }
    }

    /// Decodes every scan.
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated) where data is missing, `Broken` where it makes no sense.
    pub(super) fn all(&mut self, channels: &mut [Channel]) -> Result<()> {
        self.make_room(channels, false)?;
        for scan in &self.skeleton.scans {
            self.define(scan, channels)?;
            let mut pass = Pass::new(self.bytes, self.skeleton, scan, &self.tables)?;
            let (units, rows) = pass.units(channels);
            for row in 0..rows {
                pass.row(units, row, channels)?;
            }
        }
        Ok(())
    }

    /// Decodes the only scan, and calls `each` with every row of units when it is in the channels' blocks.
    ///
    /// # Errors
    /// Those of [`Scans::all`], and those of `each`.
    pub(super) fn row_by_row(
        &mut self,
        channels: &mut [Channel],
        each: &mut dyn FnMut(usize, &[Channel]) -> Result<()>,
    ) -> Result<()> {
        let scan = &self.skeleton.scans[0];
        self.make_room(channels, true)?;
        self.define(scan, channels)?;
        let mut pass = Pass::new(self.bytes, self.skeleton, scan, &self.tables)?;
        let (units, rows) = pass.units(channels);
        for row in 0..rows {
            pass.row(units, 0, channels)?;
            each(row, channels)?;
            channels.iter_mut().for_each(|channel| channel.blocks.fill(0));
        }
        Ok(())
    }

    /// Makes room for all coefficients, or for those of one row of units.
    fn make_room(&self, channels: &mut [Channel], one_row: bool) -> Result<()> {
        let frame = &self.skeleton.frame;
        channels
            .iter_mut()
            .zip(&frame.components)
            .try_for_each(|(channel, component)| channel.prepare(frame, component, one_row))
    }

    /// Reads the tables in front of a scan.
    fn define(&mut self, scan: &Scan, channels: &mut [Channel]) -> Result<()> {
        let frame = &self.skeleton.frame;
        self.tables.read(self.bytes, &scan.tables)?;
        if !frame.progressive {
            self.tables.stand_in(scan)?;
        }
        for &(member, _) in &scan.members {
            channels[member].take_divisors(&self.tables, &frame.components[member])?;
        }
        Ok(())
    }
}

/// What one scan adds to its channels.
struct Pass<'a> {
    frame: &'a Frame,
    scan: &'a Scan,
    bytes: &'a [u8],
    members: Vec<Member<'a>>,
    interval: usize,
    /// Units until the next restart marker.
    left: usize,
    /// Restart intervals that are begun.
    begun: usize,
    bits: Bits<'a>,
    carried: Carried,
}

/// A channel of a scan.
#[derive(Clone, Copy)]
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
    fn new(bytes: &'a [u8], skeleton: &'a Skeleton, scan: &'a Scan, tables: &'a Tables) -> Result<Self> {
        let frame = &skeleton.frame;
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
        let (members, interval) = (members.collect(), tables.interval);
        let (bits, carried) = (Bits::new(&[]), Carried::default());
        Ok(Self { frame, scan, bytes, members, interval, left: 0, begun: 0, bits, carried })
    }

    /// The units of the scan: across, and rows of them. Those of a scan of one channel are its blocks, without those
    /// that only fill up.
    fn units(&self, channels: &[Channel]) -> (usize, usize) {
        match &self.members[..] {
            [only] => channels[only.channel].used,
            _ => self.frame.units(),
        }
    }

    /// Decodes the next row of units into the channels' row of that number.
    fn row(&mut self, units: usize, row: usize, channels: &mut [Channel]) -> Result<()> {
        for unit in 0..units {
            self.restart()?;
            for place in 0..self.members.len() {
                let member = self.members[place];
                let channel = &mut channels[member.channel];
                for y in 0..member.unit.1 {
                    let at = (row * member.unit.1 + y) * channel.across + unit * member.unit.0;
                    let blocks = channel.blocks.get_mut(at * 64..(at + member.unit.0) * 64);
                    let blocks = blocks.ok_or_else(|| broken("a block outside the image"))?;
                    for block in blocks.as_chunks_mut::<64>().0 {
                        self.block(member, block)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes behind the next restart marker where an interval ends, and behind the scan's header in front of the first.
    fn restart(&mut self) -> Result<()> {
        if self.left == 0 {
            let Scan { data, restarts, .. } = self.scan;
            let start = match self.begun {
                0 => data.start,
                begun => restarts.get(begun - 1).ok_or_else(|| truncated("rows are missing"))? + 2,
            };
            let end = restarts.get(self.begun).copied().unwrap_or(data.end);
            self.bits = Bits::new(&self.bytes[start..end.max(start)]);
            self.carried = Carried::default();
            self.begun += 1;
            self.left = if self.interval > 0 { self.interval } else { usize::MAX };
        }
        self.left -= 1;
        Ok(())
    }

    #[inline(always)]
    fn block(&mut self, member: Member<'_>, block: &mut [i16; 64]) -> Result<()> {
        let Scan { spectral: (start, _), low_bit, high_bit, .. } = *self.scan;
        let refines = self.frame.progressive && high_bit > 0;
        if start == 0 && refines {
            block[0] |= (self.bits.take(1) << low_bit) as i16;
        } else if start == 0 {
            let (symbol, difference) = self.bits.number(defined(member.first)?)?;
            if symbol > 15 {
                return Err(broken("a coefficient that is too large"));
            }
            let last = &mut self.carried.first[member.channel];
            *last = last.wrapping_add(difference);
            block[0] = (*last << low_bit) as i16;
        }
        match (self.frame.progressive, start, refines) {
            (false, ..) => self.first_bits(member, (1, 63), block)?,
            (true, 0, _) => {}
            (true, _, false) => self.first_bits(member, self.scan.spectral, block)?,
            (true, _, true) => self.more_bits(member, block)?,
        }
        self.bits.check()
    }

    /// All coefficients of a band but for their `low_bit` lowest bits (T.81, F.2.2.2 and G.1.2.2).
    #[inline(always)]
    fn first_bits(&mut self, member: Member<'_>, band: (u8, u8), block: &mut [i16; 64]) -> Result<()> {
        if self.carried.idle > 0 {
            self.carried.idle -= 1;
            return Ok(());
        }
        let code = defined(member.others)?;
        // A copy, which stays in registers.
        let mut bits = self.bits;
        let (mut at, end) = (usize::from(band.0), usize::from(band.1));
        while at <= end {
            let (symbol, value) = bits.number(code)?;
            let zeros = symbol >> 4;
            if value == 0 && zeros < 15 {
                // Nothing more in this block and, in a progressive file, in some that follow.
                if zeros > 0 && self.frame.progressive {
                    self.carried.idle = (1 << zeros) - 1 + bits.take(zeros.into());
                }
                break;
            }
            at += usize::from(zeros);
            if value == 0 {
                // Sixteen zeros.
                at += 1;
                continue;
            }
            let place = ZIGZAG.get(at).ok_or_else(|| broken("more than 64 coefficients in a block"))?;
            block[usize::from(*place)] = (value << self.scan.low_bit) as i16;
            at += 1;
        }
        self.bits = bits;
        Ok(())
    }

    /// One more bit of coefficients (T.81, G.1.2.3).
    fn more_bits(&mut self, member: Member<'_>, block: &mut [i16; 64]) -> Result<()> {
        let Self { bits, carried: Carried { idle, .. }, .. } = self;
        let (code, (start, end)) = (defined(member.others)?, self.scan.spectral);
        let one = 1i16 << self.scan.low_bit;
        let refine = |value: &mut i16, bits: &mut Bits<'_>| {
            if bits.take(1) == 1 && *value & one == 0 {
                *value = value.wrapping_add(if *value < 0 { -one } else { one });
            }
        };
        let (mut at, end) = (usize::from(start), usize::from(end));
        while at <= end && *idle == 0 {
            let symbol = bits.symbol(code)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            let mut new = 0;
            if size > 1 {
                return Err(broken("a refinement of more than one bit"));
            } else if size == 1 {
                new = if bits.take(1) == 1 { one } else { -one };
            } else if zeros < 15 {
                *idle = (1 << zeros) + bits.take(zeros.into());
                break;
            }
            // Coefficients that are not zero yet are refined on the way, the zeros between them counted.
            while at <= end {
                let value = &mut block[usize::from(ZIGZAG[at])];
                at += 1;
                if *value != 0 {
                    refine(value, bits);
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
                    refine(value, bits);
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
