//! Lists that people write: CSV files of photos, photos to leave out, the order of classes, a split; and a manifest of weights.
#![no_main]

use icecap_data::{Exclusions, read_classes, read_split, scan, survey};
use icecap_weights::Manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("{}-list.csv", std::process::id()));
    std::fs::write(&path, bytes).expect("room for a file");
    let is_line = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    };
    let _ = scan(&path, None).map_err(|error| is_line(&error));
    let _ = survey(&path, None).map_err(|error| is_line(&error));
    let _ = Exclusions::read(&path).map_err(|error| is_line(&error));
    let _ = read_split(&path).map_err(|error| is_line(&error));
    if let Ok(classes) = read_classes(&path).map_err(|error| is_line(&error)) {
        assert!(classes.len() > 1);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Manifest::parse_own(text);
        let _ = Manifest::parse(text);
    }
});
