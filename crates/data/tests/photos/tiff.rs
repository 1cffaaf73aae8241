//! TIFFs put together tag by tag: what they show is what was drawn, and what is not read is refused by its name.

use icecap_data::{ErrorKind, ExifPolicy, Limits, decode};

use crate::make::{Jpeg, jpeg, picture};

const WIDTH: usize = 13;
const HEIGHT: usize = 11;

/// A classic file in either byte order: its tags, each with its type and numbers, and the bytes of its strips or tiles.
pub(crate) struct Tiff {
    pub(crate) big_endian: bool,
    /// Shorts if every number fits, longs otherwise.
    pub(crate) tags: Vec<(u16, Vec<u32>)>,
    pub(crate) chunks: Vec<Vec<u8>>,
}

impl Tiff {
    fn rgb(chunks: Vec<Vec<u8>>, rows: u32) -> Self {
        Self::new(&[(258, &[8, 8, 8]), (262, &[2]), (277, &[3]), (278, &[rows])], chunks)
    }

    fn new(tags: &[(u16, &[u32])], chunks: Vec<Vec<u8>>) -> Self {
        let sides = [(256, vec![WIDTH as u32]), (257, vec![HEIGHT as u32])].into_iter();
        let tags = tags.iter().map(|(tag, numbers)| (*tag, numbers.to_vec()));
        let tags = sides.chain(tags).collect();
        Self { big_endian: false, tags, chunks }
    }

    fn with(mut self, tag: u16, numbers: &[u32]) -> Self {
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

fn drawn() -> Vec<u8> {
    picture(WIDTH, HEIGHT)
}

/// The rows in strips of this many.
fn strips(samples: &[u8], row: usize, rows: usize) -> Vec<Vec<u8>> {
    samples.chunks(row * rows).map(<[u8]>::to_vec).collect()
}

/// Each row as one run of bytes as they are.
fn pack_bits(samples: &[u8], row: usize) -> Vec<u8> {
    samples.chunks(row).flat_map(|row| [vec![row.len() as u8 - 1], row.to_vec()].concat()).collect()
}

fn read(file: &[u8]) -> Vec<u8> {
    decode(file, &Limits::default(), ExifPolicy::Apply).unwrap().to_rgb()
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

/// Opens: photos | TIFF, its first page: strips of every common packing | plain, deflate, LZW, PackBits; 8 bits as they are
#[test]
fn strips_of_every_packing_show_what_was_drawn() {
    let mut compared = 0;
    for (name, file) in tiffs() {
        if ["plain", "deflate", "LZW", "PackBits"].iter().any(|kind| name.ends_with(kind)) {
            assert!(read(&file) == drawn(), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}

/// Opens: photos | TIFF of 16 bits, gray, in either order of bytes | 16 bits become 8 as `v / 257`, rounded
#[test]
fn sixteen_bits_in_either_order_gray_either_way_and_planes() {
    let rgb = drawn();
    let wide = |big: bool| -> Vec<u8> {
        let level = |&level: &u8| u16::from(level) * 257;
        rgb.iter().map(level).flat_map(|v| if big { v.to_be_bytes() } else { v.to_le_bytes() }).collect()
    };
    for big_endian in [false, true] {
        let tiff = Tiff::rgb(vec![wide(big_endian)], 11).with(258, &[16, 16, 16]);
        assert!(read(&Tiff { big_endian, ..tiff }.file()) == rgb, "{big_endian}");
    }
    let gray: Vec<u8> = rgb.iter().step_by(3).copied().collect();
    let three: Vec<u8> = gray.iter().flat_map(|&level| [level; 3]).collect();
    let inverted: Vec<u8> = gray.iter().map(|level| 255 - level).collect();
    for (kind, samples) in [(1, gray), (0, inverted)] {
        let file = Tiff::new(&[(258, &[8]), (262, &[kind]), (278, &[3])], strips(&samples, WIDTH, 3)).file();
        assert!(read(&file) == three, "{kind}");
    }
    let planes = (0..3).map(|channel| rgb.iter().skip(channel).step_by(3).copied().collect()).collect();
    assert!(read(&Tiff::rgb(planes, 11).with(284, &[2]).file()) == rgb);
    let turned = decode(
        &Tiff::rgb(vec![rgb.clone()], 11).with(274, &[6]).file(),
        &Limits::default(),
        ExifPolicy::Apply,
    );
    let turned = turned.unwrap();
    assert_eq!((turned.width(), turned.height()), (HEIGHT, WIDTH));
}

/// Refuses: photos | TIFF of another kind | what it uses that is not read
#[test]
fn what_is_not_read_is_refused_by_its_name() {
    let plain = || Tiff::rgb(vec![drawn()], 11);
    for (tag, numbers, named) in [
        (339, &[3u32, 3, 3][..], "floating-point"),
        (339, &[2, 2, 2], "signed"),
        (258, &[32, 32, 32], "32 bits"),
        (258, &[8, 8, 4], "different depths"),
        (259, &[4], "fax"),
        (259, &[6], "old kind"),
        (259, &[50000], "Zstandard"),
        (259, &[34712], "JPEG 2000"),
        (259, &[999], "number 999"),
        (262, &[8], "L*a*b*"),
        (262, &[32803], "raw pixels"),
        (262, &[5], "number of samples"),
        (317, &[3], "floating-point"),
        (50706, &[1], "raw pixels"),
    ] {
        let error =
            decode(&plain().with(tag, numbers).file(), &Limits::default(), ExifPolicy::Apply).unwrap_err();
        assert!(error.to_string().contains(named), "{tag}: {error}");
    }
}

#[test]
fn sizes_that_nobody_has_memory_for_are_refused_before_it_is_taken() {
    let plain = || Tiff::rgb(vec![drawn()], 11);
    for tiff in [
        plain().with(256, &[1 << 20]).with(257, &[1 << 20]),
        plain().with(322, &[1 << 30]).with(323, &[1 << 30]).with(259, &[5]),
        plain().with(322, &[u32::MAX]).with(323, &[u32::MAX]).with(259, &[8]),
    ] {
        let error = decode(&tiff.file(), &Limits::default(), ExifPolicy::Apply).unwrap_err();
        assert!(error.kind() == ErrorKind::Limit || error.to_string().contains("than there are"), "{error}");
    }
}

#[test]
fn a_tiff_cut_at_any_byte_is_an_error() {
    for (name, file) in tiffs() {
        for end in 0..file.len() - 4 {
            assert!(decode(&file[..end], &Limits::default(), ExifPolicy::Apply).is_err(), "{name}: {end}");
        }
    }
}
