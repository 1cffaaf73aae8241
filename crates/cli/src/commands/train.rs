//! `icecap train`: a folder of photos becomes a classifier, and a folder tells how.

mod augment;
mod predictions;
mod record;
mod report;
mod run_folder;
mod since;
mod unfinished;
mod values;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;
use icecap::data::{self, GroupRule, Groups, Inventory};
use icecap::{
    ClassWeight, Dataset, Decay, Epochs, Error, Event, LBFGS, OPTIMIZERS, Preprocessing, SaveBackbone,
    TrainOptions, Trained, Trainer,
};

use crate::dataset_options::DatasetOptions;
use crate::failure::{Code, Failure};
use crate::heat::Heat;
use crate::input::{BackboneOptions, InputOptions};
use crate::note::note;
use crate::table::print;
use crate::wording::plain_path;
use crate::{cache_folder, page, run as records, skipped};

use augment::AugmentOptions;
use record::{Arguments, Record, Seconds};
use report::Report;
use run_folder::RunFolder;
use since::{Since, SinceOptions};
use unfinished::{Begun, Unfinished};
use values::{L2, Rate, epochs, held_back, l2, patience, rate, share};

/// The model's file in a run's folder.
pub(crate) const MODEL: &str = "model.safetensors";

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with a folder of photos for each class, or with train/ and val/ (and test/) that have these; or a .csv file
    /// with columns path and label, and perhaps split and group
    #[arg(value_name = "DIR|CSV", required_unless_present = "resume")]
    folder: Option<PathBuf>,
    /// Folder with the validation photos, a folder for each class, or a .csv file of them
    #[arg(long, value_name = "DIR|CSV")]
    val: Option<PathBuf>,
    /// Go on with a run that was interrupted, with the options that began it; the model is that of an unbroken run
    #[arg(long, value_name = "RUN", exclusive = true)]
    resume: Option<PathBuf>,
    /// What began the run that is gone on with.
    #[arg(skip)]
    begun: Option<Begun>,
    #[command(flatten)]
    since: SinceOptions,
    #[command(flatten)]
    dataset: DatasetOptions,
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    augment: AugmentOptions,
    /// Passes over the training photos; auto: 10, or as many as make 300 steps
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "auto", value_parser = epochs)]
    epochs: Epochs,
    /// Learning rate; find: by a range test on the training photos
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value = "1e-3", value_parser = rate)]
    lr: Rate,
    /// Epochs over which the learning rate rises to its value
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    warmup: u32,
    /// Photos in a step
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Share of the features that dropout sets to zero in training
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = share)]
    dropout: f64,
    /// Optimiser; lbfgs solves the head in one go, without epochs, steps, learning rate and dropout
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = PossibleValuesParser::new(OPTIMIZERS))]
    optimizer: String,
    /// Strength of the L2 penalty on the head's weights; auto: by folds of the training photos for lbfgs, 1 / photos for
    /// others where --epochs is auto, else none
    #[arg(long, value_name = "L2", allow_negative_numbers = true, default_value = "auto", value_parser = l2)]
    l2: L2,
    /// Share of each label that is spread over all classes
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.0, value_parser = share)]
    label_smoothing: f64,
    /// How much photos of rare classes count: none (as all others), balanced (each class alike) or sqrt (between these)
    #[arg(long, value_name = "RULE", default_value = "none")]
    class_weight: ClassWeight,
    /// Stop after so many epochs that are no better [default: 5], and keep the best one: by the loss on a slice of the
    /// training photos
    #[arg(long, value_name = "PATIENCE", allow_negative_numbers = true, num_args = 0..=1, default_missing_value = "5", value_parser = patience)]
    early_stop: Option<u32>,
    /// Learning rate over the epochs: constant, cosine, step, step:EPOCHS or step:EPOCHS:FACTOR
    #[arg(long, value_name = "RULE", default_value = "constant")]
    schedule: Decay,
    /// What the split, the first weights, the order of the photos and dropout are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=i64::MAX as u64))]
    seed: u64,
    /// Share of each class that is held back for validation where the folder has no validation photos
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = held_back, conflicts_with_all = ["val", "folds"])]
    val_split: f64,
    /// Cross-validate on the training photos, in so many folds; no photo is then held back where the folder has no
    /// validation photos
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(2..=100))]
    folds: Option<u32>,
    /// Keep photos together that are not independent: those whose path below the class folder gives the same first
    /// capture group (or match), as in '^(cow-[0-9]+)_'
    #[arg(long, value_name = "REGEX")]
    group: Option<String>,
    /// Folder for the model and what is known of the run [default: icecap-run, icecap-run-2, …]
    #[arg(short, long, alias = "output", value_name = "RUN")]
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
    options.training().check()?;
    options.refuse_idle()?;
    let Photos { inventory, groups, dataset, since } = photos(options)?;
    let mut seconds = Seconds { scan: started.elapsed().as_secs_f64(), ..Seconds::default() };

    let opening = Instant::now();
    let backbone = options.backbone.open()?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    seconds.weights = opening.elapsed().as_secs_f64();
    let since = since.map(|since| since.open(&backbone)).transpose()?;
    let folder = RunFolder::create(options.out.as_deref())?;
    if folder.file(MODEL).exists() {
        note(&format!("note: replacing the run in {}", plain_path(folder.path())));
    }
    let cache = if options.no_cache { None } else { cache_folder::open() };

    let unfinished = Unfinished::begin(&folder, options, &dataset, &backbone)?;
    let report = Report::new(options, &dataset);
    skipped::passed_over(&inventory);
    report.header(&inventory, &backbone, &preprocessing)?;
    let trainer = Trainer::new(&backbone)?
        .preprocessing(preprocessing)
        .options(options.training())
        .cache(cache.clone())
        .groups(groups)
        .folds(options.folds.map(|folds| folds as usize))
        .views(options.augment.views(options.seed)?)
        .strict(options.strict);
    let unbroken = trainer.train(&dataset, &|event| {
        if let Event::Unfinished(classifier) = event {
            unfinished.model(classifier);
        }
        report.event(event)
    });
    report.rest();
    cache_folder::tell(cache.as_ref());
    let trained = unbroken.map_err(|error| match (report.failure(), error) {
        (Some(failure), _) => failure,
        (None, Error::Stopped) => unfinished.stopped(),
        (None, error) => error.into(),
    })?;
    // From here on only files are written: if that fails, it can be tried again.
    unfinished.keep();
    seconds.features = trained.features_time.as_secs_f64();
    seconds.head = trained.head_time.as_secs_f64();
    seconds.folds = trained.folds_time.as_secs_f64();

    let since = since.map(|since| since.compare(&trained, cache)).transpose()?;
    let saving = Instant::now();
    let arguments = Arguments::new(options, &backbone, &preprocessing, &folder, &trained);
    save(options, &folder, &dataset, &trained, &arguments)?;
    seconds.save = saving.elapsed().as_secs_f64();
    seconds.total = started.elapsed().as_secs_f64();
    let record = Record::new(&dataset, &trained, seconds, &folder.file(MODEL)).since(since.as_ref());
    folder.write("metrics.json", &record.json()?)?;
    write_page(options, &folder, &trained)?;
    unfinished.end();
    if options.json {
        return print(&record.line()?);
    }
    report.footer(&inventory, &trained, &folder, since.as_ref())
}

