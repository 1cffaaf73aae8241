//! From a photo of any size to the pixels that a net takes.

use std::str::FromStr;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use icecap_kernels::{Isa, ResizeScratch, RgbView, Size, resize_bilinear_rgb};

use crate::framing::{Frame, Framing, Part, Sides, cut_out, frame};
use crate::photo::Stored;
use crate::{Error, Photo, Result};

/// How a photo's shape becomes the net's.
///
/// It parses from and prints as `squash`, `center-crop 0.875`, `crop`, `cut` or `cut of 256x256 crop`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResizeMode {
    /// The whole photo, each side scaled for itself; bilinear without antialias, not rounded. Keras does this, and the
    /// results are equal bit for bit up to the order of two roundings.
    Squash,
    /// The middle of the photo in its own proportions, antialiased: the photo is reduced so that the net's size is
    /// `fraction` of it, then the middle is cut out. torchvision and timm do this: bilinear over all source pixels,
    /// rounded to 8 bits.
    CenterCrop {
        /// The share of the shorter side that is kept, from 0.1 up to 1; 0.875 is customary.
        fraction: f32,
    },
    /// What Keras' layers `Resizing` and `CenterCrop` make of a photo; bilinear without antialias, not rounded.
    Framed {
        /// What part of the photo is shown.
        framing: Framing,
        /// How the photo is framed before that; `None` if the layer reads the photo itself.
        first: Option<Frame>,
    },
}

/// The customary share of the shorter side.
const USUAL_FRACTION: f32 = 0.875;
/// The smallest share. Below it less than a hundredth of the photo would be seen.
const LEAST_FRACTION: f32 = 0.1;

/// The size of the pixels that a net takes, and how a photo gets there. It parses from and prints as `160x160 squash`
/// (height first) or `224x224 center-crop 0.875`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeSpec {
    /// Rows of the result.
    pub height: usize,
    /// Columns of the result.
    pub width: usize,
    /// How the photo's shape becomes the result's.
    pub mode: ResizeMode,
}

impl ResizeSpec {
    /// Returns the rule that shows the whole photo at `height` x `width`.
    #[must_use]
    pub fn squash(height: usize, width: usize) -> Self {
        Self { height, width, mode: ResizeMode::Squash }
    }

    /// The number of values in a result: `height * width * 3`.
    #[must_use]
    pub fn values(&self) -> usize {
        self.height * self.width * 3
    }

    /// Returns the part of an upright photo of `width` x `height` pixels that the result shows: all of it, or its
    /// middle.
    #[must_use]
    pub fn seen(&self, width: usize, height: usize) -> Region {
        let fraction = match self.mode {
            ResizeMode::CenterCrop { fraction } => fraction,
            ResizeMode::Framed { framing, first } => {
                return self.framed_region(framing, first, [height, width]);
            }
            ResizeMode::Squash => return Region::whole(width, height),
        };
        let reduced = reduced_size(width, height, self, fraction);
        let (columns, rows) = (
            Span { first: half(reduced.0 - self.width), count: self.width, of: reduced.0 },
            Span { first: half(reduced.1 - self.height), count: self.height, of: reduced.1 },
        );
        let ((left, width), (top, height)) = (columns.of_source(width), rows.of_source(height));
        Region { left, top, width, height }
    }

    /// The part of a photo of these rows and columns that a framing shows.
    fn framed_region(&self, framing: Framing, first: Option<Frame>, [rows, columns]: [usize; 2]) -> Region {
        let photo = Sides { rows, columns };
        let Some(first) = first else { return Region::of(framing.part(photo, self.sides())) };
        let between = Sides { rows: first.rows, columns: first.columns };
        let (outer, inner) = (first.framing.part(photo, between), framing.part(between, self.sides()));
        let (down, across) = (
            outer.sides.rows as f64 / between.rows as f64,
            outer.sides.columns as f64 / between.columns as f64,
        );
        Region {
            left: outer.left as f64 + inner.left as f64 * across,
            top: outer.top as f64 + inner.top as f64 * down,
            width: inner.sides.columns as f64 * across,
            height: inner.sides.rows as f64 * down,
        }
    }

