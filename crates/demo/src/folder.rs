//! The folder of a demo: its photos, a folder for each class, and what comes of them.

use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use icecap_kernels::Threads;
use image::ImageError;

use super::draw::{CLASSES, draw};
use super::error::Error;
use super::png::write_png;

/// The number of photos of each class in a demo's folder.
pub const PHOTOS: usize = 80;
/// The width and height in pixels of a photo in a demo's folder: more than the starter net looks at, so that a person
/// sees something, too.
pub const SIDE: usize = 144;

/// A file that says that the folder is ours, and from which seed its photos were drawn.
const MARK: &str = "demo.toml";
/// How that file begins.
const MARK_HEAD: &str = "# Written by `icecap demo`, which may write into this folder again.\n";

/// A folder that belongs to a demo.
pub struct DemoFolder {
    root: PathBuf,
}

impl DemoFolder {
    /// Makes the folder, or takes an empty one or one of an earlier demo, and notes the seed in it. In any other folder
    /// nothing is touched.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the folder holds somebody else's files, [`Error::Path`] if it cannot be made or written.
    pub fn claim(root: &Path, seed: u64) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Path(root.to_owned(), error);
        create_dir_all(root).map_err(failed)?;
        let mark = root.join(MARK);
        let ours = || std::fs::read_to_string(&mark).is_ok_and(|text| text.starts_with(MARK_HEAD));
        if std::fs::read_dir(root).map_err(failed)?.next().is_some() && !ours() {
            return Err(Error::Foreign(root.to_owned()));
        }
        let text = format!("{MARK_HEAD}seed = {seed}\n");
        std::fs::write(&mark, text).map_err(|error| Error::Path(mark, error))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Returns the path of the folder of photos, which has a folder for each class.
    #[must_use]
    pub fn photos(&self) -> PathBuf {
        self.root.join("photos")
    }

    /// Returns the path of the file `name` in this folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Draws [`PHOTOS`] photos of each class on all of `threads` and writes them. `pulse` is asked before each photo; once
    /// it breaks, no further photo is begun.
    ///
    /// # Errors
    /// [`Error::Path`] or [`Error::Photo`] if a folder or photo cannot be written, [`Error::Stopped`] if `pulse` broke.
    pub fn draw(
        &self,
        seed: u64,
        threads: &Threads,
        pulse: &(dyn Fn() -> ControlFlow<()> + Sync),
    ) -> Result<(), Error> {
        for class in CLASSES {
            let folder = self.photos().join(class);
            create_dir_all(&folder).map_err(|error| Error::Path(folder, error))?;
        }
        let photo = |number: usize| {
            let (class, index) = (number / PHOTOS, number % PHOTOS);
            let path = self.photos().join(CLASSES[class]).join(format!("{}-{index:02}.png", CLASSES[class]));
            write_photo(&path, seed, class, index).map_err(|error| Error::Photo(path, error))
        };
        let drawn = threads.map_until(pulse, 0..CLASSES.len() * PHOTOS, photo);
        drawn.ok_or(Error::Stopped)?.into_iter().collect()
    }
}

fn write_photo(path: &Path, seed: u64, class: usize, index: usize) -> Result<(), ImageError> {
    let pixels = draw(seed, class, index, SIDE);
    let mut file = BufWriter::new(File::create(path)?);
    write_png(&mut file, &pixels, SIDE, SIDE)?;
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone_and_ones_own_is_taken_again() {
        let around = tempfile::tempdir().unwrap();
        let (own, foreign) = (around.path().join("deep/own"), around.path().join("foreign"));
        DemoFolder::claim(&own, 0).unwrap();
        DemoFolder::claim(&own, 1).unwrap();
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join(MARK), "seed = 7\n").unwrap();
        assert!(matches!(DemoFolder::claim(&foreign, 0), Err(Error::Foreign(path)) if path == foreign));
        assert_eq!(std::fs::read_to_string(foreign.join(MARK)).unwrap(), "seed = 7\n");
        assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);
    }

    #[test]
    fn a_drawing_that_is_stopped_begins_no_further_photo() {
        let around = tempfile::tempdir().unwrap();
        let folder = DemoFolder::claim(around.path(), 0).unwrap();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let pulse = || match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..3 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let stopped = folder.draw(0, &Threads::serial(), &pulse);
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
        let drawn = std::fs::read_dir(folder.photos().join(CLASSES[0])).unwrap();
        assert_eq!(drawn.count(), 3);
    }
}
