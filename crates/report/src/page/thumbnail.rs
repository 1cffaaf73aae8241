//! Photos made small enough to travel inside the page.
//!
//! A page is bounded: [`BUDGET`] bytes of base64 for all pictures, given out in the order in which they are asked for, so
//! that the same run gives the same page. What finds no room any more, or cannot be read, is shown by its path.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use icecap::advanced::data::{Loader, encode_jpeg, thumbnail};
use icecap::{Error, Source};

use super::base64::base64;
use super::photo_files::PhotoFiles;
use super::reading::Reading;
use crate::run::predictions::Seen;

/// The most bytes of pictures in a page: with the marks of a full map, every chart and the tables of a hundred classes a page
/// stays below three megabytes.
const BUDGET: usize = 1_500_000;
/// Pixels of the longer side.
pub(super) const SIDE: u32 = 160;
/// JPEG quality: at this size more is not seen.
pub(super) const QUALITY: u8 = 80;

/// Small pictures by the photo's file, as `data:` addresses.
pub(super) struct Thumbnails<'a> {
    files: PhotoFiles<'a>,
    pictures: HashMap<PathBuf, String>,
    left: usize,
}

impl<'a> Thumbnails<'a> {
    /// Reads and shrinks `photos`, which are where `files` says; one that is named twice is read once.
    ///
    /// # Errors
    /// If the caller stops it.
    pub(super) fn of(
        photos: &[&Seen],
        files: PhotoFiles<'a>,
        loader: &dyn Fn() -> Loader,
        reading: Reading<'_>,
    ) -> Result<Self, Error> {
        let Reading { threads, flow, .. } = reading;
        let mut known = HashSet::new();
        // One that is shown in two places stands in the page twice.
        let mut times: HashMap<PathBuf, usize> = HashMap::new();
        for seen in photos {
            *times.entry(files.file(seen).to_owned()).or_default() += 1;
        }
        let paths = photos.iter().map(|seen| files.file(seen).to_owned());
        let once: Vec<PathBuf> = paths.filter(|photo| known.insert(photo.clone())).collect();
        let mut loaders: Vec<Loader> = (0..threads.count()).map(|_| loader()).collect();
        let read = |loader: &mut Loader, photo: &PathBuf| small(files.source(photo)?, loader);
        let made = threads.map_until_with(flow, &mut loaders, &once, read).ok_or(Error::Stopped)?;
        // A stop during the last photos is one, too.
        if flow().is_break() {
            return Err(Error::Stopped);
        }
        let mut thumbnails = Self { files, pictures: HashMap::new(), left: BUDGET };
        for (photo, picture) in once.into_iter().zip(made) {
            if let Some(address) = picture.and_then(|jpeg| thumbnails.admitted(&jpeg, times[&photo])) {
                thumbnails.pictures.insert(photo, address);
            }
        }
        Ok(thumbnails)
    }

    /// Returns the address of a photo's picture; `None` if the photo cannot be shown.
    pub(super) fn get(&self, seen: &Seen) -> Option<&str> {
        self.pictures.get(self.files.file(seen)).map(String::as_str)
    }

    /// Returns where a photo is.
    pub(super) fn source<'s>(&'s self, seen: &'s Seen) -> Option<Source<'s>> {
        self.files.source(self.files.file(seen))
    }

    /// Whether the run has photos that could be shown.
    pub(super) fn are_known(&self) -> bool {
        self.files.are_known()
    }

    /// Returns the address of a JPEG's bytes; `None` if the page has no room for it.
    pub(super) fn admit(&mut self, jpeg: &[u8]) -> Option<String> {
        self.admitted(jpeg, 1)
    }

    /// The same for one that is shown so many times.
    fn admitted(&mut self, jpeg: &[u8], times: usize) -> Option<String> {
        let size = jpeg.len().div_ceil(3) * 4 * times;
        self.left = self.left.checked_sub(size)?;
        Some(format!("data:image/jpeg;base64,{}", base64(jpeg)))
    }
}