    fn framing(&self) -> Framing {
        if let ResizeMode::Framed { framing, .. } = self.mode { framing } else { Framing::Squash }
    }

    fn sides(&self) -> Sides {
        Sides { rows: self.height, columns: self.width }
    }
}

/// A rectangle of an upright photo, in its pixels, from the left upper corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// The number of columns to its left.
    pub left: f64,
    /// The number of rows above it.
    pub top: f64,
    /// The number of columns.
    pub width: f64,
    /// The number of rows.
    pub height: f64,
}

impl Region {
    fn of(part: Part) -> Self {
        let Part { top, left, sides } = part;
        Self { left: left as f64, top: top as f64, width: sides.columns as f64, height: sides.rows as f64 }
    }

    fn whole(width: usize, height: usize) -> Self {
        Self { left: 0.0, top: 0.0, width: width as f64, height: height as f64 }
    }
}

impl std::fmt::Display for ResizeMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Squash => f.write_str("squash"),
            Self::CenterCrop { fraction } => write!(f, "center-crop {fraction}"),
            Self::Framed { framing, first: None } => write!(f, "{framing}"),
            Self::Framed { framing, first: Some(Frame { framing: first, rows, columns }) } => {
                write!(f, "{framing} of {rows}x{columns} {first}")
            }
        }
    }
}

impl std::fmt::Display for ResizeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} {}", self.height, self.width, self.mode)
    }
}

impl FromStr for ResizeMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::ResizeSpec { text: text.to_owned() };
        let mut words = text.split_whitespace();
        let mode = match (words.next(), words.next()) {
            (Some("squash"), None) => Self::Squash,
            (Some(framing), None) if framing != "center-crop" => {
                Self::Framed { framing: framing.parse().map_err(|()| wrong())?, first: None }
            }
            (Some(framing), Some("of")) => {
                let [rows, columns] = words.next().and_then(sides).ok_or_else(wrong)?;
                let framing = framing.parse().map_err(|()| wrong())?;
                let first = words.next().unwrap_or_default().parse().map_err(|()| wrong())?;
                Self::Framed { framing, first: Some(Frame { framing: first, rows, columns }) }
            }
            (Some("center-crop"), fraction) => {
                let fraction: f32 = fraction.map_or(Ok(USUAL_FRACTION), str::parse).map_err(|_| wrong())?;
                if !(LEAST_FRACTION..=1.0).contains(&fraction) {
                    return Err(wrong());
                }
                Self::CenterCrop { fraction }
            }
            _ => return Err(wrong()),
        };
        if words.next().is_some() { Err(wrong()) } else { Ok(mode) }
    }
}

impl FromStr for ResizeSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::ResizeSpec { text: text.to_owned() };
        let (size, mode) = text.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let [height, width] = sides(size).ok_or_else(wrong)?;
        Ok(Self { height, width, mode: mode.parse().map_err(|_| wrong())? })
    }
}

/// Rows and columns, as `96x128`.
fn sides(text: &str) -> Option<[usize; 2]> {
    let (rows, columns) = text.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|side| (1..=16_384).contains(side));
    Some([side(rows)?, side(columns)?])
}

/// The buffers that [`pixels`] needs, kept from photo to photo. Each thread has its own.
#[derive(Default)]
pub struct ResizeBuffers {
    bilinear: ResizeScratch,
    lying: Vec<f32>,
    antialias: Option<Resizer>,
    reduced: Vec<u8>,
    first: Vec<f32>,
}

impl std::fmt::Debug for ResizeBuffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResizeBuffers")
    }
}

