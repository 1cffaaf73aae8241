//! `icecap compare`: the runs of several trainings side by side, and photo by photo if they share photos.

mod options;
mod pairs;

use std::path::PathBuf;

use clap::Args;
use icecap::advanced::data::Part;
use icecap::judge::interval;
use serde::Serialize;

use crate::run::Run;
use crate::run::confusion::Confusion;
use crate::terminal::failure::Failure;
use crate::terminal::table::{print, print_json, table};
use crate::terminal::wording::plain;

use options::Differing;
use pairs::Pair;

#[derive(Args)]
pub(crate) struct Options {
    /// Folders of runs, as `icecap train` leaves them; each is held against the first
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The most classes whose F1 is shown; of more, those in which the runs differ most.
const CLASSES: usize = 20;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let runs = options.runs.iter().map(|folder| Run::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let comparison = Comparison {
        runs: runs.iter().map(Figures::of).collect(),
        classes: scores(&runs),
        options: options::differing(&runs),
        pairs: runs[1..].iter().map(|other| Pair::of(&runs[0], other)).collect(),
    };
    if options.json { print_json(&comparison) } else { print(&comparison.text()) }
}

#[derive(Serialize)]
struct Comparison {
    runs: Vec<Figures>,
    /// F1 on the validation photos by class.
    classes: Vec<ClassScores>,
    options: Vec<Differing>,
    /// Each run but the first against the first.
    pairs: Vec<Pair>,
}

/// What is known of one run.
#[derive(Serialize)]
struct Figures {
    run: String,
    val_accuracy: Option<f64>,
    val_accuracy_interval: Option<[f64; 2]>,
    val_loss: Option<f64>,
    balanced_accuracy: Option<f64>,
    calibration_error: Option<f64>,
    val_photos: usize,
    train_accuracy: Option<f64>,
    train_loss: Option<f64>,
    test_accuracy: Option<f64>,
    test_loss: Option<f64>,
    seconds: Option<f64>,
    seconds_features: Option<f64>,
    seconds_head: Option<f64>,
}

impl Figures {
    fn of(run: &Run) -> Self {
        let confusion = run.confusion(Part::Val);
        let counted = confusion.as_ref().map(|confusion| (confusion.right(), confusion.photos()));
        let metrics = &run.metrics;
        let share = |(right, photos): (usize, usize)| right as f64 / photos.max(1) as f64;
        Self {
            run: run.folder.to_string_lossy().into_owned(),
            val_accuracy: counted.map(share).or(metrics.val_accuracy.map(f64::from)),
            val_accuracy_interval: counted.map(|(right, photos)| interval(right, photos)),
            val_loss: metrics.val_loss_calibrated.or(metrics.val_loss).map(f64::from),
            balanced_accuracy: confusion.as_ref().and_then(Confusion::balanced_accuracy),
            calibration_error: run.reliability(Part::Val).map(|of| of.ece),
            val_photos: counted.map_or(0, |(_, photos)| photos),
            train_accuracy: metrics.train_accuracy.map(f64::from),
            train_loss: metrics.train_loss.map(f64::from),
            test_accuracy: metrics.test_accuracy.map(f64::from),
            test_loss: metrics.test_loss.map(f64::from),
            seconds: metrics.seconds.total,
            seconds_features: metrics.seconds.features,
            seconds_head: metrics.seconds.head,
        }
    }
}

/// The F1 of a class in each run; `None` for a run without such a class, or without a photo of it.
#[derive(Serialize)]
struct ClassScores {
    class: String,
    f1: Vec<Option<f64>>,
}

impl ClassScores {
    /// Returns how far the runs are apart.
    fn spread(&self) -> f64 {
        let known = self.f1.iter().flatten();
        let (low, high) = known.fold((f64::MAX, f64::MIN), |(low, high), f1| (low.min(*f1), high.max(*f1)));
        (high - low).max(0.0)
    }
}

/// Every class of any run, in the order in which they come.
fn scores(runs: &[Run]) -> Vec<ClassScores> {
    let tallies: Vec<_> = runs.iter().map(|run| run.confusion(Part::Val)).collect();
    let mut known = std::collections::HashSet::new();
    let names = runs.iter().flat_map(|run| &run.classes).filter(|name| known.insert(name.as_str()));
    let indices: Vec<std::collections::HashMap<&str, usize>> = runs
        .iter()
        .map(|run| run.classes.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect())
        .collect();
    let score = |name: &String| {
        let f1 =
            tallies.iter().zip(&indices).map(|(tally, index)| tally.as_ref()?.f1(*index.get(name.as_str())?));
        ClassScores { class: name.clone(), f1: f1.collect() }
    };
    names.map(score).collect()
}

impl Comparison {
    fn text(&self) -> String {
        let mut text = self.metrics() + "\n\n" + &self.f1();
        if !self.options.is_empty() {
            text += &(self.options_table() + "\n\n");
        }
        for pair in &self.pairs {
            text += &pair.text(&self.runs[0].run);
        }
        text
    }

