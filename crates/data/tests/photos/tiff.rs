//! TIFFs put together tag by tag: what they show is what was drawn, and what is not read is refused by its name.

use icecap_data::{ErrorKind, ExifPolicy, Limits, decode};

use crate::tiff_maker::{HEIGHT, Tiff, WIDTH, drawn, strips, tiffs};

fn read(file: &[u8]) -> Vec<u8> {
    decode(file, &Limits::default(), ExifPolicy::Apply).unwrap().to_rgb()
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
