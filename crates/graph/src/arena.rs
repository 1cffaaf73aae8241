//! The memory of one inference, planned once: buffers that are never needed at the same time share their place.

use std::ops::Range;

use icecap_kernels::{BLOCK, Buffer};

/// How many values a buffer's start is moved against its neighbor, so that two buffers used together do not start in
/// the same set of a cache whose sets repeat every 4 KiB.
const STAGGER: usize = 5 * BLOCK;

/// A buffer asked for: its length and the steps, first and last, in which it must keep its values.
struct Request {
    len: usize,
    steps: Range<usize>,
}

/// Collects requests and then gives each its place.
#[derive(Default)]
pub(crate) struct Planner {
    requests: Vec<Request>,
}

impl Planner {
    /// Asks for `len` values that are needed from step `first` to step `last`, and returns the request's number.
    pub(crate) fn request(&mut self, len: usize, first: usize, last: usize) -> usize {
        self.requests.push(Request { len, steps: first..last + 1 });
        self.requests.len() - 1
    }

    /// Returns the place of each request, and the length of the whole. The largest is placed first, each at the lowest
    /// place that is free during all of its steps.
    pub(crate) fn places(&self) -> (Vec<Range<usize>>, usize) {
        let mut order: Vec<usize> = (0..self.requests.len()).collect();
        order.sort_by_key(|&index| (std::cmp::Reverse(self.requests[index].len), index));
        let mut places: Vec<Range<usize>> = vec![0..0; self.requests.len()];
        let mut placed: Vec<usize> = Vec::new();
        let mut whole = 0;
        for index in order {
            let Request { len, steps } = &self.requests[index];
            let overlaps = |other: &Range<usize>| steps.start < other.end && other.start < steps.end;
            let mut taken: Vec<&Range<usize>> = placed
                .iter()
                .filter(|&&other| overlaps(&self.requests[other].steps))
                .map(|&other| &places[other])
                .collect();
            taken.sort_by_key(|place| place.start);
            let mut start = 0;
            for place in taken {
                if start + len <= place.start {
                    break;
                }
                start = start.max((place.end + STAGGER).next_multiple_of(BLOCK));
            }
            places[index] = start..start + len;
            whole = whole.max(start + len);
            placed.push(index);
        }
        (places, whole)
    }
}

/// The memory of one inference at a time, made by [`Plan::arena`](crate::Plan::arena).
#[derive(Debug)]
pub struct Arena {
    /// Of a net in f32.
    pub(crate) values: Buffer,
    /// Of a net in int8.
    pub(crate) bytes: Buffer<u8>,
}

impl Arena {
    /// Returns the size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.len() * size_of::<f32>() + self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    #[test]
    fn buffers_needed_together_do_not_overlap_and_others_share() {
        let mut stream = Stream::new(5, Purpose::Test, 0, 0);
        for _ in 0..50 {
            let mut planner = Planner::default();
            for _ in 0..20 {
                let first = stream.below(10) as usize;
                planner.request(stream.below(1000) as usize, first, first + stream.below(4) as usize);
            }
            let (places, whole) = planner.places();
            for a in 0..places.len() {
                assert!(places[a].end <= whole && places[a].start % BLOCK == 0);
                for b in 0..a {
                    let (one, other) = (&planner.requests[a].steps, &planner.requests[b].steps);
                    let together = one.start < other.end && other.start < one.end;
                    let apart = places[a].end <= places[b].start || places[b].end <= places[a].start;
                    assert!(apart || !together || places[a].is_empty() || places[b].is_empty());
                }
            }
        }
        let mut planner = Planner::default();
        for step in 0..10 {
            planner.request(1000, step, step + 1);
        }
        assert!(planner.places().1 < 2 * 1000 + 2 * STAGGER + BLOCK, "two at a time need the room of two");
    }
}