    fn header(&self, first: &str) -> Vec<String> {
        let runs = self.runs.iter().map(|run| plain(&run.run).into_owned());
        std::iter::once(first.to_owned()).chain(runs).collect()
    }

    /// Returns a table with a column for each run, its rows in `rows`.
    fn columns(&self, first: &str, rows: Vec<Vec<String>>) -> String {
        let header = self.header(first);
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let right: Vec<usize> = (1..header.len()).collect();
        table(&header, &right, rows)
    }

    fn metrics(&self) -> String {
        type Row = (&'static str, fn(&Figures) -> Option<String>);
        let rows: [Row; 12] = [
            ("validation accuracy", |run| digits(run.val_accuracy)),
            ("  95 % interval", |run| run.val_accuracy_interval.map(|[a, b]| format!("{a:.4}–{b:.4}"))),
            ("validation loss", |run| digits(run.val_loss)),
            ("balanced accuracy", |run| digits(run.balanced_accuracy)),
            ("calibration error", |run| digits(run.calibration_error)),
            ("training accuracy", |run| digits(run.train_accuracy)),
            ("training loss", |run| digits(run.train_loss)),
            ("test accuracy", |run| digits(run.test_accuracy)),
            ("test loss", |run| digits(run.test_loss)),
            ("seconds in all", |run| hundredths(run.seconds)),
            ("  features", |run| hundredths(run.seconds_features)),
            ("  head", |run| hundredths(run.seconds_head)),
        ];
        let rows = rows.iter().filter_map(|(what, of)| {
            let cells: Vec<Option<String>> = self.runs.iter().map(of).collect();
            // What no run knows is no row.
            cells.iter().any(Option::is_some).then(|| row(what, cells))
        });
        self.columns("", rows.collect())
    }

    fn f1(&self) -> String {
        let mut classes: Vec<&ClassScores> =
            self.classes.iter().filter(|class| class.f1.iter().any(Option::is_some)).collect();
        if classes.is_empty() {
            return String::new();
        }
        let left_out = classes.len().saturating_sub(CLASSES);
        if left_out > 0 {
            classes.sort_by(|a, b| b.spread().total_cmp(&a.spread()));
            classes.truncate(CLASSES);
        }
        let rows = classes.iter().map(|class| {
            let first = class.f1[0];
            let cell = |(index, f1): (usize, &Option<f64>)| match (index, first, f1) {
                (1.., Some(first), Some(f1)) => Some(format!("{f1:.4} ({:+.4})", f1 - first)),
                _ => digits(*f1),
            };
            row(&plain(&class.class), class.f1.iter().enumerate().map(cell).collect())
        });
        let more = match left_out {
            0 => String::new(),
            _ => format!("\nand {left_out} more classes that differ less; all of them: --json"),
        };
        self.columns("F1 by class", rows.collect()) + &more + "\n\n"
    }

    fn options_table(&self) -> String {
        let rows = self.options.iter().map(|option| {
            row(
                &option.option,
                option.values.iter().map(|v| v.as_deref().map(|v| plain(v).into_owned())).collect(),
            )
        });
        self.columns("what differs", rows.collect())
    }
}

fn row(what: &str, cells: Vec<Option<String>>) -> Vec<String> {
    let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
    std::iter::once(what.to_owned()).chain(cells).collect()
}

fn digits(value: Option<f64>) -> Option<String> {
    value.map(|value| format!("{value:.4}"))
}

fn hundredths(value: Option<f64>) -> Option<String> {
    value.map(|value| format!("{value:.2}"))
}
