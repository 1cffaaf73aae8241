//! What can be said of a training: what was settled before it, and how good and how sure its classifier is.

use std::fmt::Write;
use std::path::Path;

use icecap::Trained;
use icecap::judge::Assessment;
use icecap::learn::{CourseChoice, Epochs, L2Choice, Settled, Steps};

use crate::terminal::wording::{agreeing, counted, plain, plain_path};

/// From so many photos of the largest class to one of the smallest on, the small one is mostly overlooked.
const UNEVEN: usize = 10;
/// Folds that are told one by one; of more, a line would be too long.
const FEW_FOLDS: usize = 10;

/// Returns the optimizer and the settings, and where those come from that were left open; for so many views of each of
/// `photos`.
pub(super) fn settings(settled: &Settled, photos: usize, views: u32) -> String {
    let options = &settled.options;
    let mut text = format!("training    {}", options.solver.name());
    if let Some(steps @ &Steps { epochs: Epochs::Fixed(epochs), .. }) = options.steps() {
        if let Some(units) = steps.hidden {
            let _ = write!(text, ", a hidden layer of {}", counted(units as usize, "unit"));
        }
        let most = if steps.early_stopping.is_some() { "at most " } else { "" };
        let _ = write!(text, ", {most}{}", counted(epochs as usize, "epoch"));
        if settled.epochs_by_photos {
            let taken = epochs as usize * (photos * views as usize).div_ceil(steps.batch);
            let each = if views > 1 { format!(" in {views} views each") } else { String::new() };
            let by = settled.course.as_ref().filter(|_| views > 1 && steps.early_stopping.is_none());
            let by = by.map_or_else(String::new, |choice| format!(", by {}", counted(choice.folds, "fold")));
            let _ = write!(text, " (auto: {taken} steps for {}{each}{by})", counted(photos, "photo"));
        }
        let found = if settled.rate_found { found(settled.course.as_ref()) } else { String::new() };
        let _ = write!(text, ", learning rate {:.2e}{found}", steps.learning_rate());
    }
    let l2 = options.l2().unwrap_or(0.0);
    if let Some(photos) = settled.l2_by_photos {
        let _ = write!(text, ", L2 1/{photos} (auto)");
    } else if l2 > 0.0 || options.steps().is_none() {
        let _ = write!(text, ", L2 {l2}{}", settled.l2.as_ref().map_or_else(String::new, chosen));
    }
    text + "\n"
}

/// How a learning rate was found.
fn found(choice: Option<&CourseChoice>) -> String {
    let Some(choice) = choice else {
        return " (below what a range test found; too few photos to choose by folds)".to_owned();
    };
    let rates: Vec<String> = choice.tried.iter().map(|trial| format!("{:.1e}", trial.rate)).collect();
    format!(" (of {}, by {} of the training photos)", rates.join(", "), counted(choice.folds, "fold"))
}

fn chosen(choice: &L2Choice) -> String {
    match choice.folds {
        0 => " (too few photos to choose one by)".to_owned(),
        folds => format!(" (auto: by {} of the training photos)", counted(folds, "fold")),
    }
}

/// Returns a warning where some classes have many times the photos of others.
pub(super) fn uneven(classes: &[String], counts: &[usize]) -> Option<String> {
    let of = |index: usize| format!("'{}' has {}", plain(&classes[index]), counted(counts[index], "photo"));
    let most = (0..counts.len()).max_by_key(|&index| counts[index])?;
    let least = (0..counts.len()).filter(|&index| counts[index] > 0).min_by_key(|&index| counts[index])?;
    (counts[most] > UNEVEN * counts[least]).then(|| {
        format!(
            "warning: class {} and class {}: a head may overlook the rare one and still look good; --class-weight \
             balanced makes each class count alike",
            of(most),
            of(least)
        )
    })
}

/// Returns a warning where classes are learned but not watched: nothing that is told later says so.
pub(super) fn unwatched(classes: &[String], train: &[usize], val: &[usize]) -> Option<String> {
    let none: Vec<_> = (0..classes.len()).filter(|&index| train[index] > 0 && val[index] == 0).collect();
    let (first, watched) = (none.first()?, val.iter().sum::<usize>() > 0);
    watched.then(|| {
        let more = if none.len() > 1 { format!(" and {} more", none.len() - 1) } else { String::new() };
        format!(
            "warning: no photo of class '{}'{more} is held back for validation, which says nothing of it then",
            plain(&classes[*first])
        )
    })
}

