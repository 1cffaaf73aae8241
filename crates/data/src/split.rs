//! Which samples are held back for validation: by class, by seed, and written down.
//!
//! The choice is a pure function of the seed and of the order of each class's samples. Within a class the samples are
//! shuffled by the random stream of (seed, class) and the first `share` of them, rounded, are held back; a class of
//! two or more keeps at least one in each part. A class added, or photos added to one class, leave the choice in all
//! other classes as it was.

use icecap_kernels::rng::{Purpose, Stream};

use crate::{Error, Part, Result};

/// Which part each sample belongs to.
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

    #[test]
    fn other_seeds_hold_back_other_samples() {
        let classes = vec![0; 50];
        assert_ne!(split(&classes, 0.2, 0).unwrap(), split(&classes, 0.2, 1).unwrap());
        assert_eq!(split(&classes, 0.0, 0).unwrap(), [Part::Train; 50]);
        assert!(matches!(split(&classes, 1.0, 0), Err(Error::Share { .. })));
        assert!(matches!(split(&classes, f64::NAN, 0), Err(Error::Share { .. })));
    }
}
