//! Photos that are copies of each other, as the groups of a dataset: so that they stay on one side of every split.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use icecap_data::{Inventory, Part, Survey};

use crate::check::checker::{Checker, Step};
use crate::error::Error;

/// The groups of copies among the photos of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyGroups {
    /// The name of the group of each photo that has a copy, by path: what [`Inventory::groups`] takes.
    pub named: HashMap<PathBuf, String>,
    /// How many groups there are.
    pub groups: usize,
}

impl Checker {
    /// Finds the copies among all photos of `inventory`, as [`Checker::copies`] does; photos that a list gives one group stay
    /// together. A photo that is alone has no group.
    ///
    /// # Errors
    /// Those of [`Checker::copies`].
    pub fn copy_groups(
        &self,
        inventory: &Inventory,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<CopyGroups, Error> {
        let parts = [
            (Part::Train, Some(&inventory.train)),
            (Part::Val, inventory.val.as_ref()),
            (Part::Test, inventory.test.as_ref()),
        ];
        let samples = parts.into_iter().flat_map(|(part, samples)| {
            samples.into_iter().flatten().map(move |sample| (part, sample.clone()))
        });
        let photos = samples.collect();
        let survey = Survey { classes: inventory.classes.clone(), photos, ..Survey::default() };
        let found = self.copies(&survey, &together(inventory, &survey), step)?;
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        found.iter().for_each(|group| *sizes.entry(*group).or_default() += 1);
        let groups = sizes.values().filter(|size| **size > 1).count();
        let named = survey.photos.into_iter().zip(found).filter(|(_, group)| sizes[group] > 1);
        let named = named.map(|((_, sample), group)| (sample.path, format!("copies {group}"))).collect();
        Ok(CopyGroups { named, groups })
    }
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
