//! `icecap train`: a folder of photos becomes a classifier, and a folder tells how.

mod arguments;
mod augment;
mod axis;
mod class_table;
mod config;
mod copies;
mod epoch_table;
mod feature_parts;
mod heard;
mod leads;
mod options;
mod plan;
mod quantize;
mod report;
mod resume;
mod since;
mod sweep;
mod threshold;
mod tuning;
mod twins;
mod unfinished;
mod verdict;

use std::path::PathBuf;
use std::time::Instant;

use icecap::advanced::data::{self, GroupRule, Groups, Inventory};
use icecap::learn::{Sought, SplitRule};
use icecap::model::Preprocessing;
use icecap::{Backbone, Dataset, Error, Event, SaveBackbone, Trained, Trainer};
use icecap_report::kept;
use icecap_report::page::{self, Material};

use crate::photos::skipped;
use crate::run::Run;
use crate::run::arguments::Arguments;
use crate::run::files::{ARGUMENTS, HISTORY, LABELS, METRICS, MODEL, PREDICTIONS, REPORT, SKIPPED, SPLIT};
use crate::run::folder::RunFolder;
use crate::run::photo_names::PhotoNames;
use crate::run::seconds::Seconds;
use crate::run::{history, labels, left_out};
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr::note;
use crate::terminal::table::print;
use crate::terminal::wording::{agreeing, counted, plain_path};

use arguments::arguments;
use feature_parts::FeatureParts;
use plan::Plan;
use report::Report;
use since::Since;
use sweep::Ground;
use unfinished::Unfinished;

pub(crate) use options::Options;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let plan = Plan::of(options)?;
    let first = plan.as_ref().map(|plan| plan.combinations[0].over(options));
    let options = first.as_ref().unwrap_or(options);
    options.training.options()?;
    tuning::check(options)?;
    let Photos { inventory, groups, dataset, since, sought, opened, parts } = photos(options)?;
    let mut seconds = Seconds { scan: since_start(started), ..Seconds::default() };
    let opening = Instant::now();
    let opened = backbone(options, opened, parts.as_ref())?;
    seconds.weights = since_start(opening);
    let since = since.map(|since| since.open(&opened)).transpose()?;
    let folder = run_folder(options)?;
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let unfinished = Unfinished::begin(&folder, options, &inventory, &opened)?;
    skipped::passed_over(&inventory);
    let ground = Ground {
        options,
        dataset: &dataset,
        parts: parts.as_ref(),
        opened: &opened,
        cache: cache.as_ref(),
        groups: groups.as_ref(),
        unfinished: &unfinished,
    };
    let swept = plan.map(|plan| plan.sweep(&ground)).transpose()?;
    let (options, dataset) =
        swept.as_ref().map_or((options, &dataset), |swept| (&swept.options, &swept.dataset));
    seconds.tried = swept.as_ref().map(|swept| swept.seconds);
    let preprocessing = options.input.over(Preprocessing::for_training(&opened)?);
    let report = Report::new(options, dataset);
    report.header(&inventory, &opened, &preprocessing)?;
    let (backbone, trained) =
        fitted(&Ground { options, dataset, ..ground }, preprocessing, sought, &report, &mut seconds)?;
    // From here on only files are written: if that fails, it can be tried again.
    unfinished.keep();
    kept::metrics::take_times(&mut seconds, &trained);

    let since = since.map(|since| since.compare(&trained, cache)).transpose()?;
    let saving = Instant::now();
    let names = PhotoNames::of(&trained.dataset, &roots(options, parts.as_ref()));
    let saved = Saved { options, trained: &trained, names: &names };
    save(&saved, &folder, &arguments(options, &backbone, &preprocessing, &folder, &trained))?;
    seconds.save = since_start(saving);
    seconds.total = since_start(started);
    let inherited = quantize::inherited(options, &opened);
    let tried = swept.as_ref().map(|swept| &swept.tried);
    let metrics = kept::metrics::metrics(&trained, &names, seconds, since).with_tried(tried);
    let metrics = metrics.with_model(&folder.file(MODEL)).with_net_of(inherited.as_deref());
    folder.write(METRICS, &metrics.file()?)?;
    let run = write_page(options, &folder, &trained)?;
    unfinished.end();
    if options.json {
        return print(&metrics.line()?);
    }
    quantize::tell(options, inherited.as_deref(), &trained)?;
    report.footer(&inventory, &trained, &folder, metrics.since.as_ref())?;
    report.say(&leads::text(run.as_ref(), options))
}

/// Returns the backbone, opened unless it was before; parts that another has made are refused.
fn backbone(
    options: &Options,
    opened: Option<Backbone>,
    parts: Option<&FeatureParts>,
) -> Result<Backbone, Failure> {
    let opened = opened.map_or_else(|| quantize::open(options), Ok)?;
    if let Some(parts) = parts {
        parts.check(options, &opened, options.input.over(Preprocessing::for_training(&opened)?))?;
    }
    Ok(opened)
}

