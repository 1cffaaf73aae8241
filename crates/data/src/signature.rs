//! Which format a file is in, told by its first bytes; its name says nothing.

use crate::{Error, Format, Result};

/// First bytes of what people have in their folders beside photos.
const OTHERS: [(&[u8], &str); 16] = [
    (b"%PDF", "this is a PDF document"),
    (b"PK\x03\x04", "this is a zip archive"),
    (b"\x1F\x8B", "this is a gzip archive"),
    (b"Rar!", "this is a RAR archive"),
    (b"7z\xBC\xAF", "this is a 7z archive"),
    (b"\xD0\xCF\x11\xE0", "this is a document of Windows or Office"),
    (b"\0\x05\x16\x07", "these are notes of macOS about another file"),
    (b"\0\0\x01\0", "this is an icon of Windows"),
    (b"<svg", "this is an SVG drawing"),
    (b"<", "this is a web page or an XML file, as failed downloads are"),
    (b"{", "this is a JSON file"),
    (b"version https://git-lfs", "this is a Git LFS pointer and not the file itself"),
    (b"\x93NUMPY", "this is an array of NumPy"),
    (b"RIFF", "this is a sound or a video"),
    (b"\x1A\x45\xDF\xA3", "this is a video"),
    (b"ID3", "this is a sound"),
];

/// First bytes of pictures that are not read, what they are, and a command of another program that makes one of them that is.
const CONVERTIBLE: [(&[u8], &str, &str); 15] = [
    (b"\0\0\0\x0CJXL ", JPEG_XL, "djxl photo.jxl photo.png"),
    (b"\xFF\x0A", JPEG_XL, "djxl photo.jxl photo.png"),
    (b"\0\0\0\x0CjP  ", "this is a JPEG 2000 image", "magick photo.jp2 photo.png"),
    (b"\xFF\x4F\xFF\x51", "this is a JPEG 2000 image", "magick photo.j2k photo.png"),
    (b"8BPS", "this is a Photoshop document", "magick 'photo.psd[0]' photo.png"),
    (b"IIRO", RAW, RAW_COMMAND),
    (b"IIRS", RAW, RAW_COMMAND),
    (b"IIU\0", RAW, RAW_COMMAND),
    (b"FUJIFILM", RAW, RAW_COMMAND),
    (b"P5\n", "this is a Netpbm image", "magick photo.pgm photo.png"),
    (b"P6\n", "this is a Netpbm image", "magick photo.ppm photo.png"),
    (b"P4\n", "this is a Netpbm image", "magick photo.pbm photo.png"),
    (b"v/1\x01", "this is an OpenEXR image", "magick photo.exr photo.png"),
    (b"#?RAD", "this is a Radiance image", "magick photo.hdr photo.png"),
    (b"qoif", "this is a QOI image", "magick photo.qoi photo.png"),
];

const JPEG_XL: &str = "this is a JPEG XL image";
const RAW: &str = "this is a camera's raw file";
const RAW_COMMAND: &str = "magick photo.raw photo.jpg";

/// The pictures that come in the boxes of ISO 14496-12, by the brands that a file names.
const BRANDS: [(&[&[u8; 4]], &str, &str); 3] = [
    (&[b"avif", b"avis"], "this is an AVIF image", "avifdec photo.avif photo.png"),
    (
        &[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"],
        "this is a HEIC photo",
        "heif-convert photo.heic photo.jpg",
    ),
    (&[b"crx "], RAW, RAW_COMMAND),
];

impl Format {
    /// Returns the format of a file that holds `bytes`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnknownFormat`], [`Error::Convertible`].
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
        let tiff = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];
        if bytes.is_empty() {
            Err(Error::Empty)
        } else if at(0, b"\xFF\xD8\xFF") {
            Ok(Self::Jpeg)
        } else if at(0, b"\x89PNG\r\n\x1A\n") {
            Ok(Self::Png)
        } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
            Ok(Self::Gif)
        } else if at(0, b"BM") {
            Ok(Self::Bmp)
        } else if at(0, b"RIFF") && at(8, b"WEBP") {
            Ok(Self::WebP)
        } else if tiff.iter().any(|magic| at(0, &magic[..])) && !at(8, b"CR\x02") {
            Ok(Self::Tiff)
        } else if cfg!(feature = "jxl") && CONVERTIBLE[..2].iter().any(|(magic, ..)| at(0, magic)) {
            Ok(Self::JpegXl)
        } else {
            Err(other(bytes))
        }
    }
}

