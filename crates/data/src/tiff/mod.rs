//! TIFF: the first picture of a file, in strips or tiles, of up to 16 bits a channel.
//!
//! The file is walked here and its packed parts are unpacked by libraries: LZW by `weezl`, deflate by `miniz_oxide`, JPEG
//! by our own decoder beside this one. The `tiff` crate (0.11.3) would need more: it refuses palettes, and YCbCr but in
//! JPEG; its predictor is wrong where a sample beside the color is dropped; and a tile of JPEG takes the memory that its
//! header asks for. What is not read is refused by the name of its kind in `layout.rs`.

mod layout;
mod unpack;

use self::layout::{Alpha, Color, Layout, Packing, broken};
use self::unpack::{add_up, sample, unpack};
use icecap_kernels::jpeg::rgb_of;

use crate::buffers::Buffers;
use crate::color::{FourChannels, four_to_rgb};
use crate::directory::Directory;
use crate::orient::Orientation;
use crate::photo::Header;
use crate::room::set_len;
use crate::{Error, Format, Limits, Result, jpeg};

/// Decodes a TIFF into `buffers.rgb`.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let cut = || Error::Truncated { format: Format::Tiff, reason: "its list of tags is cut off".to_owned() };
    let directory = Directory::first(bytes).ok_or_else(cut)?;
    let layout = Layout::read(&directory, limits)?;
    let picture = Picture::new(bytes, layout, &directory, limits)?;
    let Layout { width, height, .. } = picture.layout;
    let Buffers { rgb, raw, .. } = buffers;
    raw.clear();
    set_len(raw, width * height * picture.kept, (width, height))?;
    picture.read(raw)?;
    set_len(rgb, width * height * 3, (width, height))?;
    let transparent = picture.color(raw, rgb);
    let orientation = Orientation::from_tiff(bytes);
    Ok(Header { width: width as u32, height: height as u32, orientation, transparent })
}

/// Whether a TIFF has more pages than the first.
pub(crate) fn has_pages(bytes: &[u8]) -> bool {
    Directory::first(bytes).is_some_and(|directory| directory.is_followed())
}

/// A picture that is being read.
struct Picture<'a> {
    bytes: &'a [u8],
    layout: Layout,
    limits: &'a Limits,
    big_endian: bool,
    /// The tables that all strips of JPEG share.
    jpeg_tables: &'a [u8],
    /// Samples of a pixel that are kept: its color, and the alpha behind it.
    kept: usize,
    /// Bytes of a whole chunk's row, and its rows.
    chunk_bytes: (usize, usize),
}

/// Where a chunk lies.
#[derive(Clone, Copy)]
struct Place {
    left: usize,
    top: usize,
    /// Columns and rows of it that are inside the picture.
    columns: usize,
    rows: usize,
    /// The first of the samples that it holds.
    plane: usize,
}

impl<'a> Picture<'a> {
    fn new(bytes: &'a [u8], layout: Layout, directory: &Directory<'a>, limits: &'a Limits) -> Result<Self> {
        let kept = layout.color.samples() + usize::from(layout.alpha != Alpha::None);
        let chunk_bytes = layout.chunk_rows(layout.chunk.1);
        let chunk_bytes =
            chunk_bytes.ok_or_else(|| broken("strips or tiles of more bytes than there are"))?;
        let pixels = layout.width as u64 * layout.height as u64;
        let chunk = (chunk_bytes.0 as u64).saturating_mul(chunk_bytes.1 as u64);
        // An uncompressed chunk is read where it stands, unless its bits or differences are turned around first.
        let held = match layout.packing {
            Packing::None if !layout.differences && !layout.low_bit_first => 0,
            Packing::Jpeg => 0,
            _ => chunk.saturating_mul(2),
        };
        limits.check_decoded((pixels * (3 + kept as u64)).saturating_add(held))?;
        let jpeg_tables = directory.bytes(347).unwrap_or_default();
        let big_endian = directory.big_endian;
        Ok(Self { bytes, layout, limits, big_endian, jpeg_tables, kept, chunk_bytes })
    }

    /// Reads the kept samples of all pixels, in 8 bits.
    fn read(&self, raw: &mut [u8]) -> Result<()> {
        let layout = &self.layout;
        let (across, down) = layout.grid();
        let planes = if layout.planar { self.kept } else { 1 };
        for index in 0..across * down * planes {
            let (plane, at) = (index / (across * down), index % (across * down));
            let (left, top) = (at % across * layout.chunk.0, at / across * layout.chunk.1);
            let columns = layout.chunk.0.min(layout.width - left);
            let rows = layout.chunk.1.min(layout.height - top);
            let data = layout.data(self.bytes, index).ok_or_else(|| Error::Truncated {
                format: Format::Tiff,
                reason: "a strip or tile lies behind its end".to_owned(),
            })?;
            let place = Place { left, top, columns, rows, plane };
            match layout.packing {
                Packing::Jpeg => self.jpeg_chunk(data, place, raw)?,
                _ => self.chunk(data, place, raw)?,
            }
        }
        Ok(())
    }

