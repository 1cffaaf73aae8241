//! One thread's way from a file to pixels, with buffers that are kept from photo to photo.

use std::path::Path;
use std::sync::MutexGuard;

use icecap_kernels::{Isa, Size};

use crate::about::{contrast, layout};
use crate::buffers::Buffers;
use crate::decode::{decode, decode_into};
use crate::frames::is_animated;
use crate::grid::gray_grid;
use crate::orient::Orientation;
use crate::photo::{Header, Stored};
use crate::resize::resample;
use crate::tree::read_file;
use crate::{
    About, Augment, Decoding, Digest, Error, ErrorKind, Format, Limits, Photo, ResizeBuffers, ResizeSpec,
    Result, Stamp, Turn, View, Warning,
};

/// Reads, hashes, decodes and resizes photos, one after the other. Each thread has its own.
#[derive(Debug)]
pub struct Loader {
    isa: Isa,
    limits: Limits,
    how: Decoding,
    turn: Turn,
    file: Vec<u8>,
    decoded: Buffers,
    resized: ResizeBuffers,
    /// A photo at the net's size, and at that of the canvas; only where there are views.
    plain: Vec<f32>,
    canvas: Vec<f32>,
}

/// A photo's pixels and what is known about its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `[height, width, 3]` of the [`ResizeSpec`], gray levels from 0 to 255.
    pub pixels: Vec<f32>,
    /// The hash of the file's content.
    pub sha256: Digest,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

/// A photo that has been read and hashed, and not yet decoded.
#[derive(Debug)]
pub struct OpenPhoto<'a> {
    sha256: Digest,
    stamp: Option<Stamp>,
    content: Content<'a>,
    loader: &'a mut Loader,
    path: Option<&'a Path>,
}

/// What an open photo is decoded from.
#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    /// The file that the loader has read.
    Read,
    /// A file's bytes, which the caller holds.
    Bytes(&'a [u8]),
    /// Upright pixels, which the caller holds.
    Rgb(Stored<'a>),
}

impl Loader {
    /// Returns a loader that has read nothing yet.
    #[must_use]
    pub fn new(isa: Isa, limits: Limits, how: impl Into<Decoding>) -> Self {
        Self {
            isa,
            limits,
            how: how.into(),
            turn: Turn::default(),
            file: Vec::new(),
            decoded: Buffers::default(),
            resized: ResizeBuffers::default(),
            plain: Vec::new(),
            canvas: Vec::new(),
        }
    }

    /// Returns this loader, taking turns at large photos with every other one that is given a clone of `turn`.
    #[must_use]
    pub fn in_turn(self, turn: &Turn) -> Self {
        Self { turn: turn.clone(), ..self }
    }

    /// Lets go of what was kept for the next photo, if that is more than `most` bytes: a large photo needs memory that most
    /// photos do not.
    pub fn keep_at_most(&mut self, most: usize) {
        let Buffers { rgb, raw, .. } = &self.decoded;
        if self.file.capacity() + rgb.capacity() + raw.capacity() > most {
            (self.file, self.decoded, self.resized) = Default::default();
        }
    }

    /// Reads and hashes the file at `path`, so that a cache can be asked before it is decoded.
    ///
    /// # Errors
    /// [`Error::Photo`] with the path and the reason: [`Error::Read`], [`Error::NotAFile`], [`Error::Empty`],
    /// [`Error::Limit`].
    pub fn open<'a>(&'a mut self, path: &'a Path) -> Result<OpenPhoto<'a>> {
        let stamp = read_file(path, &self.limits, &mut self.file).map_err(|error| error.of(path))?;
        let sha256 = Digest::of(&self.file);
        Ok(OpenPhoto { sha256, stamp, content: Content::Read, loader: self, path: Some(path) })
    }

    /// Hashes a photo that is in memory, so that a cache can be asked before it is decoded.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Limit`].
    pub fn open_bytes<'a>(&'a mut self, bytes: &'a [u8]) -> Result<OpenPhoto<'a>> {
        self.limits.check_file(bytes.len() as u64)?;
        if bytes.is_empty() {
            return Err(Error::Empty);
        }
        let (sha256, content) = (Digest::of(bytes), Content::Bytes(bytes));
        Ok(OpenPhoto { sha256, stamp: None, content, loader: self, path: None })
    }

    /// Takes decoded, upright pixels for a photo. Its hash is that of the pixels and their size.
    ///
    /// # Shapes
    /// `pixels` `[height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::Pixels`] if a side is 0 or `pixels` are not of that shape; [`Error::Limit`].
    pub fn open_rgb<'a>(
        &'a mut self,
        pixels: &'a [u8],
        width: usize,
        height: usize,
    ) -> Result<OpenPhoto<'a>> {
        // Above every limit that there can be.
        let side = |side: usize| u32::try_from(side).map_err(|_| self.limits.large_side(side));
        let (columns, rows) = (side(width)?, side(height)?);
        self.limits.check_size(columns, rows)?;
        if pixels.is_empty() || pixels.len() as u128 != u128::from(columns) * u128::from(rows) * 3 {
            return Err(Error::Pixels { width, height, got: pixels.len() });
        }
        let mut hashed = b"rgb".to_vec();
        hashed.extend(columns.to_le_bytes());
        hashed.extend(rows.to_le_bytes());
        hashed.extend(Digest::of(pixels).0);
        let content =
            Content::Rgb(Stored { rgb: pixels, width, height, orientation: Orientation::default() });
        Ok(OpenPhoto { sha256: Digest::of(&hashed), stamp: None, content, loader: self, path: None })
    }

    /// Reads, hashes, decodes and resizes the photo at `path`.
    ///
    /// # Errors
    /// [`Error::Photo`] with the path and the reason, which is one of [`Loader::open`]'s or
    /// [`decode`](crate::decode)'s.
    pub fn load(&mut self, path: &Path, spec: &ResizeSpec) -> Result<Loaded> {
        let photo = self.open(path)?;
        let sha256 = photo.sha256();
        let mut pixels = vec![0.0; spec.values()];
        let warnings = photo.pixels(spec, &mut pixels)?.to_vec();
        Ok(Loaded { pixels, sha256, warnings })
    }
}

