//! `icecap train`: a folder of photos becomes a classifier, and a folder tells how.

mod predictions;
mod record;
mod report;
mod run_folder;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;
use icecap::autograd::optim;
use icecap::data::{self, Inventory, scan};
use icecap::{Dataset, Decay, Preprocessing, SaveBackbone, TrainOptions, Trained, Trainer};

use crate::failure::Failure;
use crate::input::{BackboneOptions, InputOptions};
use crate::note::note;
use crate::table::print;
use crate::wording::plain_path;
use crate::{cache_folder, page, run as records, skipped};

use record::{Arguments, Record, Seconds};
use report::Report;
use run_folder::RunFolder;

/// The model's file in a run's folder.
const MODEL: &str = "model.safetensors";

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with a folder of photos for each class, or with train/ and val/ (and test/) that have these
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Folder with the validation photos, a folder for each class
    #[arg(long, value_name = "DIR")]
    val: Option<PathBuf>,
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Passes over the training photos
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    epochs: u32,
    /// Learning rate
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value = "1e-3", value_parser = rate)]
    lr: f64,
    /// Photos in a step
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Share of the features that dropout sets to zero in training
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = share)]
    dropout: f64,
    /// Optimiser
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = PossibleValuesParser::new(optim::NAMES))]
    optimizer: String,
    /// Learning rate over the epochs: constant, cosine, step, step:EPOCHS or step:EPOCHS:FACTOR
    #[arg(long, value_name = "RULE", default_value = "constant")]
    schedule: Decay,
    /// What the split, the first weights, the order of the photos and dropout are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=i64::MAX as u64))]
    seed: u64,
    /// Share of each class that is held back for validation where the folder has no validation photos
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = held_back)]
    val_split: f64,
    /// Folder for the model and what is known of the run [default: icecap-run, icecap-run-2, …]
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Fail where a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    no_cache: bool,
    /// Leave the backbone out of the model file, which then needs the weights beside it
    #[arg(long)]
    head_only: bool,
    /// Do not write report.html; `icecap report RUN` can make it later
    #[arg(long)]
    no_report: bool,
    /// Print the run's metrics as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let inventory = scan(&options.folder, options.val.as_deref())?;
    let dataset = Dataset::new(&inventory, options.val_split, options.seed)?;
    check_photos(&inventory, &dataset, options.strict)?;
    let mut seconds = Seconds { scan: started.elapsed().as_secs_f64(), ..Seconds::default() };

    let opening = Instant::now();
    let backbone = options.backbone.open()?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    seconds.weights = opening.elapsed().as_secs_f64();
    let folder = RunFolder::create(options.out.as_deref())?;
    if folder.file(MODEL).exists() {
        note(&format!("note: replacing the run in {}", plain_path(folder.path())));
    }
    let cache = if options.no_cache { None } else { cache_folder::open() };

    let report = Report::new(options, &dataset);
    skipped::passed_over(&inventory);
    report.header(&inventory, &backbone, &preprocessing)?;
    let trainer = Trainer::new(&backbone)?
        .preprocessing(preprocessing)
        .options(options.training())
        .cache(cache.clone())
        .strict(options.strict);
    let trained = trainer.train(&dataset, &|event| report.event(event));
    cache_folder::tell(cache.as_ref());
    let trained = trained.map_err(|error| report.failure().unwrap_or_else(|| error.into()))?;
    seconds.features = trained.features_time.as_secs_f64();
    seconds.head = trained.head_time.as_secs_f64();

    let saving = Instant::now();
    let arguments = Arguments::new(options, &backbone, &preprocessing, &folder);
    save(options, &folder, &dataset, &trained, &arguments)?;
    seconds.save = saving.elapsed().as_secs_f64();
    seconds.total = started.elapsed().as_secs_f64();
    let record = Record::new(&dataset, &trained, seconds, &folder.file(MODEL));
    folder.write("metrics.json", &record.json()?)?;
    write_page(options, &folder, backbone.threads().count())?;
    if options.json {
        return print(&record.line()?);
    }
    report.footer(&inventory, &trained, &folder)
}

impl Options {
    fn training(&self) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs,
            learning_rate: self.lr as f32,
            batch: self.batch as usize,
            dropout: self.dropout as f32,
            optimizer: self.optimizer.clone(),
            decay: self.schedule,
            seed: self.seed,
        }
    }
}

/// What would fail only after the work, or must not be passed over.
fn check_photos(inventory: &Inventory, dataset: &Dataset, strict: bool) -> Result<(), Failure> {
    // The split is written down as text.
    if let Some((_, sample)) = dataset.samples().find(|(_, sample)| sample.path.to_str().is_none()) {
        return Err(data::Error::PathNotText { path: sample.path.clone() }.into());
    }
    match skipped::unreadable(&inventory.skipped) {
        Some(failure) if strict => Err(failure),
        _ => Ok(()),
    }
}

/// Writes all files of the run but the metrics, which tell how long that took. At once, since each waits for the disk.
fn save(
    options: &Options,
    folder: &RunFolder,
    dataset: &Dataset,
    trained: &Trained,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let backbone = if options.head_only { SaveBackbone::Pinned } else { SaveBackbone::Embedded };
    let left_out = &trained.photos.skipped;
    let model = || Ok(trained.classifier.save(folder.file(MODEL), backbone)?);
    let split = || Ok(dataset.write_split(&folder.file("split.csv"))?);
    let history = || folder.write("metrics.csv", &record::csv(&trained.history));
    let arguments = || folder.write("args.toml", &arguments.toml()?);
    let predictions = || folder.write(records::PREDICTIONS, &predictions::csv(trained)?);
    let skipped = || match left_out.is_empty() {
        true => folder.remove("skipped.csv"),
        false => {
            let rows = left_out.iter().map(|photo| (photo.path.as_path(), skipped::bare(photo)));
            folder.write("skipped.csv", &skipped::file(rows))
        }
    };
    // For the first prediction. A cache that cannot be written is none.
    let packed = || {
        let store = cache_folder::packed().filter(|_| !options.no_cache && !options.head_only);
        if let Some(store) = store {
            let _ = trained.classifier.backbone().keep_packed(&store);
        }
        Ok(())
    };
    let files: [&(dyn Fn() -> Result<(), Failure> + Sync); 7] =
        [&model, &split, &history, &arguments, &predictions, &skipped, &packed];
    std::thread::scope(|scope| {
        let writers = files.map(|file| scope.spawn(file));
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Writes the run's page from what stands in its folder, or takes an earlier run's away.
fn write_page(options: &Options, folder: &RunFolder, threads: usize) -> Result<(), Failure> {
    if options.no_report {
        return folder.remove(page::REPORT);
    }
    let run = match records::Run::open(folder.path()) {
        Ok(run) => run,
        // A run too large for a page is a run all the same.
        Err(failure) => {
            note(&format!("note: no {} was written: {}", page::REPORT, failure.message()));
            return folder.remove(page::REPORT);
        }
    };
    folder.write(page::REPORT, &page::html(&run, threads, &mut |_| None)?)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (*rate as f32) > 0.0 && (*rate as f32).is_finite());
    rate.ok_or_else(|| "use a number above 0, 1e-3 for a start".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| (0.0..1.0).contains(&(*share as f32)));
    share.ok_or_else(|| "use a share from 0 up to, not including, 1".to_owned())
}

fn held_back(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "use a share between 0 and 1, as in 0.2".to_owned())
}