/// Writes the upright pixels of `photo` to `out`, at the size and by the rule of `spec`.
///
/// # Shapes
/// `out` is `[spec.height, spec.width, 3]`.
///
/// # Units
/// Gray levels from 0 to 255; not rounded if the mode is [`ResizeMode::Squash`].
///
/// # Panics
/// If `out` is not of that shape or a side of `spec` is 0.
///
/// # Errors
/// [`Error::Memory`].
pub fn pixels(
    photo: &Photo,
    spec: &ResizeSpec,
    isa: Isa,
    buffers: &mut ResizeBuffers,
    out: &mut [f32],
) -> Result<()> {
    resample(photo.stored(), spec, isa, buffers, out)
}

pub(crate) fn resample(
    photo: Stored<'_>,
    spec: &ResizeSpec,
    isa: Isa,
    buffers: &mut ResizeBuffers,
    out: &mut [f32],
) -> Result<()> {
    assert_eq!(out.len(), spec.values(), "pixels for {spec}");
    match spec.mode {
        ResizeMode::Squash => squash(photo, spec, isa, buffers, out),
        ResizeMode::CenterCrop { fraction } => center_crop(photo, spec, fraction, buffers, out),
        ResizeMode::Framed { first: None, .. } => framed(photo, spec, isa, buffers, out)?,
        ResizeMode::Framed { framing, first: Some(first) } => {
            let Frame { framing: first, rows, columns } = first;
            let mut image = std::mem::take(&mut buffers.first);
            image.resize(rows * columns * 3, 0.0);
            let mode = ResizeMode::Framed { framing: first, first: None };
            resample(photo, &ResizeSpec { height: rows, width: columns, mode }, isa, buffers, &mut image)?;
            frame(&image, Sides { rows, columns }, framing, spec.sides(), out);
            buffers.first = image;
        }
    }
    Ok(())
}

/// Cuts out what the rule shows of a photo, turned upright, and resizes it.
fn framed(
    photo: Stored<'_>,
    spec: &ResizeSpec,
    isa: Isa,
    buffers: &mut ResizeBuffers,
    out: &mut [f32],
) -> Result<()> {
    let (columns, rows) = photo.orientation.sides(photo.width, photo.height);
    let shown = spec.framing().part(Sides { rows, columns }, spec.sides());
    let part = &mut buffers.reduced;
    cut_out(photo, shown, part)?;
    let image = RgbView { pixels: part, size: Size { height: shown.sides.rows, width: shown.sides.columns } };
    let to = Size { height: spec.height, width: spec.width };
    resize_bilinear_rgb(isa, image, to, out, &mut buffers.bilinear);
    Ok(())
}

fn squash(photo: Stored<'_>, spec: &ResizeSpec, isa: Isa, buffers: &mut ResizeBuffers, out: &mut [f32]) {
    let Stored { rgb, width, height, orientation } = photo;
    let image = RgbView { pixels: rgb, size: Size { height, width } };
    if orientation.is_upright() {
        let to = Size { height: spec.height, width: spec.width };
        resize_bilinear_rgb(isa, image, to, out, &mut buffers.bilinear);
        return;
    }
    let (width, height) = orientation.sides(spec.width, spec.height);
    buffers.lying.resize(out.len(), 0.0);
    let to = Size { height, width };
    resize_bilinear_rgb(isa, image, to, &mut buffers.lying, &mut buffers.bilinear);
    orientation.apply(&buffers.lying, width, height, out);
}

