//! `icecap demo`: the whole way through on photos drawn by code. The first thing a newcomer runs.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use icecap::advanced::data::{Sample, scan};
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::judge::Metrics;
use icecap::learn::Steps;
use icecap::{
    Backbone, Classifier, Dataset, Event, Prediction, SaveBackbone, Source, TrainOptions, Trained, Trainer,
};
use icecap_demo::{CLASSES, DemoFolder, PHOTOS, SIDE, Tile, sheet, write_png};
use icecap_report::kept;
use icecap_report::page::{self, Material};

use crate::options::runner::ThreadOptions;
use crate::run::Run;
use crate::run::files::{ARGUMENTS, METRICS, MODEL, PREDICTIONS, REPORT, SPLIT};
use crate::run::photo_names::PhotoNames;
use crate::run::seconds::Seconds;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::lock::lock;
use crate::terminal::progress::Progress;
use crate::terminal::table::{narrate, table};
use crate::terminal::wording::{plain_path, program, typed_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder for the photos, the model and the sheet of predictions: a new one, or that of an earlier demo
    #[arg(long, value_name = "RUN", default_value = "icecap-demo")]
    out: PathBuf,
    /// Seed from which photos, split and training are drawn
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadOptions,
}

/// Passes over the photos; validation gains nothing after them.
const EPOCHS: u32 = 10;
/// The share of photos to validate with.
const VALIDATION: f64 = 0.2;
/// Right predictions shown of each class, beside all wrong ones.
const SHOWN: usize = 2;
/// Photos in a row of the sheet: the validation photos of one class.
const COLUMNS: usize = 16;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let folder = DemoFolder::claim(&options.out, options.seed).map_err(failure)?;
    let backbone = Backbone::starter(options.threads.settings())?;
    folder.draw(options.seed, backbone.threads(), &interrupt::flow).map_err(failure)?;
    narrate(&format!(
        "photos      {} drawn into {}: {PHOTOS} of each class, {}\n",
        CLASSES.len() * PHOTOS,
        plain_path(&folder.photos()),
        CLASSES.join(", ")
    ))?;

    let dataset = Dataset::new(&scan(&folder.photos(), None)?, VALIDATION, options.seed)?;
    narrate(&format!(
        "split       {} photos to learn from, {} to validate with\n\
         weights     the built-in starter, MobileNetV2 width 0.35; frozen, only the head on top is trained\n",
        dataset.train.len(),
        dataset.val.len()
    ))?;
    let trained = train(&backbone, &dataset, options.seed)?;
    let model = folder.file(MODEL);
    trained.classifier.save(&model, SaveBackbone::Embedded)?;

    let page = write_page(&folder, &dataset, &trained, options, started)?;

    let seen = predict(&trained.classifier, &dataset.val)?;
    let picture = folder.file("predictions.png");
    draw_sheet(&dataset.classes, &seen, &picture)?;
    let after = trained.history.last().map_or(trained.before, |epoch| epoch.validation);
    narrate(&format!(
        "\n{}\n\nbefore      {}\nafter       {}\nlook at     {} (all {} validation photos)\nmodel       {}\n\
         report      {}, opens in any browser\ntime        {:.1} s\n\n{}",
        shown(&dataset.classes, &seen),
        metrics(trained.before),
        metrics(after),
        plain_path(&picture),
        seen.len(),
        plain_path(&model),
        plain_path(&page),
        started.elapsed().as_secs_f64(),
        next(&folder, &dataset)
    ))
}

/// Leaves what a run leaves that its page is made of, and the page. Returns the file of the page.
fn write_page(
    folder: &DemoFolder,
    dataset: &Dataset,
    trained: &Trained,
    options: &Options,
    started: Instant,
) -> Result<PathBuf, Failure> {
    let names = PhotoNames::of(dataset, &[folder.photos()]);
    let mut seconds = Seconds::default();
    kept::metrics::take_times(&mut seconds, trained);
    seconds.total = Some(started.elapsed().as_secs_f64());
    let metrics = kept::metrics::metrics(trained, &names, seconds, None);
    let write =
        |name: &str, text: String| replace_file(&folder.file(name), |out| out.write_all(text.as_bytes()));
    dataset.write_split(&folder.file(SPLIT))?;
    write(PREDICTIONS, kept::predictions::csv(trained, &names)?)?;
    write(ARGUMENTS, arguments(folder, options))?;
    write(METRICS, metrics.file()?)?;
    let run = Run::open(&options.out)?;
    write(REPORT, page::of_trained(&run, &Material::beside(&run)?, &trained.classifier, &interrupt::flow)?)?;
    Ok(folder.file(REPORT))
}

/// Returns what the demo depends on.
fn arguments(folder: &DemoFolder, options: &Options) -> String {
    let text = |text: &Path| toml::Value::String(text.to_string_lossy().into_owned());
    let seed = if options.seed == 0 { String::new() } else { format!(" --seed {}", options.seed) };
    format!(
        "version = \"{}\"\ncommand = \"icecap demo{seed}\"\nfolder = {}\nweights = \"starter\"\nepochs = {EPOCHS}\nseed = {}\n\
         val_split = {VALIDATION}\n",
        env!("CARGO_PKG_VERSION"),
        text(&folder.photos()),
        options.seed
    )
}

