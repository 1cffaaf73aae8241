//! TIFFs put together tag by tag.

use crate::make::{Jpeg, jpeg, picture};

pub(crate) const WIDTH: usize = 13;
pub(crate) const HEIGHT: usize = 11;

/// A classic file in either byte order: its tags, each with its type and numbers, and the bytes of its strips or tiles.
pub(crate) struct Tiff {
    pub(crate) big_endian: bool,
    /// Shorts if every number fits, longs otherwise.
    pub(crate) tags: Vec<(u16, Vec<u32>)>,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Tiff {
    pub(crate) fn rgb(chunks: Vec<Vec<u8>>, rows: u32) -> Self {
        Self::new(&[(258, &[8, 8, 8]), (262, &[2]), (277, &[3]), (278, &[rows])], chunks)
    }

    pub(crate) fn new(tags: &[(u16, &[u32])], chunks: Vec<Vec<u8>>) -> Self {
        let sides = [(256, vec![WIDTH as u32]), (257, vec![HEIGHT as u32])].into_iter();
        let tags = tags.iter().map(|(tag, numbers)| (*tag, numbers.to_vec()));
        let tags = sides.chain(tags).collect();
        Self { big_endian: false, tags, chunks }
    }

    pub(crate) fn with(mut self, tag: u16, numbers: &[u32]) -> Self {
        self.tags.retain(|(own, _)| *own != tag);
        self.tags.push((tag, numbers.to_vec()));
        self
    }

    pub(crate) fn file(mut self) -> Vec<u8> {
        let big = self.big_endian;
        let short =
            |value: u32| if big { (value as u16).to_be_bytes() } else { (value as u16).to_le_bytes() };
        let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut out = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        out.extend([0; 4]);
        let mut offsets = Vec::new();
        for chunk in &self.chunks {
            offsets.push(out.len() as u32);
            out.extend(chunk);
        }
        let tiled = self.tags.iter().any(|(tag, _)| *tag == 322);
        let counts: Vec<u32> = self.chunks.iter().map(|chunk| chunk.len() as u32).collect();
        self.tags.push((if tiled { 324 } else { 273 }, offsets));
        self.tags.push((if tiled { 325 } else { 279 }, counts));
        self.tags.sort_by_key(|(tag, _)| *tag);
        let mut entries = Vec::new();
        for (tag, numbers) in &self.tags {
            let shorts = numbers.iter().all(|&number| number < 1 << 16);
            let bytes: Vec<u8> = match shorts {
                true => numbers.iter().flat_map(|&number| short(number)).collect(),
                false => numbers.iter().flat_map(|&number| long(number)).collect(),
            };
            let (kind, count) = (if shorts { 3 } else { 4 }, numbers.len());
            entries.extend([short((*tag).into()), short(kind)].concat());
            entries.extend(long(count as u32));
            if bytes.len() <= 4 {
                entries.extend(bytes.iter().copied().chain([0; 4]).take(4));
            } else {
                entries.extend(long(out.len() as u32));
                out.extend(bytes);
            }
        }
        let start = out.len() as u32;
        out.extend(short(self.tags.len() as u32));
        out.extend(entries);
        out.extend([0; 4]);
        out[4..8].copy_from_slice(&long(start));
        out
    }
}

pub(crate) fn drawn() -> Vec<u8> {
    picture(WIDTH, HEIGHT)
}

/// The rows in strips of this many.
pub(crate) fn strips(samples: &[u8], row: usize, rows: usize) -> Vec<Vec<u8>> {
    samples.chunks(row * rows).map(<[u8]>::to_vec).collect()
}

/// Each row as one run of bytes as they are.
pub(crate) fn pack_bits(samples: &[u8], row: usize) -> Vec<u8> {
    samples.chunks(row).flat_map(|row| [vec![row.len() as u8 - 1], row.to_vec()].concat()).collect()
}

/// Files of every packing, for tests that damage them.
pub(crate) fn tiffs() -> Vec<(String, Vec<u8>)> {
    let rgb = drawn();
    let zlib = strips(&rgb, WIDTH * 3, 4)
        .into_iter()
        .map(|strip| miniz_oxide::deflate::compress_to_vec_zlib(&strip, 6));
    let lzw = strips(&rgb, WIDTH * 3, 4).into_iter().map(|strip| {
        weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&strip).unwrap()
    });
    let packed = vec![pack_bits(&rgb, WIDTH * 3)];
    let jpeg = vec![jpeg(&rgb, WIDTH, HEIGHT, jpeg_encoder::ColorType::Rgb, Jpeg::PLAIN)];
    let mut palette = Tiff::new(&[(258, &[4]), (262, &[3]), (278, &[11])], vec![vec![0x5A; 7 * HEIGHT]]);
    palette.tags.push((320, (0..48).map(|value| value * 1000).collect()));
    [
        ("plain", Tiff::rgb(strips(&rgb, WIDTH * 3, 4), 4)),
        ("deflate", Tiff::rgb(zlib.collect(), 4).with(259, &[8])),
        ("LZW", Tiff::rgb(lzw.collect(), 4).with(259, &[5])),
        ("PackBits", Tiff::rgb(packed, 11).with(259, &[32773])),
        ("JPEG", Tiff::rgb(jpeg, 11).with(259, &[7]).with(262, &[6])),
        ("palette", palette),
        ("tiles", Tiff::rgb(vec![vec![7; 16 * 16 * 3]], 11).with(322, &[16]).with(323, &[16])),
    ]
    .into_iter()
    .map(|(name, tiff)| (format!("TIFF {name}"), tiff.file()))
    .collect()
}
