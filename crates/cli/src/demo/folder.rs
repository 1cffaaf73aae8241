//! The folder of a demo: its photos, a folder for each class, and what comes of them.

use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use icecap::Error;
use icecap::advanced::kernels::Threads;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::draw::{CLASSES, draw};
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;

/// Photos of a class.
pub(crate) const PHOTOS: usize = 80;
/// Rows and columns of a photo: more than the starter looks at, so that a person sees something, too.
pub(crate) const SIDE: usize = 144;

/// A file that says that the folder is ours, and from which seed its photos were drawn.
const MARK: &str = "demo.toml";
/// How that file begins.
const MARK_HEAD: &str = "# Written by `icecap demo`, which may write into this folder again.\n";

/// A folder that belongs to a demo.
pub(crate) struct DemoFolder {
    root: PathBuf,
}

impl DemoFolder {
    /// Makes the folder, or takes an empty one or one of an earlier demo. In any other nothing is touched.
    pub(crate) fn claim(root: &Path, seed: u64) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::path(root, error);
        create_dir_all(root).map_err(failed)?;
        let mark = root.join(MARK);
        let ours = || std::fs::read_to_string(&mark).is_ok_and(|text| text.starts_with(MARK_HEAD));
        if std::fs::read_dir(root).map_err(failed)?.next().is_some() && !ours() {
            let message = "holds files that are not a demo's; name another folder with --out";
            return Err(Failure::new(Code::Path, format!("{}: {message}", root.display())));
        }
        let text = format!("{MARK_HEAD}seed = {seed}\n");
        std::fs::write(&mark, text).map_err(|error| Failure::path(&mark, error))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Returns the folder of photos, as `icecap train` takes it.
    pub(crate) fn photos(&self) -> PathBuf {
        self.root.join("photos")
    }

    /// Returns a file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Draws all photos, on all threads.
    pub(crate) fn draw(&self, seed: u64, threads: &Threads) -> Result<(), Failure> {
        for class in CLASSES {
            let folder = self.photos().join(class);
            create_dir_all(&folder).map_err(|error| Failure::path(&folder, error))?;
        }
        let photo = |number: usize| {
            let (class, index) = (number / PHOTOS, number % PHOTOS);
            let path = self.photos().join(CLASSES[class]).join(format!("{}-{index:02}.png", CLASSES[class]));
            write_photo(&path, seed, class, index).map_err(|error| Failure::path(&path, error))
        };
        let drawn = threads.map_until(&interrupt::flow, 0..CLASSES.len() * PHOTOS, photo);
        drawn.ok_or(Error::Stopped)?.into_iter().collect()
    }
}

fn write_photo(path: &Path, seed: u64, class: usize, index: usize) -> Result<(), ImageError> {
    let pixels = draw(seed, class, index, SIDE);
    let mut file = BufWriter::new(File::create(path)?);
    encode(&mut file, &pixels, SIDE, SIDE)?;
    Ok(file.flush()?)
}

/// Writes a PNG, quickly rather than small: noise does not compress.
///
/// # Shapes
/// `rgb` [height, width, 3].
pub(crate) fn encode(out: impl Write, rgb: &[u8], width: usize, height: usize) -> Result<(), ImageError> {
    PngEncoder::new_with_quality(out, CompressionType::Fast, FilterType::Sub).write_image(
        rgb,
        width as u32,
        height as u32,
        ExtendedColorType::Rgb8,
    )
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
        assert!(DemoFolder::claim(&foreign, 0).is_err());
        assert_eq!(std::fs::read_to_string(foreign.join(MARK)).unwrap(), "seed = 7\n");
        assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);
    }
}
