//! `--group duplicates`: photos that are, or may be, the same stay on one side of every split, as `check` judges it.

use std::collections::HashMap;
use std::path::PathBuf;

use icecap::Backbone;
use icecap::advanced::data::{Inventory, Part, Survey};
use icecap::check::{COMPARED, Checker};
use icecap::model::Preprocessing;

use super::options::Options;
use crate::options::input::InputOptions;
use crate::photos::looking::Bars;
use crate::store::cache_folder;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::stderr::note;
use crate::terminal::wording::counted;

/// What `--group` is given for copies.
pub(super) const DUPLICATES: &str = "duplicates";

/// Returns the groups of copies among all photos of `inventory`, by path, as a list would name them; groups that a list has
/// named stay together. A photo that is alone has none. They are compared at the size of the weights, as `check` does it,
/// whatever the size of the training: so the same photos are copies for every size, also for those that are tried.
pub(super) fn groups(
    options: &Options,
    inventory: &Inventory,
    backbone: &Backbone,
) -> Result<HashMap<PathBuf, String>, Failure> {
    let input = InputOptions { size: None, resize: None, ..options.input.clone() };
    let preprocessing = input.over(Preprocessing::for_training(backbone)?);
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let parts = [
        (Part::Train, Some(&inventory.train)),
        (Part::Val, inventory.val.as_ref()),
        (Part::Test, inventory.test.as_ref()),
    ];
    let samples = parts
        .into_iter()
        .flat_map(|(part, samples)| samples.into_iter().flatten().map(move |sample| (part, sample.clone())));
    let photos = samples.collect();
    let survey = Survey { classes: inventory.classes.clone(), photos, ..Survey::default() };
    if survey.photos.len() > COMPARED {
        note(&format!(
            "--group duplicates compares each of {} photos with each other one: the time grows with the square of their \
             number, and the progress tells what is left of it",
            survey.photos.len()
        ));
    }
    let bars = Bars::new(survey.photos.len());
    let checker = Checker::new(backbone)?.preprocessing(preprocessing).cache(cache);
    let found = checker.copies(&survey, &together(inventory, &survey), &|step| {
        bars.tell(step);
        interrupt::flow()
    });
    drop(bars);
    let found = found?;
    let mut sizes: HashMap<u32, usize> = HashMap::new();
    found.iter().for_each(|group| *sizes.entry(*group).or_default() += 1);
    let photos: usize = sizes.values().filter(|size| **size > 1).sum();
    let groups = sizes.values().filter(|size| **size > 1).count();
    note(&match groups {
        0 => "no photo is a copy of another".to_owned(),
        _ => format!("{} kept together as copies, in {}", counted(photos, "photo"), counted(groups, "group")),
    });
    let named = survey.photos.into_iter().zip(found).filter(|(_, group)| sizes[group] > 1);
    Ok(named.map(|((_, sample), group)| (sample.path, format!("copies {group}"))).collect())
}

/// Each photo that a list gives a group, with the first one of that group.
fn together(inventory: &Inventory, survey: &Survey) -> Vec<[usize; 2]> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let named = survey
        .photos
        .iter()
        .enumerate()
        .filter_map(|(photo, (_, sample))| Some((photo, inventory.groups.get(&sample.path)?.as_str())));
    named.map(|(photo, group)| [*first.entry(group).or_insert(photo), photo]).collect()
}