    fn chunk(&self, data: &[u8], place: Place, raw: &mut [u8]) -> Result<()> {
        let layout = &self.layout;
        // Rows behind the picture's last one are padding, if they are there at all.
        let stride = self.chunk_bytes.0;
        let rows = layout.chunk_rows(place.rows).map_or(0, |(_, rows)| rows);
        let mut samples = unpack(layout, data, stride * rows)?;
        if layout.differences {
            for row in samples.to_mut().chunks_exact_mut(stride) {
                add_up(row, layout.chunk_samples(), layout.bits, self.big_endian);
            }
        }
        if let (Color::Ycc { across, down }, false) = (&layout.color, layout.planar) {
            self.units(&samples, (*across, *down), place, raw);
            return Ok(());
        }
        let (bits, step) = (layout.bits, layout.chunk_samples());
        let most = (1u32 << bits) - 1;
        let index = matches!(layout.color, Color::Palette(_));
        let kept = if layout.planar { 1 } else { self.kept };
        for (y, row) in samples.chunks_exact(stride).enumerate().take(place.rows) {
            let start = (place.top + y) * layout.width + place.left;
            let pixels = raw[start * self.kept..].chunks_exact_mut(self.kept).take(place.columns);
            for (x, pixel) in pixels.enumerate() {
                for (channel, to) in pixel[place.plane..].iter_mut().take(kept).enumerate() {
                    let value = u32::from(sample(row, x * step + channel, bits, self.big_endian));
                    *to = if index || bits == 8 {
                        value as u8
                    } else {
                        ((value * 255 + most / 2) / most) as u8
                    };
                }
            }
        }
        Ok(())
    }

    /// Pixels of which several share their color: all of their brightness, then the color.
    fn units(&self, samples: &[u8], (across, down): (usize, usize), place: Place, raw: &mut [u8]) {
        let unit = across * down + 2;
        for y in 0..place.rows {
            for x in 0..place.columns {
                let start = y / down * self.chunk_bytes.0 + x / across * unit;
                let own = samples[start + y % down * across + x % across];
                let at = ((place.top + y) * self.layout.width + place.left + x) * self.kept;
                raw[at..at + 3].copy_from_slice(&[own, samples[start + unit - 2], samples[start + unit - 1]]);
            }
        }
    }

    /// A chunk that is a JPEG, whose tables may stand elsewhere.
    fn jpeg_chunk(&self, data: &[u8], place: Place, raw: &mut [u8]) -> Result<()> {
        let tables = self.jpeg_tables.strip_suffix(b"\xFF\xD9").unwrap_or(self.jpeg_tables);
        let joined;
        let stream = match (tables, data) {
            ([0xFF, 0xD8, _, ..], [0xFF, 0xD8, rest @ ..]) => {
                joined = [tables, rest].concat();
                &joined[..]
            }
            _ => data,
        };
        let turned = matches!(self.layout.color, Color::Ycc { .. }) && !self.layout.planar;
        let samples = jpeg::decode_samples(stream, self.limits, turned)?;
        let (step, kept) = (self.layout.chunk_samples(), if self.layout.planar { 1 } else { self.kept });
        if samples.channels != step || samples.width < place.columns || samples.height < place.rows {
            return Err(broken("a strip or tile whose JPEG is of another size"));
        }
        for y in 0..place.rows {
            let row = &samples.values[y * samples.width * step..];
            let start = (place.top + y) * self.layout.width + place.left;
            let pixels = raw[start * self.kept..].chunks_exact_mut(self.kept);
            for (pixel, from) in pixels.zip(row.chunks_exact(step)).take(place.columns) {
                pixel[place.plane..][..kept].copy_from_slice(&from[..kept]);
            }
        }
        Ok(())
    }

    /// Turns the kept samples into RGB; whether a pixel is not opaque.
    fn color(&self, raw: &mut [u8], rgb: &mut [u8]) -> bool {
        let colors = self.layout.color.samples();
        let transparent = self.kept > colors && raw.chunks_exact(self.kept).any(|pixel| pixel[colors] != 255);
        let within = self.layout.alpha == Alpha::Within
            && matches!(self.layout.color, Color::Gray { .. } | Color::Rgb);
        if within && transparent {
            for pixel in raw.chunks_exact_mut(self.kept) {
                let alpha = u32::from(pixel[colors]);
                for level in &mut pixel[..colors] {
                    *level = (u32::from(*level) * 255).checked_div(alpha).unwrap_or(0).min(255) as u8;
                }
            }
        }
        for (from, to) in raw.chunks_exact(self.kept).zip(rgb.chunks_exact_mut(3)) {
            match &self.layout.color {
                Color::Gray { inverted } => to.fill(if *inverted { 255 - from[0] } else { from[0] }),
                Color::Rgb => to.copy_from_slice(&from[..3]),
                Color::Palette(colors) => to.copy_from_slice(&colors[usize::from(from[0])]),
                Color::Cmyk => four_to_rgb(FourChannels::Cmyk, &from[..4], to),
                // The colors of JPEG are turned already.
                Color::Ycc { .. } if self.layout.packing == Packing::Jpeg && !self.layout.planar => {
                    to.copy_from_slice(&from[..3]);
                }
                Color::Ycc { .. } => to.copy_from_slice(&rgb_of(from[0], from[1], from[2])),
            }
        }
        transparent
    }
}
