//! `icecap evaluate`: how good a trained model is on photos whose classes are known.

mod evaluation;
mod json;
mod scores;
mod seen_in_training;

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::Classifier;
use icecap::advanced::data::{self, Inventory, Sample, scan_known_listed};
use icecap::advanced::graph::Tap;
use icecap::judge::{Metrics, Ranking, THRESHOLD, tempered};
use icecap::learn::SkippedPhoto;
use icecap::model::Extractor;

use crate::options::dataset::{ExcludeOptions, ListedOptions, check_listed};
use crate::options::model::ModelOptions;
use crate::options::photo::PhotoOptions;
use crate::photos::batches::for_each_photo;
use crate::photos::class_folder::parent_of_class;
use crate::photos::skipped;
use crate::run::confusion::Confusion;
use crate::run::coverage::curve;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::table::{print, table};
use crate::terminal::wording::{counted, plain, plain_path, some_of, typed_path};

use evaluation::Evaluation;
use scores::share;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    photo: PhotoOptions,
    /// Folder with a folder of photos for each class; one with train/ and val/ or test/ gives its test/, else its val/.
    /// Or a .zip, .tar or .parquet file of such, or a .csv file with columns path and label, and perhaps split
    #[arg(value_name = "DIR|ARCHIVE|CSV")]
    folder: PathBuf,
    #[command(flatten)]
    excluded: ExcludeOptions,
    #[command(flatten)]
    listed: ListedOptions,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    no_cache: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let classifier = options.model.within(options.photo.limits()).open()?;
    if classifier.head().is_multi_label() {
        let message = format!(
            "{}: its head gives several labels, and evaluate counts one class for each photo; `icecap predict {} {} \
             --format csv` tells each photo's labels",
            plain_path(&options.model.model),
            typed_path(&options.model.model),
            if data::is_folder(&options.folder) { typed_path(&options.folder) } else { "PHOTOS".to_owned() },
        );
        return Err(Failure::new(Code::Content, message));
    }
    let listed = options.listed.of([options.folder.as_path()].into_iter())?;
    let found = scan_known_listed(&options.folder, classifier.classes(), &listed);
    let (mut samples, inventory) = found.map_err(no_classes)?;
    check_listed(&options.folder, samples.iter().map(|sample| sample.path.as_path()))?;
    options.excluded.apply(|list| {
        let roots = data::dataset_roots(&options.folder, None);
        let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
        samples.retain(|sample| !list.covers(&sample.path, &roots));
        Ok(())
    })?;
    if samples.is_empty() {
        let message = format!("{}: every photo is excluded", options.folder.display());
        return Err(Failure::new(Code::Content, message));
    }
    skipped::passed_over(&inventory);
    if let Some(failure) = skipped::unreadable(&inventory.skipped).filter(|_| options.strict) {
        return Err(failure);
    }
    if let Some(known) = seen_in_training::known(&options.model.model, &samples) {
        note(&format!(
            "warning: the model has learned from {}, by the split.csv beside it; it does better on what it has learned \
             from",
            some_of(known, samples.len(), "photo")
        ));
    }
    let evaluation = evaluate(options, &classifier, &samples)?;
    let skipped = evaluation.skipped.len();
    match evaluation.skipped.first() {
        Some(first) if options.strict => {
            return Err(icecap::Error::Skipped {
                skipped,
                photos: samples.len(),
                first: first.reason.clone(),
            }
            .into());
        }
        _ => {}
    }
    let classes = classifier.classes();
    if options.json {
        return print(&json::json([&options.model.model, &options.folder], &evaluation, classes)?);
    }
    print(&text(options, &evaluation, classes, &samples, &inventory))
}

/// Turns the error of a folder without class folders into the words that `icecap train` has for it.
fn no_classes(error: data::Error) -> data::Error {
    match error {
        data::Error::NoPhotos { path } if !data::names_in(&path).iter().any(|(_, is_folder)| *is_folder) => {
            data::Error::NoClasses { path, list: None }
        }
        other => other,
    }
}

