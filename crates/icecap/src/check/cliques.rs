//! Groups in which every two belong together. Links make no chains here: where a is like b and b like c, but a not like c,
//! there are two groups.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// Two photos that belong together, by their numbers, the lower one first, and how much they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) first: u32,
    pub(super) second: u32,
    pub(super) likeness: f32,
}

/// Photos of which every two belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clique {
    /// In ascending order.
    pub(super) members: Vec<u32>,
    /// The least likeness of two of them.
    pub(super) weakest: f32,
}

/// The most photos of a group; more than these make several groups.
const LARGEST: usize = 128;

/// The strongest pairs of a photo by which others are found for its groups. One that many photos are like would else be gone
/// through with all of them for each.
const STRONGEST: usize = 64;

/// Groups that hold every one of `pairs` in one of them, those whose weakest pair is strongest first. Two photos that are no
/// pair may be one all the same: `like` is asked, once for each, until it breaks. From then on only what is known counts: so
/// memory is that of the pairs and the answers, whatever is like what.
pub(super) fn cliques(
    pairs: &[Pair],
    mut like: impl FnMut(u32, u32) -> ControlFlow<(), Option<f32>>,
) -> Vec<Clique> {
    let mut order = pairs.to_vec();
    let key = |pair: &Pair| (pair.first, pair.second);
    order.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| key(a).cmp(&key(b))));
    let mut neighbors: HashMap<u32, Vec<u32>> = HashMap::new();
    for pair in &order {
        for (photo, other) in [(pair.first, pair.second), (pair.second, pair.first)] {
            let list = neighbors.entry(photo).or_default();
            if list.len() < STRONGEST {
                list.push(other);
            }
        }
    }
    let mut known: HashMap<(u32, u32), Option<f32>> =
        order.iter().map(|pair| (key(pair), Some(pair.likeness))).collect();
    let mut asked = |both: (u32, u32)| match known.get(&both) {
        Some(likeness) => *likeness,
        None => match like(both.0, both.1) {
            ControlFlow::Continue(likeness) => *known.entry(both).or_insert(likeness),
            ControlFlow::Break(()) => None,
        },
    };
    let mut covered: HashSet<(u32, u32)> = HashSet::new();
    let mut found = Vec::new();
    for pair in &order {
        if covered.contains(&key(pair)) {
            continue;
        }
        let mut clique = Clique { members: vec![pair.first, pair.second], weakest: pair.likeness };
        let mut tried: HashSet<u32> = clique.members.iter().copied().collect();
        let mut next = 0;
        while next < clique.members.len() {
            for &other in neighbors.get(&clique.members[next]).into_iter().flatten() {
                if clique.members.len() < LARGEST && tried.insert(other) {
                    let mut weakest = clique.weakest;
                    let fits = clique.members.iter().all(|&member| {
                        let likeness = asked((member.min(other), member.max(other)));
                        weakest = weakest.min(likeness.unwrap_or(weakest));
                        likeness.is_some()
                    });
                    if fits {
                        clique.weakest = weakest;
                        clique.members.push(other);
                    }
                }
            }
            next += 1;
        }
        clique.members.sort_unstable();
        for (at, &first) in clique.members.iter().enumerate() {
            covered.extend(clique.members[at + 1..].iter().map(|&second| (first, second)));
        }
        found.push(clique);
    }
    found.sort_by(|a, b| b.weakest.total_cmp(&a.weakest).then_with(|| a.members.cmp(&b.members)));
    found
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn pair(first: u32, second: u32, likeness: f32) -> Pair {
        Pair { first, second, likeness }
    }

    #[test]
    fn a_chain_is_no_group() {
        let chain = [pair(0, 1, 0.9), pair(1, 2, 0.8), pair(2, 3, 0.95)];
        let members = |found: Vec<Clique>| found.into_iter().map(|clique| clique.members).collect::<Vec<_>>();
        assert_eq!(members(cliques(&chain, |_, _| ControlFlow::Continue(None))), [[2, 3], [0, 1], [1, 2]]);
        // 0 and 2 are alike, too, though nobody said so.
        let also = |a, b| ControlFlow::Continue(((a, b) == (0, 2)).then_some(0.7));
        assert_eq!(members(cliques(&chain, also)), [vec![2, 3], vec![0, 1, 2]]);
    }

    /// On graphs drawn at random: every pair of a group is one, every pair is in a group, and no photo fits into a group that
    /// it is not in, where the group has room.
    #[test]
    fn every_two_of_a_group_are_a_pair_and_every_pair_is_in_a_group() {
        for seed in 0..20 {
            let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
            let count = 4 + stream.below(20);
            let mut all = Vec::new();
            for first in 0..count {
                for second in first + 1..count {
                    if stream.below(3) == 0 {
                        all.push(pair(first, second, 0.5 + stream.range(0.0, 0.5)));
                    }
                }
            }
            let linked: HashMap<(u32, u32), f32> =
                all.iter().map(|pair| ((pair.first, pair.second), pair.likeness)).collect();
            let found = cliques(&all, |_, _| ControlFlow::Continue(None));
            let mut held = HashSet::new();
            for Clique { members, weakest } in &found {
                let mut least = f32::INFINITY;
                for (at, &a) in members.iter().enumerate() {
                    for &b in &members[at + 1..] {
                        least = least.min(linked[&(a, b)]);
                        held.insert((a, b));
                    }
                }
                assert_eq!(least, *weakest);
                let fits =
                    |other: u32| members.iter().all(|&a| linked.contains_key(&(a.min(other), a.max(other))));
                assert!((0..count).all(|other| members.contains(&other) || !fits(other)), "seed {seed}");
            }
            assert_eq!(held.len(), all.len(), "seed {seed}");
        }
    }

    #[test]
    fn a_thousand_copies_are_a_few_groups() {
        let pairs: Vec<Pair> = (0..999).map(|at| pair(at, at + 1, 1.0)).collect();
        let mut asked = 0;
        let found = cliques(&pairs, |_, _| {
            asked += 1;
            ControlFlow::Continue(Some(1.0))
        });
        assert!(found.len() <= 2 * 1000 / LARGEST + 1 && asked < 1000 * LARGEST, "{} {asked}", found.len());
    }

    /// As of frames of one scene: all are alike, and each names the same few, which thus have pairs with all.
    #[test]
    fn tens_of_thousands_that_are_all_alike_end_soon_and_every_pair_is_in_a_group() {
        let (photos, hubs) = (30_000, 8);
        let mut pairs: Vec<Pair> = (0..hubs)
            .flat_map(|hub| (hub + 1..photos).map(move |other| pair(hub, other, 0.8 + hub as f32 / 100.0)))
            .collect();
        pairs.retain(|pair| pair.first != pair.second);
        let (mut asked, most) = (0, 60_000);
        let found = cliques(&pairs, |_, _| {
            if asked == most {
                return ControlFlow::Break(());
            }
            asked += 1;
            ControlFlow::Continue(Some(0.9))
        });
        assert_eq!(asked, most);
        let mut held = HashSet::new();
        for Clique { members, .. } in &found {
            assert!(members.len() <= LARGEST);
            for (at, &first) in members.iter().enumerate().take_while(|(_, first)| **first < hubs) {
                held.extend(members[at + 1..].iter().map(|&second| (first, second)));
            }
        }
        assert!(pairs.iter().all(|pair| held.contains(&(pair.first, pair.second))));
    }
}
