//! `predict --heatmap`: a file for each photo that shows which places spoke for its class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data;
use icecap::advanced::foundation::atomic_file::{make_folder, replace_file};
use icecap::explain::{Heatmap, Heatmaps, MapKind, Overlay};
use icecap::{Classifier, Error, Prediction, Source};

use super::photos::Photo;
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr::note;
use crate::terminal::wording::plain;

/// The most pixels of the longer side of a heatmap's file; a smaller photo keeps its size.
const LONGEST_SIDE: usize = 1024;
/// Photos whose maps are in memory at once.
const AT_ONCE: usize = 32;
/// The longest name of a file, in bytes, before its number and its ending: systems take 255.
const LONGEST_NAME: usize = 200;

#[derive(Args)]
pub(super) struct HeatmapOptions {
    /// Folder for heatmaps: each photo in gray, orange where it speaks for the predicted class, blue where against
    #[arg(long = "heatmap", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The class that the heatmaps are about, instead of the predicted one
    #[arg(long = "heatmap-class", value_name = "CLASS", requires = "folder")]
    class: Option<String>,
}

impl HeatmapOptions {
    pub(super) fn is_some(&self) -> bool {
        self.folder.is_some()
    }

    /// Makes the folder, and what draws into it.
    pub(super) fn open<'a>(
        &self,
        classifier: &'a Classifier,
        overwrite: OverwriteOption,
    ) -> Result<Option<Drawn<'a>>, Failure> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let class = match &self.class {
            Some(name) => Some(class_named(name, classifier.classes())?),
            None => None,
        };
        if folder.is_file() {
            let reason = "a file stands where the folder should be; name another with --heatmap";
            return Err(Failure::path(folder, reason));
        }
        overwrite.check_folder(folder)?;
        make_folder(folder).map_err(|error| Failure::path(folder, error))?;
        let heatmaps = Heatmaps::new(classifier)?;
        if MapKind::of(classifier.head()) == MapKind::GradientWeighted {
            note(
                "note: heatmaps are gradient-weighted: behind several dense layers a place's share of the logit depends on \
                 the others",
            );
        }
        Ok(Some(Drawn { classifier, heatmaps, folder: folder.clone(), class, names: HashMap::new() }))
    }
}

fn class_named(name: &str, classes: &[String]) -> Result<usize, Failure> {
    classes.iter().position(|class| class == name).ok_or_else(|| {
        let known: Vec<_> = classes.iter().take(20).map(|class| plain(class)).collect();
        let more = if classes.len() > known.len() { ", …" } else { "" };
        let message = format!(
            "no class '{}' in the model; --heatmap-class takes {}{more}",
            plain(name),
            known.join(", ")
        );
        Failure::new(Code::Arguments, message)
    })
}

/// Draws heatmaps into a folder.
pub(super) struct Drawn<'a> {
    classifier: &'a Classifier,
    heatmaps: Heatmaps,
    folder: PathBuf,
    class: Option<usize>,
    /// Names that are taken, in small letters, since some file systems know no others; and the last number that was put
    /// behind each, so that a million photos of one name do not each count from 1.
    names: HashMap<String, u64>,
}

/// One photo's heatmap to be drawn.
struct Job<'a> {
    photo: Source<'a>,
    map: Heatmap,
    class: usize,
    file: PathBuf,
}

impl Drawn<'_> {
    /// Draws the photos that were predicted; gives the file of each.
    pub(super) fn window(
        &mut self,
        photos: &[Photo],
        predictions: &[Result<Prediction, data::Error>],
    ) -> Result<Vec<Option<PathBuf>>, Failure> {
        let mut files = vec![None; photos.len()];
        let readable: Vec<(usize, &Photo, usize)> = photos
            .iter()
            .zip(predictions)
            .enumerate()
            .filter_map(|(index, (photo, prediction))| Some((index, photo, prediction.as_ref().ok()?.class)))
            .collect();
        for part in readable.chunks(AT_ONCE) {
            let sources: Vec<Source<'_>> = part.iter().map(|(_, photo, _)| photo.source()).collect();
            let maps = self.heatmaps.of(&sources, &|_| interrupt::flow())?;
            let mut jobs: Vec<(usize, Job<'_>)> = Vec::with_capacity(part.len());
            for (&(index, photo, predicted), map) in part.iter().zip(maps) {
                let Ok(map) = map else { continue };
                let (class, file) = (self.class.unwrap_or(predicted), self.file(photo));
                jobs.push((index, Job { photo: photo.source(), map, class, file }));
            }
            let threads = self.classifier.backbone().threads();
            let drawn = threads.map_until(&interrupt::flow, jobs, |(index, job)| {
                Ok::<_, Failure>((index, draw(self.classifier, &job)?.then_some(job.file)))
            });
            // The last photos may have been begun before the stop: their rows are not told either.
            interrupt::check()?;
            for drawn in drawn.ok_or(Error::Stopped)? {
                let (index, file) = drawn?;
                files[index] = file;
            }
        }
        Ok(files)
    }

    /// Returns the file of a photo: its name, with a number if that is taken.
    fn file(&mut self, photo: &Photo) -> PathBuf {
        let path = match photo {
            Photo::File(path) => path,
            Photo::Bytes(_) => Path::new("stdin"),
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut end = stem.len().min(LONGEST_NAME);
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        let stem = &stem[..end];
        let mut name = stem.to_owned();
        let mut number = self.names.get(&stem.to_lowercase()).copied().unwrap_or(0);
        while self.names.contains_key(&name.to_lowercase()) {
            number += 1;
            name = format!("{stem}-{}", number + 1);
        }
        self.names.insert(stem.to_lowercase(), number);
        self.names.entry(name.to_lowercase()).or_insert(0);
        self.folder.join(name + ".png")
    }
}

/// Draws a heatmap into its file. Returns whether it was drawn: a photo that cannot be read any more is not.
fn draw(classifier: &Classifier, job: &Job<'_>) -> Result<bool, Failure> {
    let Ok(overlay) = Overlay::of(classifier, job.photo, &job.map, job.class, LONGEST_SIDE) else {
        return Ok(false);
    };
    replace_file(&job.file, |out| overlay.write_png(out))?;
    Ok(true)
}
