//! What stands out, in a few sentences: where somebody who has a minute should look.

use super::escape::{escape, name};
use super::figure::percent;
use super::repeat::words;
use crate::run::Run;
use crate::run::command_line::CommandLine;
use crate::run::confusion::Confusion;
use crate::run::figure::Figure;
use crate::run::leads::{FEW, GAP, Lead, leads};
use crate::run::metrics::Int8;
use crate::wording::{agreeing, counted, grouped};

/// Photos of the largest class to those of the smallest from which that is worth a word.
const UNEVEN: u64 = 3;
/// Ways to better results that are told: more are not tried.
const MOST_LEADS: usize = 4;

/// Returns the section's content; `None` if nothing stands out.
pub(super) fn findings(
    run: &Run,
    confusion: Option<&Confusion>,
    errors: usize,
    doubted: Option<String>,
) -> Option<String> {
    let judged = |finding: fn(&Run, &Confusion) -> Option<String>| finding(run, confusion?);
    let found = [
        judged(weakest),
        judged(confused),
        judged(gap),
        judged(centroid),
        uneven(run),
        int8(run),
        judged(few),
        confusion.filter(|_| errors > 0).map(|confusion| {
            format!(
                "<a href=\"#errors\">{} of {}</a> {} taken for another class; the surest mistakes come first.",
                grouped(errors as u64),
                counted(confusion.photos(), "validation photo"),
                agreeing(errors, "was", "were")
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

const CUT: &str = "<p class=\"note\">Of weights and photos the commands have the names alone, not the folders of the machine that they lie on.</p>";

/// What would help most, with the commands to type.
fn helps(run: &Run) -> Option<String> {
    let item = |lead: &Lead| {
        let command = lead.command.as_ref();
        let command = command.map_or_else(String::new, |command| words(command));
        format!("<li>{}{command}</li>", escape(&lead.text))
    };
    let leads = leads(run);
    let shown = || leads.iter().take(MOST_LEADS);
    let items: String = shown().map(item).collect();
    let cut = shown().filter_map(|lead| lead.command.as_ref()).any(|command| {
        let line = CommandLine::of(command);
        line.clone().portable() != line
    });
    let note = if cut { CUT } else { "" };
    (!items.is_empty())
        .then(|| format!("<h3>What would help most</h3><ol class=\"card findings\">{items}</ol>{note}"))
}

/// A baseline that needs no training and is no worse.
fn centroid(run: &Run, confusion: &Confusion) -> Option<String> {
    let baseline = run.metrics.centroid_accuracy.map(f64::from)?;
    let [own, photos] = [confusion.right() as f64, confusion.photos() as f64];
    (photos > 0.0 && baseline * photos >= own).then(|| {
        format!(
            "The nearest centroid, which takes no training, is right on {} of the validation photos, the trained head on {}: if they \
             stay as close with more photos to judge by, the features do the work and the head adds little.",
            percent(baseline),
            percent(own / photos)
        )
    })
}

fn weakest(run: &Run, confusion: &Confusion) -> Option<String> {
    let recalls = (0..run.classes.len()).filter_map(|class| Some((class, confusion.recall(class)?)));
    let (class, recall) = recalls.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let found = confusion.cell(class, class);
    (recall < 1.0).then(|| {
        format!(
            "Recognized least often: <b>{}</b>, in {} of {} ({}).",
            name(&run.classes[class]),
            grouped(found as u64),
            counted(confusion.of_class(class), "validation photo"),
            percent(recall)
        )
    })
}

fn confused(run: &Run, confusion: &Confusion) -> Option<String> {
    let (of, taken_for, photos) = *confusion.worst().first().filter(|_| run.classes.len() > 2)?;
    let times = if photos == 1 { "once".to_owned() } else { counted(photos, "time") };
    Some(format!(
        "Confused most often: <b>{}</b>, taken for <b>{}</b> {times}.",
        name(&run.classes[of]),
        name(&run.classes[taken_for]),
    ))
}

fn gap(run: &Run, confusion: &Confusion) -> Option<String> {
    let val = confusion.right() as f64 / confusion.photos().max(1) as f64;
    let train = run.metrics.train_accuracy.map(f64::from).filter(|train| train - val > GAP)?;
    Some(format!(
        "The model recognizes {} of the photos that it has learned from, and {} of others: part of what it has learned holds \
         for its own photos alone.",
        percent(train),
        percent(val)
    ))
}

fn uneven(run: &Run) -> Option<String> {
    let most = run.metrics.classes.iter().max_by_key(|class| class.train)?;
    let least = run.metrics.classes.iter().min_by_key(|class| class.train)?;
    (most.train >= UNEVEN.saturating_mul(least.train.max(1))).then(|| {
        format!(
            "There are {:.1} times as many training photos of <b>{}</b> as of <b>{}</b>.",
            most.train as f64 / least.train.max(1) as f64,
            name(&most.name),
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

fn few(_: &Run, confusion: &Confusion) -> Option<String> {
    (confusion.photos() < FEW).then(|| {
        format!(
            "With {} to validate on, the accuracy is uncertain; the interval below it says how much.",
            counted(confusion.photos(), "photo")
        )
    })
}

fn skipped(run: &Run) -> Option<String> {
    let skipped = run.metrics.skipped_photos.len();
    (skipped > 0).then(|| {
        format!(
            "<a href=\"#data\">{}</a> could not be read and had no part in this.",
            counted(skipped, "photo")
        )
    })
}
