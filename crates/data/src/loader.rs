//! One thread's way from a file to pixels, with buffers that are kept from photo to photo.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use icecap_kernels::Isa;

use crate::about::{contrast, layout};
use crate::decode::{Buffers, Header, decode, decode_into};
use crate::frames::is_animated;
use crate::resize::resample;
use crate::{
    About, Augment, Digest, Error, ExifPolicy, Format, Limits, Photo, ResizeBuffers, ResizeSpec, Result,
    Stamp, View, Warning,
};

/// Reads, hashes, decodes and resizes photos, one after the other. Each thread has its own.
#[derive(Debug)]
pub struct Loader {
    isa: Isa,
    limits: Limits,
    exif: ExifPolicy,
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
    /// Bytes of the caller, or none for those in the loader.
    bytes: Option<&'a [u8]>,
    loader: &'a mut Loader,
    path: Option<&'a Path>,
}

impl Loader {
    /// A loader that has read nothing yet.
    #[must_use]
    pub fn new(isa: Isa, limits: Limits, exif: ExifPolicy) -> Self {
        Self {
            isa,
            limits,
            exif,
            file: Vec::new(),
            decoded: Buffers::default(),
            resized: ResizeBuffers::default(),
            plain: Vec::new(),
            canvas: Vec::new(),
        }
    }

    /// Reads and hashes the file at `path`, so that a cache can be asked before it is decoded.
    ///
    /// # Errors
    /// [`Error::Photo`] with the path and the reason: [`Error::Read`], [`Error::NotAFile`], [`Error::Empty`],
    /// [`Error::Limit`].
    pub fn open<'a>(&'a mut self, path: &'a Path) -> Result<OpenPhoto<'a>> {
        let stamp = read_file(path, &self.limits, &mut self.file).map_err(|error| error.of(path))?;
        Ok(OpenPhoto { sha256: Digest::of(&self.file), stamp, bytes: None, loader: self, path: Some(path) })
    }

    /// The same for bytes in memory.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Limit`].
    pub fn open_bytes<'a>(&'a mut self, bytes: &'a [u8]) -> Result<OpenPhoto<'a>> {
        self.limits.check_file(bytes.len() as u64)?;
        if bytes.is_empty() {
            return Err(Error::Empty);
        }
        Ok(OpenPhoto { sha256: Digest::of(bytes), stamp: None, bytes: Some(bytes), loader: self, path: None })
    }

    /// Reads, hashes, decodes and resizes the photo at `path`.
    ///
    /// # Errors
    /// [`Error::Photo`] with the path and the reason, which is one of [`Loader::open`]'s or [`decode`](crate::decode)'s.
    pub fn load(&mut self, path: &Path, spec: &ResizeSpec) -> Result<Loaded> {
        let photo = self.open(path)?;
        let sha256 = photo.sha256();
        let mut pixels = vec![0.0; spec.values()];
        let warnings = photo.pixels(spec, &mut pixels)?.to_vec();
        Ok(Loaded { pixels, sha256, warnings })
    }
}

