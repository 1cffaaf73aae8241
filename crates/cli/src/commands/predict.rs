//! `icecap predict`: what a trained model says of photos, row by row.

mod heatmaps;
mod photos;
mod rows;

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::Views;
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::foundation::shown::plain_lines;
use icecap::judge::THRESHOLD;
use icecap::model::Columns;
use icecap::{Classifier, Error, Predictor, Source};

use crate::options::model::ModelOptions;
use crate::options::overwrite::OverwriteOption;
use crate::options::photo::PhotoOptions;
use crate::options::row_format::Format;
use crate::options::shard::Shard;
use crate::photos::skipped;
use crate::run::learned::Learned;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::lines::Lines;
use crate::terminal::progress::Progress;
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain_path, some_of};

use heatmaps::{Drawn, HeatmapOptions};
use photos::{Photo, Photos};
use rows::{Rows, Tally};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    photo: PhotoOptions,
    /// Photos, folders, .zip, .tar or .parquet files of photos, or - for the bytes of a photo on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,
    /// File with more photos and folders, one path a line; - for standard input, answered as it comes
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Take one of N shares of the photos, counted from 1, as in 1/4: for machines that work beside each other. A photo's share
    /// is told by its path below the folder that is named, as `extract` tells it, or by its whole path on a list
    #[arg(long, value_name = "I/N", allow_negative_numbers = true)]
    shard: Option<Shard>,
    /// How rows are written [default: by the name of --out, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Print a JSON array with an object for each photo: --format json
    #[arg(long, conflicts_with_all = ["format", "csv"])]
    json: bool,
    /// Print a JSON object for each photo, one a line: --format jsonl
    #[arg(long, conflicts_with_all = ["format", "csv", "json"])]
    jsonl: bool,
    /// Print comma-separated values with a header: --format csv
    #[arg(long, conflicts_with = "format")]
    csv: bool,
    /// Classes to list for each photo, the most probable first
    #[arg(long, value_name = "K", allow_negative_numbers = true, default_value_t = 1, value_parser = crate::options::count::at_least_one)]
    top: u16,
    /// Tell the probability of every class: `probabilities` by name in JSON, a column `probability:CLASS` each in CSV
    #[arg(long)]
    all: bool,
    /// 'None of these': the label is 'none' where the most probable class is less probable than P, from 0 up to 1; the
    /// class is told beside it as the best guess
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = probability)]
    reject_below: Option<f32>,
    /// 'None of these', too, for photos that are unlike those of the training: their novelty is above LIMIT [default: 1, as of 2
    /// of 100 photos of the classes]
    #[arg(long, value_name = "LIMIT", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = novelty)]
    reject_novel: Option<f32>,
    /// Look at each photo and at its mirror image, and take the mean (test-time augmentation): twice the time
    #[arg(long)]
    tta: bool,
    #[command(flatten)]
    heatmaps: HeatmapOptions,
    /// File for the rows, instead of standard output
    #[arg(short, long, alias = "output", value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteOption,
    /// Take features from the cache and keep them there
    #[arg(long)]
    cache: bool,
    /// Fail if a photo or a folder cannot be read, after the rows of all
    #[arg(long)]
    strict: bool,
}

