//! Against TensorFlow: the resize alone, decoding alone, and the two together.

use std::path::Path;

use icecap_data::{Decoding, ExifPolicy, Limits, Loader, Photo, ResizeBuffers, ResizeSpec, decode, pixels};
use icecap_kernels::Isa;
use icecap_kernels::jpeg::Dct;
use safetensors::SafeTensors;

use crate::{assets, bytes_difference, difference, golden_folder};

/// Bytes and shape of a tensor.
fn tensor(bytes: &[u8], name: &str) -> (Vec<u8>, Vec<usize>) {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let view = file.tensor(name).unwrap();
    (view.data().to_vec(), view.shape().to_vec())
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f64> {
    bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)))
}

/// Every result in the file whose name is a picture's name and a size, on every instruction set.
fn check_resize(file: &Path) {
    let bytes = std::fs::read(file).unwrap();
    let names: Vec<String> =
        SafeTensors::deserialize(&bytes).unwrap().names().into_iter().map(ToOwned::to_owned).collect();
    let mut compared = 0;
    for name in &names {
        let source =
            name.split_once("_to_").or_else(|| name.rsplit_once('_')).map_or("", |(source, _)| source);
        if !names.iter().any(|name| name == source) {
            continue;
        }
        let (rgb, from) = tensor(&bytes, source);
        let (expected, to) = tensor(&bytes, name);
        let photo = Photo::from_rgb(from[1], from[0], rgb);
        let spec = ResizeSpec::squash(to[0], to[1]);
        for isa in Isa::available() {
            let mut out = vec![0.0; spec.values()];
            pixels(&photo, &spec, isa, &mut ResizeBuffers::default(), &mut out).unwrap();
            let (largest, _) = difference(out.iter().map(|&v| f64::from(v)), floats(&expected));
            println!("{name} on {isa}: largest difference from TensorFlow {largest:.1e} gray levels");
            assert!(largest <= 1e-3, "{name} on {isa}: {largest}");
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing to compare in {names:?}");
}

#[test]
fn resize_agrees_with_tensorflow() {
    check_resize(&golden_folder().join("tf_resize_small.safetensors"));
}

#[test]
fn resize_of_whole_photos_agrees_with_tensorflow() {
    if let Some(assets) = assets() {
        check_resize(&assets.join("golden/tf_resize.safetensors"));
    }
}

#[test]
fn every_kind_of_file_decodes_as_tensorflow_decodes_it() {
    let folder = golden_folder().join("tf_decode");
    let expected = std::fs::read(folder.join("pixels.safetensors")).unwrap();
    let mut compared = 0;
    for name in SafeTensors::deserialize(&expected).unwrap().names() {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let how = Decoding { exif: ExifPolicy::Apply, dct: Dct::Fast };
        let photo = decode(&bytes, &Limits::default(), how).unwrap();
        let (largest, mean) = bytes_difference(&photo.to_rgb(), &tensor(&expected, name).0);
        println!("{name}: largest {largest}, mean {mean:.2}");
        // TensorFlow's 16 bits are cut, ours are rounded; all else is exact.
        let most = if name.contains("16bit") { 1.0 } else { 0.0 };
        assert!(largest <= most, "{name}: {largest}, {mean}");
        compared += 1;
    }
    assert!(compared >= 19, "{compared} files");
}

#[test]
fn decode_and_resize_of_photos_agree_with_tensorflow() {
    let Some(assets) = assets() else { return };
    let expected = std::fs::read(assets.join("golden/tf_decode_resize_160.safetensors")).unwrap();
    let how = Decoding { dct: Dct::Fast, ..Decoding::default() };
    let mut loader = Loader::new(Isa::best(), Limits::default(), how);
    for name in ["cat_1080p.jpg", "parrot.jpg"] {
        let loaded = loader.load(&assets.join("images").join(name), &ResizeSpec::squash(160, 160)).unwrap();
        let (largest, mean) =
            difference(loaded.pixels.iter().map(|&v| f64::from(v)), floats(&tensor(&expected, name).0));
        println!("{name}: mean difference from TensorFlow {mean:.1e} gray levels, largest {largest:.1e}");
        assert!(largest <= 1e-3, "{name}: {largest}");
        assert!(loaded.warnings.is_empty());
    }
}

#[test]
fn every_photo_of_a_real_set_is_read() {
    let Some(assets) = assets() else { return };
    let found = icecap_data::scan(&assets.join("datasets/hymenoptera"), None).unwrap();
    let val = found.val.as_deref().unwrap();
    assert_eq!((found.classes.join(" "), found.train.len(), val.len()), ("ants bees".to_owned(), 245, 153));
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let mut loader = Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply);
    let spec = ResizeSpec::squash(160, 160);
    for sample in found.train.iter().chain(val) {
        let loaded = loader.load(&sample.path, &spec).unwrap();
        assert!(loaded.warnings.is_empty(), "{}: {:?}", sample.path.display(), loaded.warnings);
    }
}
