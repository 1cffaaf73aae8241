//! One thread's way from a file to pixels, with buffers that are kept from photo to photo.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use icecap_kernels::Isa;

use crate::decode::{Buffers, Stored, decode_into};
use crate::resize::resample;
use crate::{
    Augment, Digest, Error, ExifPolicy, Limits, Orientation, ResizeBuffers, ResizeSpec, Result, View, Warning,
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
    /// `[height, width, 3]` of the [`ResizeSpec`], grey levels from 0 to 255.
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
        read_file(path, &self.limits, &mut self.file).map_err(|error| error.of(path))?;
        Ok(OpenPhoto { sha256: Digest::of(&self.file), bytes: None, loader: self, path: Some(path) })
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
        Ok(OpenPhoto { sha256: Digest::of(bytes), bytes: Some(bytes), loader: self, path: None })
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
        let (isa, loader, header) = self.decoded()?;
        let Loader { decoded, resized, .. } = loader;
        resample(header.of(&decoded.rgb), spec, isa, resized, out);
        Ok(&decoded.warnings)
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
        let (isa, loader, header) = self.decoded()?;
        let Loader { decoded, resized, plain, canvas, .. } = loader;
        let stored = header.of(&decoded.rgb);
        let larger = Augment::canvas(spec);
        for (needed, spec, pixels) in [
            (views.iter().any(|view| !view.needs_canvas()), spec, &mut *plain),
            (views.iter().any(View::needs_canvas), &larger, &mut *canvas),
        ] {
            if needed {
                pixels.resize(spec.values(), 0.0);
                resample(stored, spec, isa, resized, pixels);
            }
        }
        for (place, view) in views.iter().enumerate() {
            let size = (spec.height, spec.width);
            match view.needs_canvas() {
                true => view.apply(canvas, (larger.height, larger.width), out, size),
                false => view.apply(plain, size, out, size),
            }
            each(place, out);
        }
        Ok(&decoded.warnings)
    }

    /// Decodes into the loader's buffers.
    fn decoded(self) -> Result<(Isa, &'a mut Loader, Decoded)> {
        let Self { bytes, loader, path, .. } = self;
        let header =
            decode_into(bytes.unwrap_or(&loader.file), &loader.limits, loader.exif, &mut loader.decoded)
                .map_err(|error| if let Some(path) = path { error.of(path) } else { error })?;
        let (width, height) = (header.width as usize, header.height as usize);
        Ok((loader.isa, loader, Decoded { width, height, orientation: header.orientation }))
    }
}

/// What a decoded photo's bytes mean.
struct Decoded {
    width: usize,
    height: usize,
    orientation: Orientation,
}

impl Decoded {
    fn of<'a>(&self, rgb: &'a [u8]) -> Stored<'a> {
        Stored { rgb, width: self.width, height: self.height, orientation: self.orientation }
    }
}

/// Reads a regular file of at most the limit's size into `bytes`.
fn read_file(path: &Path, limits: &Limits, bytes: &mut Vec<u8>) -> Result<()> {
    // Before opening: a named pipe would block the open until somebody writes to it.
    let about = std::fs::metadata(path).map_err(Error::Read)?;
    if !about.is_file() {
        return Err(Error::NotAFile);
    }
    limits.check_file(about.len())?;
    bytes.clear();
    // One byte more than the limit, in case the file grows under our hands.
    let read = File::open(path).and_then(|file| file.take(limits.file_bytes + 1).read_to_end(bytes));
    limits.check_file(read.map_err(Error::Read)? as u64)?;
    if bytes.is_empty() { Err(Error::Empty) } else { Ok(()) }
}