fn center_crop(
    photo: Stored<'_>,
    spec: &ResizeSpec,
    fraction: f32,
    buffers: &mut ResizeBuffers,
    out: &mut [f32],
) {
    let Stored { rgb, width, height, orientation } = photo;
    // Everything is thought of upright; only the source and what is cut out of it lie as stored.
    let (across, down) = orientation.sides(width, height);
    let reduced = reduced_size(across, down, spec, fraction);
    let (left, top) = (half(reduced.0 - spec.width), half(reduced.1 - spec.height));
    let (reduced_width, reduced_height) = orientation.sides(reduced.0, reduced.1);
    let corner = |x, y| orientation.stored(x, y, reduced_width, reduced_height);
    let (first, last) = (corner(left, top), corner(left + spec.width - 1, top + spec.height - 1));
    let (cut_width, cut_height) = orientation.sides(spec.width, spec.height);
    buffers.reduced.resize(out.len(), 0);
    let resizer = buffers.antialias.get_or_insert_with(Resizer::new);
    let columns = Span { first: first.0.min(last.0), count: cut_width, of: reduced_width };
    let rows = Span { first: first.1.min(last.1), count: cut_height, of: reduced_height };
    reduce(rgb, Size { height, width }, &mut buffers.reduced, Cut { columns, rows }, resizer);
    for (y, row) in out.chunks_exact_mut(spec.width * 3).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (from_x, from_y) = orientation.stored(x, y, cut_width, cut_height);
            let start = (from_y * cut_width + from_x) * 3;
            for (to, &from) in pixel.iter_mut().zip(&buffers.reduced[start..start + 3]) {
                *to = f32::from(from);
            }
        }
    }
}

/// The columns or rows that are cut out of the reduced photo, of which nothing else is ever made: reduced by its short
/// side, a strip of 1 x 16,384 pixels would grow to gigabytes.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    count: usize,
    /// Those of the whole reduced photo.
    of: usize,
}

impl Span {
    /// Where the span starts among the `side` columns or rows of the source, and how long it is there.
    fn of_source(self, side: usize) -> (f64, f64) {
        let at = |index: usize| index as f64 * side as f64 / self.of as f64;
        let start = at(self.first);
        // Rounding must not carry it over the edge.
        (start, at(self.count).min(side as f64 - start))
    }
}

/// What is cut out of the reduced photo.
#[derive(Clone, Copy, Debug)]
struct Cut {
    columns: Span,
    rows: Span,
}

/// Half of the surplus, a half rounded to the even neighbor, as Python rounds.
fn half(surplus: usize) -> usize {
    (surplus as f64 / 2.0).round_ties_even() as usize
}

/// The size, across and down, to which a photo is reduced so that `spec` is `fraction` of its tighter side. Never
/// smaller than `spec`.
fn reduced_size(across: usize, down: usize, spec: &ResizeSpec, fraction: f32) -> (usize, usize) {
    let whole = |side: usize| ((side as f64 / f64::from(fraction)).floor() as usize).max(side);
    let (wanted_across, wanted_down) = (whole(spec.width), whole(spec.height));
    // The tighter side is met exactly; the other one follows in proportion, rounded down as torchvision does.
    let follow =
        |wanted: usize, side: usize, other: usize| (wanted as u64 * other as u64 / side as u64) as usize;
    if wanted_across as u64 * down as u64 >= wanted_down as u64 * across as u64 {
        (wanted_across, follow(wanted_across, across, down).max(spec.height))
    } else {
        (follow(wanted_down, down, across).max(spec.width), wanted_down)
    }
}

/// Antialiased bilinear resampling of an 8-bit RGB image of size `from` to what `to` cuts out of the reduced image.
/// Pixels beside the span count where the filter reaches them, as if all of the reduced photo were made.
fn reduce(rgb: &[u8], from: Size, out: &mut [u8], to: Cut, resizer: &mut Resizer) {
    let Cut { columns, rows } = to;
    let ((left, width), (top, height)) = (columns.of_source(from.width), rows.of_source(from.height));
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .crop(left, top, width, height);
    // Images whose type states their pixels: those that carry the pixel type at run time compile the filters of all
    // thirteen types into this crate, half of its build, for the one that is used.
    let source = TypedImageRef::<U8x3>::from_buffer(from.width as u32, from.height as u32, rgb);
    let target = TypedImage::<U8x3>::from_buffer(columns.count as u32, rows.count as u32, out);
    let done = match (source, target) {
        (Ok(source), Ok(mut target)) => resizer.resize_typed(&source, &mut target, &options).is_ok(),
        _ => false,
    };
    assert!(done, "buffers of {from:?} pixels and of {to:?} hold other sizes");
}
