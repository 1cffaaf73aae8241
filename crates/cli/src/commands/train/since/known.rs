//! Which photos of a folder were in an earlier run.
//!
//! A photo is the same where its path is, or its content: one that was copied or renamed has another path, and of files
//! of the same length the hash is compared. A run keeps no hashes of its photos, so of one whose old file is gone only
//! the name is left: the same path below a folder of the same class, where just one is called so. Folders that were moved
//! as a whole are known by that.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Digest, Limits, Part, SplitRow, file_digest, file_length, is_there, real_path};

use crate::run::since::Changes;

/// The largest photo that is read to be compared: by default larger ones are not used as photos either.
fn largest() -> Limits {
    Limits::default()
}

/// Photos with the parts that they had.
pub(super) struct Known {
    pub(super) parts: HashMap<PathBuf, Part>,
    /// Which photo of the run each is: two copies of one are the same.
    rows: Rows,
}

/// The photos of an earlier run.
struct Old<'a> {
    rows: &'a [SplitRow],
    /// Whether a photo is known to be one of them.
    met: Vec<bool>,
}

impl Known {
    /// Finds the photos, paths with the names of their classes, among the `rows` of a run.
    pub(super) fn find(rows: &[SplitRow], photos: &[(PathBuf, String)]) -> Self {
        let mut old = Old { rows, met: vec![false; rows.len()] };
        let mut found = HashMap::new();
        let rest = old.by_path(photos.iter().collect(), &mut found);
        let rest = old.by_content(rest, &mut found);
        old.by_name(rest, &mut found);
        let parts = found.iter().map(|(path, at)| (path.clone(), rows[*at].part)).collect();
        Self { parts, rows: found }
    }

    /// Counts what came and went between a run of `then` photos and the `photos` of now, which are some of those that were looked
    /// for: a photo of then is gone where none of now is it, and where several are it, all but one of them are copies.
    pub(super) fn changes<'a>(&self, then: usize, photos: impl Iterator<Item = &'a Path>) -> Changes {
        let found: Vec<Option<&usize>> = photos.map(|path| self.rows.get(path)).collect();
        let known = found.iter().flatten().count();
        let same = found.iter().flatten().collect::<HashSet<_>>().len();
        Changes {
            photos_then: then,
            photos_now: found.len(),
            new: found.len() - known,
            copies: known - same,
            gone: then - same,
            ..Changes::default()
        }
    }
}

type Photos<'a> = Vec<&'a (PathBuf, String)>;
/// The place of a photo among those of the run.
type Rows = HashMap<PathBuf, usize>;

impl Old<'_> {
    /// Each step gives the photos that it does not know.
    fn by_path<'a>(&mut self, photos: Photos<'a>, found: &mut Rows) -> Photos<'a> {
        let mut folders = Folders::default();
        let rows: HashMap<PathBuf, usize> =
            self.rows.iter().enumerate().map(|(at, row)| (folders.real(&row.path), at)).collect();
        self.keep(photos, found, |path, _| rows.get(&folders.real(path)).copied())
    }

    fn by_content<'a>(&mut self, photos: Photos<'a>, found: &mut Rows) -> Photos<'a> {
        if photos.is_empty() {
            return photos;
        }
        let mut by_length: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(length) = length(&row.path) {
                by_length.entry(length).or_default().push(at);
            }
        }
        let rows = self.rows;
        let mut hashes: HashMap<usize, Option<Digest>> = HashMap::new();
        self.keep(photos, found, |path, _| {
            let alike = by_length.get(&length(path)?)?;
            let own = hash(path)?;
            let mut same = alike.iter().copied();
            same.find(|&at| *hashes.entry(at).or_insert_with(|| hash(&rows[at].path)) == Some(own))
        })
    }

    fn by_name<'a>(&mut self, photos: Photos<'a>, found: &mut Rows) -> Photos<'a> {
        let mut names: HashMap<(&str, &Path), Vec<usize>> = HashMap::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(name) = below_class(&row.path, &row.class) {
                names.entry((&row.class, name)).or_default().push(at);
            }
        }
        let (rows, met) = (self.rows, self.met.clone());
        self.keep(photos, found, |path, class| {
            match names.get(&(class, below_class(path, class)?))?.as_slice() {
                [only] if !met[*only] && !is_there(&rows[*only].path) => Some(*only),
                _ => None,
            }
        })
    }

    fn keep<'a>(
        &mut self,
        photos: Photos<'a>,
        found: &mut Rows,
        mut find: impl FnMut(&Path, &str) -> Option<usize>,
    ) -> Photos<'a> {
        let mut rest = Vec::new();
        for photo in photos {
            match find(&photo.0, &photo.1) {
                Some(at) => {
                    self.met[at] = true;
                    found.insert(photo.0.clone(), at);
                }
                None => rest.push(photo),
            }
        }
        rest
    }
}

