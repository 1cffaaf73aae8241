//! Where the photos lie that a CSV file lists: its column of paths as people write it.
//!
//! | in the file | the photo |
//! |---|---|
//! | `train/a1.jpg` | relative to the file's folder, or to the one that is given |
//! | `train\\a1.jpg` | as Windows writes it: the same, unless a file is called so |
//! | `train/a1`, `a1` | the only file of that name with an ending, or with the one that is given |
//! | `a1`, and the photos in `train/` beside the file | that folder, where it is the only one that has the first photo |

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::tree::{entries, is_file, is_there};

/// How the paths in a CSV file are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedFiles {
    /// The folder that paths are relative to, instead of the file's own.
    pub root: Option<PathBuf>,
    /// What is put behind paths, as `jpg`, where they do not end in it.
    pub extension: Option<String>,
}

/// The endings of photos, by which a path is known to be whole.
const ENDINGS: [&str; 14] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "dib", "webp", "tif", "tiff", "jxl", "heic", "avif"];

/// Paths of one file, turned into files one by one.
pub(crate) struct Places<'a> {
    listed: &'a ListedFiles,
    root: PathBuf,
    /// What lies in a folder, by its names without ending; `None` where several files share one.
    folders: HashMap<PathBuf, HashMap<String, Option<PathBuf>>>,
    started: bool,
}

fn has_ending(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

impl<'a> Places<'a> {
    /// The places of a file whose paths are relative to `folder` if nothing else is said.
    pub(crate) fn new(listed: &'a ListedFiles, folder: &Path) -> Self {
        let root = listed.root.as_deref().unwrap_or(folder).to_owned();
        Self { listed, root, folders: HashMap::new(), started: false }
    }

    /// The file that `text` names. One that is not there is told of when it is read.
    pub(crate) fn file(&mut self, text: &str) -> PathBuf {
        if !std::mem::replace(&mut self.started, true) && self.listed.root.is_none() {
            self.look_beside(text);
        }
        let root = self.root.clone();
        self.found(&root, text).unwrap_or_else(|| root.join(self.whole(text)))
    }

    /// Takes the only folder beside the list that has the first photo, where the list's own does not.
    fn look_beside(&mut self, text: &str) {
        let root = self.root.clone();
        let is_there = |places: &mut Self, folder: &Path| {
            is_there(&places.found(folder, text).unwrap_or_else(|| folder.join(places.whole(text))))
        };
        if is_there(self, &root) {
            return;
        }
        let here = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
        let folders: Vec<PathBuf> = entries(here)
            .into_iter()
            .flatten()
            .filter(|entry| entry.is_folder == Ok(true))
            .filter_map(|entry| Some(root.join(entry.path.file_name()?)))
            .collect();
        let having: Vec<PathBuf> = folders.into_iter().filter(|folder| is_there(self, folder)).collect();
        if let [only] = &having[..] {
            self.root = only.clone();
        }
    }

    /// The path with the ending that was asked for.
    fn whole(&self, text: &str) -> String {
        match &self.listed.extension {
            Some(extension) if !has_ending(text) => format!("{text}.{extension}"),
            _ => text.to_owned(),
        }
    }

    /// A file that has to be looked for: written with backslashes, or without an ending. `None` for any other, and where
    /// none is there.
    fn found(&mut self, folder: &Path, text: &str) -> Option<PathBuf> {
        let turned;
        let text = match text.contains('\\') && !is_there(&folder.join(self.whole(text))) {
            true => {
                turned = text.replace('\\', "/");
                turned.as_str()
            }
            false if has_ending(text) || self.listed.extension.is_some() => return None,
            false => text,
        };
        let path = folder.join(self.whole(text));
        if has_ending(text) || self.listed.extension.is_some() || is_file(&path) {
            return Some(path);
        }
        let inside = path.parent()?.to_owned();
        let stem = path.file_name()?.to_str()?;
        let names = self.folders.entry(inside).or_insert_with_key(|folder| names_in(folder));
        Some(names.get(stem)?.clone().unwrap_or(path))
    }
}

/// The photos of a folder by their names without ending.
fn names_in(folder: &Path) -> HashMap<String, Option<PathBuf>> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut names = HashMap::new();
    for entry in entries(here).into_iter().flatten() {
        let name = entry.path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| has_ending(name)) else { continue };
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
        let found = names.entry(stem).or_insert_with(|| Some(folder.join(name)));
        if found.as_deref() != Some(&folder.join(name)) {
            *found = None;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_as_people_write_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in
            ["train/a1.jpg", "train/a2.JPG", "train/a2.txt", "train/twice.png", "train/twice.jpg", "b.png"]
        {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "x").unwrap();
        }
        let plain = ListedFiles::default();
        let file = |listed: &ListedFiles, texts: &[&str]| {
            let mut places = Places::new(listed, root);
            let found = texts.iter().map(|text| places.file(text)).last().unwrap();
            found.strip_prefix(root).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(file(&plain, &["train/a1.jpg"]), "train/a1.jpg");
        assert_eq!(file(&plain, &["train\\a1.jpg"]), "train/a1.jpg");
        assert_eq!(file(&plain, &["train/a1"]), "train/a1.jpg");
        assert_eq!(file(&plain, &["train\\a2"]), "train/a2.JPG");
        // Which of the two is meant is not said.
        assert_eq!(file(&plain, &["train/twice"]), "train/twice");
        assert_eq!(file(&plain, &["a1", "a2"]), "train/a2.JPG");
        assert_eq!(file(&plain, &["b", "a1"]), "a1", "the list's own folder has the first");
        assert_eq!(file(&plain, &["nowhere.jpg"]), "nowhere.jpg");
        let given = ListedFiles { root: Some(root.join("train")), extension: Some("jpg".to_owned()) };
        assert_eq!(file(&given, &["twice"]), "train/twice.jpg");
        assert_eq!(file(&given, &["sub\\a9"]), "train/sub/a9.jpg");
        assert_eq!(file(&given, &["a2.JPG"]), "train/a2.JPG");
    }
}