/// What is trained on.
struct Photos {
    inventory: Inventory,
    groups: Option<Groups>,
    dataset: Dataset,
    since: Option<Since>,
}

/// Finds the photos and deals them out to training and validation.
fn photos(options: &Options) -> Result<Photos, Failure> {
    let rule: Option<GroupRule> = options.group.as_deref().map(str::parse).transpose()?;
    let inventory = options.dataset.scan(options.folder(), options.val.as_deref())?;
    let groups = options.groups(&inventory, rule.as_ref())?;
    let mut dataset = match &groups {
        _ if options.folds.is_some() => Dataset::whole(&inventory),
        Some(groups) => Dataset::grouped(&inventory, options.val_split, options.seed, groups)?,
        None => Dataset::new(&inventory, options.val_split, options.seed)?,
    };
    let since = Since::begin(options, &inventory, &mut dataset)?;
    if let (Some(begun), Some(run)) = (&options.begun, &options.out) {
        dataset = begun.dataset(run, &inventory)?;
    }
    check_photos(&inventory, &dataset, options.strict)?;
    Ok(Photos { inventory, groups, dataset, since })
}

/// `options`, completed by the runs that they name.
pub(crate) fn taking_up(options: Options) -> Result<Options, Failure> {
    since::taking_up(unfinished::taking_up(options)?)
}

