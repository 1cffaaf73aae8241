//! How photos are dealt out to training and validation, so that the same can be done again without some of them.

use std::collections::HashMap;
use std::path::PathBuf;

use icecap_data::{Groups, Part, Sample, split, split_groups};

use crate::error::Error;

/// A rule that says which photos are held back for validation: a share of each class, drawn by a seed. Photos of one
/// [group](SplitRule::groups) stay together, and photos that [had](SplitRule::had) a part keep it.
///
/// A [`Dataset`](crate::Dataset) remembers its rule. When photos turn out to be unreadable, it is used again on the others,
/// so a broken file has no say in where the photos around it go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SplitRule {
    share: f64,
    seed: u64,
    groups: Option<Groups>,
    had: HashMap<PathBuf, Part>,
}

// A share that is no number is never part of a dataset.
impl Eq for SplitRule {}

impl SplitRule {
    /// Returns the rule that holds back a `share` of each class, drawn by `seed`.
    #[must_use]
    pub fn new(share: f64, seed: u64) -> Self {
        Self { share, seed, ..Self::default() }
    }

    /// Sets which photos belong together: they are held back together or not at all.
    #[must_use]
    pub fn groups(self, groups: Option<Groups>) -> Self {
        Self { groups, ..self }
    }

    /// Sets the parts that photos have already, by their path. Others of their group follow them, into training if the
    /// group was in both; the rest is drawn.
    #[must_use]
    pub fn had(self, had: HashMap<PathBuf, Part>) -> Self {
        Self { had, ..self }
    }

    pub(crate) fn share(&self) -> f64 {
        self.share
    }

    /// The part of each of `samples`.
    pub(crate) fn parts(&self, samples: &[Sample]) -> Result<Vec<Part>, Error> {
        let mut parts = self.known(samples);
        let open: Vec<usize> = (0..samples.len()).filter(|&place| parts[place].is_none()).collect();
        let drawn: Vec<Sample> = open.iter().map(|&place| samples[place].clone()).collect();
        let labels: Vec<usize> = drawn.iter().map(|sample| sample.class).collect();
        let drawn = match &self.groups {
            Some(groups) => split_groups(&labels, &groups.numbers(&drawn), self.share, self.seed)?,
            None => split(&labels, self.share, self.seed)?,
        };
        open.into_iter().zip(drawn).for_each(|(place, part)| parts[place] = Some(part));
        Ok(parts.into_iter().map(|part| part.unwrap_or(Part::Train)).collect())
    }

    /// The parts that photos had, or others of their group.
    fn known(&self, samples: &[Sample]) -> Vec<Option<Part>> {
        let mut parts: Vec<Option<Part>> =
            samples.iter().map(|sample| self.had.get(&sample.path).copied()).collect();
        let Some(groups) = self.groups.as_ref().filter(|_| !self.had.is_empty()) else { return parts };
        let numbers = groups.numbers(samples);
        let mut of_group: HashMap<u32, Part> = HashMap::new();
        for (&number, &part) in numbers.iter().zip(&parts) {
            if let Some(part) = part {
                let of = of_group.entry(number).or_insert(part);
                // What was learned from once is not tried.
                *of = if part == Part::Train { part } else { *of };
            }
        }
        for (part, number) in parts.iter_mut().zip(numbers) {
            *part = part.or_else(|| of_group.get(&number).copied());
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn sample(number: usize, class: usize) -> Sample {
        Sample { path: number.to_string().into(), class }
    }

    fn number(sample: &Sample) -> usize {
        sample.path.to_str().unwrap().parse().unwrap()
    }

    fn named(samples: &[Sample], group: impl Fn(usize) -> usize) -> Groups {
        let names = samples.iter().map(|of| (of.path.clone(), format!("g{}", group(number(of))))).collect();
        Groups::listed(samples.iter(), &names)
    }

    /// Groups are made of all photos, as a folder's are: those that leave take nothing with them.
    #[test]
    fn photos_that_leave_have_no_say() {
        let mut drawn = 0;
        for seed in 0..200 {
            let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
            let photos: Vec<(usize, usize, bool)> = (0..30 + stream.below(60))
                .map(|_| (stream.below(3) as usize, stream.below(12) as usize, stream.below(5) == 0))
                .collect();
            let known = stream.below(20) as usize;
            let all: Vec<Sample> = photos.iter().enumerate().map(|(at, of)| sample(at, of.0)).collect();
            let left: Vec<Sample> = all.iter().filter(|of| !photos[number(of)].2).cloned().collect();
            for grouped in [false, true] {
                let rule = |samples: &[Sample]| {
                    let early = samples.iter().filter(|of| number(of) < known);
                    let part = |number: usize| if number.is_multiple_of(3) { Part::Val } else { Part::Train };
                    let had = early.map(|of| (of.path.clone(), part(number(of)))).collect();
                    let groups = grouped.then(|| named(samples, |at| photos[at].1));
                    SplitRule::new(0.25, seed).groups(groups).had(had)
                };
                let parts = rule(&left).parts(&left).ok();
                assert_eq!(rule(&all).parts(&left).ok(), parts, "seed {seed}");
                drawn += usize::from(parts.is_some());
            }
        }
        assert!(drawn > 300, "{drawn}");
    }

    #[test]
    fn photos_keep_their_part_and_new_ones_are_split_by_class() {
        let all: Vec<Sample> = (0..60).map(|at| sample(at, at / 30)).collect();
        // Of the first class all but ten were there before.
        let part = |number: usize| if number < 13 { Part::Train } else { Part::Val };
        let had = (0..20).map(|number| (all[number].path.clone(), part(number))).collect();
        let parts = SplitRule::new(0.2, 0).had(had).parts(&all).unwrap();
        assert!((0..20).all(|at| parts[at] == part(at)));
        let held = |of: std::ops::Range<usize>| parts[of].iter().filter(|part| **part == Part::Val).count();
        assert_eq!((held(20..30), held(30..60)), (2, 6));
    }

    #[test]
    fn a_new_photo_goes_where_its_group_is_and_new_groups_stay_whole() {
        let all: Vec<Sample> = (0..80).map(|at| sample(at, at % 2)).collect();
        // Groups of four, of both classes; the first photo of each of the first eight was there before.
        let part = |group: usize| if group.is_multiple_of(2) { Part::Train } else { Part::Val };
        let had = (0..8).map(|group| (all[group * 4].path.clone(), part(group))).collect();
        let rule = SplitRule::new(0.25, 0).groups(Some(named(&all, |at| at / 4))).had(had);
        let parts = rule.parts(&all).unwrap();
        let groups_of = |wanted: Part| -> BTreeSet<usize> {
            (0..80).filter(|&at| parts[at] == wanted).map(|at| at / 4).collect()
        };
        let (learned, tried) = (groups_of(Part::Train), groups_of(Part::Val));
        assert!(learned.is_disjoint(&tried), "{learned:?} {tried:?}");
        assert!((0..8).all(|group| tried.contains(&group) == (part(group) == Part::Val)));
        assert_eq!(tried.len(), 4 + 3);
    }
}
