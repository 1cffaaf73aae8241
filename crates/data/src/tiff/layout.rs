//! What the tags of a TIFF say of its first picture, and the refusal by name of what is not read.

use crate::directory::Directory;
use crate::{Error, Format, Limits, Result};

/// How a chunk of samples is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Lzw,
    Deflate,
    PackBits,
    Jpeg,
}

/// What samples mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// Gray levels, 0 for white if `inverted`.
    Gray {
        inverted: bool,
    },
    Rgb,
    /// Indices into these colors.
    Palette(Vec<[u8; 3]>),
    /// Ink amounts.
    Cmyk,
    /// Brightness and two of color, of which one stands for this many pixels across and down.
    Ycc {
        across: usize,
        down: usize,
    },
}

impl Color {
    /// Samples of a pixel that are its color.
    pub(super) fn samples(&self) -> usize {
        match self {
            Self::Gray { .. } | Self::Palette(_) => 1,
            Self::Rgb | Self::Ycc { .. } => 3,
            Self::Cmyk => 4,
        }
    }
}

/// What stands beside the color of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    None,
    /// Beside a color that is stored as it is.
    Beside,
    /// Multiplied into the color.
    Within,
}

/// The picture's layout in the file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) bits: u32,
    /// Samples of a pixel, those that mean nothing included.
    pub(super) samples: usize,
    pub(super) color: Color,
    pub(super) alpha: Alpha,
    pub(super) packing: Packing,
    /// Whether samples are stored as differences to the pixel on their left.
    pub(super) differences: bool,
    /// Whether each sample has chunks of its own.
    pub(super) planar: bool,
    /// Whether the first pixel is in the lowest bit.
    pub(super) low_bit_first: bool,
    /// Columns and rows of a chunk: a tile, or a strip as wide as the picture.
    pub(super) chunk: (usize, usize),
    offsets: Vec<u64>,
    counts: Option<Vec<u64>>,
}

pub(super) fn broken(reason: impl Into<String>) -> Error {
    Error::Broken { format: Format::Tiff, reason: reason.into() }
}

fn unsupported(feature: impl Into<String>) -> Error {
    Error::Unsupported { format: Format::Tiff, feature: feature.into() }
}

impl Layout {
    pub(super) fn read(directory: &Directory<'_>, limits: &Limits) -> Result<Self> {
        let side = |tag, what| {
            let side = directory.number(tag).ok_or_else(|| broken(format!("its {what} is not stated")))?;
            u32::try_from(side).map_err(|_| broken(format!("a {what} of {side} pixels")))
        };
        let (width, height) = (side(256, "width")?, side(257, "height")?);
        if width == 0 || height == 0 {
            return Err(broken(format!("an image of {width}x{height} pixels")));
        }
        limits.check_size(width, height)?;
        refuse_raw(directory)?;
        let bits = bits(directory)?;
        let samples = directory.number(277).unwrap_or(1);
        let packing = packing(directory)?;
        let color = color(directory, bits, packing)?;
        let samples =
            usize::try_from(samples).ok().filter(|samples| (color.samples()..=16).contains(samples));
        let samples =
            samples.ok_or_else(|| unsupported("another number of samples a pixel than its colors"))?;
        let extra = directory.numbers(338).unwrap_or_default();
        let alpha = match extra.first() {
            _ if samples == color.samples() => Alpha::None,
            Some(1) => Alpha::Within,
            Some(2) => Alpha::Beside,
            _ => Alpha::None,
        };
        let differences = differences(directory, bits)?;
        let (width, height) = (width as usize, height as usize);
        let tiled = directory.has(324);
        let length = |tag| directory.number(tag).and_then(|length| usize::try_from(length).ok());
        let chunk = match tiled {
            true => (length(322).unwrap_or(0), length(323).unwrap_or(0)),
            false => (width, length(278).unwrap_or(height).min(height)),
        };
        if chunk.0 == 0 || chunk.1 == 0 {
            return Err(broken("strips or tiles without pixels"));
        }
        let [offsets, counts] = if tiled { [324, 325] } else { [273, 279] };
        Ok(Self {
            width,
            height,
            bits,
            samples,
            alpha,
            packing,
            differences: differences && packing != Packing::Jpeg,
            planar: directory.number(284) == Some(2) && samples > 1,
            low_bit_first: directory.number(266) == Some(2),
            chunk,
            offsets: directory
                .numbers(offsets)
                .ok_or_else(|| broken("it does not say where its pixels are"))?,
            counts: directory.numbers(counts),
            color,
        })
    }

    /// Chunks in a row, and rows of them.
    pub(super) fn grid(&self) -> (usize, usize) {
        (self.width.div_ceil(self.chunk.0), self.height.div_ceil(self.chunk.1))
    }

    /// Samples of a pixel in a chunk.
    pub(super) fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a chunk, and rows that a chunk with `rows` pixel rows has; for color sampled less than
    /// brightness, a row holds that many rows of pixels.
    pub(super) fn chunk_rows(&self, rows: usize) -> Option<(usize, usize)> {
        match self.color {
            Color::Ycc { across, down } if self.packing != Packing::Jpeg && !self.planar => {
                let unit = across * down + 2;
                Some((self.chunk.0.div_ceil(across).checked_mul(unit)?, rows.div_ceil(down)))
            }
            _ => {
                let bits = self.chunk.0.checked_mul(self.chunk_samples())?.checked_mul(self.bits as usize)?;
                Some((bits.div_ceil(8), rows))
            }
        }
    }

