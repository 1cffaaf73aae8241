//! A dataset of which only the paths and classes of its photos are at hand, as beside features that were made of them before.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use crate::inventory::{Inventory, Part, Sample};
use crate::natural::natural;
use crate::parts::VAL_NAMES;

impl Inventory {
    /// Makes the inventory that [`scan`](crate::scan) makes of a folder, or of a CSV file, from the paths of its photos with the
    /// names of their classes, whatever their order: classes by name, and photos by class and then naturally by path. A photo is in
    /// the part that the folder above its class folder is called after (`train`, `val`, `test`), if those of others are called so,
    /// too. `classes` are names of classes beside those of the photos.
    #[must_use]
    pub fn of_paths(photos: Vec<(PathBuf, String)>, classes: &[String]) -> Self {
        let names: BTreeSet<&String> = photos.iter().map(|(_, class)| class).chain(classes).collect();
        let mut classes: Vec<String> = names.into_iter().cloned().collect();
        classes.sort_by(|a, b| natural(Path::new(a), Path::new(b)));
        let numbers: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(number, class)| (class.as_str(), number)).collect();
        let root = common_folder(photos.iter().map(|(path, _)| path.as_path()));
        let parts: Vec<Option<Part>> = photos
            .iter()
            .map(|(path, class)| part_of(path.strip_prefix(&root).unwrap_or(path), class))
            .collect();
        let has = |part| parts.contains(&Some(part));
        // A folder that happens to be called so is no part of a larger one.
        let is_parted = has(Part::Train) && (has(Part::Val) || has(Part::Test)) && !parts.contains(&None);
        let mut samples: Vec<(Part, Sample)> = photos
            .iter()
            .zip(&parts)
            .map(|((path, class), part)| {
                let part = part.filter(|_| is_parted).unwrap_or(Part::Train);
                (part, Sample { path: path.clone(), class: numbers[class.as_str()] })
            })
            .collect();
        drop(photos);
        samples.sort_by(|(part, left), (other, right)| {
            (part, left.class).cmp(&(other, right.class)).then_with(|| natural(&left.path, &right.path))
        });
        let mut inventory = Self { classes, ..Self::default() };
        for wanted in [Part::Train, Part::Val, Part::Test] {
            let of: Vec<Sample> =
                samples.extract_if(.., |(part, _)| *part == wanted).map(|(_, sample)| sample).collect();
            match wanted {
                Part::Train => inventory.train = of,
                _ if of.is_empty() => {}
                _ => {
                    inventory.tell_missing(wanted, &of);
                    *(if wanted == Part::Val { &mut inventory.val } else { &mut inventory.test }) = Some(of);
                }
            }
        }
        inventory
    }
}

/// How patterns of all shards end.
const SHARDS: [&str; 2] = ["*.tar", "*.parquet"];

/// The innermost folder that all photos lie in.
fn common_folder<'p>(mut photos: impl Iterator<Item = &'p Path>) -> PathBuf {
    let folder = |photo: &'p Path| photo.parent().unwrap_or(Path::new(""));
    let Some(mut common) = photos.next().map(folder) else { return PathBuf::new() };
    for photo in photos {
        while !folder(photo).starts_with(common) {
            match common.parent() {
                Some(outer) => common = outer,
                None => return PathBuf::new(),
            }
        }
    }
    common.to_owned()
}

/// The part of a photo by its path below the dataset: what the folder above its class folder is called after, or the shards that it
/// is in.
fn part_of(path: &Path, class: &str) -> Option<Part> {
    let names: Vec<&str> = path
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { name.to_str() } else { None })
        .collect();
    // As in `train*.tar/CLASS/…` and `train/*.tar/CLASS/…`, or with tables.
    let (part, below) = match &names[..] {
        [part, shards, class, ..] if SHARDS.contains(shards) => (*part, *class),
        [part, class, ..] => {
            (SHARDS.into_iter().find_map(|of| part.strip_suffix(of)).unwrap_or(part), *class)
        }
        _ => return None,
    };
    let is = |name: &str| part.eq_ignore_ascii_case(name);
    match () {
        () if below != class => None,
        () if is("train") => Some(Part::Train),
        () if VAL_NAMES.into_iter().any(is) => Some(Part::Val),
        () if is("test") => Some(Part::Test),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::{scan, scan_labeled};

    /// Folders of photos, and those of them that a listing names with classes.
    fn is_alike(files: &[&str], input: &str) {
        let place = tempfile::tempdir().unwrap();
        for file in files {
            let path = place.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let folder = place.path().join(input);
        let scanned = scan(&folder, None).unwrap();
        let found = scan_labeled(&[folder]).unwrap();
        for seed in 0..5 {
            let named = |(path, class): &(PathBuf, Option<usize>)| {
                Some((path.clone(), found.classes[(*class)?].clone()))
            };
            let mut photos: Vec<(PathBuf, String)> = found.photos.iter().filter_map(named).collect();
            Stream::new(seed, Purpose::Test, 0, 0).shuffle(&mut photos);
            let alone = Inventory::of_paths(photos, &[]);
            assert_eq!(
                (&alone.classes, &alone.train, &alone.val, &alone.test, &alone.missing),
                (&scanned.classes, &scanned.train, &scanned.val, &scanned.test, &scanned.missing),
                "{input}"
            );
        }
    }

    #[test]
    fn paths_in_any_order_give_what_a_scan_gives() {
        is_alike(
            &["d/b10/2", "d/b10/10", "d/b9/deep/y", "d/b9/a", "d/b9/deep/10", "d/b9/deep/9", "d/loose"],
            "d",
        );
        is_alike(&["d/train/a/1", "d/train/b/2", "d/val/a/3", "d/test/b/4", "d/train/a/0"], "d");
        is_alike(&["d/train/a/1", "d/train/b/2", "d/Validation/b/3"], "d");
        // One part of a dataset, and classes that are called as parts are.
        is_alike(&["d/train/a/1", "d/train/b/2", "d/val/a/3"], "d/train");
        is_alike(&["d/train/1", "d/bus/2", "d/test/3"], "d");
        is_alike(&["train/d/a/1", "train/d/b/2"], "train/d");
        // A folder above that is called as a class, and one below.
        is_alike(&["sub/a/train/a/1", "sub/a/train/b/2", "sub/a/val/a/3", "sub/a/train/b/a/b/4"], "sub/a");
    }

    #[test]
    fn shards_keep_their_parts() {
        for [train, val] in [["d/train*.tar", "d/val*.tar"], ["d/train/*.tar", "d/valid/*.tar"]] {
            let photo =
                |shards: &str, name: &str| (PathBuf::from(format!("{shards}/{name}")), name[..1].to_owned());
            let photos = vec![photo(train, "a/0.tar/1"), photo(train, "b/0.tar/2"), photo(val, "a/0.tar/3")];
            let found = Inventory::of_paths(photos, &[]);
            assert_eq!((found.train.len(), found.val.map(|val| val.len())), (2, Some(1)), "{train}");
        }
    }

    #[test]
    fn classes_without_photos_keep_their_place() {
        let photo = |name: &str, class: &str| (PathBuf::from(name), class.to_owned());
        let classes = ["a", "c", "b"].map(str::to_owned);
        let inventory = Inventory::of_paths(vec![photo("c/1", "c"), photo("a/1", "a")], &classes);
        assert_eq!((inventory.classes.join(" "), inventory.train[1].class), ("a b c".to_owned(), 2));
    }
}