impl<'a> OpenPhoto<'a> {
    /// The hash of the file's content, or of pixels and their size.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// What the file system says of the file, by which [`Cache::known`](crate::Cache::known) recognizes it later.
    /// `None` for bytes in memory, and if the file was changed so lately that this proves nothing.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Decodes and resizes into `out`; returns what is odd about the file.
    ///
    /// # Shapes
    /// `out` is `[spec.height, spec.width, 3]`.
    ///
    /// # Errors
    /// Those of [`decode`](crate::decode); for a file they come within [`Error::Photo`] with its path.
    ///
    /// # Panics
    /// If `out` is not of that shape.
    pub fn pixels(self, spec: &ResizeSpec, out: &mut [f32]) -> Result<&'a [Warning]> {
        let open = self.decoded()?;
        resample(open.pixels.stored(), spec, open.isa, open.resized, out)?;
        Ok(open.warnings)
    }

    /// Decodes and resizes into `out`; returns what is known of the photo besides its pixels, and what is odd about the
    /// file.
    ///
    /// # Shapes
    /// `out` is `[spec.height, spec.width, 3]`.
    ///
    /// # Errors
    /// Those of [`OpenPhoto::pixels`].
    ///
    /// # Panics
    /// If `out` is not of that shape.
    pub fn look(self, spec: &ResizeSpec, out: &mut [f32]) -> Result<(About, &'a [Warning])> {
        let open = self.decoded()?;
        resample(open.pixels.stored(), spec, open.isa, open.resized, out)?;
        let (format, animated) = match open.bytes {
            Some(bytes) => {
                let format = Format::of(bytes)?;
                (format, is_animated(bytes, format))
            }
            None => (Format::Pixels, false),
        };
        let stored = open.pixels.stored();
        let (width, height) = stored.orientation.sides(stored.width, stored.height);
        let about = About {
            format,
            // The limits keep both sides far below 2^32.
            width: width as u32,
            height: height as u32,
            turned: !stored.orientation.is_upright(),
            animated,
            transparent: open.transparent,
            contrast: contrast(out),
            layout: layout(out, spec.height, spec.width),
        };
        Ok((about, open.warnings))
    }

    /// Decodes into the mean gray levels of `side` x `side` cells over the whole upright photo, row by row.
    ///
    /// # Errors
    /// Those of [`OpenPhoto::pixels`].
    ///
    /// # Panics
    /// If `out` is not `[side, side]`.
    pub fn gray_grid(self, side: usize, out: &mut [u8]) -> Result<()> {
        gray_grid(self.decoded()?.pixels.stored(), side, out);
        Ok(())
    }

    /// Decodes once and calls `each` with the pixels of every view, by its place in `views`; returns what is odd about
    /// the file.
    ///
    /// # Shapes
    /// Pixels are `[spec.height, spec.width, 3]`; they are made in `out`, which is of that shape.
    ///
    /// # Errors
    /// Those of [`OpenPhoto::pixels`].
    ///
    /// # Panics
    /// If `out` is not of that shape.
    pub fn views(
        self,
        spec: &ResizeSpec,
        views: &[View],
        out: &mut [f32],
        each: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<&'a [Warning]> {
        let open = self.decoded()?;
        let larger = Augment::canvas(spec);
        for (needed, spec, pixels) in [
            (views.iter().any(|view| !view.needs_canvas()), spec, &mut *open.plain),
            (views.iter().any(View::needs_canvas), &larger, &mut *open.canvas),
        ] {
            if needed {
                pixels.resize(spec.values(), 0.0);
                resample(open.pixels.stored(), spec, open.isa, open.resized, pixels)?;
            }
        }
        let sides = |spec: &ResizeSpec| Size { height: spec.height, width: spec.width };
        let (size, canvas) = (sides(spec), sides(&larger));
        for (place, view) in views.iter().enumerate() {
            match view.needs_canvas() {
                true => view.apply(open.canvas, canvas, out, size),
                false => view.apply(open.plain, size, out, size),
            }
            each(place, out);
        }
        Ok(open.warnings)
    }

    /// Decodes into the loader's buffers; pixels are taken as they are.
    fn decoded(self) -> Result<Decoded<'a>> {
        let Self { content, loader, path, .. } = self;
        let Loader { isa, limits, how, turn, file, decoded, resized, plain, canvas } = loader;
        let bytes: &[u8] = match content {
            Content::Read => file,
            Content::Bytes(bytes) => bytes,
            Content::Rgb(stored) => {
                let (bytes, transparent, warnings) = (None, false, [].as_slice());
                return Ok(Decoded {
                    isa: *isa,
                    pixels: Pixels::Given(stored),
                    bytes,
                    transparent,
                    warnings,
                    resized,
                    plain,
                    canvas,
                });
            }
        };
        let named = |error: Error| if let Some(path) = path { error.of(path) } else { error };
        let first = decode_into(bytes, &limits.shared().unwrap_or(*limits), (*isa, *how), decoded);
        let (pixels, transparent) = match first {
            Ok(header) => (Pixels::Given(header.stored(&decoded.rgb)), header.transparent),
            // Too much to be held on every thread at once.
            Err(error) if error.kind() == ErrorKind::Limit && limits.shared().is_some() => {
                let turn = turn.wait();
                let mut large = Buffers::default();
                let header = decode_into(bytes, limits, (*isa, *how), &mut large).map_err(named)?;
                decoded.warnings = large.warnings;
                (Pixels::Large { header, rgb: large.rgb, _turn: turn }, header.transparent)
            }
            Err(error) => return Err(named(error)),
        };
        Ok(Decoded {
            isa: *isa,
            pixels,
            bytes: Some(bytes),
            transparent,
            warnings: &decoded.warnings,
            resized,
            plain,
            canvas,
        })
    }

    /// Decodes the whole photo at its own size, for people to look at.
    ///
    /// # Errors
    /// Those of [`OpenPhoto::pixels`].
    pub fn photo(self) -> Result<Photo> {
        let Self { content, loader, path, .. } = self;
        let bytes = match content {
            Content::Read => &loader.file,
            Content::Bytes(bytes) => bytes,
            Content::Rgb(stored) => {
                return Ok(Photo::from_rgb(stored.width, stored.height, stored.rgb.to_vec()));
            }
        };
        decode(bytes, &loader.limits, loader.how)
            .map_err(|error| if let Some(path) = path { error.of(path) } else { error })
    }
}

/// A decoded photo, and the buffers for what is made of it.
struct Decoded<'a> {
    isa: Isa,
    pixels: Pixels<'a>,
    /// Those of the file; `None` for pixels in memory.
    bytes: Option<&'a [u8]>,
    transparent: bool,
    warnings: &'a [Warning],
    resized: &'a mut ResizeBuffers,
    plain: &'a mut Vec<f32>,
    canvas: &'a mut Vec<f32>,
}

/// The pixels of a decoded photo.
enum Pixels<'a> {
    /// Those that the loader's buffers hold, or the caller.
    Given(Stored<'a>),
    /// Those of a large photo, which are given back to the system before the next one has its turn.
    Large { header: Header, rgb: Vec<u8>, _turn: MutexGuard<'a, ()> },
}

impl Pixels<'_> {
    fn stored(&self) -> Stored<'_> {
        match self {
            Self::Given(stored) => *stored,
            Self::Large { header, rgb, .. } => header.stored(rgb),
        }
    }
}