/// Photos in a window: rows come after each, and no more than these are in memory.
const WINDOW: usize = 256;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let format = match options.format {
        Some(format) => format,
        None if options.json => Format::Json,
        None if options.jsonl => Format::Jsonl,
        None if options.csv => Format::Csv,
        None => Format::of_file(options.out.as_deref())?,
    };
    options.out.iter().try_for_each(|file| options.overwrite.check(file))?;
    let photos = Photos::new(&options.paths, options.files_from.as_deref(), options.shard)?;
    let classifier = options.model.within(options.photo.limits()).open()?;
    let columns = Columns {
        top: usize::from(options.top),
        reject_below: options.reject_below,
        all: options.all,
        reject_novel: options.reject_novel,
        heatmap: options.heatmaps.is_some(),
        ..Columns::of(&classifier)
    };
    columns.check(&classifier).map_err(|error| not_told(options, error))?;
    let views = if options.tta { Views::Mirrored } else { Views::Plain };
    let heatmaps = options.heatmaps.open(&classifier, options.overwrite)?;
    let cache = if options.cache { cache_folder::open() } else { None };
    let work = Work {
        predictor: classifier.predictor()?.with_cache(cache.clone()).with_views(views),
        rows: Rows::new(format, classifier.classes(), columns),
        learned: Learned::beside(&options.model.model),
        heatmaps,
        // Rows on a terminal are progress enough.
        progress: photos
            .known()
            .filter(|_| options.out.is_some() || !std::io::stdout().is_terminal())
            .map(|photos| Progress::new("predicting", photos)),
        photos,
    };
    let tally = match &options.out {
        Some(file) => work.into_file(file)?,
        None => work.into_standard_output()?,
    };
    cache_folder::tell(cache.as_ref());
    if tally.learned > 0 {
        note(&format!(
            "note: the model has learned from {}, by the split.csv beside it; it does better on what it has learned from",
            some_of(tally.learned, tally.photos, "photo")
        ));
    }
    tell_rejected(options, &classifier, &tally);
    // The process ends here, and with it the threads and the memory: to wait for the ones and give back the other takes longer.
    std::mem::forget(classifier);
    judge(tally, options)
}

/// Refuses to ask a model for what it does not keep: what the command line alone can tell was refused before.
fn not_told(options: &Options, error: Error) -> Failure {
    match error {
        Error::Setting { what, reason } => {
            let (model, option) = (plain_path(&options.model.model), what.replace('_', "-"));
            Failure::new(Code::Content, format!("{model}: --{option}: {reason}"))
        }
        other => other.into(),
    }
}

/// Says how many photos are none of the classes, and why.
fn tell_rejected(options: &Options, classifier: &Classifier, tally: &Tally) {
    let photos = counted(tally.photos - tally.unreadable, "photo");
    let (rejected, novel) = (tally.rejected, tally.novel);
    match (options.reject_novel, options.reject_below) {
        (None, None) => return,
        (Some(limit), None) => note(&format!(
            "unlike the photos of the training: {novel} of {photos}, whose novelty is above {limit}"
        )),
        (None, Some(least)) => {
            note(&format!(
                "none of the classes: {rejected} of {photos}, whose best guess has less than {least}"
            ));
        }
        (Some(limit), Some(least)) => note(&format!(
            "none of the classes: {rejected} of {photos}; the novelty of {novel} is above {limit}, and of {} others the best guess has \
             less than {least}",
            rejected - novel
        )),
    }
    let Some(least) = options.reject_below else { return };
    let (classes, multi) = (classifier.classes().len(), classifier.head().is_multi_label());
    // With a threshold of its own the class that is told can have less than the other.
    if least <= 1.0 / classes as f32 && !multi && classifier.threshold() == THRESHOLD {
        note(&format!(
            "note: --reject-below {least} rejects nothing: the best of {classes} classes never has less than {:.2}",
            1.0 / classes as f32
        ));
    }
}

fn novelty(text: &str) -> Result<f32, String> {
    let limit = text.parse().ok().filter(|limit: &f32| *limit > 0.0 && limit.is_finite());
    limit.ok_or_else(|| "use a number above 0, as in --reject-novel=1.2, or leave it out".to_owned())
}

fn probability(text: &str) -> Result<f32, String> {
    let probability = text.parse().ok().filter(|probability| (0.0..=1.0).contains(probability));
    probability.ok_or_else(|| "use a probability from 0 to 1, as in 0.6".to_owned())
}

