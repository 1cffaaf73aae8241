//! Which samples are held back, for validation or in turn: by class, by seed, and written down.
//!
//! The choice is a pure function of the seed and of the order of each class's samples. Within a class the samples are
//! shuffled by the random stream of (seed, class) and the first `share` of them, rounded, are held back; a class of
//! two or more keeps at least one in each part. A class added, or photos added to one class, leave the choice in all
//! other classes as it was.
//!
//! [`folds`] deals each class's samples out to `k` folds in the same manner.
//!
//! **Groups.** Photos of one animal, patient or burst of a camera are not independent: with some of them on both sides
//! a classifier is asked what it has learned by heart. So a group goes to one side as a whole, and may hold several
//! classes, which is why groups cannot be dealt out class by class. They go, the largest first, each to the side
//! (weighed by its share) that then is closest to its share of every class:
//!
//! ```text
//! cost(side) = sum over classes c of (photos of c on the side - share(side) * photos of c)^2 / photos of c
//! ```
//!
//! Groups of the same size come in an order drawn by the seed.

use std::collections::{BTreeMap, BTreeSet};

use icecap_kernels::rng::{Purpose, Stream};

use crate::{Error, Part, Result};

/// Puts a share of each class into the validation part, by chance; returns the part of each sample.
///
/// `classes` holds the class of each sample, in the order of the samples.
///
/// # Errors
/// [`Error::Share`] for a `share` outside `0.0..1.0`.
pub fn split(classes: &[usize], share: f64, seed: u64) -> Result<Vec<Part>> {
    if !(0.0..1.0).contains(&share) {
        return Err(Error::Share { got: share });
    }
    let mut parts = vec![Part::Train; classes.len()];
    for class in 0..classes.iter().max().map_or(0, |most| most + 1) {
        let mut members: Vec<usize> = (0..classes.len()).filter(|&at| classes[at] == class).collect();
        Stream::new(seed, Purpose::Split, 0, class as u32).shuffle(&mut members);
        for &member in &members[..held_back(members.len(), share)] {
            parts[member] = Part::Val;
        }
    }
    Ok(parts)
}

/// Deals the samples to `k` folds, by chance; returns the fold of each sample. Folds of a class differ by one sample at
/// most. With `groups`, one for each sample, no group is in two folds, and classes are spread as evenly as that allows.
///
/// # Errors
/// [`Error::Folds`] for fewer than two folds, for a class of fewer samples than folds; with groups for fewer groups
/// than folds, and for a class that lies in one of them.
pub fn folds(classes: &[usize], groups: Option<&[u32]>, k: usize, seed: u64) -> Result<Vec<usize>> {
    let count = classes.iter().max().map_or(0, |most| most + 1);
    let fold = match groups {
        Some(groups) if k >= 2 => dealt(classes, groups, &vec![1.0 / k as f64; k], seed),
        _ => {
            let mut fold = vec![0; classes.len()];
            // The next class goes on where the last one ended, so that folds are of one size in all, too.
            let mut next = 0;
            for class in 0..count {
                let mut members: Vec<usize> = (0..classes.len()).filter(|&at| classes[at] == class).collect();
                Stream::new(seed, Purpose::Split, 1, class as u32).shuffle(&mut members);
                for member in members {
                    fold[member] = next;
                    next = (next + 1) % k.max(1);
                }
            }
            fold
        }
    };
    // A fold without a photo would say nothing, and make the mean of all of them nothing.
    let used: BTreeSet<usize> = fold.iter().copied().collect();
    if let Some(groups) = groups
        && (1..k).contains(&used.len())
    {
        let all: BTreeSet<(usize, u32)> = classes.iter().copied().zip(groups.iter().copied()).collect();
        let groups_of = |class: &usize| all.iter().filter(|(of, _)| of == class).count();
        let class = (0..count).filter(|class| groups_of(class) > 0).min_by_key(groups_of).unwrap_or(0);
        return Err(Error::Folds { folds: k, class });
    }
    for class in 0..count {
        let of_class: BTreeSet<usize> =
            (0..classes.len()).filter(|&at| classes[at] == class).map(|at| fold[at]).collect();
        // Without groups every fold has some of the class; with them the rest of one fold must have some.
        let needed = if groups.is_some() { 2 } else { k };
        if k < 2 || (!of_class.is_empty() && of_class.len() < needed) {
            return Err(Error::Folds { folds: k, class });
        }
    }
    Ok(fold)
}

