//! What a file of features says of itself: what a reader must know to make such features again.

use std::collections::BTreeMap;

use icecap::Backbone;
use icecap::model::{NUMERIC_VERSION, Preprocessing};
use icecap_records::FEATURES_FORMAT;

use super::options::Options;

/// Returns the metadata of a file for photos of `classes`.
pub(super) fn metadata(
    options: &Options,
    backbone: &Backbone,
    preprocessing: Preprocessing,
    classes: &[String],
) -> BTreeMap<String, String> {
    let record = backbone.record();
    let file = options.backbone.file();
    let stem = file.as_deref().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy());
    let weights = record.name.clone().or(stem.map(|stem| stem.into_owned())).unwrap_or_default();
    let texts = [
        ("features_format", FEATURES_FORMAT.to_owned()),
        ("weights", weights),
        ("params_sha256", record.params_sha256.to_string()),
        ("preprocessing", preprocessing.to_string()),
        ("tap", options.tap().to_string()),
        ("isa", backbone.isa().to_string()),
        ("numeric_version", NUMERIC_VERSION.to_owned()),
        ("classes", serde_json::json!(classes).to_string()),
        ("tool_version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let integers = backbone.quantization().map(|_| {
        [
            ("precision", backbone.precision().to_string()),
            ("integers_sha256", backbone.net_sha256().to_string()),
        ]
    });
    let shard = options.shard.map(|shard| ("shard", shard.to_string()));
    let texts = texts.into_iter().chain(integers.into_iter().flatten()).chain(shard);
    texts.map(|(key, text)| (key.to_owned(), text)).collect()
}
