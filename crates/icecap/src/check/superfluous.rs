//! Photos that can leave a dataset because another stays: of copies one is enough, and of copies with different labels none
//! can be believed.
//!
//! Photos are gone through by their worth: those of test first, then validation, then training, since what was tried stays
//! comparable while what is learned from can spare a photo; within a part the largest first, then those of shorter
//! paths, since a copy is named `7 (1).jpg`, then by path. A photo stays
//! unless one that is the same, or nearly the same, has stayed. So no two photos that stay were told as copies; that the next check
//! tells none either takes another search, `Checker::settling`.

use std::collections::{HashMap, HashSet};

use icecap_data::Part;

use crate::check::checkup::Checkup;
use crate::check::seen::Seen;

/// A photo that can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superfluous {
    /// The photo, as an index into those of the survey.
    pub photo: usize,
    /// Why it leaves.
    pub why: Why,
}

/// Why a photo can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Another stays, whose file is the same if `identical`.
    Copy {
        /// The photo that stays.
        kept: usize,
        /// Whether the files are the same.
        identical: bool,
    },
    /// A photo that is the same, or nearly so, has another label, and leaves, too.
    OtherLabel {
        /// That photo.
        other: usize,
    },
}

impl Checkup {
    /// Returns the photos that can leave so that no two of those that stay were found to be the same or nearly the same, in the
    /// order of the survey.
    #[must_use]
    pub fn superfluous(&self) -> Vec<Superfluous> {
        let contents = self.contents();
        // What stays of each content, once that is settled.
        let mut stays: HashMap<usize, Option<usize>> = HashMap::new();
        let mut leaving = Vec::new();
        for &first in &contents.order {
            let members = &contents.members[&first];
            let near = contents.near.get(&first).map_or(&[][..], Vec::as_slice);
            let class = |photo: usize| self.survey.photos[photo].1.class;
            let all_near = || near.iter().flat_map(|other| &contents.members[other]);
            // Labels that differ, within the content or from what is near it.
            let other = |photo: usize| {
                members.iter().chain(all_near()).copied().find(|&other| class(other) != class(photo))
            };
            if members.iter().any(|&photo| other(photo).is_some()) {
                let leave = |&photo: &usize| {
                    // One whose own label nobody denies leaves as a copy of one that is denied.
                    let denied = other(photo).or_else(|| members.iter().copied().find(|&m| m != photo));
                    denied.map(|other| Superfluous { photo, why: Why::OtherLabel { other } })
                };
                leaving.extend(members.iter().filter_map(leave));
                stays.insert(first, None);
                continue;
            }
            let better = near.iter().find_map(|other| *stays.get(other)?);
            let kept = better.unwrap_or(members[0]);
            let leave = members.iter().filter(|&&photo| photo != kept);
            leaving.extend(leave.map(|&photo| {
                let identical = self.are_identical(photo, kept);
                Superfluous { photo, why: Why::Copy { kept, identical } }
            }));
            stays.insert(first, better.is_none().then_some(kept));
        }
        leaving.sort_by_key(|leaving| leaving.photo);
        leaving
    }

    /// The photo that stays of each of the contents whose first photos are given, with the place of that one; in the order of
    /// the survey.
    pub(super) fn staying(&self, firsts: &[usize]) -> Vec<(usize, usize)> {
        let leaving: HashSet<usize> = self.superfluous().iter().map(|leaving| leaving.photo).collect();
        let members = self.contents().members;
        let stays = |first: &usize| {
            let alone = [*first];
            let members = members.get(first).map_or(&alone[..], Vec::as_slice);
            members.iter().copied().find(|photo| !leaving.contains(photo))
        };
        let places = firsts.iter().enumerate();
        let mut staying: Vec<(usize, usize)> =
            places.filter_map(|(place, first)| Some((stays(first)?, place))).collect();
        staying.sort_unstable();
        staying
    }

    fn are_identical(&self, one: usize, other: usize) -> bool {
        let hash = |photo: usize| self.photos[photo].as_ref().ok().map(|seen| seen.sha256);
        hash(one).is_some() && hash(one) == hash(other)
    }

    /// The photos that are there more than once or near others, by content.
    fn contents(&self) -> Contents {
        let mut first_of: HashMap<usize, usize> = HashMap::new();
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        // The first of identical ones is one of the equal ones.
        for group in self.equal.iter().chain(&self.identical) {
            let first = first_of.get(&group.photos[0]).copied().unwrap_or(group.photos[0]);
            first_of.extend(group.photos.iter().map(|&photo| (photo, first)));
            members.entry(first).or_default().extend(&group.photos);
        }
        let mut near: HashMap<usize, Vec<usize>> = HashMap::new();
        for pair in &self.pairs {
            let [a, b] = pair.map(|photo| first_of.get(&photo).copied().unwrap_or(photo));
            for (one, other) in [(a, b), (b, a)] {
                members.entry(one).or_insert_with(|| vec![one]);
                near.entry(one).or_default().push(other);
            }
        }
        for photos in members.values_mut() {
            photos.sort_by_key(|&photo| self.worth(photo));
            photos.dedup();
        }
        let mut order: Vec<usize> = members.keys().copied().collect();
        order.sort_by_key(|first| self.worth(members[first][0]));
        for others in near.values_mut() {
            others.sort_by_key(|first| self.worth(members[first][0]));
        }
        Contents { order, members, near }
    }

    /// What photos are sorted by, the worthiest first.
    fn worth(&self, photo: usize) -> (u8, std::cmp::Reverse<u64>, usize, usize) {
        let part = match self.survey.photos[photo].0 {
            Part::Test => 0,
            Part::Val => 1,
            Part::Train => 2,
        };
        let pixels = self.photos[photo].as_ref().map_or(0, Seen::pixels);
        let path = &self.survey.photos[photo].1.path;
        (part, std::cmp::Reverse(pixels), path.as_os_str().len(), photo)
    }
}

/// Photos by what they show: identical and equal ones are one content.
struct Contents {
    /// The first photo of each content, in the order of the worthiest of each.
    order: Vec<usize>,
    /// By the first photo: those of the content, the worthiest first.
    members: HashMap<usize, Vec<usize>>,
    /// By the first photo: the first photos of what is near.
    near: HashMap<usize, Vec<usize>>,
}
