//! A decoded photo: its pixels as stored, which way up it is, and what is odd about its file.

use crate::orient::Orientation;

/// Something about a photo that does not keep it from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A JPEG without its end marker, but with all its rows.
    NoEndMarker,
    /// A progressive JPEG with an end marker that lacks the last passes of refinement.
    Unrefined,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoEndMarker => "the JPEG has no end marker; all rows are there",
            Self::Unrefined => "the progressive JPEG lacks its last passes; all rows are there, less sharp",
        })
    }
}

/// What decoding tells besides the pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// Stored columns.
    pub(crate) width: u32,
    /// Stored rows.
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    /// Whether pixels are not opaque.
    pub(crate) transparent: bool,
}

impl Header {
    /// The pixels that this is the header of.
    pub(crate) fn stored<'a>(&self, rgb: &'a [u8]) -> Stored<'a> {
        let (width, height) = (self.width as usize, self.height as usize);
        Stored { rgb, width, height, orientation: self.orientation }
    }
}

/// A decoded photo: RGB of 8 bits, as stored, and how it has to be turned.
#[derive(Clone, Debug)]
pub struct Photo {
    rgb: Vec<u8>,
    width: usize,
    height: usize,
    orientation: Orientation,
    warnings: Vec<Warning>,
}

impl Photo {
    /// The photo that a decoder made.
    pub(crate) fn new(header: Header, rgb: Vec<u8>, warnings: Vec<Warning>) -> Self {
        let (width, height) = (header.width as usize, header.height as usize);
        let Header { orientation, .. } = header;
        Self { rgb, width, height, orientation, warnings }
    }

    /// Returns a photo of pixels in memory, which are upright.
    ///
    /// # Shapes
    /// `rgb` is `[height, width, 3]`.
    ///
    /// # Panics
    /// If a side is 0 or `rgb` is not of that shape.
    #[must_use]
    pub fn from_rgb(width: usize, height: usize, rgb: Vec<u8>) -> Self {
        assert!(width > 0 && height > 0, "a photo of {width}x{height} pixels");
        assert_eq!(rgb.len(), width * height * 3, "pixels of {width}x{height}");
        Self { rgb, width, height, orientation: Orientation::default(), warnings: Vec::new() }
    }

    /// The number of columns of the upright photo.
    #[must_use]
    pub fn width(&self) -> usize {
        self.orientation.sides(self.width, self.height).0
    }

    /// The number of rows of the upright photo.
    #[must_use]
    pub fn height(&self) -> usize {
        self.orientation.sides(self.width, self.height).1
    }

    /// Returns a copy of the upright pixels, `[height, width, 3]`.
    #[must_use]
    pub fn to_rgb(&self) -> Vec<u8> {
        let mut upright = vec![0; self.rgb.len()];
        self.orientation.apply(&self.rgb, self.width, self.height, &mut upright);
        upright
    }

    /// Returns the upright pixels, `[height, width, 3]`, without a copy if they are stored so.
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        if self.orientation.is_upright() { self.rgb } else { self.to_rgb() }
    }

    /// What is odd about the file, but does not keep the photo from being used.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The pixels as stored.
    pub(crate) fn stored(&self) -> Stored<'_> {
        let Self { rgb, width, height, orientation, .. } = self;
        Stored { rgb, width: *width, height: *height, orientation: *orientation }
    }
}

/// Borrowed pixels as stored, `[height, width, 3]`, and how they have to be turned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) rgb: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) orientation: Orientation,
}
