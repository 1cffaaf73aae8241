//! Whether a file holds more pictures than the first, which is the only one that is read.

use crate::{Format, tiff};

/// Whether the file of this format is animated, as far as its blocks can be walked.
pub(crate) fn is_animated(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Gif => more_than_one_gif_frame(bytes).unwrap_or(false),
        Format::Png => has_animation_chunk(bytes).unwrap_or(false),
        // The flags of the extended header; the second lowest bit is the animation's.
        Format::WebP => {
            bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
        }
        Format::Tiff => tiff::has_pages(bytes),
        Format::Jpeg | Format::Bmp | Format::JpegXl | Format::Pixels => false,
    }
}

/// Walks a GIF's blocks up to its second image; `None` if the file ends before its trailer.
fn more_than_one_gif_frame(bytes: &[u8]) -> Option<bool> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut frames = 0;
    loop {
        match *bytes.get(at)? {
            b',' => {
                frames += 1;
                if frames == 2 {
                    return Some(true);
                }
                at = past_sub_blocks(bytes, at + 11 + table(*bytes.get(at + 9)?))?;
            }
            b'!' => at = past_sub_blocks(bytes, at + 2)?,
            _ => return Some(false),
        }
    }
}

/// The place behind a chain of sub-blocks, each its length and as many bytes, the last of none.
fn past_sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// Whether an animation's control chunk, of more than one frame, stands before a PNG's pixels.
fn has_animation_chunk(bytes: &[u8]) -> Option<bool> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let mut at = 8usize;
    loop {
        match bytes.get(at + 4..at + 8)? {
            b"acTL" => return Some(number(at + 8)? > 1),
            b"IDAT" => return Some(false),
            _ => at = at.checked_add(12)?.checked_add(number(at)? as usize)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A GIF's blocks around `frames` images of one pixel.
    fn gif(frames: usize) -> Vec<u8> {
        let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF".to_vec();
        for _ in 0..frames {
            file.extend(b"!\xF9\x04\0\0\0\0\0");
            file.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
        }
        file.push(b';');
        file
    }

    fn png(chunk: &[u8], frames: u32) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1A\n\0\0\0\0IHDR\0\0\0\0".to_vec();
        file.extend(8u32.to_be_bytes());
        file.extend(chunk);
        file.extend(frames.to_be_bytes());
        file.extend(b"\0\0\0\0\0\0\0\0\0\0\0\0IDAT");
        file
    }

    #[test]
    fn the_second_frame_makes_an_animation() {
        for (frames, animated) in [(0, false), (1, false), (2, true), (9, true)] {
            assert_eq!(is_animated(&gif(frames), Format::Gif), animated, "{frames}");
        }
        for (chunk, frames, animated) in [(b"acTL", 2, true), (b"acTL", 1, false), (b"tEXt", 2, false)] {
            assert_eq!(is_animated(&png(chunk, frames), Format::Png), animated, "{frames}");
        }
        let webp = |flags| [b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0".to_vec(), vec![flags, 0, 0, 0]].concat();
        assert!(is_animated(&webp(0x12), Format::WebP) && !is_animated(&webp(0x10), Format::WebP));
    }

    #[test]
    fn a_cut_file_ends_the_walk() {
        let whole = gif(3);
        for end in 0..whole.len() {
            let _ = is_animated(&whole[..end], Format::Gif);
        }
        let whole = png(b"tEXt", 7);
        for end in 0..whole.len() {
            assert!(!is_animated(&whole[..end], Format::Png));
        }
        assert!(!is_animated(b"\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFabcd", Format::Png));
    }
}