impl<'a> OpenPhoto<'a> {
    /// The hash of the file's content.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// What the file system says of the file that was read, by which [`Cache::known`](crate::Cache::known) can tell it
    /// again; none where that would be no proof.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Decodes and resizes into `out`; returns what is odd about the file.
    ///
    /// # Shapes
    /// `out` `[spec.height, spec.width, 3]`.
    ///
    /// # Errors
    /// As [`decode`](crate::decode), for a file within [`Error::Photo`] with its path.
    ///
    /// # Panics
    /// Where `out` is not of that shape.
    pub fn pixels(self, spec: &ResizeSpec, out: &mut [f32]) -> Result<&'a [Warning]> {
        let open = self.decoded()?;
        resample(open.header.stored(&open.decoded.rgb), spec, open.isa, open.resized, out);
        Ok(&open.decoded.warnings)
    }

    /// The same, with what is known of the photo beside its pixels.
    ///
    /// # Errors
    /// As [`OpenPhoto::pixels`].
    ///
    /// # Panics
    /// As there.
    pub fn look(self, spec: &ResizeSpec, out: &mut [f32]) -> Result<(About, &'a [Warning])> {
        let open = self.decoded()?;
        resample(open.header.stored(&open.decoded.rgb), spec, open.isa, open.resized, out);
        let Decoded { header, bytes, .. } = open;
        let format = Format::of(bytes)?;
        let (width, height) = header.orientation.sides(header.width, header.height);
        let about = About {
            format,
            width,
            height,
            turned: !header.orientation.is_upright(),
            animated: is_animated(bytes, format),
            transparent: header.transparent,
            contrast: contrast(out),
            layout: layout(out, spec.height, spec.width),
        };
        Ok((about, &open.decoded.warnings))
    }

    /// Decodes once and calls `each` with the pixels of every view, by its place in `views`; returns what is odd about
    /// the file.
    ///
    /// # Shapes
    /// Pixels `[spec.height, spec.width, 3]`; `out` is where they are made.
    ///
    /// # Errors
    /// As [`OpenPhoto::pixels`].
    ///
    /// # Panics
    /// Where `out` is not of that shape.
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
                resample(open.header.stored(&open.decoded.rgb), spec, open.isa, open.resized, pixels);
            }
        }
        let size = (spec.height, spec.width);
        for (place, view) in views.iter().enumerate() {
            match view.needs_canvas() {
                true => view.apply(open.canvas, (larger.height, larger.width), out, size),
                false => view.apply(open.plain, size, out, size),
            }
            each(place, out);
        }
        Ok(&open.decoded.warnings)
    }

    /// Decodes into the loader's buffers.
    fn decoded(self) -> Result<Decoded<'a>> {
        let Self { bytes, loader, path, .. } = self;
        let Loader { isa, limits, exif, file, decoded, resized, plain, canvas } = loader;
        let bytes = bytes.unwrap_or(file);
        let header = decode_into(bytes, limits, *exif, decoded)
            .map_err(|error| if let Some(path) = path { error.of(path) } else { error })?;
        Ok(Decoded { isa: *isa, header, bytes, decoded, resized, plain, canvas })
    }

    /// Decodes the whole photo at its own size, to be looked at.
    ///
    /// # Errors
    /// As [`OpenPhoto::pixels`].
    pub fn photo(self) -> Result<Photo> {
        let Self { bytes, loader, path, .. } = self;
        decode(bytes.unwrap_or(&loader.file), &loader.limits, loader.exif)
            .map_err(|error| if let Some(path) = path { error.of(path) } else { error })
    }
}

/// A decoded photo, and the buffers for what is made of it.
struct Decoded<'a> {
    isa: Isa,
    header: Header,
    bytes: &'a [u8],
    decoded: &'a mut Buffers,
    resized: &'a mut ResizeBuffers,
    plain: &'a mut Vec<f32>,
    canvas: &'a mut Vec<f32>,
}

/// Reads a regular file of at most the limit's size into `bytes`; gives its stamp, where that had settled before and is
/// the same afterwards.
fn read_file(path: &Path, limits: &Limits, bytes: &mut Vec<u8>) -> Result<Option<Stamp>> {
    // Before opening: a named pipe would block the open until somebody writes to it.
    let about = std::fs::metadata(path).map_err(Error::Read)?;
    if !about.is_file() {
        return Err(Error::NotAFile);
    }
    limits.check_file(about.len())?;
    bytes.clear();
    let stamp = Stamp::of(&about).filter(Stamp::is_settled);
    let mut file = File::open(path).map_err(Error::Read)?;
    // One byte more than the limit, in case the file grows under our hands.
    let read = (&mut file).take(limits.file_bytes + 1).read_to_end(bytes).map_err(Error::Read)?;
    limits.check_file(read as u64)?;
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    Ok(stamp.filter(|before| file.metadata().ok().and_then(|after| Stamp::of(&after)) == Some(*before)))
}