/// Folders behind links and dots, each looked up once.
#[derive(Default)]
struct Folders(HashMap<PathBuf, PathBuf>);

impl Folders {
    /// `file` in its folder's real place, whether or not it is there.
    fn real(&mut self, file: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return file.to_owned() };
        let look = || {
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let absolute = || std::path::absolute(here).unwrap_or_else(|_| folder.to_owned());
            real_path(here).unwrap_or_else(absolute)
        };
        self.0.entry(folder.to_owned()).or_insert_with(look).join(name)
    }
}

/// Returns the path of a photo below the folder of its class.
fn below_class<'a>(photo: &'a Path, class: &str) -> Option<&'a Path> {
    let folder =
        photo.ancestors().skip(1).find(|folder| folder.file_name().is_some_and(|name| name == class))?;
    photo.strip_prefix(folder).ok()
}

fn length(file: &Path) -> Option<u64> {
    file_length(file).filter(|length| *length <= largest().file_bytes)
}

fn hash(file: &Path) -> Option<Digest> {
    file_digest(file, &largest())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(part: Part, class: &str, path: &Path) -> SplitRow {
        SplitRow { part, class: class.to_owned(), path: path.to_owned() }
    }

    proptest! {
        #[test]
        fn what_was_there_less_what_went_and_more_what_came_is_what_is_there(
            then in proptest::collection::vec(0u8..12, 0..16), now in proptest::collection::vec(0u8..12, 0..16),
        ) {
            let place = tempfile::tempdir().unwrap();
            // Photos of twelve contents, of which there are any number of copies on either side; every third old file is gone.
            let file = |side: &str, number: usize, content: u8| {
                let path = place.path().join(side).join("cat").join(number.to_string());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, [content; 3]).unwrap();
                path
            };
            let rows: Vec<SplitRow> = (then.iter().enumerate())
                .map(|(number, content)| row(Part::Train, "cat", &file("then", number, *content)))
                .collect();
            let photos: Vec<(PathBuf, String)> = (now.iter().enumerate())
                .map(|(number, content)| (file("now", number, *content), "cat".to_owned()))
                .collect();
            rows.iter().step_by(3).for_each(|row| std::fs::remove_file(&row.path).unwrap());
            let known = Known::find(&rows, &photos);
            let Changes { photos_then, photos_now, new, copies, gone, .. } = known.changes(rows.len(), photos.iter().map(|(path, _)| path.as_path()));
            prop_assert_eq!((photos_then, photos_now), (then.len(), now.len()));
            prop_assert_eq!(then.len() - gone + copies + new, now.len());
            prop_assert!(new <= now.len() && gone <= then.len());
        }
    }

    #[test]
    fn photos_are_known_by_path_by_content_and_by_name_where_their_old_file_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let write = |name: &str, content: &str| {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), content).unwrap();
        };
        for (name, content) in [
            ("old/cat/1", "one"),
            ("old/cat/2", "two"),
            ("old/cat/3", "tre"),
            ("new/cat/copy", "two"),
            ("new/cat/again", "two"),
            ("new/cat/3", "other"),
            ("new/cat/gone", "any"),
            ("new/dog/gone", "some"),
            ("new/cat/twice", "thing"),
        ] {
            write(name, content);
        }
        let rows = [
            row(Part::Train, "cat", &at("old/cat/1")),
            row(Part::Val, "cat", &at("old/cat/2")),
            row(Part::Train, "cat", &at("old/cat/3")),
            row(Part::Val, "cat", &at("lost/cat/gone")),
            row(Part::Train, "cat", &at("lost/train/cat/twice")),
            row(Part::Val, "cat", &at("lost/val/cat/twice")),
        ];
        let photos: Vec<(PathBuf, String)> = [
            ("old/../old/cat/1", "cat"),
            ("new/cat/copy", "cat"),
            ("new/cat/again", "cat"),
            ("new/cat/3", "cat"),
            ("new/cat/gone", "cat"),
            ("new/dog/gone", "dog"),
            ("new/cat/twice", "cat"),
        ]
        .map(|(name, class)| (at(name), class.to_owned()))
        .into();
        let known = Known::find(&rows, &photos);
        let parts: Vec<Option<Part>> =
            photos.iter().map(|(path, _)| known.parts.get(path).copied()).collect();
        let (train, val) = (Some(Part::Train), Some(Part::Val));
        // A name alone says nothing while the old file of that name is there, nor where two are called so.
        assert_eq!(parts, [train, val, val, None, val, None, None]);
        assert_eq!(known.rows.values().collect::<HashSet<_>>().len(), 3);
    }
}