/// Returns the failure of a demo's folder, with what helps.
fn failure(error: icecap_demo::Error) -> Failure {
    match error {
        icecap_demo::Error::Stopped => icecap::Error::Stopped.into(),
        icecap_demo::Error::Foreign(_) => {
            Failure::new(Code::Path, format!("{error}; name another folder with --out"))
        }
        _ => Failure::new(Code::Path, error.to_string()),
    }
}

/// A validation photo and what the classifier says of it.
type Seen<'a> = (&'a Sample, Prediction);

fn metrics(metrics: Metrics) -> String {
    format!("validation accuracy {:.3}, loss {:.3}", metrics.accuracy, metrics.loss)
}

fn train(backbone: &Backbone, dataset: &Dataset, seed: u64) -> Result<Trained, Failure> {
    let steps = Steps { epochs: EPOCHS.into(), ..Steps::default() };
    let options = TrainOptions { seed, ..steps.into() };
    let progress = Mutex::new(Some(Progress::new("features", dataset.samples().count())));
    let failure = Mutex::new(None);
    let event = |event: Event<'_>| {
        if let Event::Extracting(now) = event {
            if let Some(progress) = &*lock(&progress) {
                progress.set(now.done);
            }
            return interrupt::flow();
        }
        lock(&progress).take();
        match narrate(&line(event)) {
            Ok(()) => interrupt::flow(),
            Err(error) => {
                lock(&failure).get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    };
    let trained = Trainer::new(backbone)?.options(options).train(dataset, &event);
    lock(&progress).take();
    match lock(&failure).take() {
        Some(failure) => Err(failure),
        None => Ok(trained?),
    }
}

/// Returns what is told of an event.
fn line(event: Event<'_>) -> String {
    match event {
        Event::Extracted(photos) => {
            let read = photos.read;
            format!("features    of {read} photos, made once: the frozen net gives the same in every epoch\n")
        }
        Event::Before(before) => format!(
            "\nepoch   training accuracy   validation accuracy   loss\n{:>5} {:>19} {:>21.3} {:>6.3}\n",
            0, "", before.accuracy, before.loss
        ),
        Event::Epoch(epoch) => format!(
            "{:>5} {:>19.3} {:>21.3} {:>6.3}\n",
            epoch.epoch, epoch.train.accuracy, epoch.validation.accuracy, epoch.validation.loss
        ),
        _ => String::new(),
    }
}

fn predict<'a>(classifier: &Classifier, photos: &'a [Sample]) -> Result<Vec<Seen<'a>>, Failure> {
    let sources: Vec<Source<'_>> = photos.iter().map(|photo| Source::Path(&photo.path)).collect();
    let predictions = classifier.predictor()?.predict(&sources, &|_| interrupt::flow())?;
    // What cannot be read was not validated with either; only somebody else's file in the folder can be such.
    Ok(photos.iter().zip(predictions).filter_map(|(photo, said)| Some((photo, said.ok()?))).collect())
}

/// Returns a table of some right predictions and of the wrong ones.
fn shown(classes: &[String], seen: &[Seen<'_>]) -> String {
    let mut right = vec![0; classes.len()];
    let mut rows = Vec::new();
    for (photo, prediction) in seen {
        let is_right = prediction.class == photo.class;
        right[photo.class] += usize::from(is_right);
        if is_right && right[photo.class] > SHOWN {
            continue;
        }
        rows.push(vec![
            photo.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            classes[photo.class].clone(),
            prediction.label.clone(),
            format!("{:.1} %", 100.0 * prediction.probability),
            if is_right { String::new() } else { "wrong".to_owned() },
        ]);
    }
    table(&["photo", "true", "predicted", "probability", ""], &[3], rows)
}

fn draw_sheet(classes: &[String], seen: &[Seen<'_>], file: &Path) -> Result<(), Failure> {
    let tile = |(photo, prediction): &Seen<'_>| {
        let right = prediction.class == photo.class;
        let mut lines = vec![prediction.label.clone(), format!("{:.0}%", 100.0 * prediction.probability)];
        if !right {
            lines.push(format!("is {}", classes[photo.class]));
        }
        Tile { path: photo.path.clone(), right, lines }
    };
    let tiles: Vec<Tile> = seen.iter().map(tile).collect();
    let sheet = sheet(&tiles, COLUMNS, SIDE).map_err(|error| Failure::path(file, error))?;
    let (width, height) = (sheet.width() as usize, sheet.height() as usize);
    Ok(replace_file(file, |out| write_png(out, &sheet, width, height).map_err(std::io::Error::other))?)
}

/// Returns what to type next.
fn next(folder: &DemoFolder, dataset: &Dataset) -> String {
    let (program, model) = (program(), typed_path(&folder.file(MODEL)));
    let photo = dataset.val.first().map_or(String::new(), |photo| typed_path(&photo.path));
    format!(
        "next        {program} predict {model} {photo}\n            {program} train PHOTOS\n\
         PHOTOS is a folder of your own, with a folder of photos for each class in it.\n"
    )
}
