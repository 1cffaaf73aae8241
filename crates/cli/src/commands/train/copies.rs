//! `--group duplicates`: photos that are, or may be, the same stay on one side of every split, as `check` judges it.

use std::collections::HashMap;
use std::path::PathBuf;

use icecap::Backbone;
use icecap::advanced::data::Inventory;
use icecap::check::{COMPARED, Checker, CopyGroups};
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
    let parts = [Some(&inventory.train), inventory.val.as_ref(), inventory.test.as_ref()];
    let photos: usize = parts.into_iter().flatten().map(Vec::len).sum();
    if photos > COMPARED {
        note(&format!(
            "--group duplicates compares each of {} photos with each other one: the time grows with the square of their \
             number, and the progress tells what is left of it",
            photos
        ));
    }
    let bars = Bars::new(photos);
    let checker = Checker::new(backbone)?.preprocessing(preprocessing).cache(cache);
    let found = checker.copy_groups(inventory, &|step| {
        bars.tell(step);
        interrupt::flow()
    });
    drop(bars);
    let CopyGroups { named, groups } = found?;
    note(&match groups {
        0 => "no photo is a copy of another".to_owned(),
        _ => format!(
            "{} kept together as copies, in {}",
            counted(named.len(), "photo"),
            counted(groups, "group")
        ),
    });
    Ok(named)
}
