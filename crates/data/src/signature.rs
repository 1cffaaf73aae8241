//! Which format a file is in, told by its first bytes; its name says nothing.

use crate::{Error, Format, Result};

/// First bytes of what people have in their folders beside photos, and of formats that are not read.
const OTHERS: [(usize, &[u8], &str); 13] = [
    (4, b"ftyphei", "this is a HEIC photo"),
    (4, b"ftypmif1", "this is a HEIC photo"),
    (4, b"ftypavif", "this is an AVIF image"),
    (4, b"ftyp", "this is a video"),
    (0, b"II*\0", "this is a TIFF image or a camera's raw file"),
    (0, b"MM\0*", "this is a TIFF image or a camera's raw file"),
    (0, b"\0\0\0\x0CJXL ", "this is a JPEG XL image"),
    (0, b"\xFF\x0A", "this is a JPEG XL image"),
    (0, b"%PDF", "this is a PDF document"),
    (0, b"PK\x03\x04", "this is a zip archive"),
    (0, b"<", "this is a web page or an XML file, as failed downloads are"),
    (0, b"{", "this is a JSON file"),
    (0, b"version https://git-lfs", "this is a Git LFS pointer and not the file itself"),
];

impl Format {
    /// Returns the format of a file that holds `bytes`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnknownFormat`].
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
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
        } else {
            let found = OTHERS.iter().find(|(offset, magic, _)| at(*offset, magic));
            let found = match found {
                Some((.., found)) => found,
                None if bytes.iter().all(|&byte| byte == 0) => "the file holds nothing but zeros",
                None => "this is no image that is known",
            };
            Err(Error::UnknownFormat { found })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_called_what_they_are() {
        let said = |bytes: &[u8]| Format::of(bytes).unwrap_err().to_string();
        assert!(said(b"").contains("empty"));
        assert!(said(b"\0\0\0\x18ftypheic").contains("HEIC"));
        assert!(said(b"<!DOCTYPE html>").contains("web page"));
        assert!(said(&[0; 100]).contains("zeros"));
        assert!(said(b"RIFF\0\0\0\0WAVE").contains("no image"));
        assert_eq!(Format::of(b"\xFF\xD8\xFF\xDB").unwrap(), Format::Jpeg);
    }
}
