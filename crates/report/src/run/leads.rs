//! What would help a run most, told from what it has measured: each with its reason and, where there is one, the command.
//!
//! Figures of other photos stand beside it, so that nobody takes a hope for a promise: those of `docs/training.md`.

use icecap::advanced::data::Part;
use icecap::judge::interval;

use super::Run;
use super::arguments::STEPS;
use super::command_line::CommandLine;
use super::confusion::Confusion;
pub use super::lead::Lead;
use crate::wording::{agreeing, counted, grouped, plain};

/// ImageNet weights for whoever has used the starter.
const IMAGENET: &str = "keras-1.0-160";
/// Pixels a side beyond which nothing was gained.
const LARGE: i64 = 224;
/// Above this accuracy there is nothing to gain by another net or size.
const GOOD: f64 = 0.98;
/// Above this accuracy frozen features tell the classes apart already.
const APART: f64 = 0.95;
/// How far training accuracy may be above validation.
pub const GAP: f64 = 0.05;
/// By how much of itself a loss must have changed to be worth a word.
const CHANGED: f64 = 0.05;
/// Fewer epochs than this show no direction.
const EPOCHS: usize = 5;
/// Photos of each class from which on fine-tuning can be judged.
const TUNABLE: u64 = 50;
/// Photos of the largest class to those of the smallest from which on the small one may be overlooked.
const UNEVEN: u64 = 10;
/// Folds that are proposed, where each class has as many photos.
const FOLDS: u64 = 5;
/// What says which photos there are, and what looks at them, also to `check`.
const OF_THE_DATASET: [&str; 6] = ["--val", "--root", "--extension", "--exclude", "--classes", "--weights"];
/// Fewer validation photos than this leave an accuracy uncertain.
pub const FEW: usize = 100;

/// What is known of a run, as the rules need it.
struct Known<'a> {
    run: &'a Run,
    line: CommandLine,
    confusion: Option<Confusion>,
    accuracy: f64,
}

