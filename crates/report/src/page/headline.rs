//! The top of the page: how good the classifier is, on what, and how it was made.

use icecap::advanced::data::Part;
use icecap::judge::interval;

use super::escape::{escape, short};
use super::figure::{loss, percent, seconds};
use super::repeat::command;
use crate::run::Run;
use crate::run::confusion::Confusion;
use crate::run::figure::Figure;
use crate::wording::{counted, grouped, megabytes, portable};

/// The most class names in the title.
const NAMED: usize = 6;
/// The most letters of each.
const LETTERS: usize = 32;

pub(super) fn headline(run: &Run, confusion: Option<&Confusion>, model_bytes: Option<u64>) -> String {
    format!(
        "<header class=\"top\"><p class=\"eyebrow\">icecap <span>training report</span></p><h1>{}</h1><p class=\"lead\">{}</p>\
         <div class=\"hero\">{}<div class=\"tiles\">{}</div></div>{}</header>",
        title(&run.classes),
        trained_on(run),
        figure(run, confusion),
        tiles(run, confusion, model_bytes),
        command(run).unwrap_or_default()
    )
}

fn title(classes: &[String]) -> String {
    let names: Vec<String> =
        classes.iter().take(NAMED).map(|class| format!("<bdi>{}</bdi>", short(class, LETTERS))).collect();
    match classes.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => {
            format!("{} <span class=\"more\">and {}</span>", names.join(", "), counted(more, "more class"))
        }
    }
}

fn trained_on(run: &Run) -> String {
    let photos = |of: fn(&crate::run::metrics::ClassCounts) -> u64| -> u64 {
        run.metrics.classes.iter().map(of).fold(0, u64::saturating_add)
    };
    let (train, val, test) =
        (photos(|class| class.train), photos(|class| class.val), photos(|class| class.test));
    let test = if test > 0 { format!(", tried on {}", grouped(test)) } else { String::new() };
    let watched = if val > 0 { format!(", watched on {}", grouped(val)) } else { String::new() };
    let weights = run.argument("weights").map(|weights| {
        let file =
            std::path::Path::new(&weights).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let net = format!("MobileNetV2 (<span class=\"mono\">{}</span>)", escape(&file));
        match run.metrics.tuned.as_ref().and_then(|tuned| tuned.from.as_ref()) {
            Some(from) => format!(", and with it a {net} from {} on", escape(from)),
            None => format!(", on a frozen {net}"),
        }
    });
    let folder = run
        .argument("folder")
        .map(|folder| format!(" from <span class=\"mono\">{}</span>", escape(portable(&folder))));
    format!(
        "A head trained on {} of {}{}{watched}{test}{}.",
        counted(train as usize, "photo"),
        counted(run.classes.len(), "class"),
        folder.unwrap_or_default(),
        weights.unwrap_or_default()
    )
}

/// Returns the accuracy with its interval, as a number and on a scale from 0 to 100 %.
fn figure(run: &Run, confusion: Option<&Confusion>) -> String {
    let judged = confusion.map(|confusion| (confusion.right(), confusion.photos()));
    let known = judged.map(|(right, photos)| right as f64 / photos.max(1) as f64);
    let Some(accuracy) = known.or(run.metrics.val_accuracy.map(f64::from)) else {
        return folds(run);
    };
    let said = match judged {
        Some((right, photos)) => {
            format!("{} of {} right", grouped(right as u64), counted(photos, "validation photo"))
        }
        None => "of the validation photos right".to_owned(),
    };
    let range = judged.map(|(right, photos)| interval(right, photos));
    let range_text = range.map_or(String::new(), |[low, high]| {
        format!("<p class=\"range\">95&nbsp;% interval {} to {}</p>", percent(low), percent(high))
    });
    let band = range.map_or(String::new(), |[low, high]| {
        format!(
            "<span class=\"band\" style=\"left:{:.2}%;width:{:.2}%\"></span>",
            100.0 * low,
            100.0 * (high - low)
        )
    });
    let first = run.metrics.accuracy_0.map(f64::from);
    let before = first.map_or(String::new(), |before| {
        format!(
            "<span class=\"was\" style=\"left:{:.2}%\" title=\"before training: {}\"></span>",
            100.0 * before.clamp(0.0, 1.0),
            percent(before)
        )
    });
    let was = first.map_or(String::new(), |before| {
        format!("<p class=\"small\">before training {}</p>", percent(before))
    });
    format!(
        "<div class=\"figure\"><p class=\"big\">{}</p><p>{said}</p><div class=\"meter\">{band}{before}\
         <span class=\"now\" style=\"left:{:.2}%\"></span></div>{range_text}{was}</div>",
        percent(accuracy),
        100.0 * accuracy.clamp(0.0, 1.0)
    )
}