    /// The bytes of the file that hold chunk `index`; to the file's end where it does not say how many they are.
    pub(super) fn data<'a>(&self, bytes: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let start = usize::try_from(*self.offsets.get(index)?).ok()?;
        let rest = bytes.get(start..)?;
        let count = self.counts.as_ref().and_then(|counts| counts.get(index)).copied().unwrap_or(u64::MAX);
        Some(&rest[..usize::try_from(count).unwrap_or(usize::MAX).min(rest.len())])
    }
}

/// Whether samples are stored as differences.
fn differences(directory: &Directory<'_>, bits: u32) -> Result<bool> {
    match directory.number(317) {
        None | Some(1) => Ok(false),
        Some(2) if bits == 8 || bits == 16 => Ok(true),
        Some(2) => Err(unsupported(format!("differences of {bits} bits"))),
        Some(_) => Err(unsupported("differences of floating-point numbers")),
    }
}

/// Camera files whose first picture is a small preview, which is not what a person means by the photo.
fn refuse_raw(directory: &Directory<'_>) -> Result<()> {
    let preview = directory.number(254).is_some_and(|kind| kind & 1 == 1);
    if directory.has(50706) || (preview && directory.has(330)) {
        return Err(unsupported("a camera's raw pixels"));
    }
    Ok(())
}

fn bits(directory: &Directory<'_>) -> Result<u32> {
    let all = directory.numbers(258).unwrap_or_else(|| vec![1]);
    let bits = all.first().copied().unwrap_or(1);
    match directory.number(339) {
        Some(2) => return Err(unsupported("pixels of signed numbers")),
        Some(3) => return Err(unsupported("pixels of floating-point numbers")),
        Some(5 | 6) => return Err(unsupported("pixels of complex numbers")),
        _ => {}
    }
    if all.iter().any(|&other| other != bits) {
        return Err(unsupported("channels of different depths"));
    }
    match bits {
        1..=16 => Ok(bits as u32),
        _ => Err(unsupported(format!("{bits} bits a channel"))),
    }
}

fn packing(directory: &Directory<'_>) -> Result<Packing> {
    let name = match directory.number(259).unwrap_or(1) {
        1 => return Ok(Packing::None),
        5 => return Ok(Packing::Lzw),
        7 => return Ok(Packing::Jpeg),
        8 | 32946 => return Ok(Packing::Deflate),
        32773 => return Ok(Packing::PackBits),
        2..=4 => "fax compression",
        6 => "JPEG compression of the old kind",
        34712 | 33003 | 33005 => "JPEG 2000 compression",
        34925 => "LZMA compression",
        50000 => "Zstandard compression",
        50001 => "WebP compression",
        50002 | 52546 => "JPEG XL compression",
        other => return Err(unsupported(format!("compression number {other}"))),
    };
    Err(unsupported(name))
}

fn color(directory: &Directory<'_>, bits: u32, packing: Packing) -> Result<Color> {
    let name = match directory.number(262) {
        Some(0) => return Ok(Color::Gray { inverted: true }),
        Some(1) | None => return Ok(Color::Gray { inverted: false }),
        Some(2) => return Ok(Color::Rgb),
        Some(3) => return palette(directory, bits),
        Some(5) if directory.number(332).unwrap_or(1) == 1 => return Ok(Color::Cmyk),
        Some(6) => return ycc(directory, bits, packing),
        Some(4) => "a mask instead of colors",
        Some(5) => "inks other than cyan, magenta, yellow and black",
        Some(8..=10) => "colors in CIE L*a*b*",
        Some(32803 | 34892) => "a camera's raw pixels",
        Some(32844 | 32845) => "logarithmic colors",
        Some(other) => return Err(unsupported(format!("colors of kind {other}"))),
    };
    Err(unsupported(name))
}

fn palette(directory: &Directory<'_>, bits: u32) -> Result<Color> {
    if bits > 8 {
        return Err(unsupported(format!("a palette of {bits} bits")));
    }
    let count = 1 << bits;
    let map = directory.numbers(320).filter(|map| map.len() >= 3 * count);
    let map = map.ok_or_else(|| broken("its palette is missing or too short"))?;
    // Levels have 16 bits; some programs write 8.
    let shift = if map.iter().all(|&level| level < 256) { 0 } else { 8 };
    let entry = |index| [0, 1, 2].map(|channel| (map[channel * count + index] >> shift) as u8);
    Ok(Color::Palette((0..count).map(entry).collect()))
}

fn ycc(directory: &Directory<'_>, bits: u32, packing: Packing) -> Result<Color> {
    let factors = directory.numbers(530).unwrap_or_else(|| vec![2, 2]);
    let [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] = factors[..] else {
        return Err(unsupported("color sampled at neither 1, 2 nor 4 pixels"));
    };
    if packing != Packing::Jpeg {
        let range = directory.fractions(532).unwrap_or_default();
        let weights = directory.fractions(529).unwrap_or_default();
        let usual = |given: &[f64], usual: &[f64]| given.iter().zip(usual).all(|(a, b)| (a - b).abs() < 1e-3);
        if bits != 8 || !usual(&range, &[0.0, 255.0, 128.0, 255.0, 128.0, 255.0]) {
            return Err(unsupported("YCbCr of another range than 0 to 255"));
        }
        if !usual(&weights, &[0.299, 0.587, 0.114]) {
            return Err(unsupported("YCbCr of other weights than those of CCIR 601"));
        }
    }
    let [across, down] = if directory.number(284) == Some(2) { [1, 1] } else { [across, down] };
    Ok(Color::Ycc { across: across as usize, down: down as usize })
}
