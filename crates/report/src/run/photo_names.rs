//! The names by which the files of a run tell its photos: their paths below the dataset.
//!
//! Whoever is sent `predictions.csv` or the page learns which photo is meant, and nothing of the machine that it lies on. Where
//! a list names photos that lie in no folder of the dataset, a name is the end of the path: as many parts of it as
//! tell all photos of its part from each other. So a name is always the end of the path in `split.csv`, which is how a photo is
//! found again.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use icecap::Dataset;
use icecap::advanced::data::{Part, Sample, SplitRow};

/// What is left of a photo's path.
#[derive(Debug, PartialEq, Eq)]
enum Rule {
    /// What lies below this folder.
    Below(PathBuf),
    /// So many parts from the end on.
    Last(usize),
}

/// The names of a run's photos.
pub struct PhotoNames([Rule; 3]);

const PARTS: [Part; 3] = [Part::Train, Part::Val, Part::Test];

impl PhotoNames {
    /// The names of the photos of `dataset`, whose folders are `roots`.
    pub fn of(dataset: &Dataset, roots: &[impl AsRef<Path>]) -> Self {
        let roots: Vec<&Path> = roots.iter().map(AsRef::as_ref).collect();
        Self([&dataset.train, &dataset.val, &dataset.test].map(|photos| Rule::of(photos, &roots)))
    }

    /// Returns the name of a photo of `part`.
    pub fn name(&self, part: Part, path: &Path) -> String {
        let place = PARTS.iter().position(|known| *known == part).unwrap_or(0);
        self.0[place].name(path).unwrap_or_else(|| last(path, 1)).to_string_lossy().into_owned()
    }

    /// Returns the path below a folder of the dataset, whatever the part; `None` where the photo lies in none of them.
    pub fn below(&self, path: &Path) -> Option<String> {
        let below = self.0.iter().filter(|rule| matches!(rule, Rule::Below(_)));
        below.filter_map(|rule| rule.name(path)).next().map(|name| name.to_string_lossy().into_owned())
    }
}

impl Rule {
    fn of(photos: &[Sample], roots: &[&Path]) -> Self {
        let holds = |root: &&&Path| photos.iter().all(|photo| photo.path.strip_prefix(root).is_ok());
        // The last folder is that of the validation photos, which may lie below the first.
        match roots.iter().rev().find(holds) {
            Some(root) => Self::Below(root.to_path_buf()),
            None => Self::Last(distinct(photos)),
        }
    }

    fn name(&self, path: &Path) -> Option<PathBuf> {
        match self {
            Self::Below(root) => path.strip_prefix(root).ok().map(Path::to_owned),
            Self::Last(parts) => Some(last(path, *parts)),
        }
    }
}

/// Returns the last parts of a path, without what is not a name.
fn last(path: &Path, parts: usize) -> PathBuf {
    let names: Vec<Component<'_>> =
        path.components().rev().take_while(|part| matches!(part, Component::Normal(_))).take(parts).collect();
    names.into_iter().rev().collect()
}

/// Returns how many parts from the end on tell the photos from each other.
fn distinct(photos: &[Sample]) -> usize {
    let paths: HashSet<&Path> = photos.iter().map(|photo| photo.path.as_path()).collect();
    let most = paths.iter().map(|path| path.components().count()).max().unwrap_or(1);
    let tells = |parts: &usize| {
        paths.iter().map(|path| last(path, *parts)).collect::<HashSet<_>>().len() == paths.len()
    };
    (1..most).find(tells).unwrap_or(most)
}

/// Finds the files of photos that a run names, by the rows of its `split.csv`. Of several whose path ends so, the shortest is
/// it: names of one part are all below the same folder.
pub fn files(rows: &[SplitRow], wanted: &[(Part, &Path)]) -> HashMap<(Part, PathBuf), PathBuf> {
    let mut by_name: HashMap<_, Vec<&(Part, &Path)>> = HashMap::new();
    for photo in wanted {
        by_name.entry((photo.0, photo.1.file_name())).or_default().push(photo);
    }
    let mut files: HashMap<(Part, PathBuf), PathBuf> = HashMap::new();
    for row in rows {
        let alike = by_name.get(&(row.part, row.path.file_name())).into_iter().flatten();
        for &&(part, name) in alike.filter(|(_, name)| row.path.ends_with(name)) {
            let length = |path: &Path| path.components().count();
            let found = files.entry((part, name.to_owned())).or_insert_with(|| row.path.clone());
            if length(&row.path) < length(found) {
                found.clone_from(&row.path);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dataset(train: &[String], val: &[String]) -> Dataset {
        let samples = |paths: &[String]| {
            paths.iter().map(|path| Sample { path: path.into(), class: 0 }).collect::<Vec<_>>()
        };
        let mut dataset = Dataset::default();
        (dataset.train, dataset.val) = (samples(train), samples(val));
        dataset
    }

    /// Paths of few names, so that many end alike.
    fn paths(root: &'static str) -> impl Strategy<Value = Vec<String>> {
        let path = proptest::collection::vec(prop_oneof!["a", "b", "train"], 1..4);
        let path = path.prop_map(move |parts| format!("{root}{}.jpg", parts.join("/")));
        proptest::collection::hash_set(path, 0..12).prop_map(|paths| paths.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_photo_is_found_again_by_its_name(
            train in prop_oneof![paths("/data/me/photos/"), paths("/"), paths("photos/"), paths("")],
            val in prop_oneof![paths("/data/me/photos/val/"), paths("/mnt/me/")],
        ) {
            let names = PhotoNames::of(
                &dataset(&train, &val),
                &[Path::new("/data/me/photos"), Path::new("/data/me/photos/val")],
            );
            let told = |part: Part, paths: &[String]| {
                paths.iter().map(|path| (part, PathBuf::from(names.name(part, Path::new(path))))).collect::<Vec<_>>()
            };
            let all = [told(Part::Train, &train), told(Part::Val, &val)].concat();
            prop_assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "no name for two photos");
            let inside = |name: &PathBuf| name.is_relative() && !name.starts_with("data/me");
            prop_assert!(all.iter().all(|(_, name)| inside(name)), "{:?}", all);
            let row = |part: Part, path: &String| SplitRow { part, class: String::new(), path: path.into() };
            let rows: Vec<SplitRow> = (train.iter().map(|path| row(Part::Train, path)))
                .chain(val.iter().map(|path| row(Part::Val, path)))
                .collect();
            let wanted: Vec<(Part, &Path)> = all.iter().map(|(part, name)| (*part, name.as_path())).collect();
            let found = files(&rows, &wanted);
            for (row, name) in rows.iter().zip(&all) {
                prop_assert_eq!(&found[name], &row.path);
            }
        }
    }

    #[test]
    fn a_name_is_what_lies_below_the_dataset_or_the_end_of_the_path() {
        let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let train = list(&["/data/photos/ants/1.jpg", "/data/photos/bees/1.jpg"]);
        let val = list(&["/mnt/x/ants/1.jpg", "/data/y/ants/2.jpg"]);
        let names = PhotoNames::of(&dataset(&train, &val), &[Path::new("/data/photos")]);
        assert_eq!(names.name(Part::Train, Path::new(&train[1])), "bees/1.jpg");
        assert_eq!(names.name(Part::Val, Path::new(&val[0])), "1.jpg");
        assert_eq!(names.below(Path::new(&train[0])).as_deref(), Some("ants/1.jpg"));
        assert_eq!(names.below(Path::new(&val[0])), None);
    }
}