/// Puts a share of each class into the validation part so that no group is in both parts; returns the part of each
/// sample. `groups` holds the group of each sample.
///
/// # Errors
/// Those of [`split`]; [`Error::Folds`] if a class lies in one group, and so cannot be in both parts.
pub fn split_groups(classes: &[usize], groups: &[u32], share: f64, seed: u64) -> Result<Vec<Part>> {
    if !(0.0..1.0).contains(&share) {
        return Err(Error::Share { got: share });
    }
    let side = dealt(classes, groups, &[1.0 - share, share], seed);
    let parts: Vec<Part> = side.iter().map(|&side| if side == 1 { Part::Val } else { Part::Train }).collect();
    for class in 0..classes.iter().max().map_or(0, |most| most + 1) {
        let is_of = |at: &usize| classes[*at] == class;
        let learned = (0..classes.len()).filter(is_of).any(|at| parts[at] == Part::Train);
        if !learned && (0..classes.len()).any(|at| is_of(&at)) {
            return Err(Error::Folds { folds: 2, class });
        }
    }
    Ok(parts)
}

/// The side of each sample, its group's: see the head of this file. Of each group only the classes that it has are
/// kept: photos can be groups of their own, and a count for every class of each would be a table of photos times
/// classes.
fn dealt(classes: &[usize], groups: &[u32], shares: &[f64], seed: u64) -> Vec<usize> {
    let count = classes.iter().max().map_or(0, |most| most + 1);
    let mut in_all = vec![0.0; count];
    let mut members: BTreeMap<u32, BTreeMap<usize, f64>> = BTreeMap::new();
    for (&class, &group) in classes.iter().zip(groups) {
        *members.entry(group).or_default().entry(class).or_insert(0.0) += 1.0;
        in_all[class] += 1.0;
    }
    let mut order: Vec<(u32, BTreeMap<usize, f64>)> = members.into_iter().collect();
    Stream::new(seed, Purpose::Split, 2, 0).shuffle(&mut order);
    order.sort_by(|a, b| b.1.values().sum::<f64>().total_cmp(&a.1.values().sum()));
    let mut sides = vec![vec![0.0; count]; shares.len()];
    let mut filled = vec![0.0; shares.len()];
    let mut side_of = BTreeMap::new();
    for (group, counts) in order {
        // What the cost of a side would grow by: x^2 grows by 2 x d + d^2.
        let growth = |side: usize| -> f64 {
            let of_class = |(&class, &photos): (&usize, &f64)| {
                let off = sides[side][class] - shares[side] * in_all[class];
                (2.0 * off * photos + photos * photos) / in_all[class]
            };
            counts.iter().map(of_class).sum()
        };
        // If its classes fit several sides equally well, it goes to the emptiest, so that none stays empty that some group
        // could fill.
        let emptier = |side: usize, other: usize| filled[side] * shares[other] < filled[other] * shares[side];
        let costs: Vec<f64> = (0..shares.len()).map(growth).collect();
        let mut best = 0;
        for side in 1..shares.len() {
            if costs[side] < costs[best] || (costs[side] == costs[best] && emptier(side, best)) {
                best = side;
            }
        }
        filled[best] += counts.values().sum::<f64>();
        counts.iter().for_each(|(&class, photos)| sides[best][class] += photos);
        side_of.insert(group, best);
    }
    groups.iter().map(|group| side_of[group]).collect()
}

