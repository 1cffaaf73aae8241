use icecap_data::{Exclusions, read_classes, read_split, scan, survey};
use icecap_weights::Manifest;

use crate::held::{folder, is_line};

/// Lists that people write: CSV files of photos, photos to leave out, the order of classes, a split; and a manifest of
/// weights.
pub fn lists(bytes: &[u8]) {
    let path = folder().join("list.csv");
    std::fs::write(&path, bytes).expect("room for a file");
    let told = |error: icecap_data::Error| is_line(&error);
    let _ = scan(&path, None).map_err(told);
    let _ = survey(&path, None).map_err(told);
    let _ = Exclusions::read(&path).map_err(told);
    let _ = read_split(&path).map_err(told);
    if let Ok(classes) = read_classes(&path).map_err(told) {
        assert!(classes.len() > 1);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let told = |error: icecap_weights::Error| is_line(&error);
        let _ = Manifest::parse_own(text).map_err(told);
        let _ = Manifest::parse(text).map_err(told);
    }
}
