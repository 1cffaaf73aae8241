//! How a photo becomes the backbone's input: how its file is decoded, its size and the resize rule.

use icecap_data::{Decoding, ExifPolicy, ResizeSpec};
use icecap_kernels::jpeg::Dct;

use crate::error::Error;
use crate::model::backbone::Backbone;

/// How a photo becomes the backbone's input. The scaling of its pixels belongs to the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocessing {
    /// The size of the input, and the rule by which a photo gets it.
    pub resize: ResizeSpec,
    /// Whether an EXIF orientation is followed.
    pub exif: ExifPolicy,
    /// How the inverse cosine transform of a JPEG is computed.
    pub dct: Dct,
}

impl Preprocessing {
    /// Returns the preprocessing that the record of `backbone` asks for in training.
    ///
    /// # Errors
    /// [`Error::Data`] if the record's resize rule is not known.
    pub fn for_training(backbone: &Backbone) -> Result<Self, Error> {
        Self::of(backbone, backbone.record().train_size())
    }

    /// Returns the preprocessing that the record of `backbone` asks for in front of its classification top.
    ///
    /// # Errors
    /// What [`Preprocessing::for_training`] returns.
    pub fn for_classification(backbone: &Backbone) -> Result<Self, Error> {
        Self::of(backbone, backbone.record().classify_size())
    }

    fn of(backbone: &Backbone, size: [usize; 2]) -> Result<Self, Error> {
        let mode = backbone.record().resize_rule().parse()?;
        let resize = ResizeSpec { height: size[0], width: size[1], mode };
        Ok(Self { resize, exif: ExifPolicy::default(), dct: backbone.record().jpeg_dct() })
    }

    /// Returns how a photo's file becomes pixels.
    #[must_use]
    pub fn decoding(&self) -> Decoding {
        Decoding { exif: self.exif, dct: self.dct }
    }

    /// Returns the rows and columns of the backbone's input.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        [self.resize.height, self.resize.width]
    }
}

impl std::fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, exif {}, {} DCT", self.resize, self.exif, self.dct)
    }
}
