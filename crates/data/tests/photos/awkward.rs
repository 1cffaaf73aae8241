//! Awkward photos against the libraries that people's other programs read them with.

use std::collections::BTreeMap;

use icecap_data::{Decoding, Digest, Error, ExifPolicy, Limits, decode};
use icecap_kernels::jpeg::Dct;
use safetensors::SafeTensors;

use crate::{bytes_difference, golden_folder};

/// The most that a level may be off, and all of them in the mean. JPEGs are libjpeg-turbo's to the bit, but for inks, whose
/// color Pillow rounds otherwise than TensorFlow and we do.
fn most(name: &str) -> (f64, f64) {
    match name.split(' ').collect::<Vec<_>>()[..] {
        ["jpeg", "cmyk" | "ycck", ..] => (1.0, 1.0),
        ["jpeg", ..] => (0.0, 0.0),
        _ => (2.0, 1.0),
    }
}

/// The kind of a file, for the table: its first words.
fn kind(name: &str) -> String {
    name.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// The accurate transform is libjpeg's, the fast one TensorFlow's.
///
/// Opens: photos | JPEG as TensorFlow decodes it | `--dct fast`; by default where a model of Keras is imported
#[test]
fn jpegs_are_decoded_as_tensorflow_decodes_them_with_the_fast_transform() {
    let bytes = std::fs::read(golden_folder().join("awkward_photos.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let shown = std::fs::read_to_string(golden_folder().join("tf_fast_dct.tsv")).unwrap();
    let (mut wrong, mut other, mut files) = (Vec::new(), 0, 0);
    for line in shown.lines().filter(|line| !line.starts_with('#')) {
        let [name, size, hash] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let file = tensors.tensor(&format!("file {name}")).unwrap();
        let photo = |dct| {
            let how = Decoding { exif: ExifPolicy::Ignore, dct };
            decode(file.data(), &Limits::default(), how).unwrap()
        };
        let fast = photo(Dct::Fast);
        let got = (format!("{}x{}", fast.height(), fast.width()), Digest::of(&fast.to_rgb()).to_string());
        if got != (size.to_owned(), hash.to_owned()) {
            wrong.push(format!("{name}: {got:?}"));
        }
        other += usize::from(fast.into_rgb() != photo(Dct::Accurate).into_rgb());
        files += 1;
    }
    assert!(wrong.is_empty(), "{} of {files}: {wrong:#?}", wrong.len());
    assert!(files >= 100 && other > files / 2, "{files} files, {other} of them unlike libjpeg's");
}

#[test]
fn awkward_photos_show_what_libjpeg_libwebp_libtiff_and_pillow_show() {
    let bytes = std::fs::read(golden_folder().join("awkward_photos.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let shown = String::from_utf8(tensors.tensor("shown").unwrap().data().to_vec()).unwrap();
    let mut wrong = Vec::new();
    let mut table: BTreeMap<String, (usize, f64, f64)> = BTreeMap::new();
    for line in shown.lines() {
        let (name, shows) = line.split_once('\t').unwrap();
        let file = tensors.tensor(&format!("file {name}")).unwrap();
        let photo = decode(file.data(), &Limits::default(), ExifPolicy::Apply);
        let off = match (shows.strip_prefix("refused: "), photo) {
            (Some(word), Err(error)) if error.to_string().contains(word) => (0.0, 0.0),
            (None, Ok(photo)) => {
                let drawn = tensors.tensor(shows).unwrap();
                if drawn.shape() != [photo.height(), photo.width(), 3] {
                    wrong.push(format!("{name}: {}x{} pixels", photo.width(), photo.height()));
                    continue;
                }
                bytes_difference(&photo.to_rgb(), drawn.data())
            }
            (_, other) => {
                let other: Result<(), Error> = other.map(drop);
                wrong.push(format!("{name}: {shows}, and is {other:?}"));
                continue;
            }
        };
        let row = table.entry(kind(name)).or_default();
        *row = (row.0 + 1, row.1.max(off.0), row.2.max(off.1));
        let (largest, mean) = most(name);
        if off.0 > largest || off.1 > mean {
            wrong.push(format!("{name}: {} levels off, {:.3} in the mean", off.0, off.1));
        }
    }
    for (kind, (files, largest, mean)) in &table {
        println!("{kind}: {files} files, at most {largest} levels off, {mean:.3} in the mean");
    }
    assert!(shown.lines().count() >= 250, "{} files", shown.lines().count());
    assert!(wrong.is_empty(), "{wrong:#?}");
}
