//! Awkward photos against the libraries that people's other programs read them with.

use std::collections::BTreeMap;

use icecap_data::{Error, ExifPolicy, Limits, decode};
use safetensors::SafeTensors;

use crate::{bytes_difference, golden_folder};

/// The most that a level may be off, and all of them in the mean.
///
/// Usual JPEGs are read by a decoder of vectors whose cosine transform and color are rounded otherwise than libjpeg-turbo's:
/// single levels are up to 3 off. All other files are within 2, most of them the same to the bit.
fn most(name: &str) -> (f64, f64) {
    let words: Vec<&str> = name.split(' ').collect();
    let usual = matches!(
        words[..],
        ["jpeg", "whole" | "progressive" | "quality" | "rgb" | "gray" | "restarts" | "cmyk", ..]
    );
    if usual { (3.0, 0.5) } else { (2.0, 1.0) }
}

/// The kind of a file, for the table: its first words.
fn kind(name: &str) -> String {
    name.split(' ').take(2).collect::<Vec<_>>().join(" ")
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