impl Options {
    /// What is trained on.
    fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new(""))
    }

    fn training(&self) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs,
            learning_rate: if let Rate::Fixed(rate) = self.lr { rate as f32 } else { 0.0 },
            find_rate: self.lr == Rate::Find,
            warmup: self.warmup,
            batch: self.batch as usize,
            dropout: self.dropout as f32,
            optimizer: self.optimizer.clone(),
            decay: self.schedule,
            l2: if let L2::Fixed(l2) = self.l2 { Some(l2 as f32) } else { None },
            label_smoothing: self.label_smoothing as f32,
            class_weight: self.class_weight,
            early_stopping: self.early_stop,
            seed: self.seed,
        }
    }

    /// Refuses what would change nothing, which is not what somebody meant who typed it.
    fn refuse_idle(&self) -> Result<(), Failure> {
        let (given, default) = (self.training(), TrainOptions::default());
        let of_steps = [
            ("--epochs", given.epochs != default.epochs),
            ("--lr", given.learning_rate != default.learning_rate),
            ("--batch", given.batch != default.batch),
            ("--dropout", given.dropout != default.dropout),
            ("--schedule", given.decay != default.decay),
        ];
        match of_steps.into_iter().find(|(_, given)| *given && self.optimizer == LBFGS) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::new(
                Code::Arguments,
                format!(
                    "{option}: --optimizer {LBFGS} has no use for it: it solves the head in one go, on all photos at \
                     once; leave it off, or take another optimizer"
                ),
            )),
        }
    }

    /// Which photos belong together, by the rule that is given or by a list's own column. A rule that is about no photo
    /// is not what somebody meant.
    fn groups(&self, inventory: &Inventory, rule: Option<&GroupRule>) -> Result<Option<Groups>, Failure> {
        let val = inventory.val.as_deref().unwrap_or(&[]);
        let samples = inventory.train.iter().chain(val);
        let groups = match rule {
            Some(rule) => Groups::new(rule, samples, &inventory.classes),
            None if inventory.groups.is_empty() => return Ok(None),
            None => Groups::listed(samples, &inventory.groups),
        };
        if rule.is_some() && groups.named() == 0 {
            let first = inventory.train.first().map_or_else(String::new, |sample| plain_path(&sample.path));
            return Err(Failure::new(
                Code::Arguments,
                format!(
                    "--group: no path of a photo below its class folder matches; the first photo is {first}"
                ),
            ));
        }
        match groups.shared(&inventory.train, val) {
            0 => {}
            shared => note(&format!(
                "warning: {} photos in training and in validation, which then looks better than it is",
                if shared == 1 { "1 group has".to_owned() } else { format!("{shared} groups have") }
            )),
        }
        Ok(Some(groups))
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
fn write_page(options: &Options, folder: &RunFolder, trained: &Trained) -> Result<(), Failure> {
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
    let mut heat = Heat::of(Some(&trained.classifier));
    let threads = trained.classifier.backbone().threads().count();
    folder.write(page::REPORT, &page::html(&run, threads, &mut |seen| heat.jpeg(&seen.path, seen.predicted))?)
}
