//! What stands out, in a few sentences: where somebody who has a minute should look.

use super::escape::{escape, name};
use super::figure::percent;
use super::repeat::words;
use crate::run::Run;
use crate::run::confusion::Confusion;
use crate::run::figure::Figure;
use crate::run::leads::{FEW, GAP, Lead, leads};
use crate::run::metrics::Int8;
use crate::terminal::wording::counted;

/// Photos of the largest class to those of the smallest from which that is worth a word.
const UNEVEN: u64 = 3;
/// Ways to better results that are told: more are not tried.
const MOST_LEADS: usize = 4;

/// Returns the section's content; `None` if nothing stands out.
pub(super) fn findings(
    run: &Run,
    confusion: &Confusion,
    errors: usize,
    doubted: Option<String>,
) -> Option<String> {
    let found = [
        weakest(run, confusion),
        confused(run, confusion),
        gap(run, confusion),
        uneven(run),
        int8(run),
        few(confusion),
        (errors > 0).then(|| {
            format!(
                "<a href=\"#errors\">{} wrong</a>, the surest mistakes first.",
                counted(errors, "validation photo")
            )
        }),
        doubted,
        skipped(run),
    ];
    let items: String = found.into_iter().flatten().map(|text| format!("<li>{text}</li>")).collect();
    let found = (!items.is_empty()).then(|| format!("<ul class=\"card findings\">{items}</ul>"));
    let helps = helps(run);
    (found.is_some() || helps.is_some()).then(|| found.unwrap_or_default() + &helps.unwrap_or_default())
}

/// What would help most, with the commands to type.
fn helps(run: &Run) -> Option<String> {
    let item = |lead: &Lead| {
        let command = lead.command.as_ref();
        let command = command.map_or_else(String::new, |command| words(command));
        format!("<li>{}{command}</li>", escape(&lead.text))
    };
    let items: String = leads(run).iter().take(MOST_LEADS).map(item).collect();
    (!items.is_empty())
        .then(|| format!("<h3>What would help most</h3><ol class=\"card findings\">{items}</ol>"))
}

fn weakest(run: &Run, confusion: &Confusion) -> Option<String> {
    let recalls = (0..run.classes.len()).filter_map(|class| Some((class, confusion.recall(class)?)));
    let (class, recall) = recalls.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (recall < 1.0).then(|| {
        format!(
            "<b>{}</b> has the lowest recall: {} of {} were found, {}.",
            name(&run.classes[class]),
            confusion.cell(class, class),
            counted(confusion.of_class(class), "photo"),
            percent(recall)
        )
    })
}

fn confused(run: &Run, confusion: &Confusion) -> Option<String> {
    let (of, taken_for, photos) = *confusion.worst().first().filter(|_| run.classes.len() > 2)?;
    Some(format!(
        "The most frequent confusion: <b>{}</b> taken for <b>{}</b>, {}.",
        name(&run.classes[of]),
        name(&run.classes[taken_for]),
        counted(photos, "time")
    ))
}

fn gap(run: &Run, confusion: &Confusion) -> Option<String> {
    let val = confusion.right() as f64 / confusion.photos().max(1) as f64;
    let train = run.metrics.train_accuracy.map(f64::from).filter(|train| train - val > GAP)?;
    Some(format!(
        "Training accuracy is {}, {:.0} points above validation.",
        percent(train),
        100.0 * (train - val)
    ))
}

fn uneven(run: &Run) -> Option<String> {
    let most = run.metrics.classes.iter().max_by_key(|class| class.train)?;
    let least = run.metrics.classes.iter().min_by_key(|class| class.train)?;
    (most.train >= UNEVEN.saturating_mul(least.train.max(1))).then(|| {
        format!(
            "<b>{}</b> has {:.1} times as many training photos as <b>{}</b>.",
            name(&most.name),
            most.train as f64 / least.train.max(1) as f64,
            name(&least.name)
        )
    })
}

fn int8(run: &Run) -> Option<String> {
    let error = run.metrics.int8.as_ref()?.feature_error?;
    (error > Figure::from(Int8::LARGE_ERROR)).then(|| {
        format!(
            "Features in int8 are {} off those in f32: a classifier that is trained in f32 is probably better.",
            percent(error.into())
        )
    })
}

fn few(confusion: &Confusion) -> Option<String> {
    (confusion.photos() < FEW).then(|| {
        format!(
            "With {} to validate on the accuracy is uncertain; the interval beside it says how much.",
            counted(confusion.photos(), "photo")
        )
    })
}

fn skipped(run: &Run) -> Option<String> {
    let skipped = run.metrics.skipped_photos.len();
    (skipped > 0).then(|| {
        format!(
            "{} could not be read; the <a href=\"#data\">data</a> section says why.",
            counted(skipped, "photo")
        )
    })
}
