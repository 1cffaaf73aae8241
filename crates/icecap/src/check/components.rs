//! What belongs together by way of others: chains and all. What is learned from and what is tried must not share such a
//! group.

/// Returns a number for each of `count` things, the same for those that pairs join, directly or by way of others: the lowest
/// of their places.
pub(super) fn components(count: usize, pairs: impl Iterator<Item = [usize; 2]>) -> Vec<u32> {
    let mut above: Vec<u32> = (0..count as u32).collect();
    for pair in pairs {
        let [first, second] = pair.map(|thing| root(&mut above, thing));
        above[first.max(second) as usize] = first.min(second);
    }
    (0..count).map(|thing| root(&mut above, thing)).collect()
}

/// The last one above `thing`; the way there is halved for the next who goes it.
fn root(above: &mut [u32], thing: usize) -> u32 {
    let mut thing = thing as u32;
    while above[thing as usize] != thing {
        above[thing as usize] = above[above[thing as usize] as usize];
        thing = above[thing as usize];
    }
    thing
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    #[test]
    fn chains_are_one_and_numbers_do_not_depend_on_the_order_of_pairs() {
        let pairs = [[4, 3], [0, 1], [3, 1], [6, 7]];
        assert_eq!(components(8, pairs.into_iter()), [0, 0, 2, 0, 0, 5, 6, 6]);
        let mut stream = Stream::new(1, Purpose::Test, 0, 0);
        let mut many: Vec<[usize; 2]> =
            (0..300).map(|_| [0; 2].map(|_| stream.below(400) as usize)).collect();
        let once = components(400, many.iter().copied());
        assert!(many.iter().all(|[a, b]| once[*a] == once[*b]));
        stream.shuffle(&mut many);
        assert_eq!(components(400, many.into_iter()), once);
    }
}