/// What a file is that is read in no format.
fn other(bytes: &[u8]) -> Error {
    if bytes.get(4..8) == Some(b"ftyp") {
        let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let names = bytes[8..length.clamp(8, bytes.len())].as_chunks::<4>().0;
        // The second is a version.
        let named = |brand: &&[u8; 4]| names.iter().enumerate().any(|(at, name)| at != 1 && name == *brand);
        return match BRANDS.iter().find(|(brands, ..)| brands.iter().any(named)) {
            Some(&(_, found, command)) => Error::Convertible { found, command },
            None => Error::UnknownFormat { found: "this is a video" },
        };
    }
    if bytes.get(8..11) == Some(b"CR\x02") {
        return Error::Convertible { found: RAW, command: RAW_COMMAND };
    }
    if let Some(&(_, found, command)) = CONVERTIBLE.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Error::Convertible { found, command };
    }
    let found = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic));
    let found = match found {
        Some((_, found)) => found,
        None if bytes.iter().all(|&byte| byte == 0) => "the file holds nothing but zeros",
        None => "this is no image that is known",
    };
    Error::UnknownFormat { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_called_what_they_are() {
        let said = |bytes: &[u8]| Format::of(bytes).unwrap_err().to_string();
        assert!(said(b"").contains("empty"));
        assert!(said(b"<!DOCTYPE html>").contains("web page"));
        assert!(said(&[0; 100]).contains("zeros"));
        assert!(said(b"RIFF\0\0\0\0WAVE").contains("a sound or a video"));
        assert!(said(b"\0\0\0\x18ftypisom\0\0\0\0").contains("a video"));
        assert_eq!(Format::of(b"\xFF\xD8\xFF\xDB").unwrap(), Format::Jpeg);
        assert_eq!(Format::of(b"MM\0*\0\0\0\x08").unwrap(), Format::Tiff);
    }

    /// Refuses: photos | AVIF, HEIC and others that are not read | the format, and the command that converts it
    #[test]
    fn a_picture_that_is_not_read_comes_with_the_command_that_converts_it() {
        let said = |bytes: &[u8]| Format::of(bytes).unwrap_err().to_string();
        let heic = said(b"\0\0\0\x18ftypheic\0\0\0\0");
        assert!(heic.contains("HEIC") && heic.contains("`heif-convert photo.heic photo.jpg`"), "{heic}");
        // The major brand says only that it is a picture.
        let avif = said(b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf");
        assert!(avif.contains("AVIF") && avif.contains("`avifdec photo.avif photo.png`"), "{avif}");
        // Behind the box stands something else.
        assert!(said(b"\0\0\0\x10ftypmif1\0\0\0\0mif1avifmiaf").contains("HEIC"));
        assert!(said(b"II*\0\x10\0\0\0CR\x02\0").contains("camera's raw file"));
        if !cfg!(feature = "jxl") {
            assert!(said(b"\xFF\x0A\x10").contains("`djxl photo.jxl photo.png`"));
        }
        let mut box_ = b"\0\0\0\x1Cftypmif1\0\0\0\0mif1avifmiaf".to_vec();
        for end in 1..box_.len() {
            assert!(Format::of(&box_[..end]).is_err());
        }
        box_[..4].fill(0xFF);
        assert!(Format::of(&box_).is_err());
    }
}
