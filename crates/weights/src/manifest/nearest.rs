//! Names that are like a mistyped one.

use icecap_foundation::did_you_mean::{forgiven, slips};

use super::entry::Entry;

/// The most names that are told.
const SHOWN: usize = 3;

/// The names most like `text`: those few letters away, those that it is a part of, and that of a file called so.
pub(super) fn nearest(entries: &[Entry], text: &str) -> Vec<String> {
    let file = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let text = text.to_lowercase();
    // A path, or a whole sentence, is no mistyped name.
    let word = (3..=64).contains(&text.chars().count());
    let score = |name: &str| {
        let away = slips(&text, name);
        let close = word && (away <= forgiven(name.chars().count()) || name.to_lowercase().contains(&text));
        close.then_some(away)
    };
    // Of two that are as near, that which only goes on where the text ends.
    let mut near: Vec<(usize, bool, &str)> = Vec::new();
    for entry in entries {
        let called_so = (entry.file_name() == Some(file)).then_some(0);
        if let Some(away) = called_so.or_else(|| entry.names().filter_map(score).min()) {
            near.push((away, !entry.name.starts_with(&text), &entry.name));
        }
    }
    near.sort_by_key(|(away, changed, _)| (*away, *changed));
    near.into_iter().take(SHOWN).map(|(.., name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;

    #[test]
    fn mistyped_names_find_what_was_meant() {
        let manifest = Manifest::built_in().unwrap();
        for (text, meant) in [
            ("keras-1-160", "keras-1.0-160"),
            ("Keras-1.0-224", "keras-1.0-224"),
            ("keras_1.4_224", "keras-1.4-224"),
            ("keras-1.0-16", "keras-1.0-160"),
            ("torchvision", "torchvision-v1"),
            ("timm-1", "timm-1.0"),
            ("mobilenet_v2-7ebf99e0.pth", "torchvision-v2"),
            ("startr", "starter"),
            ("down/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5", "keras-1.0-160"),
        ] {
            assert_eq!(manifest.near(text).first().map(String::as_str), Some(meant), "{text}");
        }
        assert_eq!(manifest.near("keras").len(), SHOWN);
        for text in ["", "k", "photos/cat.jpg", &"x".repeat(1 << 16)] {
            assert!(manifest.near(text).is_empty(), "{text:.20}");
        }
    }
}
