//! What a model states of how its answers are to be taken: the threshold of two classes, and what tells photos unlike those
//! of the training.

use std::path::{Path, PathBuf};

use icecap_weights::{Model, StoredCenter, StoredNovelty, THRESHOLD_FORMAT, safetensors};

use crate::golden_file::parts;
use crate::model::{assert_same, model, rewritten};

fn novelty() -> StoredNovelty {
    let center =
        |step, first: u8| StoredCenter { step, values: (0..16).map(|index| first ^ (index * 13)).collect() };
    let weights = (0..16).map(|index| 255 - 15 * index).collect();
    StoredNovelty { limit: 0.7, photos: 245, weights, centers: vec![center(0.002, 7), center(0.001, 200)] }
}

fn with_threshold() -> Model {
    Model { threshold: 0.8125, novelty: Some(novelty()), ..model(&["a", "b"], false) }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_5_pinned.safetensors")
}

#[test]
fn the_golden_file_of_format_5_loads_and_is_written_again() {
    assert_eq!(THRESHOLD_FORMAT, 5);
    let bytes = std::fs::read(golden()).unwrap();
    let (got, expected) = (Model::from_bytes(&bytes, "golden").unwrap(), with_threshold());
    assert_same(&got, &expected);
    assert_eq!((got.threshold, &got.novelty), (0.8125, &expected.novelty));
    // But for the checksum that files with novelty have had since.
    let (mut header, values) = parts(&expected.to_bytes().unwrap());
    assert!(header["__metadata__"].as_object_mut().unwrap().remove("novelty_crc32").is_some());
    assert_eq!((header, values), parts(&bytes));
}

#[test]
#[ignore = "writes the golden file; once committed, that of a format never changes"]
fn write_the_golden_file_of_format_5() {
    with_threshold().save(golden()).unwrap();
}

/// A program that does not know thresholds would say other classes, so the format tells; one that does not know novelty says
/// the same classes, so it does not.
#[test]
fn a_threshold_makes_a_format_of_its_own_and_novelty_none() {
    let metadata = |model: &Model| {
        let bytes = model.to_bytes().unwrap();
        safetensors::parse(&bytes, "model".as_ref()).unwrap().metadata().clone()
    };
    let plain = model(&["a", "b"], false);
    let known = Model { novelty: Some(novelty()), ..plain.clone() };
    assert_eq!((metadata(&plain)["format"].as_str(), metadata(&known)["format"].as_str()), ("1", "1"));
    assert_eq!(metadata(&plain)["head_sha256"], metadata(&known)["head_sha256"]);
    assert_ne!(metadata(&with_threshold())["head_sha256"], metadata(&plain)["head_sha256"]);
    let mut fast = with_threshold();
    fast.preprocessing.dct = icecap_kernels::jpeg::Dct::Fast;
    let again = Model::from_bytes(&fast.to_bytes().unwrap(), "model").unwrap();
    assert_eq!((again.preprocessing, again.threshold), (fast.preprocessing, 0.8125));
    let three = Model { threshold: 0.75, ..model(&["a", "b", "c"], false) };
    assert!(three.to_bytes().unwrap_err().to_string().contains("only two"));
}

#[test]
fn a_threshold_or_a_novelty_that_is_none_is_refused_by_its_key() {
    let says = |key: &'static str, value: &str, model: &Model| {
        let error = rewritten(model, |metadata, _| {
            metadata.insert(key.to_owned(), value.to_owned());
            metadata.remove("head_sha256");
        });
        error.unwrap_err().to_string()
    };
    for value in ["0", "1", "-0.5", "NaN", "half", ""] {
        let error = says("threshold", value, &with_threshold());
        assert!(error.contains("threshold"), "{value}: {error}");
    }
    let error = says("threshold", "0.75", &model(&["a", "b"], false));
    assert!(error.contains("format 1 has no such key"), "{error}");
    for value in ["", "1", "1 limit x", "1 limit 1 photos 2 weights 00 crc32 00000000"] {
        let error = says("novelty", value, &with_threshold());
        assert!(error.contains("novelty"), "{value}: {error}");
    }
    // That of another net has other features.
    let other = StoredNovelty { weights: vec![1; 8], ..novelty() };
    let other = Model { novelty: Some(other), ..model(&["a", "b"], false) };
    assert!(other.to_bytes().unwrap_err().to_string().contains("other features than the 16"));
}