fn judge(tally: Tally, options: &Options) -> Result<(), Failure> {
    let Tally { photos, unreadable, labeled, right, over_limit, first_error, not_scanned, .. } = tally;
    let strict = options.strict;
    // A share may be of none; the photos are in the others.
    if photos == 0 && options.shard.is_none() {
        return Err(Failure::new(Code::Content, "no photo found; name photos or folders that hold some"));
    }
    if labeled > 0 {
        let share = right as f64 / labeled as f64;
        note(&format!("{right} of {labeled} right ({share:.4}), by the names of their folders"));
    }
    skipped::larger(first_error.as_deref().into_iter());
    match first_error {
        Some(first) if over_limit == photos && options.shard.is_none() => {
            let message = format!("none of {} can be used, the first: {first}", counted(photos, "photo"));
            return Err(Failure::new(Code::Limit, message));
        }
        Some(first) if strict || (unreadable == photos && options.shard.is_none()) => {
            return Err(icecap::Error::Skipped { skipped: unreadable, photos, first }.into());
        }
        Some(first) => {
            note(&format!("{} cannot be read, the first: {first}", counted(unreadable, "photo")));
        }
        None => {}
    }
    match not_scanned {
        Some(failure) if strict => Err(failure),
        _ => Ok(()),
    }
}

/// What turns photos into rows.
struct Work<'a> {
    photos: Photos,
    predictor: Predictor,
    rows: Rows<'a>,
    learned: Learned,
    heatmaps: Option<Drawn<'a>>,
    progress: Option<Progress>,
}

impl Work<'_> {
    fn into_standard_output(self) -> Result<Tally, Failure> {
        let mut out = std::io::stdout().lock();
        let is_terminal = out.is_terminal();
        self.each_window(|text| {
            let text = if is_terminal { plain_lines(text) } else { Cow::Borrowed(text) };
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Ok(()) => Ok(true),
                // Nobody reads on: no reason to work on.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
                Err(error) => Err(Failure::output(&error)),
            }
        })
    }

    fn into_file(self, file: &Path) -> Result<Tally, Failure> {
        if file.is_dir() {
            return Err(Failure::path(file, "is a folder; name a file with --out"));
        }
        let mut result = None;
        let written = replace_file(file, |out| {
            let told = self.each_window(|text| match out.write_all(text.as_bytes()) {
                Ok(()) => Ok(true),
                Err(error) => Err(Failure::path(file, error)),
            });
            let failed = told.is_err();
            result = Some(told);
            if failed { Err(std::io::Error::other("no rows")) } else { Ok(()) }
        });
        match (result, written) {
            (Some(Err(failure)), _) => Err(failure),
            (_, Err(error)) => Err(error.into()),
            (Some(Ok(tally)), Ok(())) => Ok(tally),
            (None, Ok(())) => unreachable!("a file that was put in place was written"),
        }
    }

    /// Hands the rows of each window to `write`, which says whether to go on.
    fn each_window(mut self, mut write: impl FnMut(&str) -> Result<bool, Failure>) -> Result<Tally, Failure> {
        let mut tally = Tally::default();
        let mut warnings = Lines::default();
        loop {
            let photos = self.photos.window(WINDOW)?;
            if photos.is_empty() {
                write(self.rows.end())?;
                tally.not_scanned = self.photos.unreadable();
                warnings.end("such warnings");
                return Ok(tally);
            }
            let sources: Vec<Source<'_>> = photos.iter().map(Photo::source).collect();
            let before = tally.photos;
            let predictions = self.predictor.predict(&sources, &|now| {
                if let Some(progress) = &self.progress {
                    progress.set(before + now.done);
                }
                interrupt::flow()
            })?;
            let drawn = match &mut self.heatmaps {
                Some(heatmaps) => heatmaps.window(&photos, &predictions)?,
                None => Vec::new(),
            };
            tally.learned += photos.iter().filter(|photo| self.learned.has(photo.path())).count();
            let text = self.rows.window(&photos, &predictions, &drawn, &mut tally);
            if !write(&text)? {
                return Ok(tally);
            }
            for (photo, prediction) in photos.iter().zip(&predictions) {
                for warning in prediction.iter().flat_map(|prediction| &prediction.warnings) {
                    warnings.tell(|| format!("warning: {}: {warning}", plain_path(photo.path())));
                }
            }
        }
    }
}
