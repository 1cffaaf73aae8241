//! The chunks of a WebP file: whether it is whole, what the decoder will hold of it, and its EXIF block.
//!
//! A WebP says at its start how long it is, and what stands behind the pixels changes the photo: the block that says which way
//! up it is. A file that is shorter is refused, whichever chunk is missing.

use crate::{Error, Format, Result};

/// What the chunks say beside the pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chunks<'a> {
    pub(crate) exif: Option<&'a [u8]>,
    /// Bytes for each pixel of the canvas that the decoder holds beside the pixels that it was asked for.
    pub(crate) held: u64,
}

/// Planes of brightness and color at half the size, and what is known of each block of 16x16 pixels.
const LOSSY: u64 = 2;
/// What the transforms of a lossless picture know of its blocks, of 4x4 pixels at least, and which codes each one has.
const TRANSFORMS: u64 = 1;
/// Red, green, blue and alpha.
const PIXEL: u64 = 4;
/// Alpha beside a lossy picture: a lossless picture of its own, and its green.
const ALPHA: u64 = PIXEL + TRANSFORMS + 1;

impl<'a> Chunks<'a> {
    /// Walks the chunks of a file.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the file, or a chunk in it, is shorter than it says; [`Error::Broken`] if alpha is announced and
    /// not there.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let cut = |reason: String| Error::Truncated { format: Format::WebP, reason };
        let stated = number(bytes, 4).ok_or_else(|| cut("the file is cut off".to_owned()))?;
        let end = stated.saturating_add(8);
        if end > bytes.len() {
            return Err(cut(format!("the file has {} of {end} bytes", bytes.len())));
        }
        let mut walk = Walk { bytes: &bytes[..end], at: 12 };
        let (kind, body) = walk.next().ok_or_else(|| cut("its first chunk is cut off".to_owned()))?;
        let held = match &kind {
            b"VP8 " => LOSSY,
            // The bit behind two sides of 14 bits, behind a byte that is always the same.
            b"VP8L" => lossless(body.get(4).is_some_and(|&byte| byte & 0x10 != 0)),
            b"VP8X" => return Self::extended(body, walk),
            _ => 0,
        };
        Ok(Self { exif: None, held })
    }

    /// A file whose first chunk says what is in the others.
    fn extended(head: &[u8], walk: Walk<'a>) -> Result<Self> {
        let mut rest = walk.clone();
        rest.by_ref().for_each(drop);
        if rest.at.saturating_add(8) <= rest.bytes.len() {
            let reason = format!("the chunk at byte {} is cut off", rest.at);
            return Err(Error::Truncated { format: Format::WebP, reason });
        }
        let flags = head.first().copied().unwrap_or(0);
        let (animated, alpha) = (flags & 2 != 0, flags & 0x10 != 0);
        let find = |kind: &[u8; 4]| walk.clone().find(|(own, _)| own == kind).map(|(_, body)| body);
        let held = match animated {
            true => {
                // Frames have a head of 16 bytes, and chunks of their own behind it.
                let frame = find(b"ANMF").and_then(|frame| frame.get(16..20));
                let own = match frame {
                    Some(b"ALPH") => ALPHA + LOSSY + PIXEL,
                    Some(b"VP8L") => TRANSFORMS + PIXEL,
                    _ => LOSSY + 3,
                };
                own + PIXEL
            }
            false if find(b"VP8L").is_some() => lossless(alpha),
            false if alpha && find(b"ALPH").is_none() => {
                let reason = "it announces alpha and has none".to_owned();
                return Err(Error::Broken { format: Format::WebP, reason });
            }
            false if alpha => LOSSY + ALPHA,
            false => LOSSY,
        };
        Ok(Self { exif: find(b"EXIF"), held })
    }
}

/// A lossless picture without alpha is decoded with it into memory of the decoder's own.
fn lossless(alpha: bool) -> u64 {
    TRANSFORMS + if alpha { 0 } else { PIXEL }
}

/// The number of four bytes at `at`.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(digits)).ok()
}

/// The whole chunks from a place on.
#[derive(Clone)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.bytes.get(self.at..self.at + 4)?.try_into().ok()?;
        let (start, length) = (self.at + 8, number(self.bytes, self.at + 4)?);
        let body = self.bytes.get(start..start.checked_add(length)?)?;
        self.at = start + length.next_multiple_of(2);
        Some((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, content) in chunks {
            body.extend(*kind);
            body.extend((content.len() as u32).to_le_bytes());
            body.extend(*content);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
    }

    fn extended(flags: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let head = [flags, 0, 0, 0, 7, 0, 0, 7, 0, 0];
        file(&[&[(b"VP8X", &head[..])], chunks].concat())
    }

    #[test]
    fn every_kind_of_file_holds_what_its_decoder_takes() {
        let frame = |kind: &[u8]| [&[0; 16], kind].concat();
        let (rgb, rgba) = ([0x2F, 7, 0xC0, 1, 0], [0x2F, 7, 0xC0, 1, 0x10]);
        for (file, held) in [
            (file(&[(b"VP8 ", b"odd")]), 2),
            (file(&[(b"VP8L", &rgb)]), 5),
            (file(&[(b"VP8L", &rgba)]), 1),
            (extended(0, &[(b"VP8L", &rgba)]), 5),
            (extended(0x10, &[(b"VP8L", &rgba)]), 1),
            (extended(8, &[(b"ICCP", b"odd"), (b"VP8 ", b"odd"), (b"EXIF", b"block")]), 2),
            (extended(0x18, &[(b"ALPH", b"a"), (b"VP8 ", b"odd"), (b"EXIF", b"block")]), 8),
            (extended(2, &[(b"ANIM", b""), (b"ANMF", &frame(b"VP8 "))]), 9),
            (extended(2, &[(b"ANIM", b""), (b"ANMF", &frame(b"VP8L"))]), 9),
            (extended(2, &[(b"ANIM", b""), (b"ANMF", &frame(b"ALPH"))]), 16),
        ] {
            let chunks = Chunks::read(&file).unwrap();
            assert_eq!(chunks.held, held, "{file:?}");
            assert_eq!(chunks.exif, file.ends_with(b"block\0").then_some(&b"block"[..]));
        }
        assert!(Chunks::read(&extended(0x10, &[(b"VP8 ", b"odd")])).is_err());
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_told_as_cut() {
        let whole = extended(8, &[(b"VP8 ", b"odd"), (b"XMP ", b"text"), (b"EXIF", b"block")]);
        for end in 0..whole.len() {
            let error = Chunks::read(&whole[..end]).unwrap_err();
            assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
        }
        let behind = [&whole[..], b"more"].concat();
        assert_eq!(Chunks::read(&behind).unwrap().exif, Some(&b"block"[..]));
        // Lengths that lead nowhere.
        for at in [4, 16, 34] {
            for length in [0, 1, 0x7FFF_FFFF, u32::MAX] {
                let mut wrong = whole.clone();
                wrong[at..at + 4].copy_from_slice(&length.to_le_bytes());
                let _ = Chunks::read(&wrong);
            }
        }
    }
}
