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

/// Questions that are asked at once. A photo that does not fit into a group costs a few more for that; the number is the same
/// for any number of threads, so that the same are asked.
const AT_ONCE: usize = 8;

/// Groups that hold every one of `pairs` in one of them, those whose weakest pair is strongest first; but two photos that
/// have their groups already make none once one of these is full. Two photos that are no pair may be one all the same:
/// `like` is asked of some at a time, once for each two, until it breaks. From then on only what is known counts: so
/// memory is that of the pairs and the answers, whatever is like what.
pub(super) fn cliques(
    pairs: &[Pair],
    like: impl FnMut(&[(u32, u32)]) -> ControlFlow<(), Vec<Option<f32>>>,
) -> Vec<Clique> {
    let mut order = pairs.to_vec();
    let key = |pair: &Pair| (pair.first, pair.second);
    order.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| key(a).cmp(&key(b))));
    let neighbors = neighbors(&order);
    let known = order.iter().map(|pair| (key(pair), Some(pair.likeness))).collect();
    let mut answers = Answers { known, like };
    let mut covered: HashSet<(u32, u32)> = HashSet::new();
    let mut full: HashMap<u32, bool> = HashMap::new();
    let mut found = Vec::new();
    for pair in &order {
        let groups = [pair.first, pair.second].map(|photo| full.get(&photo));
        let told = matches!(groups, [Some(a), Some(b)] if *a || *b);
        if told || covered.contains(&key(pair)) {
            continue;
        }
        let clique = grown(pair, &neighbors, &mut answers);
        for (at, &first) in clique.members.iter().enumerate() {
            *full.entry(first).or_default() |= clique.members.len() == LARGEST;
            covered.extend(clique.members[at + 1..].iter().map(|&second| (first, second)));
        }
        found.push(clique);
    }
    found.sort_by(|a, b| b.weakest.total_cmp(&a.weakest).then_with(|| a.members.cmp(&b.members)));
    found
}

/// The strongest others of each photo, by pairs whose strongest come first.
fn neighbors(order: &[Pair]) -> HashMap<u32, Vec<u32>> {
    let mut neighbors: HashMap<u32, Vec<u32>> = HashMap::new();
    for pair in order {
        for (photo, other) in [(pair.first, pair.second), (pair.second, pair.first)] {
            let list = neighbors.entry(photo).or_default();
            if list.len() < STRONGEST {
                list.push(other);
            }
        }
    }
    neighbors
}

/// A group that begins with `pair` and takes what fits.
fn grown<F: FnMut(&[(u32, u32)]) -> ControlFlow<(), Vec<Option<f32>>>>(
    pair: &Pair,
    neighbors: &HashMap<u32, Vec<u32>>,
    answers: &mut Answers<F>,
) -> Clique {
    let mut clique = Clique { members: vec![pair.first, pair.second], weakest: pair.likeness };
    let mut tried: HashSet<u32> = clique.members.iter().copied().collect();
    let mut next = 0;
    while next < clique.members.len() {
        for &other in neighbors.get(&clique.members[next]).into_iter().flatten() {
            if clique.members.len() < LARGEST
                && tried.insert(other)
                && let Some(weakest) = answers.weakest(&clique.members, other)
            {
                clique.weakest = clique.weakest.min(weakest);
                clique.members.push(other);
            }
        }
        next += 1;
    }
    clique.members.sort_unstable();
    clique
}

/// What is known of pairs, and who is asked for more.
struct Answers<F> {
    known: HashMap<(u32, u32), Option<f32>>,
    like: F,
}

impl<F: FnMut(&[(u32, u32)]) -> ControlFlow<(), Vec<Option<f32>>>> Answers<F> {
    /// The least likeness of `other` and one of `members`; `None` if one of them is no pair with it.
    fn weakest(&mut self, members: &[u32], other: u32) -> Option<f32> {
        let key = |&member: &u32| (member.min(other), member.max(other));
        // What is known costs nothing.
        if members.iter().any(|member| self.known.get(&key(member)).is_some_and(Option::is_none)) {
            return None;
        }
        let unknown: Vec<(u32, u32)> =
            members.iter().map(key).filter(|both| !self.known.contains_key(both)).collect();
        for some in unknown.chunks(AT_ONCE) {
            let ControlFlow::Continue(answers) = (self.like)(some) else { return None };
            let fits = answers.iter().all(Option::is_some);
            self.known.extend(some.iter().copied().zip(answers));
            if !fits {
                return None;
            }
        }
        let likeness = |member: &u32| self.known.get(&key(member)).copied().flatten();
        members.iter().try_fold(f32::INFINITY, |weakest, member| Some(weakest.min(likeness(member)?)))
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn pair(first: u32, second: u32, likeness: f32) -> Pair {
        Pair { first, second, likeness }
    }

    fn no(asked: &[(u32, u32)]) -> ControlFlow<(), Vec<Option<f32>>> {
        ControlFlow::Continue(vec![None; asked.len()])
    }

    #[test]
    fn a_chain_is_no_group() {
        let chain = [pair(0, 1, 0.9), pair(1, 2, 0.8), pair(2, 3, 0.95)];
        let members = |found: Vec<Clique>| found.into_iter().map(|clique| clique.members).collect::<Vec<_>>();
        assert_eq!(members(cliques(&chain, no)), [[2, 3], [0, 1], [1, 2]]);
        // 0 and 2 are alike, too, though nobody said so.
        let also = |asked: &[(u32, u32)]| {
            ControlFlow::Continue(asked.iter().map(|both| (*both == (0, 2)).then_some(0.7)).collect())
        };
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
            let found = cliques(&all, no);
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
        let found = cliques(&pairs, |some| {
            asked += some.len();
            ControlFlow::Continue(vec![Some(1.0); some.len()])
        });
        assert!(found.len() <= 2 * 1000 / LARGEST + 1 && asked < 1000 * LARGEST, "{} {asked}", found.len());
    }

    /// As of frames of one scene: all are alike, and each names the same few, which thus have pairs with all.
    #[test]
    fn tens_of_thousands_that_are_all_alike_end_soon_and_every_photo_is_in_a_group() {
        let (photos, hubs) = (30_000, 8);
        let mut pairs: Vec<Pair> = (0..hubs)
            .flat_map(|hub| (hub + 1..photos).map(move |other| pair(hub, other, 0.8 + hub as f32 / 100.0)))
            .collect();
        pairs.retain(|pair| pair.first != pair.second);
        let (mut asked, most) = (0, 60_000);
        let found = cliques(&pairs, |some| {
            if asked + some.len() > most {
                return ControlFlow::Break(());
            }
            asked += some.len();
            ControlFlow::Continue(vec![Some(0.9); some.len()])
        });
        assert!(asked > most - AT_ONCE);
        let mut held = HashSet::new();
        for Clique { members, .. } in &found {
            assert!(members.len() <= LARGEST);
            held.extend(members.iter().copied());
        }
        assert_eq!(held.len(), photos as usize);
        // A group more brings a photo more, where one is full.
        assert!(found.len() <= photos as usize);
    }
}