/// Returns the folders in which the photos lie, or lay when their features were made.
fn roots(options: &Options, parts: Option<&FeatureParts>) -> Vec<PathBuf> {
    parts.map_or_else(|| options.roots(), FeatureParts::roots)
}

/// Makes features of the photos and trains on them; with the net that made them, in int8 if that is asked for.
fn fitted(
    ground: &Ground<'_>,
    preprocessing: Preprocessing,
    sought: Option<Sought>,
    report: &Report<'_>,
    seconds: &mut Seconds,
) -> Result<(Backbone, Trained), Failure> {
    let &Ground { options, parts, opened, cache, groups, unfinished, .. } = ground;
    let mut dataset = ground.dataset.clone();
    let (backbone, trained) = loop {
        let quantizing = Instant::now();
        let backbone = quantize::quantized(options, opened, &dataset, preprocessing, unfinished)?;
        let is_calibrated = backbone.precision() != opened.precision();
        seconds.quantize = is_calibrated.then(|| quantizing.elapsed().as_secs_f64());
        let trainer = options
            .trainer(options.training.options()?, &backbone)?
            .preprocessing(preprocessing)
            .cache(cache.cloned())
            .groups(groups.cloned())
            .sought(sought);
        report.reading(is_calibrated);
        match learn(&trainer, (&dataset, parts), report, unfinished)? {
            Learned::Done(trained) => break (backbone, *trained),
            Learned::Readable(readable) => dataset = readable,
        }
    };
    cache_folder::tell(cache);
    let trained = quantize::compared(trained, opened, cache, unfinished)?;
    Ok((backbone, trained))
}

/// Returns the folder of the run that `options` ask for, ready to be written to.
fn run_folder(options: &Options) -> Result<RunFolder, Failure> {
    match (&options.begun, &options.out) {
        (Some(_), Some(run)) => RunFolder::take_up(run),
        (_, out) => RunFolder::create(out.as_deref(), options.overwrite),
    }
}

/// Returns the seconds since `start`, as the run keeps them.
fn since_start(start: Instant) -> Option<f64> {
    Some(start.elapsed().as_secs_f64())
}

/// What came of a training.
enum Learned {
    Done(Box<Trained>),
    /// Photos cannot be read, among those by which the net may have been calibrated; these are the others.
    Readable(Dataset),
}

/// Trains, and tells of it. A training that is stopped between its epochs leaves its classifier in `unfinished`.
fn learn(
    trainer: &Trainer,
    (dataset, parts): (&Dataset, Option<&FeatureParts>),
    report: &Report<'_>,
    unfinished: &Unfinished,
) -> Result<Learned, Failure> {
    let event = |event: Event<'_>| {
        if let Event::Unfinished(classifier) = event {
            unfinished.model(classifier);
        }
        report.event(event)
    };
    let unbroken = match parts {
        None => trainer.train(dataset, &event),
        Some(parts) => match parts.given(dataset, report) {
            Ok((given, skipped)) => trainer.train_on_given(given, skipped, &event),
            Err(icecap_records::Error::Refused(error)) => Err(error),
            Err(error) => return Err(error.into()),
        },
    };
    report.rest();
    if let (Some(readable), Err(Error::Stopped)) = (report.take_readable(), &unbroken) {
        return Ok(Learned::Readable(readable));
    }
    let told = unbroken.inspect(tuning::tell).map_err(|error| match (report.failure(), error) {
        (Some(failure), _) => failure,
        (None, Error::Stopped) => unfinished.stopped(),
        (None, error) => error.into(),
    });
    Ok(Learned::Done(Box::new(told?)))
}

/// What is trained on.
struct Photos {
    inventory: Inventory,
    groups: Option<Groups>,
    dataset: Dataset,
    since: Option<Since>,
    sought: Option<Sought>,
    /// The backbone, if it had to be opened to find copies.
    opened: Option<Backbone>,
    /// What was made of the photos before, if that is trained on.
    parts: Option<FeatureParts>,
}