/// Reads a photo and shrinks it to a JPEG of [`SIDE`] pixels; `None` if it cannot be read.
fn small(photo: Source<'_>, loader: &mut Loader) -> Option<Vec<u8>> {
    let small = thumbnail(photo.open(loader).ok()?.photo().ok()?, SIDE);
    let size = [small.width(), small.height()];
    encode_jpeg(&small.into_rgb(), size, QUALITY)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;
    use std::path::Path;

    use icecap::OwnedSource;
    use icecap::advanced::data::{ExifPolicy, Limits, Part, decode};
    use icecap::advanced::kernels::{Isa, Threads};
    use image::RgbImage;

    use super::super::material::{Material, Photos};
    use super::*;
    use crate::run::Run;
    use crate::run::files::SPLIT;
    use crate::run::metrics::Metrics;

    /// A wide photo, a thin one, and a text.
    fn files(place: &Path) -> [PathBuf; 3] {
        let files = ["a.png", "b.png", "c.jpg"].map(|name| place.join(name));
        RgbImage::from_fn(400, 200, |x, y| image::Rgb([x as u8, y as u8, 7])).save(&files[0]).unwrap();
        RgbImage::new(1, 900).save(&files[1]).unwrap();
        fs::write(&files[2], "no photo").unwrap();
        files
    }

    fn seen(path: &Path) -> Seen {
        Seen {
            part: Part::Val,
            path: path.to_owned(),
            class: 0,
            predicted: 0,
            probability: 1.0,
            true_probability: 1.0,
            place: None,
        }
    }

    fn loader() -> Loader {
        Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply)
    }

    fn made<'a>(
        photos: &'a Photos<'a>,
        wanted: &[&Seen],
        flow: ControlFlow<()>,
    ) -> Result<Thumbnails<'a>, Error> {
        let threads = Threads::new(2).unwrap();
        let reading = Reading { threads: &threads, isa: Isa::best(), flow: &|| flow };
        Thumbnails::of(wanted, PhotoFiles::of(photos, wanted), &loader, reading)
    }

    #[test]
    fn a_photo_becomes_small_and_what_is_none_is_left_out() {
        let place = tempfile::tempdir().unwrap();
        let [wide, thin, text] = files(place.path());
        let size = |path: &Path| {
            let jpeg = small(Source::Path(path), &mut loader()).unwrap();
            let photo = decode(&jpeg, &Limits::default(), ExifPolicy::Apply).unwrap();
            (photo.width(), photo.height())
        };
        assert_eq!((size(&wide), size(&thin)), ((160, 80), (1, 160)));
        // One is told by its name, and lies where the run's split says.
        fs::write(place.path().join(SPLIT), format!("part,class,path\nval,a,{}\n", wide.display())).unwrap();
        let [named, wide, text, missing] =
            [Path::new("a.png"), &wide, &text, &place.path().join("missing")].map(seen);
        let run = Run {
            folder: place.path().to_owned(),
            metrics: Metrics::default(),
            arguments: toml::Table::new(),
            classes: vec!["a".to_owned()],
            photos: Vec::new(),
        };
        let photos = Material::beside(&run).unwrap().photos;
        let all = [&named, &wide, &text, &missing, &wide];
        let thumbnails = made(&photos, &all, ControlFlow::Continue(())).unwrap();
        assert!(thumbnails.get(&wide).unwrap().starts_with("data:image/jpeg;base64,/9j/"));
        assert_eq!(thumbnails.get(&named), thumbnails.get(&wide));
        assert!([&text, &missing].iter().all(|seen| thumbnails.get(seen).is_none()));
        assert!(matches!(made(&photos, &all, ControlFlow::Break(())), Err(Error::Stopped)));
    }

    #[test]
    fn in_memory_a_name_is_no_path() {
        let place = tempfile::tempdir().unwrap();
        let [wide, thin, _] = files(place.path());
        let [named, wide] = [Path::new("a.png"), &wide].map(seen);
        let kept = HashMap::from([(PathBuf::from("a.png"), OwnedSource::Bytes(fs::read(&thin).unwrap()))]);
        for (photos, are_known) in [(Photos::InMemory(&kept), true), (Photos::Nowhere, false)] {
            let thumbnails = made(&photos, &[&named, &wide], ControlFlow::Continue(())).unwrap();
            assert!(thumbnails.get(&named).is_some() == are_known && thumbnails.get(&wide).is_none());
            assert_eq!(thumbnails.are_known(), are_known);
        }
    }

    #[test]
    fn the_page_has_room_for_so_much() {
        let mut thumbnails =
            Thumbnails { files: PhotoFiles::of(&Photos::Nowhere, &[]), pictures: HashMap::new(), left: 16 };
        assert!(thumbnails.admit(&[0; 12]).is_some());
        assert!(thumbnails.admit(&[0]).is_none());
        let mut thumbnails = Thumbnails { left: 16, ..thumbnails };
        assert!(thumbnails.admitted(&[0; 9], 2).is_none() && thumbnails.admitted(&[0; 6], 2).is_some());
    }
}