/// Returns the figure of a run without validation photos: the accuracy over the folds.
fn folds(run: &Run) -> String {
    let folds = run.metrics.folds.as_ref();
    let known = folds.and_then(|folds| Some((folds.accuracy?, folds)));
    let (big, said) = match known {
        Some((accuracy, folds)) => {
            let spread =
                folds.spread.map_or(String::new(), |spread| format!(", give or take {}", percent(spread)));
            (
                percent(accuracy),
                format!(
                    "mean accuracy over {} of the training photos{spread}",
                    counted(folds.each.len(), "fold")
                ),
            )
        }
        None => ("–".to_owned(), "no validation accuracy was written down".to_owned()),
    };
    format!("<div class=\"figure\"><p class=\"big\">{big}</p><p>{said}</p></div>")
}

/// A figure beside the accuracy: its name, where it is shown or what it means, its value.
type Tile = (&'static str, &'static str, Option<String>);

fn tiles(run: &Run, confusion: Option<&Confusion>, model_bytes: Option<u64>) -> String {
    let metrics = &run.metrics;
    let size = model_bytes.map(megabytes);
    let share = |figure: Option<Figure>| figure.map(|of| percent(of.into()));
    let int8 = metrics.int8.as_ref();
    let off = match int8.and_then(|int8| int8.net_of.as_ref()) {
        Some(_) => "off f32, by computing in int8, as the training found that made this net",
        None => "off f32, by computing in int8",
    };
    let tiles: [Tile; 11] = [
        ("validation loss", LOSS, metrics.val_loss_calibrated.or(metrics.val_loss).map(|of| loss(of.into()))),
        ("ROC-AUC", AUC, metrics.roc_auc.map(|of| format!("{of:.3}"))),
        ("balanced accuracy", BALANCED, confusion.and_then(Confusion::balanced_accuracy).map(percent)),
        ("calibration error", ECE, run.reliability(Part::Val).map(|of| percent(of.ece))),
        ("training accuracy", TRAINING, share(metrics.train_accuracy)),
        ("nearest centroid, for comparison", CENTROID, share(metrics.centroid_accuracy)),
        ("test accuracy", "on photos that had no part in the training", tested(run)),
        ("model file", "", size),
        (off, "", share(int8.and_then(|int8| int8.feature_error))),
        ("the same class as in f32", "", share(int8.and_then(|int8| int8.agreement))),
        ("time in all", "", metrics.seconds.total.map(seconds)),
    ];
    let tile = |(what, why, value): Tile| {
        value.map(|value| {
            let why = if why.is_empty() { String::new() } else { format!("<small>{why}</small>") };
            format!("<div class=\"tile\"><b>{value}</b><span>{what}</span>{why}</div>")
        })
    };
    tiles.into_iter().filter_map(tile).collect()
}

const LOSS: &str = "how unsure of the right class; 0 is best";
const AUC: &str = "how well the classes are ranked; 1 is best";
const BALANCED: &str = "every class counts alike";
const ECE: &str = "how far probabilities are off";
const TRAINING: &str = "on photos that it has learned from";
const CENTROID: &str = "without any training";

fn tested(run: &Run) -> Option<String> {
    let known = run.confusion(Part::Test).map(|test| test.right() as f64 / test.photos().max(1) as f64);
    known.or(run.metrics.test_accuracy.map(f64::from)).map(percent)
}