/// Finds the photos and deals them out to training and validation.
fn photos(options: &Options) -> Result<Photos, Failure> {
    let parts = FeatureParts::open(options)?;
    let by_copies = options.group.as_deref() == Some(copies::DUPLICATES);
    let rule = options.group.as_deref().filter(|_| !by_copies);
    let rule: Option<GroupRule> = rule.map(str::parse).transpose()?;
    let inventory = match &parts {
        Some(parts) => options.dataset.over(parts.inventory()?, &parts.roots()),
        None => options.dataset.scan(options.folder(), options.val.as_deref()),
    };
    let mut inventory = inventory.map_err(|failure| resume::elsewhere(options, failure))?;
    if let (Some(begun), Some(run)) = (&options.begun, &options.out) {
        inventory = begun.inventory(run, inventory)?;
    }
    let opened = by_copies.then(|| quantize::open(options)).transpose()?;
    if let Some(opened) = &opened {
        inventory.groups = copies::groups(options, &inventory, opened)?;
    }
    // Whoever repeats a run by its file has not typed it.
    if options.val_split.is_some() && options.words.is_none() && inventory.val.is_some() {
        note("note: --val-split is not used: there are validation photos, and no others are held back");
    }
    let groups = groups(&inventory, rule.as_ref())?;
    let (since, rule) = Since::begin(options, &inventory)?.unzip();
    let rule = rule.unwrap_or_else(|| SplitRule::new(options.held_back(), options.training.seed));
    let dataset = match options.folds {
        Some(_) => Dataset::whole(&inventory),
        None => Dataset::drawn(&inventory, rule.groups(groups.clone()))?,
    };
    check_photos(&inventory, &dataset, options.strict)?;
    let sought = threshold::sought(options, &dataset.classes)?;
    Ok(Photos { inventory, groups, dataset, since, sought, opened, parts })
}

/// `options`, completed by the runs that they name.
pub(crate) fn taking_up(options: Options) -> Result<Options, Failure> {
    since::taking_up(resume::taking_up(config::taking_up(options)?)?)
}

/// Returns which photos belong together, by the rule that is given or by a list's own column. A rule that is about no
/// photo is not what somebody meant.
fn groups(inventory: &Inventory, rule: Option<&GroupRule>) -> Result<Option<Groups>, Failure> {
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
            format!("--group: no path of a photo below its class folder matches; the first photo is {first}"),
        ));
    }
    match groups.shared(&inventory.train, val) {
        0 => {}
        shared => note(&format!(
            "warning: {} {} photos in training and in validation, which then looks better than it is",
            counted(shared, "group"),
            agreeing(shared, "has", "have")
        )),
    }
    Ok(Some(groups))
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

/// What a run leaves.
struct Saved<'a> {
    options: &'a Options,
    trained: &'a Trained,
    names: &'a PhotoNames,
}

/// Writes all files of the run but the metrics, which tell how long that took. At once, since each waits for the disk.
fn save(saved: &Saved<'_>, folder: &RunFolder, arguments: &Arguments) -> Result<(), Failure> {
    let &Saved { options, trained, names } = saved;
    let backbone = if options.head_only { SaveBackbone::Pinned } else { SaveBackbone::Embedded };
    let skipped_photos = &trained.photos.skipped;
    let model = || Ok(trained.classifier.save(folder.file(MODEL), backbone)?);
    let split = || Ok(trained.dataset.write_split(&folder.file(SPLIT))?);
    let history = || folder.write(HISTORY, &history::csv(&kept::metrics::history(&trained.history)));
    let arguments = || folder.write(ARGUMENTS, &arguments.toml()?);
    let predictions = || folder.write(PREDICTIONS, &kept::predictions::csv(trained, names)?);
    let skipped = || match skipped_photos.is_empty() {
        true => folder.remove(SKIPPED),
        false => folder.write(SKIPPED, &left_out::csv(skipped_photos, names)),
    };
    let labels = || match &trained.doubted {
        Some(doubted) => {
            let classes = trained.classifier.classes();
            folder.write(LABELS, &labels::csv(&labels::doubts(&trained.train_set, doubted, names), classes))
        }
        None => folder.remove(LABELS),
    };
    // For the first prediction. A cache that cannot be written is none.
    let packed = || {
        let store = cache_folder::packed().filter(|_| !options.no_cache && !options.head_only);
        if let Some(store) = store {
            let _ = trained.classifier.backbone().keep_packed(&store);
        }
        Ok(())
    };
    let files: [&(dyn Fn() -> Result<(), Failure> + Sync); 8] =
        [&model, &split, &history, &arguments, &predictions, &skipped, &labels, &packed];
    trained.classifier.backbone().threads().map(files, |file| file()).into_iter().collect()
}

/// Reads back what now stands in the run's folder. A run that is too large to be looked at is a run all the same.
fn written(folder: &RunFolder) -> Option<Run> {
    Run::open(folder.path())
        .inspect_err(|error| note(&format!("note: the run cannot be shown: {error}")))
        .ok()
}

/// Writes the run's page, or takes an earlier run's away. Returns what now stands in the run's folder, if it can be shown.
fn write_page(options: &Options, folder: &RunFolder, trained: &Trained) -> Result<Option<Run>, Failure> {
    // Nobody is told of it.
    if options.no_report && options.json {
        folder.remove(REPORT)?;
        return Ok(None);
    }
    let run = written(folder);
    let Some(shown) = run.as_ref().filter(|_| !options.no_report) else {
        folder.remove(REPORT)?;
        return Ok(run);
    };
    let page = page::of_trained(shown, &Material::beside(shown)?, &trained.classifier, &interrupt::flow)?;
    folder.write(REPORT, &page)?;
    Ok(run)
}
