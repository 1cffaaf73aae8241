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
    /// TIFF, its first page: 1 to 16 bits a channel, packed by LZW, deflate, PackBits or JPEG, or not at all.
    Tiff,
    /// JPEG XL, its first frame, where the crate is built with the feature `jxl`.
    JpegXl,
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
            Self::Tiff => "TIFF",
            Self::JpegXl => "JPEG XL",
            Self::Pixels => "pixels in memory",
        })
    }
}
