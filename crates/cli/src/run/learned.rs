//! The photos that a model has learned from, by the `split.csv` beside it: they say little about how good it is.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Part, read_split, real_path};

use super::files::SPLIT;

/// The training photos of a model's run.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// By the name of their file, so that only what is called so is looked up on the disk.
    by_name: HashMap<Box<OsStr>, Vec<PathBuf>>,
}

impl Learned {
    /// Reads what the run of the model at `model` has learned from. Nothing is known where no run's `split.csv` stands beside
    /// the model.
    pub(crate) fn beside(model: &Path) -> Self {
        let mut learned = Self::default();
        let rows = read_split(&model.with_file_name(SPLIT)).unwrap_or_default().into_iter();
        for path in rows.filter(|row| row.part == Part::Train).map(|row| row.path) {
            if let Some(name) = path.file_name() {
                learned.by_name.entry(name.into()).or_default().push(path);
            }
        }
        learned
    }

    /// Whether the model has learned from the photo at `path`: from that very file, whatever leads to it.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let Some(alike) = path.file_name().and_then(|name| self.by_name.get(name)) else { return false };
        let own = real_path(path);
        own.is_some() && alike.iter().any(|learned| real_path(learned) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_photos_are_known_by_their_file() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for folder in ["cat", "dog"] {
            std::fs::create_dir(at(folder)).unwrap();
            for name in ["1.jpg", "2.jpg"] {
                std::fs::write(at(folder).join(name), "x").unwrap();
            }
        }
        let row = |part: &str, path: PathBuf| format!("{part},cat,{}\n", path.display());
        let rows =
            row("train", at("cat/1.jpg")) + &row("val", at("cat/2.jpg")) + &row("train", at("gone/2.jpg"));
        std::fs::write(at(SPLIT), format!("part,class,path\n{rows}")).unwrap();
        let learned = Learned::beside(&at("model.safetensors"));
        let has = |name: &str| learned.has(&at(name));
        assert!(has("cat/1.jpg") && has("dog/../cat/1.jpg"));
        assert!(!has("cat/2.jpg") && !has("dog/1.jpg") && !has("gone/2.jpg") && !has("none"));
        assert!(!Learned::beside(&at("elsewhere/model.safetensors")).has(&at("cat/1.jpg")));
    }
}
