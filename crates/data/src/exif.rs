//! Where files keep an EXIF block beside their pixels, and with it which way up they are.
//!
//! | format | place |
//! |---|---|
//! | WebP | the chunk `EXIF`, in files of some phones with the `Exif\0\0` in front that only JPEG asks for |
//! | PNG | the chunk `eXIf`, before or behind the pixels |
//! | PNG, older | a text chunk (`tEXt`, `zTXt`, `iTXt`) called `Raw profile type exif` or `… APP1`: the block in hexadecimal digits, as ImageMagick and exiftool write it |

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

use crate::orient::Orientation;

/// What a text chunk may unpack to: an EXIF block has 64 KiB at most, two digits a byte.
const TEXT_BYTES: usize = 1 << 20;

/// The orientation in an EXIF block, with or without the six bytes that JPEG has in front of it.
pub(crate) fn orientation(block: &[u8]) -> Orientation {
    Orientation::from_tiff(block.strip_prefix(b"Exif\0\0").unwrap_or(block))
}

/// The orientation that a PNG states; upright where it states none.
pub(crate) fn of_png(bytes: &[u8]) -> Orientation {
    let chunks = || Chunks { rest: bytes.get(8..).unwrap_or_default() };
    if let Some((_, block)) = chunks().find(|(kind, _)| kind == b"eXIf") {
        return orientation(block);
    }
    let profile = chunks().find_map(|(kind, body)| raw_profile(&text(&kind, body)?));
    profile.map_or_else(Orientation::default, |block| orientation(&block))
}

/// Whether a PNG has its last chunk.
pub(crate) fn png_is_whole(bytes: &[u8]) -> bool {
    Chunks { rest: bytes.get(8..).unwrap_or_default() }.any(|(kind, _)| &kind == b"IEND")
}

/// The chunks of a PNG, as far as they are whole but for the checksum of the last.
struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        self.rest = rest.get(4..).unwrap_or_default();
        Some((*kind, body))
    }
}

/// The text of a chunk that is called a raw profile of EXIF.
fn text(kind: &[u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    if !matches!(kind, b"tEXt" | b"zTXt" | b"iTXt") {
        return None;
    }
    let after = |body: &[u8]| body.iter().position(|&byte| byte == 0);
    let end = after(body)?;
    let (name, rest) = (&body[..end], &body[end + 1..]);
    if name != b"Raw profile type exif" && name != b"Raw profile type APP1" {
        return None;
    }
    let unpack = |packed: &[u8]| decompress_to_vec_zlib_with_limit(packed, TEXT_BYTES).ok();
    match kind {
        b"tEXt" => Some(rest.to_vec()),
        // A byte names the compression, of which there is one.
        b"zTXt" => unpack(rest.get(1..)?),
        _ => {
            let (&packed, rest) = (rest.first()?, rest.get(2..)?);
            // A language, and the name in it.
            let rest = &rest[after(rest)? + 1..];
            let rest = &rest[after(rest)? + 1..];
            if packed == 0 { Some(rest.to_vec()) } else { unpack(rest) }
        }
    }
}

/// The bytes of a raw profile: a line with its kind, one with their number, then digits.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.get(..TEXT_BYTES.min(text.len()))?.trim_ascii_start();
    let mut lines = text.splitn(3, |&byte| byte == b'\n');
    let (_kind, count, digits) = (lines.next()?, lines.next()?, lines.next()?);
    let count: usize = std::str::from_utf8(count.trim_ascii()).ok()?.parse().ok()?;
    let mut digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace());
    let mut block = Vec::with_capacity(count.min(TEXT_BYTES));
    while block.len() < count {
        let mut digit = || char::from(*digits.next()?).to_digit(16);
        block.push((digit()? << 4 | digit()?) as u8);
    }
    // `APP1` holds XMP as well.
    (block.starts_with(b"Exif\0\0") || block.starts_with(b"II*\0") || block.starts_with(b"MM\0*"))
        .then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

    fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes(), kind, body, &[0; 4]].concat()
    }

    fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"\x89PNG\r\n\x1A\n".to_vec(), chunks.concat(), chunk(b"IEND", b"")].concat()
    }

    /// As ImageMagick writes it: lines of 72 digits.
    fn profile(block: &[u8]) -> Vec<u8> {
        let digits: String = block.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<&str> =
            digits.as_bytes().chunks(72).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("\nexif\n{:8}\n{}\n", block.len(), lines.join("\n")).into_bytes()
    }

    #[test]
    fn every_place_of_a_png_is_read_and_the_chunk_of_its_own_counts_first() {
        let six = Orientation::from_exif(6);
        let prefixed = [b"Exif\0\0", BLOCK].concat();
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&profile(&prefixed), 6);
        let name = b"Raw profile type exif\0";
        let pixels = chunk(b"IDAT", b"pixels");
        for chunks in [
            vec![chunk(b"eXIf", BLOCK), pixels.clone()],
            vec![pixels.clone(), chunk(b"eXIf", &prefixed)],
            vec![chunk(b"tEXt", &[name.as_slice(), &profile(BLOCK)].concat())],
            vec![chunk(b"zTXt", &[name.as_slice(), b"\0", &packed].concat())],
            vec![chunk(b"iTXt", &[name.as_slice(), b"\0\0en\0name\0", &profile(&prefixed)].concat())],
            vec![chunk(b"iTXt", &[name.as_slice(), b"\x01\0\0\0", &packed].concat()), pixels.clone()],
            vec![
                chunk(b"tEXt", b"Raw profile type APP1\0\nAPP1\n4\n68747470"),
                chunk(b"zTXt", &[b"Raw profile type APP1\0\0".as_slice(), &packed].concat()),
            ],
        ] {
            assert_eq!(of_png(&png(&chunks)), six);
        }
        for chunks in [
            vec![pixels.clone()],
            vec![chunk(b"tEXt", &[b"Comment\0".as_slice(), &profile(BLOCK)].concat())],
            vec![chunk(b"eXIf", b""), chunk(b"tEXt", &[name.as_slice(), &profile(BLOCK)].concat())],
        ] {
            assert!(of_png(&png(&chunks)).is_upright());
        }
    }

    #[test]
    fn what_is_cut_or_unpacks_to_too_much_is_passed_over() {
        let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b'0'; 64 << 20], 6);
        let name = b"Raw profile type exif\0\0".as_slice();
        assert!(of_png(&png(&[chunk(b"zTXt", &[name, &bomb].concat())])).is_upright());
        let large = b"Raw profile type exif\0\nexif\n18446744073709551615\n49492a00".as_slice();
        assert!(of_png(&png(&[chunk(b"tEXt", large)])).is_upright());
        let whole = png(&[chunk(b"tEXt", &[&name[..name.len() - 1], &profile(BLOCK)].concat())]);
        for end in 0..whole.len() {
            let _ = of_png(&whole[..end]);
        }
        for digits in ["49492a0", "zz", ""] {
            assert!(raw_profile(format!("\nexif\n4\n{digits}").as_bytes()).is_none());
        }
    }
}
