//! What decoders fill and keep from photo to photo.

use crate::Warning;
use crate::jpeg::JpegBuffers;

/// Buffers that a decoder fills and that are kept from photo to photo.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// The pixels, `[height, width, 3]`, as stored.
    pub(crate) rgb: Vec<u8>,
    /// Samples of a color model other than RGB.
    pub(crate) raw: Vec<u8>,
    pub(crate) jpeg: JpegBuffers,
    pub(crate) warnings: Vec<Warning>,
}