/// How many of `members` samples of a class are held back.
fn held_back(members: usize, share: f64) -> usize {
    if share == 0.0 || members < 2 {
        return 0;
    }
    ((members as f64 * share).round() as usize).clamp(1, members - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_class_of_two_or_more_is_in_both_parts_and_the_share_is_kept(
            classes in proptest::collection::vec(0usize..5, 0..200), share in 0.01f64..0.99, seed: u64,
        ) {
            let parts = split(&classes, share, seed).unwrap();
            prop_assert_eq!(&parts, &split(&classes, share, seed).unwrap());
            for class in 0..5 {
                let all = classes.iter().filter(|&&c| c == class).count();
                let held = classes.iter().zip(&parts).filter(|(c, p)| **c == class && **p == Part::Val).count();
                if all >= 2 {
                    prop_assert!(held >= 1 && held < all);
                    let wanted = (all as f64 * share).clamp(1.0, all as f64 - 1.0);
                    prop_assert!((held as f64 - wanted).abs() <= 0.5 + 1e-9, "{} of {}", held, all);
                } else {
                    prop_assert_eq!(held, 0);
                }
            }
        }

        #[test]
        fn a_class_is_split_alike_whatever_stands_in_the_others(
            first in 2usize..40, others in proptest::collection::vec(1usize..4, 0..60), seed: u64,
        ) {
            let alone = split(&vec![0; first], 0.3, seed).unwrap();
            // The same samples of class 0, in the same order, with others in between.
            let mut classes = vec![0; first];
            for (at, class) in others.iter().enumerate() {
                classes.insert(at * 7 % classes.len(), *class);
            }
            let parts = split(&classes, 0.3, seed).unwrap();
            let among: Vec<Part> = classes.iter().zip(parts).filter(|(c, _)| **c == 0).map(|(_, p)| p).collect();
            prop_assert_eq!(alone, among);
        }
    }

    proptest! {
        #[test]
        fn folds_share_every_class_out_evenly(
            classes in proptest::collection::vec(0usize..3, 0..120), k in 2usize..8, seed: u64,
        ) {
            let of = |class| classes.iter().filter(|&&c| c == class).count();
            let result = folds(&classes, None, k, seed);
            if (0..3).any(|class| (1..k).contains(&of(class))) {
                let refused = matches!(result, Err(Error::Folds { .. }));
                prop_assert!(refused);
                return Ok(());
            }
            let fold = result.unwrap();
            prop_assert_eq!(&fold, &folds(&classes, None, k, seed).unwrap());
            let sizes = |class: Option<usize>| -> Vec<usize> {
                let among = |at: &usize| class.is_none_or(|class| classes[*at] == class);
                (0..k).map(|f| (0..classes.len()).filter(among).filter(|&at| fold[at] == f).count()).collect()
            };
            for class in [None, Some(0), Some(1), Some(2)] {
                let sizes = sizes(class);
                prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
            }
        }

        #[test]
        fn a_group_is_never_on_both_sides_and_the_share_is_near(
            photos in proptest::collection::vec((0usize..3, 0u32..40), 40..300), k in 2usize..6, seed: u64,
        ) {
            let (classes, groups): (Vec<usize>, Vec<u32>) = photos.into_iter().unzip();
            let whole = |sides: &[usize]| {
                let mut side = BTreeMap::new();
                groups.iter().zip(sides).all(|(group, of)| side.insert(*group, *of).is_none_or(|was| was == *of))
            };
            let fold = folds(&classes, Some(&groups), k, seed).unwrap();
            prop_assert!(whole(&fold));
            let parts = split_groups(&classes, &groups, 0.25, seed).unwrap();
            let sides: Vec<usize> = parts.iter().map(|part| *part as usize).collect();
            prop_assert!(whole(&sides));
            // Off by no more than the largest group, in all.
            let most = (0..40).map(|g| groups.iter().filter(|&&of| of == g).count()).max().unwrap() as f64;
            let held = parts.iter().filter(|part| **part == Part::Val).count() as f64;
            prop_assert!((held - 0.25 * classes.len() as f64).abs() <= most, "{} of {}", held, classes.len());
        }
    }

    #[test]
    fn no_fold_is_empty_and_fewer_groups_than_folds_are_refused() {
        // Three groups of each of two classes, two photos in each.
        let classes: Vec<usize> = (0..12).map(|at| at / 6).collect();
        let groups: Vec<u32> = (0..12).map(|at| at / 2).collect();
        for k in 2..=6 {
            let fold = folds(&classes, Some(&groups), k, 1).unwrap();
            assert!((0..k).all(|of| fold.contains(&of)), "{k}: {fold:?}");
        }
        assert!(matches!(folds(&classes, Some(&groups), 7, 1), Err(Error::Folds { folds: 7, .. })));
    }

    #[test]
    fn a_class_in_one_group_cannot_be_on_two_sides() {
        let (classes, groups) = ([0, 0, 1, 1], [7, 7, 8, 9]);
        assert!(matches!(folds(&classes, Some(&groups), 2, 0), Err(Error::Folds { folds: 2, class: 0 })));
        assert!(matches!(folds(&classes, None, 1, 0), Err(Error::Folds { folds: 1, .. })));
        // It can be learned from alone.
        assert!(split_groups(&classes, &groups, 0.3, 0).is_ok());
    }

    #[test]
    fn other_seeds_hold_back_other_samples() {
        let classes = vec![0; 50];
        assert_ne!(split(&classes, 0.2, 0).unwrap(), split(&classes, 0.2, 1).unwrap());
        assert_eq!(split(&classes, 0.0, 0).unwrap(), [Part::Train; 50]);
        assert!(matches!(split(&classes, 1.0, 0), Err(Error::Share { .. })));
        assert!(matches!(split(&classes, f64::NAN, 0), Err(Error::Share { .. })));
    }
}
