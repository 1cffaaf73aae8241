//! A slice of the training photos that depends on their content alone: not on their order, their names or a seed, so that it
//! stays nearly the same when photos come or go.

use std::collections::{BTreeMap, HashMap};

use icecap_data::Digest;

/// The share of each class that is held back.
const SHARE: usize = 5;
/// Photos of a class that are held back at least, if it has twice as many.
const LEAST: usize = 10;
/// Photos a class that a slice can tell something by, on average.
pub(crate) const ENOUGH: usize = 50;

/// Photos to slice: their hashes and labels, and the group of each where they have groups.
pub(crate) struct Sliced<'a> {
    pub(crate) hashes: &'a [Digest],
    pub(crate) labels: &'a [u32],
    pub(crate) groups: Option<&'a [u32]>,
    pub(crate) classes: usize,
}

impl Sliced<'_> {
    /// Whether there are photos enough to choose by a slice of them.
    pub(crate) fn is_enough(&self) -> bool {
        self.labels.len() >= ENOUGH * self.classes
    }

    /// Whether so many photos held back are enough to choose by: half of the share that is wanted. Groups that are too large to
    /// be held back leave fewer.
    pub(crate) fn is_held(&self, held: usize) -> bool {
        held > 0 && held * 2 * SHARE >= self.labels.len()
    }

    /// Returns for each photo whether it is held back: a fifth of each class, or ten photos if a fifth is less, but never
    /// more than half of it. Photos of a group, and of the same content, are held back together or not at all; they go in
    /// the order of their smallest hash.
    pub(crate) fn held(&self) -> Vec<bool> {
        let mut units: HashMap<Unit, Vec<usize>> = HashMap::new();
        for photo in 0..self.labels.len() {
            let unit = match self.groups {
                Some(groups) => Unit::Group(groups[photo]),
                None => Unit::Content(self.hashes[photo].0),
            };
            units.entry(unit).or_default().push(photo);
        }
        let mut counts = vec![0; self.classes];
        self.labels.iter().for_each(|&label| counts[label as usize] += 1);
        let wanted: Vec<usize> =
            counts.iter().map(|&count: &usize| count.div_ceil(SHARE).max(LEAST).min(count / 2)).collect();
        let (mut taken, mut held) = (vec![0; self.classes], vec![false; self.labels.len()]);
        let least = |unit: &Vec<usize>| unit.iter().map(|&photo| self.hashes[photo].0).min();
        let mut units: Vec<Vec<usize>> = units.into_values().collect();
        units.sort_by_cached_key(|unit| (least(unit), unit.first().copied()));
        for unit in units {
            let mut of: BTreeMap<usize, usize> = BTreeMap::new();
            unit.iter().for_each(|&photo| *of.entry(self.labels[photo] as usize).or_default() += 1);
            let helps = of.keys().any(|&class| taken[class] < wanted[class]);
            // Half of each class, at least, is learned from.
            let fits = of
                .iter()
                .all(|(&class, &more)| taken[class] + more <= (counts[class] / 2).max(wanted[class]));
            if helps && fits {
                of.iter().for_each(|(&class, &more)| taken[class] += more);
                unit.into_iter().for_each(|photo| held[photo] = true);
            }
        }
        held
    }
}

/// What is not parted.
#[derive(PartialEq, Eq, Hash)]
enum Unit {
    Group(u32),
    Content([u8; 32]),
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn hashes(photos: u32) -> Vec<Digest> {
        (0..photos).map(|photo| Digest::of(&photo.to_le_bytes())).collect()
    }

    #[test]
    fn a_fifth_or_ten_or_half_of_each_class_is_held_back_whatever_the_order() {
        let labels: Vec<u32> =
            [(0, 100), (1, 30), (2, 8), (3, 1)].into_iter().flat_map(|(class, n)| vec![class; n]).collect();
        let hashes = hashes(labels.len() as u32);
        let of = |order: &[usize]| {
            let hashes: Vec<Digest> = order.iter().map(|&photo| hashes[photo]).collect();
            let labels: Vec<u32> = order.iter().map(|&photo| labels[photo]).collect();
            let sliced = Sliced { hashes: &hashes, labels: &labels, groups: None, classes: 4 };
            assert!(!sliced.is_enough());
            let mut held: Vec<usize> = sliced
                .held()
                .into_iter()
                .zip(order)
                .filter(|(held, _)| *held)
                .map(|(_, &photo)| photo)
                .collect();
            held.sort_unstable();
            held
        };
        let mut order: Vec<usize> = (0..labels.len()).collect();
        let held = of(&order);
        let counts: Vec<usize> =
            (0..4).map(|class| held.iter().filter(|&&photo| labels[photo] == class).count()).collect();
        assert_eq!(counts, [20, 10, 4, 0]);
        Stream::new(1, Purpose::Test, 0, 0).shuffle(&mut order);
        assert_eq!(of(&order), held);
    }

    #[test]
    fn groups_and_twins_stay_together() {
        let labels = [0, 1].repeat(100);
        let own = hashes(200);
        let groups: Vec<u32> = (0..200).map(|photo| photo / 4).collect();
        let sliced = Sliced { hashes: &own, labels: &labels, groups: Some(&groups), classes: 2 };
        assert!(sliced.is_enough());
        let held = sliced.held();
        assert!(held.chunks(4).all(|group| group.iter().all(|held| *held == group[0])));
        assert_eq!(held.iter().filter(|held| **held).count(), 40);
        let twins: Vec<Digest> = (0..200_usize).map(|photo| own[photo / 4]).collect();
        let held = Sliced { hashes: &twins, labels: &labels, groups: None, classes: 2 }.held();
        assert!(held.chunks(4).all(|group| group.iter().all(|held| *held == group[0])));
        // One group of everything leaves nothing to hold back.
        let count = |groups: &[u32]| {
            let sliced = Sliced { hashes: &own, labels: &labels, groups: Some(groups), classes: 2 };
            let held = sliced.held().into_iter().filter(|held| *held).count();
            (held, sliced.is_held(held))
        };
        assert_eq!(count(&[0; 200]), (0, false));
        // Nor can the few photos choose that stand beside one group of nearly everything.
        let nearly: Vec<u32> = (0..200_u32).map(|photo| photo.saturating_sub(195)).collect();
        assert_eq!(count(&nearly), (4, false));
        assert_eq!(count(&groups), (40, true));
    }
}
