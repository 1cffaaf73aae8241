//! The formats of photos that are read.

/// A file format of photos that this crate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, sequential or progressive, Huffman-coded, 8 bits.
    Jpeg,
    /// PNG of any color type and depth.
    Png,
    /// GIF, its first frame.
    Gif,
    /// BMP.
    Bmp,
    /// WebP, lossy or lossless, its first frame.
    WebP,
    /// No file at all: pixels in memory.
    Pixels,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
            Self::Pixels => "pixels in memory",
        })
    }
}