/// Returns how good the classifier is, and how sure that is.
pub(super) fn text(trained: &Trained) -> String {
    let mut text = String::new();
    // Of the head's epochs: behind those, all of the tuned ones are kept.
    let all = trained.tuned.as_ref().map_or(trained.history.len(), |tuned| tuned.first);
    if trained.kept + 1 < all {
        let kept = trained.kept + 1;
        let _ =
            writeln!(text, "kept        epoch {kept} of {all}: the best on a slice of the training photos");
    }
    text.extend(trained.validation.as_ref().map(validated));
    text += &folds(trained);
    text += &confidence(trained);
    text
}

fn validated(of: &Assessment) -> String {
    let [low, high] = of.interval;
    let auc = of.ranking.roc_auc().map_or(String::new(), |auc| format!(", ROC-AUC {auc:.4}"));
    format!(
        "validation  accuracy {:.4}, {} of {} right; 95 % interval {low:.3} to {high:.3}\n            loss {:.4}, of the \
         probabilities that the model gives{auc}\n            balanced accuracy {:.4}; nearest centroid, the baseline, \
         {:.4}\n",
        of.accuracy(),
        of.right,
        of.photos,
        of.loss,
        of.balanced_accuracy,
        of.centroid_accuracy
    )
}

fn folds(trained: &Trained) -> String {
    let Some(folds) = &trained.folds else { return String::new() };
    let mut each: Vec<f32> = folds.folds.iter().map(|fold| fold.metrics.accuracy).collect();
    let each = if each.len() > FEW_FOLDS {
        each.sort_by(f32::total_cmp);
        format!("{:.3} to {:.3}", each[0], each[each.len() - 1])
    } else {
        each.iter().map(|accuracy| format!("{accuracy:.3}")).collect::<Vec<_>>().join(" ")
    };
    format!(
        "folds       {} of {}: accuracy {}\n            mean {:.4}, spread {:.4}; nearest centroid, the baseline, \
         {:.4}\n",
        folds.folds.len(),
        counted(folds.rows.len(), "training photo"),
        each,
        folds.accuracy(),
        folds.spread(),
        folds.centroid_accuracy()
    )
}

fn confidence(trained: &Trained) -> String {
    let of = &trained.calibration;
    let mut text = match of.folds {
        0 => "confidence  as the head has it: too few photos to fit a temperature to".to_owned(),
        _ if trained.tuned.as_ref().is_some_and(|tuned| tuned.trainable > 0) => format!(
            "confidence  temperature {:.3}, fitted to the {} held back from the trial",
            of.temperature,
            counted(of.photos, "training photo")
        ),
        folds => format!(
            "confidence  temperature {:.3}, fitted to {} by {}",
            of.temperature,
            counted(of.photos, "training photo"),
            counted(folds, "fold")
        ),
    };
    if let Some(validation) = &trained.validation {
        let (before, after) = (validation.uncalibrated.ece, validation.calibrated.ece);
        let _ = match of.folds {
            0 => write!(text, "; calibration error {after:.4}"),
            _ => write!(text, "; calibration error {after:.4}, without it {before:.4}"),
        };
    }
    text + "\n"
}

/// Returns a line on labels that are probably wrong, if there are such; `list` is the file of them.
pub(super) fn labels(trained: &Trained, list: &Path) -> String {
    let doubted = trained.doubted.as_ref().map_or(0, Vec::len);
    if doubted == 0 {
        return String::new();
    }
    let (photos, verb) = (counted(doubted, "training photo"), agreeing(doubted, "is", "are"));
    format!("labels      {photos} {verb} probably mislabeled, listed in {}\n", plain_path(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_uneven_above_ten_to_one() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(uneven(&classes, &[100, 10, 50]), None);
        let warning = uneven(&classes, &[101, 30, 10]).unwrap();
        assert!(warning.contains("'a' has 101 photos") && warning.contains("'c' has 10 photos"), "{warning}");
        assert!(warning.contains("--class-weight balanced"));
        assert_eq!(uneven(&classes, &[101, 30, 0]), None);
    }

    #[test]
    fn classes_that_are_not_watched_are_told_where_others_are() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(unwatched(&classes, &[3, 3, 3], &[1, 1, 1]), None);
        assert_eq!(unwatched(&classes, &[3, 3, 3], &[0, 0, 0]), None);
        assert_eq!(unwatched(&classes, &[3, 0, 3], &[1, 0, 1]), None);
        assert!(unwatched(&classes, &[3, 1, 3], &[1, 0, 1]).unwrap().contains("'b' is"));
        assert!(unwatched(&classes, &[1, 1, 3], &[0, 0, 1]).unwrap().contains("'a' and 1 more is"));
    }
}
