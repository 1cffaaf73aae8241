//! The hash of the head and the checksum of all values: what they notice, and that a file without them opens as before.

use std::time::{Duration, SystemTime};

use icecap_kernels::Threads;
use icecap_weights::{Error, Model, StoredCenter, StoredNovelty};
use serde_json::Value;

use crate::golden_file::parts;
use crate::model::model;

/// The file of a model with one of its texts, its tensors or its values changed.
fn changed(model: &Model, change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> Vec<u8> {
    let bytes = model.to_bytes().unwrap();
    let (mut header, mut values) = parts(&bytes);
    change(&mut header, &mut values);
    let text = header.to_string();
    [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &values].concat()
}

fn refusal(file: &[u8]) -> String {
    let error = Model::from_bytes(file, "model").unwrap_err().to_string();
    assert!(error.starts_with("model: ") && !error.contains('\n'), "{error}");
    error
}

/// Where the values of a tensor lie.
fn place(header: &Value, tensor: &str) -> std::ops::Range<usize> {
    let at = |index: usize| header[tensor]["data_offsets"][index].as_u64().unwrap() as usize;
    at(0)..at(1)
}

#[test]
fn no_byte_of_a_head_is_changed_unnoticed() {
    for classes in [&["ants", "bees"][..], &["daisy", "rose", "tulip"]] {
        for embedded in [true, false] {
            let model = model(classes, embedded);
            let (header, _) = parts(&model.to_bytes().unwrap());
            let tensors: Vec<String> = header.as_object().unwrap().keys().cloned().collect();
            for tensor in tensors.iter().filter(|name| name.starts_with("head/")) {
                for at in place(&header, tensor) {
                    // The lowest bit leaves a number a number.
                    let refused = refusal(&changed(&model, |_, values| values[at] ^= 1));
                    assert!(
                        refused.contains("head_sha256") && refused.contains("damaged"),
                        "{tensor}: {refused}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_text_that_answers_depend_on_is_changed_unnoticed() {
    let mut model = model(&["ants", "bees"], false);
    model.temperature = 1.5;
    let with = |key: &str, text: Option<&str>| {
        changed(&model, |header, _| {
            let texts = header["__metadata__"].as_object_mut().unwrap();
            match text {
                Some(text) => texts.insert(key.to_owned(), text.into()),
                None => texts.remove(key),
            };
        })
    };
    for (key, text) in [
        ("classes", "[\"bees\",\"ants\"]"),
        ("input_size", "96x64"),
        ("input_resize", "center-crop 0.875"),
        ("input_exif", "ignore"),
        ("scaling", "scale 1,1,1 shift 0,0,0"),
        ("padding", "symmetric"),
        ("bn_epsilon", "0.00001"),
        ("temperature", "2"),
        ("params_sha256", &"0".repeat(64)),
    ] {
        let refused = refusal(&with(key, Some(text)));
        assert!(refused.contains("head_sha256"), "{key}: {refused}");
    }
    assert!(refusal(&with("temperature", None)).contains("head_sha256"));
    assert!(refusal(&with("head_sha256", Some("0"))).contains("head_sha256"));
    // What no answer depends on may be changed, and who states no hash is believed, as files of before are.
    for (key, text) in [("name", Some("other")), ("training.epochs", None), ("head_sha256", None)] {
        assert!(Model::from_bytes(&with(key, text), "model").is_ok(), "{key}");
    }
}

/// Whatever bit of the header is flipped: the file is refused, or says the same of everything that an answer depends on.
#[test]
fn no_bit_of_a_header_is_flipped_unnoticed() {
    let mut model = model(&["ants", "bees"], false);
    model.temperature = 1.5;
    let features = model.layers[0].kernel.shape().dims()[0];
    let center = StoredCenter { step: 0.5, values: vec![7; features] };
    model.novelty =
        Some(StoredNovelty { limit: 0.25, photos: 9, weights: vec![3; features], centers: vec![center] });
    let bytes = model.to_bytes().unwrap();
    let end = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let said = |model: &Model| {
        let Model { classes, layers, preprocessing, temperature, threshold, novelty, .. } = model.clone();
        let numerics = model.record.numerics;
        format!("{classes:?} {layers:?} {preprocessing:?} {temperature} {threshold} {novelty:?} {numerics:?}")
    };
    let whole = said(&Model::from_bytes(&bytes, "model").unwrap());
    let mut refused = 0;
    for at in 0..end {
        // The digits of the novelty are many, and all alike.
        if at % 8 != 0 && at > 1000 && bytes[at - 8..at + 8].iter().all(u8::is_ascii_hexdigit) {
            continue;
        }
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            match Model::from_bytes(&changed, "model") {
                Ok(model) => assert_eq!(said(&model), whole, "bit {bit} of byte {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn who_takes_the_backbone_from_elsewhere_notices_damage_to_it_all_the_same() {
    let model = model(&["ants", "bees"], true);
    let (header, _) = parts(&model.to_bytes().unwrap());
    let place = place(&header, "block_3_project/kernel");
    for at in [place.start, place.start + place.len() / 2, place.end - 1] {
        let file = changed(&model, |_, values| values[at] ^= 1);
        let refused = Model::head_from_bytes(&file, "model").unwrap_err();
        assert!(matches!(&refused, Error::Metadata { key, .. } if key == "values_crc32"), "{refused}");
        assert!(refused.to_string().contains("the file is damaged"), "{refused}");
        assert!(refusal(&file).contains("params_sha256"));
    }
    let file = changed(&model, |_, _| {});
    assert!(Model::head_from_bytes(&file, "model").unwrap().is_some());
    let old = changed(&model, |header, values| {
        header["__metadata__"].as_object_mut().unwrap().remove("values_crc32");
        values[place.start] ^= 1;
    });
    assert!(Model::head_from_bytes(&old, "model").unwrap().is_some(), "files of before state none");

    // From a file it is the same, whoever reads it, and whether its bytes are kept for a second look or not.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    for (threads, age) in [(1, 0), (1, 100), (2, 0), (3, 100)] {
        let threads = Threads::new(threads).unwrap();
        for at in [None, Some(place.start), Some(place.end - 1)] {
            let bytes = changed(&model, |_, values| at.into_iter().for_each(|at| values[at] ^= 1));
            std::fs::write(&path, bytes).unwrap();
            let written = std::fs::File::options().write(true).open(&path).unwrap();
            written.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            let head = Model::load_head_on(&path, &threads);
            assert_eq!(at.is_none(), matches!(head, Ok(Some(_))), "{at:?} {threads:?} {head:?}");
        }
    }
}
