//! Every photo of some files and folders, with its class where a folder names one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::class::class_below;
use crate::listed::{is_listing, read_listing};
use crate::listed_files::ListedFiles;
use crate::natural::natural;
use crate::parts::{Parts, parts_of};
use crate::too_high::{dataset_folder, dataset_in};
use crate::tree::is_folder;
use crate::walk::visible_folders;
use crate::{Result, Skipped, scan_photos};

/// Photos with their classes, as far as folders name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labeled {
    /// The names of the classes, naturally sorted.
    pub classes: Vec<String>,
    /// Each photo with the index of its class, in the order of the inputs and naturally sorted within a folder.
    pub photos: Vec<(PathBuf, Option<usize>)>,
    /// The files and folders that are passed over.
    pub skipped: Vec<Skipped>,
    /// The folders among the inputs whose only folder holds a dataset, and the folder that has its class folders. The class
    /// of all photos in such a one is that only folder.
    pub too_high: Vec<(PathBuf, PathBuf)>,
}

/// Finds every photo of `inputs`, files and folders. The class of a photo is the folder right below its input, or right
/// below `train/`, `val/` or `test/` where the input has these parts, so that classes are those of
/// [`scan`](crate::scan). A photo that lies in no such folder has none, and so has a file among the inputs; a `.csv`
/// file lists photos with their classes, as for [`scan`](crate::scan).
///
/// # Errors
/// Those of [`scan_photos`], and [`Error::Listing`](crate::Error::Listing) with the line of a `.csv` file.
pub fn scan_labeled(inputs: &[PathBuf]) -> Result<Labeled> {
    scan_labeled_listed(inputs, &ListedFiles::default())
}

/// Finds the photos of `inputs` as [`scan_labeled`] does, the paths in `.csv` files read as `listed` says.
///
/// # Errors
/// Those of [`scan_labeled`].
pub fn scan_labeled_listed(inputs: &[PathBuf], listed: &ListedFiles) -> Result<Labeled> {
    let mut found = Vec::new();
    let (mut skipped, mut too_high) = (Vec::new(), Vec::new());
    for input in inputs {
        if is_listing(input) {
            let rows = read_listing(input, listed)?.rows.into_iter();
            found.extend(rows.map(|row| (row.path, Some(row.class))));
            continue;
        }
        let (photos, passed) = scan_photos(input)?;
        skipped.extend(passed);
        let roots = if is_folder(input) { roots(input)? } else { Vec::new() };
        if let [root] = &roots[..]
            && let [only] = &visible_folders(root, &mut Vec::new())?[..]
            && photos.iter().all(|photo| photo.starts_with(only))
            && let Some(inside) = dataset_in(only)
        {
            too_high.push((input.clone(), inside));
        }
        found.extend(photos.into_iter().map(|photo| {
            let class = roots.iter().find_map(|root| class_below(root, &photo)).map(str::to_owned);
            (photo, class)
        }));
    }
    let names: BTreeSet<&String> = found.iter().filter_map(|(_, class)| class.as_ref()).collect();
    let mut classes: Vec<String> = names.into_iter().cloned().collect();
    classes.sort_by(|a, b| natural(Path::new(a), Path::new(b)));
    let index = |class: String| classes.iter().position(|known| *known == class);
    let photos = found.into_iter().map(|(photo, class)| (photo, class.and_then(index))).collect();
    Ok(Labeled { classes, photos, skipped, too_high })
}

/// The folders whose folders are classes.
fn roots(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = dataset_folder(folder);
    Ok(match parts_of(&folder)? {
        Some(Parts { train, val, test }) => [Some(train), val, test].into_iter().flatten().collect(),
        None => vec![folder],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes, and each photo's class and name.
    fn labeled(files: &[&str], inputs: &[&str]) -> (Vec<String>, Vec<(String, Option<usize>)>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let inputs: Vec<_> = inputs.iter().map(|input| folder.path().join(input)).collect();
        let found = scan_labeled(&inputs).unwrap();
        let name = |path: PathBuf| path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        (found.classes, found.photos.into_iter().map(|(path, class)| (name(path), class)).collect())
    }

    fn photos<const N: usize>(expected: [(&str, Option<usize>); N]) -> Vec<(String, Option<usize>)> {
        expected.map(|(name, class)| (name.to_owned(), class)).to_vec()
    }

    #[test]
    fn the_folder_below_the_input_is_the_class_however_deep_a_photo_lies() {
        let (classes, found) = labeled(&["d/b10/x", "d/b9/deep/y", "d/loose"], &["d"]);
        assert_eq!(classes, ["b9", "b10"]);
        assert_eq!(found, photos([("d/b9/deep/y", Some(0)), ("d/b10/x", Some(1)), ("d/loose", None)]));
    }

    #[test]
    fn a_folder_one_level_too_high_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in ["up/d/a/1", "up/d/b/2", "flat/a/1", "flat/b/2", "one/a/1", "one/a/2"] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let inputs = ["up", "flat", "one"].map(|name| root.join(name));
        assert_eq!(scan_labeled(&inputs).unwrap().too_high, [(root.join("up"), root.join("up/d"))]);
    }

    #[test]
    fn parts_are_no_classes_and_share_theirs() {
        let (classes, found) = labeled(&["d/train/a/1", "d/train/b/2", "d/val/a/3"], &["d"]);
        assert_eq!(classes, ["a", "b"]);
        assert_eq!(
            found,
            photos([("d/train/a/1", Some(0)), ("d/train/b/2", Some(1)), ("d/val/a/3", Some(0))])
        );
    }

    #[test]
    fn inputs_keep_their_order_and_files_have_no_class() {
        let (classes, found) = labeled(&["z/c/1", "y/a/2", "y/c/3", "file"], &["z", "file", "y"]);
        assert_eq!(classes, ["a", "c"]);
        assert_eq!(
            found,
            photos([("z/c/1", Some(1)), ("file", None), ("y/a/2", Some(0)), ("y/c/3", Some(1))])
        );
    }
}