/// Returns what would help most first; nothing if nothing was measured.
pub fn leads(run: &Run) -> Vec<Lead> {
    let confusion = run.confusion(Part::Val);
    let judged = confusion.as_ref().map(|of| of.right() as f64 / of.photos().max(1) as f64);
    let folds = run.metrics.folds.as_ref().and_then(|folds| folds.accuracy);
    let trained = run.argument("command").filter(|command| command.starts_with("icecap train"));
    let (Some(accuracy), Some(command)) = (judged.or(folds), trained) else {
        return Vec::new();
    };
    let known = Known { run, line: CommandLine::of(&command), confusion, accuracy };
    let rules: [fn(&Known<'_>) -> Option<Lead>; 9] =
        [copies, weights, size, rising, unsolved, weakest, unfreeze, uneven, few];
    rules.into_iter().filter_map(|rule| rule(&known)).map(|lead| lead.possible(run, &command)).collect()
}

impl Known<'_> {
    /// A lead to the same command with another value of an option.
    fn lead(&self, text: String, option: &str, value: &str) -> Lead {
        Lead { text, command: Some(self.line.clone().with(option, Some(value)).to_string()) }
    }

    fn is_starter(&self) -> bool {
        self.run.argument("weights").as_deref() == Some("starter")
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.run.arguments.get(key)?.as_integer()
    }

    /// The longer side of what the net sees.
    fn side(&self) -> Option<i64> {
        let size = self.run.arguments.get("size")?.as_array()?;
        size.iter().filter_map(toml::Value::as_integer).max()
    }

    /// The losses of the head's epochs: training and validation.
    fn losses(&self) -> (Vec<f64>, Vec<f64>) {
        let first = self.run.metrics.tuned.as_ref().map_or(u32::MAX, |tuned| tuned.first_epoch.max(1));
        let rows = self.run.metrics.history.iter().filter(|row| row.epoch < first);
        let losses = rows.filter_map(|row| Some((row.train_loss?.into(), row.val_loss?.into())));
        losses.filter(|(train, val): &(f64, f64)| train.is_finite() && val.is_finite()).unzip()
    }

    /// Whether the head, which has gone through steps, could be solved at once.
    fn is_solvable(&self) -> bool {
        let in_steps = self.run.argument("optimizer").is_some_and(|optimizer| optimizer != "lbfgs");
        in_steps && self.number("hidden").is_none() && !self.is_swept()
    }

    /// Whether settings were tried: what else could be set may have been among them.
    fn is_swept(&self) -> bool {
        self.line.has("--try")
    }

    /// The command with a head that is solved at once.
    fn solved(&self) -> CommandLine {
        let without = |line: CommandLine, name: &&str| line.without(&format!("--{}", name.replace('_', "-")));
        STEPS.iter().fold(self.line.clone(), without).with("--optimizer", Some("lbfgs"))
    }
}

/// Photos on both sides of the split: no other figure can be believed before they are gone.
fn copies(known: &Known<'_>) -> Option<Lead> {
    let apart = known.run.metrics.photos.copies_apart as usize;
    (apart > 0).then(|| Lead {
        text: format!(
            "{} {} in training and in validation, too, so the accuracy looks better than it is. A look at the dataset tells \
             which.",
            counted(apart, "photo"),
            agreeing(apart, "is", "are")
        ),
        command: known.run.argument("folder").map(|folder| {
            known.line.other(&["icecap", "check"], &folder, &OF_THE_DATASET).to_string()
        }),
    })
}

fn weights(known: &Known<'_>) -> Option<Lead> {
    let text = "Use ImageNet weights (a download of 9.4 MB, once), which know far more than the built-in starter: an accuracy of \
                0.90 on ants and bees, where the starter has 0.70.";
    let line = || known.line.clone().without("--size").with("--weights", Some(IMAGENET));
    (known.is_starter() && known.accuracy < GOOD)
        .then(|| Lead { text: text.to_owned(), command: Some(line().to_string()) })
}

fn size(known: &Known<'_>) -> Option<Lead> {
    let side = known.side().filter(|&side| side > 0 && side < LARGE)?;
    (known.accuracy < GOOD + 0.01 && !known.is_starter() && !known.line.tries("size")).then(|| {
        let times = (LARGE as f64 / side as f64).powi(2);
        let text = format!(
            "Look at photos in {LARGE} pixels a side instead of {side}, in {times:.1} times the time: from 160 to 224 the accuracy \
             on ants and bees went from 0.897 to 0.943, on five kinds of flowers from 0.874 to 0.893."
        );
        known.lead(text, "--size", "224")
    })
}

fn rising(known: &Known<'_>) -> Option<Lead> {
    let (_, val) = known.losses();
    let (&last, least) = (val.last()?, val.iter().copied().fold(f64::INFINITY, f64::min));
    let at = val.iter().position(|&loss| loss == least)? + 1;
    let rises = last > least * (1.0 + CHANGED) && val.len() >= EPOCHS && known.is_solvable();
    // Of the starter's features nothing was gained by it.
    (rises && !known.is_starter() && !known.line.has("--views")).then(|| {
        let text = format!(
            "Learn from four views of each photo, solved at once under a penalty that folds choose: the validation loss was \
             {least:.3} after epoch {at} and is {last:.3} at the end, so the head grows surer than it is right. Ants and bees went \
             from 0.897 to 0.910 by it."
        );
        let line = known.solved().with("--augment", Some("flip,crop")).with("--views", Some("4"));
        Lead { text, command: Some(line.to_string()) }
    })
}

fn unsolved(known: &Known<'_>) -> Option<Lead> {
    let (train, val) = known.losses();
    let before = *train.get(train.len().checked_sub(EPOCHS)?.max(train.len() * 4 / 5) - 1)?;
    let (fell, least) = (1.0 - train.last()? / before, val.iter().copied().fold(f64::INFINITY, f64::min));
    (known.is_solvable() && fell > CHANGED && *val.last()? <= least * (1.0 + CHANGED)).then(|| {
        let text = format!(
            "Let L-BFGS solve the head to the end, which was still learning: its training loss fell by {:.0} % over the last \
             fifth of the epochs. Twelve textures went from 0.801 to 0.833 by it.",
            100.0 * fell
        );
        Lead { text, command: Some(known.solved().to_string()) }
    })
}

/// The class that photos are missing of, if one stands out; else photos of all, where those that were learned from are known
/// much better.
fn weakest(known: &Known<'_>) -> Option<Lead> {
    let confusion = known.confusion.as_ref()?;
    let class = |class: usize| {
        let (found, of) = (confusion.cell(class, class), confusion.of_class(class));
        (of > 0 && interval(found, of)[1] < known.accuracy).then_some((class, found, of))
    };
    let share = |(_, found, of): &(usize, usize, usize)| *found as f64 / *of as f64;
    let weak = (0..known.run.classes.len())
        .filter_map(class)
        .min_by(|one, other| share(one).total_cmp(&share(other)));
    if let Some((class, found, of)) = weak {
        let name = plain(&known.run.classes[class]);
        let taken = confusion.worst().into_iter().find(|(of, ..)| *of == class);
        let taken = taken.map_or_else(String::new, |(_, taken_for, photos)| {
            let verb = agreeing(photos, "was", "were");
            format!(", and {photos} {verb} taken for {}", plain(&known.run.classes[taken_for]))
        });
        let few = if found == 0 { "none".to_owned() } else { format!("only {found}") };
        let text = format!(
            "Add photos of {name}: {few} of {} to judge by {} recognized{taken}.",
            counted(of, "photo"),
            agreeing(found.max(1), "was", "were")
        );
        return Some(Lead { text, command: None });
    }
    let train = known.run.metrics.train_accuracy.map(f64::from)?;
    (train - known.accuracy > GAP).then(|| Lead {
        text: format!(
            "Add photos: of those that the model has learned from {:.0} in a hundred more are recognized than of others.",
            100.0 * (train - known.accuracy)
        ),
        command: None,
    })
}

fn unfreeze(known: &Known<'_>) -> Option<Lead> {
    let least = known.run.metrics.classes.iter().map(|class| class.train).min()?;
    let f32 = matches!(known.run.metrics.precision.as_str(), "" | "f32");
    let open = known.run.metrics.tuned.is_none()
        && known.run.metrics.folds.is_none()
        && !known.line.has("--head-only");
    (least >= TUNABLE && f32 && open && !known.is_starter() && known.accuracy < APART).then(|| {
        let text = "Let the net's last blocks learn, too; a slice of the training photos says whether that is better. Textures \
                    went from 0.821 to 0.852, ants and bees from 0.897 to 0.899.";
        known.lead(text.to_owned(), "--unfreeze", "auto")
    })
}

fn uneven(known: &Known<'_>) -> Option<Lead> {
    let classes = &known.run.metrics.classes;
    let most = classes.iter().max_by_key(|class| class.train)?;
    let least = classes.iter().filter(|class| class.train > 0).min_by_key(|class| class.train)?;
    let plain_weights = known.run.argument("class_weight").as_deref() == Some("none");
    (plain_weights && most.train > UNEVEN.saturating_mul(least.train)).then(|| {
        let text = format!(
            "Let each class count alike: there are {} of {} for {} of {}, which may be overlooked.",
            counted(most.train as usize, "photo"),
            plain(&most.name),
            grouped(least.train),
            plain(&least.name)
        );
        known.lead(text, "--class-weight", "balanced")
    })
}

fn few(known: &Known<'_>) -> Option<Lead> {
    let photos = known.confusion.as_ref()?.photos();
    let least = known.run.metrics.classes.iter().map(|class| class.train).min()?.min(FOLDS);
    let free = known.run.metrics.folds.is_none() && known.run.metrics.tuned.is_none();
    // Of groups there may be fewer than of photos.
    let taken = ["--val-split", "--since", "--group"].into_iter().any(|option| known.line.has(option));
    (photos < FEW && free && !taken && least >= 2).then(|| {
        let text = format!(
            "Judge by folds, which try every training photo: {} to judge by {} the accuracy uncertain.",
            counted(photos, "photo"),
            agreeing(photos, "leaves", "leave")
        );
        known.lead(text, "--folds", &least.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::history::EpochRow;
    use crate::run::metrics::{ClassCounts, Metrics};
    use crate::run::predictions::Seen;

    /// A run of two classes by `arguments`, of whose photos so many of each class were given the right and the wrong one.
    fn run(arguments: &str, counts: [[usize; 2]; 2], losses: &[(f32, f32)]) -> Run {
        let names = ["ants", "bees"];
        let classes = names.map(|name| ClassCounts {
            name: name.to_owned(),
            train: 60,
            val: 40,
            ..ClassCounts::default()
        });
        let row = |(index, &(train, val)): (usize, &(f32, f32))| EpochRow {
            epoch: index as u32 + 1,
            train_loss: Some(train.into()),
            val_loss: Some(val.into()),
            ..EpochRow::default()
        };
        let seen = |class: usize, right: bool| Seen {
            part: Part::Val,
            path: "photo.jpg".into(),
            class,
            predicted: if right { class } else { 1 - class },
            probability: 0.8,
            true_probability: 0.5,
            place: None,
        };
        let photos = counts.iter().enumerate().flat_map(|(class, [right, wrong])| {
            let right = (0..*right).map(move |_| seen(class, true));
            right.chain((0..*wrong).map(move |_| seen(class, false)))
        });
        Run {
            folder: "run".into(),
            metrics: Metrics {
                classes: classes.into(),
                train_accuracy: Some(0.9.into()),
                history: losses.iter().enumerate().map(row).collect(),
                ..Metrics::default()
            },
            arguments: format!("command = 'icecap train photos --out run'\nfolder = 'photos'\n{arguments}")
                .parse()
                .unwrap(),
            classes: names.map(str::to_owned).into(),
            photos: photos.collect(),
        }
    }

    fn commands(run: &Run) -> Vec<String> {
        leads(run).into_iter().filter_map(|lead| lead.command).collect()
    }

    const STARTER: &str = "weights = 'starter'\nsize = [96, 96]\noptimizer = 'adam'";
    const IMAGENET_160: &str = "weights = 'w'\nsize = [160, 160]\noptimizer = 'adam'\nclass_weight = 'none'";

    #[test]
    fn whoever_has_the_starter_is_told_of_weights_first() {
        let run = run(STARTER, [[50, 10], [50, 10]], &[]);
        assert_eq!(commands(&run), ["icecap train photos --weights keras-1.0-160"]);
    }

    #[test]
    fn size_and_fine_tuning_are_told_where_they_can_gain() {
        let run_of = |arguments, right| commands(&run(arguments, [[right, 60 - right]; 2], &[]));
        let larger = "icecap train photos --size 224";
        assert_eq!(run_of(IMAGENET_160, 50), [larger, "icecap train photos --unfreeze auto"]);
        assert_eq!(run_of(IMAGENET_160, 58), [larger]);
        assert_eq!(run_of(IMAGENET_160, 60), [""; 0]);
        assert_eq!(run_of(&IMAGENET_160.replace("160", "224"), 58), [""; 0]);
    }

    #[test]
    fn folds_are_no_more_than_the_photos_of_the_smallest_class() {
        for (photos, folds) in [(1, None), (2, Some("2")), (4, Some("4")), (5, Some("5")), (60, Some("5"))] {
            let mut run = run(IMAGENET_160, [[9, 1], [9, 1]], &[]);
            run.metrics.classes[1].train = photos;
            let told = commands(&run)
                .into_iter()
                .find_map(|command| Some(command.split_once("--folds ")?.1.to_owned()));
            assert_eq!(told.as_deref(), folds, "{photos} photos");
        }
    }

    #[test]
    fn losses_tell_a_head_that_is_not_done_from_one_that_is_too_sure() {
        let falling: Vec<(f32, f32)> = (1..=10).map(|epoch| (1.0 / epoch as f32, 1.0)).collect();
        let rising: Vec<(f32, f32)> = (1..=10).map(|epoch| (0.5, 0.3 + 0.05 * epoch as f32)).collect();
        let told = |arguments: &str, losses: &[(f32, f32)]| {
            let all = commands(&run(arguments, [[59, 1]; 2], losses));
            all.into_iter().filter(|command| command.contains("lbfgs")).collect::<Vec<_>>()
        };
        assert_eq!(told(IMAGENET_160, &falling), ["icecap train photos --optimizer lbfgs"]);
        let views = "icecap train photos --optimizer lbfgs --augment flip,crop --views 4";
        assert_eq!(told(IMAGENET_160, &rising), [views]);
        assert_eq!(told(STARTER, &rising), [""; 0]);
        assert_eq!(told(&IMAGENET_160.replace("adam", "lbfgs"), &falling), [""; 0]);
        assert_eq!(told(&format!("{IMAGENET_160}\nhidden = 8"), &falling), [""; 0]);
        assert_eq!(told(IMAGENET_160, &falling[..3]), [""; 0]);
    }

    #[test]
    fn a_class_that_stands_out_is_named_and_photos_on_both_sides_come_first() {
        let mut run = run(IMAGENET_160, [[58, 2], [30, 30]], &[]);
        let text = |run: &Run| leads(run).into_iter().map(|lead| lead.text).collect::<Vec<_>>().join("\n");
        assert!(text(&run).contains("Add photos of bees: only 30 of 60 photos to judge by were recognized, and 30 were taken for ants."));
        run.metrics.photos.copies_apart = 2;
        assert_eq!(commands(&run)[0], "icecap check photos");
        let mut listed = Run { metrics: run.metrics.clone(), ..self::run(IMAGENET_160, [[1, 1]; 2], &[]) };
        let command = "icecap train photos --val 'my val' --exclude=x.csv -qorun";
        listed.arguments.insert("command".to_owned(), command.into());
        assert_eq!(commands(&listed)[0], "icecap check photos --val 'my val' --exclude=x.csv");
        assert!(text(&run).starts_with("2 photos are in training and in validation, too"));
        // Every one is a sentence, whatever it counts.
        for photos in [0, 1, 2, 12] {
            run.metrics.photos.copies_apart = photos;
            for counts in [[[58, 2], [0, 1]], [[58, 2], [1, 1]], [[40, 20], [0, 9]]] {
                let run = Run { metrics: run.metrics.clone(), ..self::run(IMAGENET_160, counts, &[]) };
                for lead in leads(&run) {
                    let sentence = !lead.text.starts_with(char::is_lowercase) && lead.text.ends_with('.');
                    assert!(sentence && !lead.text.contains(" 1 photos"), "{}", lead.text);
                }
            }
        }
        // What no training has made is nothing to train again.
        run.arguments.insert("command".to_owned(), "icecap demo".into());
        assert!(leads(&run).is_empty());
        run.arguments = toml::Table::new();
        assert!(leads(&run).is_empty());
    }
}