fn evaluate(options: &Options, classifier: &Classifier, samples: &[Sample]) -> Result<Evaluation, Failure> {
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let backbone = classifier.backbone();
    let mut extractor =
        Extractor::new(backbone, classifier.preprocessing(), Tap::Pooled)?.with_cache(cache.clone());
    let photos: Vec<PathBuf> = samples.iter().map(|sample| sample.path.clone()).collect();
    let mut confusion = Confusion::new(classifier.classes().len());
    let (mut logits, mut labels, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let (mut probabilities, mut answers) = (Vec::new(), Vec::new());
    let mut warnings = Vec::new();
    for_each_photo(&mut extractor, backbone.threads().count(), &photos, |index, outcome| {
        let Sample { path, class } = &samples[index];
        match outcome {
            Ok((row, photo)) => {
                let prediction = classifier.of_features(row);
                confusion.add(*class, prediction.class);
                // The loss is that of the probabilities that are given.
                logits.extend(tempered(&prediction.logits, classifier.temperature()));
                labels.push(*class as u32);
                answers.push((prediction.probability, prediction.class == *class));
                probabilities.extend(prediction.probabilities);
                warnings.extend(photo.warnings.iter().map(|warning| (path.clone(), *warning)));
            }
            Err(error) => skipped.push(SkippedPhoto { path: path.clone(), reason: error.to_string() }),
        }
        Ok(())
    })?;
    cache_folder::tell(cache.as_ref());
    skipped::photos(&skipped);
    skipped::warnings(&warnings);
    if labels.is_empty() {
        let first = skipped.first().map_or("", |first| first.reason.as_str());
        let message = format!("none of {} can be read, the first: {first}", counted(photos.len(), "photo"));
        return Err(Failure::new(Code::Content, format!("{}: {message}", options.folder.display())));
    }
    let (classes, threshold) = (classifier.classes().len(), classifier.threshold());
    Ok(Evaluation {
        metrics: Metrics::at(&logits, &labels, classes, threshold)?,
        temperature: classifier.temperature(),
        threshold,
        confusion,
        ranking: Ranking::of(&probabilities, &labels, classes),
        coverage: curve(&answers),
        skipped,
    })
}

/// More classes than this make a matrix that nobody reads; the worst of it is told instead.
const MATRIX_CLASSES: usize = 12;
/// So many confusions are told then.
const WORST: usize = 20;

fn text(
    options: &Options,
    evaluation: &Evaluation,
    classes: &[String],
    samples: &[Sample],
    inventory: &Inventory,
) -> String {
    let Evaluation { metrics, temperature, threshold, confusion, ranking, coverage, skipped } = evaluation;
    let root = match data::is_folder(&options.folder) {
        true => {
            samples.first().and_then(|first| parent_of_class(&first.path, &inventory.classes[first.class]))
        }
        false => Some(options.folder.as_path()),
    };
    let left_out = if skipped.is_empty() { String::new() } else { format!(", {} skipped", skipped.len()) };
    let divided = match temperature {
        1.0 => String::new(),
        _ => format!(", logits divided by the model's temperature of {temperature:.3}"),
    };
    let mut text = format!(
        "photos    {} in {}{left_out}\nloss      {:.4}{divided}\naccuracy  {:.4}, {} right\n",
        confusion.photos(),
        plain_path(root.unwrap_or(Path::new("."))),
        metrics.loss,
        metrics.accuracy,
        confusion.right(),
    );
    if let Some(balanced) = confusion.balanced_accuracy().filter(|_| classes.len() > 1) {
        text += &format!("balanced  {balanced:.4}, the mean of the recalls\n");
    }
    if *threshold != THRESHOLD {
        let [first, second] = [&classes[0], &classes[1]].map(|class| plain(class));
        text += &format!(
            "threshold {threshold:.4}: {second} is told from this probability of it on, {first} above {:.4} of its own\n",
            1.0 - threshold
        );
    }
    text += &scores::ranking(ranking);
    text += "\n";
    text += &by_class(confusion, ranking, classes);
    text += "\n\n";
    if classes.len() <= MATRIX_CLASSES {
        text += &matrix(confusion, classes);
    } else {
        text += &worst(confusion, classes);
    }
    text + "\n" + &scores::coverage(coverage)
}

/// Returns a line for each class.
fn by_class(confusion: &Confusion, ranking: &Ranking, classes: &[String]) -> String {
    let rows = classes.iter().enumerate().map(|(index, name)| {
        vec![
            index.to_string(),
            plain(name).into_owned(),
            confusion.of_class(index).to_string(),
            confusion.cell(index, index).to_string(),
            share(confusion.recall(index)),
            share(confusion.precision(index)),
            share(ranking.classes.get(index).and_then(|class| class.roc_auc)),
            share(ranking.classes.get(index).and_then(|class| class.average_precision)),
        ]
    });
    table(
        &["", "class", "photos", "right", "recall", "precision", "ROC-AUC", "AP"],
        &[0, 2, 3, 4, 5, 6, 7],
        rows,
    )
}

fn matrix(confusion: &Confusion, classes: &[String]) -> String {
    let names: Vec<String> = classes.iter().map(|name| plain(name).into_owned()).collect();
    let header: Vec<&str> =
        std::iter::once("true \\ predicted").chain(names.iter().map(String::as_str)).collect();
    let right: Vec<usize> = (1..header.len()).collect();
    let rows = names.iter().enumerate().map(|(of, name)| {
        let cells = (0..names.len()).map(|taken_for| confusion.cell(of, taken_for).to_string());
        std::iter::once(name.clone()).chain(cells).collect()
    });
    table(&header, &right, rows) + "\n"
}

fn worst(confusion: &Confusion, classes: &[String]) -> String {
    let worst = confusion.worst();
    if worst.is_empty() {
        return String::new();
    }
    let rows = worst.iter().take(WORST).map(|&(of, taken_for, count)| {
        vec![plain(&classes[of]).into_owned(), plain(&classes[taken_for]).into_owned(), count.to_string()]
    });
    table(&["true", "taken for", "photos"], &[2], rows) + "\nthe whole matrix: --json\n"
}
