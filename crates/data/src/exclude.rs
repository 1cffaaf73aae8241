//! Photos that are left out because a file says so: one path a line, or a CSV with a column `path`, as `skipped.csv`.
//!
//! A line names a photo in any of these ways: the path as it is printed, relative to the folder of the dataset, or
//! relative to the working directory. Empty lines and those that start with `#` say nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use icecap_foundation::shown::escaped;

use crate::csv::CsvRecords;
use crate::inventory::{Inventory, Sample};
use crate::text_file::{read_text, wrong};
use crate::{Error, Result, Survey};

/// A list of photos to leave out.
#[derive(Clone, Debug)]
pub struct Exclusions {
    file: PathBuf,
    /// Each path with the number of its line, and whether it named a photo.
    lines: Vec<(usize, String, bool)>,
    /// The lines by what they name.
    by_name: HashMap<String, Vec<usize>>,
    excluded: usize,
}

impl Exclusions {
    /// Reads a list of photos to leave out, one a line.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Limit`], [`Error::Listing`] with the line.
    pub fn read(file: &Path) -> Result<Self> {
        let text = read_text(file)?;
        let mut list =
            Self { file: file.to_owned(), lines: Vec::new(), by_name: HashMap::new(), excluded: 0 };
        match path_column(&text) {
            Some(column) => {
                for record in CsvRecords::new(&text).skip(1) {
                    let (line, fields) =
                        record.map_err(|open| wrong(file, open.0, "a quote that is not closed"))?;
                    list.add(line, fields.get(column).map_or("", String::as_str));
                }
            }
            None => {
                for (index, line) in text.lines().enumerate() {
                    if !line.starts_with('#') {
                        list.add(index + 1, line.trim_end_matches('\r'));
                    }
                }
            }
        }
        Ok(list)
    }

    fn add(&mut self, line: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let index = self.lines.len();
        self.lines.push((line, text.to_owned(), false));
        let mut names = vec![escaped(Path::new(text)), absolute(Path::new(text))];
        names.dedup();
        for name in names {
            self.by_name.entry(name).or_default().push(index);
        }
    }

    /// Whether `photo`, of a dataset in one of the folders `roots`, is on the list. The lines that name it count as
    /// used.
    pub fn covers(&mut self, photo: &Path, roots: &[&Path]) -> bool {
        let below = roots.iter().filter_map(|root| photo.strip_prefix(root).ok()).map(escaped);
        let names = [escaped(photo), absolute(photo)].into_iter().chain(below);
        let mut covered = false;
        for name in names {
            for &index in self.by_name.get(&name).into_iter().flatten() {
                self.lines[index].2 = true;
                covered = true;
            }
        }
        self.excluded += usize::from(covered);
        covered
    }

    /// The number of photos that were found on the list.
    #[must_use]
    pub fn excluded(&self) -> usize {
        self.excluded
    }

    /// The lines that named no photo, with their numbers, counted from 1.
    pub fn unmatched(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().filter(|(.., used)| !used).map(|(line, text, _)| (*line, text.as_str()))
    }

    /// The paths on the list, as they stand there.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, text, _)| text.as_str())
    }

    /// The file that the list was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// The column of paths where the text is a CSV that names one in its header.
fn path_column(text: &str) -> Option<usize> {
    let (_, header) = CsvRecords::new(text).next()?.ok()?;
    header.iter().position(|column| column == "path")
}

/// The absolute path, as text.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).map_or_else(|_| escaped(path), |path| escaped(&path))
}

impl Inventory {
    /// Leaves out the photos on a list; `roots` are the folders of the dataset.
    ///
    /// # Errors
    /// [`Error::AllExcluded`] if a class loses all of its training photos.
    pub fn exclude(&mut self, list: &mut Exclusions, roots: &[&Path]) -> Result<()> {
        let mut keep = |sample: &Sample| !list.covers(&sample.path, roots);
        self.train.retain(&mut keep);
        for part in [&mut self.val, &mut self.test].into_iter().flatten() {
            part.retain(&mut keep);
        }
        let counts = self.counts(&self.train);
        match counts.iter().position(|count| *count == 0) {
            Some(class) => {
                Err(Error::AllExcluded { path: list.file.clone(), class: self.classes[class].clone() })
            }
            None => Ok(()),
        }
    }
}

impl Survey {
    /// Leaves out the photos on a list; `roots` are the folders of the dataset.
    pub fn exclude(&mut self, list: &mut Exclusions, roots: &[&Path]) {
        self.photos.retain(|(_, sample)| !list.covers(&sample.path, roots));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_named_in_any_of_three_ways() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let here = std::env::current_dir().unwrap();
        let text = format!(
            "\u{feff}ants/0.jpg\n# not these\n\nants/1.jpg\r\nphotos/ants/2.jpg\n./photos/ants/3.jpg\n{}/photos/ants/4.jpg\nants/9.jpg\n a b\n",
            here.display()
        );
        std::fs::write(&file, text).unwrap();
        let mut list = Exclusions::read(&file).unwrap();
        let root = Path::new("photos");
        let mut covers = |name: &str| list.covers(&root.join(name), &[root]);
        for number in 0..=4 {
            assert!(covers(&format!("ants/{number}.jpg")), "{number}");
        }
        assert!(!covers("ants/5.jpg") && !covers("ants/11.jpg") && covers(" a b"));
        assert_eq!(list.excluded(), 6);
        assert_eq!(list.unmatched().collect::<Vec<_>>(), [(8, "ants/9.jpg")]);
    }

    #[test]
    fn a_csv_gives_its_paths() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("skipped.csv");
        std::fs::write(&file, "path,reason\n\"photos/a,b.jpg\",the file is empty\nphotos/c.jpg,x\n").unwrap();
        let mut list = Exclusions::read(&file).unwrap();
        assert!(list.covers(Path::new("photos/a,b.jpg"), &[]) && !list.covers(Path::new("x"), &[]));
        assert_eq!(list.unmatched().collect::<Vec<_>>(), [(3, "photos/c.jpg")]);
    }

    #[test]
    fn every_part_loses_its_photos_and_a_class_keeps_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        let sample = |path: &str, class| Sample { path: path.into(), class };
        let mut inventory = Inventory {
            classes: vec!["a".to_owned(), "b".to_owned()],
            train: vec![sample("1", 0), sample("2", 0), sample("3", 1)],
            val: Some(vec![sample("4", 0)]),
            ..Inventory::default()
        };
        std::fs::write(&file, "1\n4\n").unwrap();
        inventory.exclude(&mut Exclusions::read(&file).unwrap(), &[]).unwrap();
        assert_eq!(inventory.train, [sample("2", 0), sample("3", 1)]);
        assert_eq!(inventory.val, Some(Vec::new()));
        std::fs::write(&file, "3\n").unwrap();
        let error = inventory.exclude(&mut Exclusions::read(&file).unwrap(), &[]).unwrap_err();
        assert!(error.to_string().contains("every training photo of class 'b'"), "{error}");
    }
}
