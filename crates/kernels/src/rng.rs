//! A counter-based random generator: the value for a (seed, purpose, epoch, sample) is a pure function of them.
//!
//! Philox 4x32 with 10 rounds maps a 128-bit counter and a 64-bit key to 128 random bits. A generator with a
//! state gives other numbers when work is split over other threads or when a run is resumed; this one cannot,
//! because there is no state to disagree about.
//!
//! # Source
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Returns the Philox 4x32-10 block of a counter and a key: 128 random bits.
#[must_use]
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let low = u64::from(counter[0]) * u64::from(MULTIPLIER[0]);
        let high = u64::from(counter[2]) * u64::from(MULTIPLIER[1]);
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// What a stream's numbers are for. Two purposes never share a number, whatever their seed, epoch and sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Purpose {
    /// The head's first weights.
    Init = 1,
    /// The order of samples in an epoch.
    Shuffle = 2,
    /// Dropout masks.
    Dropout = 3,
    /// The split into training and validation.
    Split = 4,
    /// Drawing of synthetic images.
    Draw = 5,
    /// Random inputs of tests and benchmarks.
    Test = 6,
    /// Views of a photo.
    Augment = 7,
}

/// The stream of random numbers of one (seed, purpose, epoch, sample).
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream for one sample in one epoch, at its start.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, epoch: u32, sample: u32) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, purpose as u32, epoch, sample],
            block: [0; 4],
            used: 4,
        }
    }

    /// Returns the next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = self.next_block();
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Returns the next four numbers at once, from the next block: what four calls of [`Stream::next_u32`] give if a
    /// multiple of four was drawn before; numbers left of the current block are skipped. Long runs are drawn
    /// several times faster that way.
    #[inline]
    pub fn next_block(&mut self) -> [u32; 4] {
        let block = philox(self.counter, self.key);
        self.counter[0] = self.counter[0].wrapping_add(1);
        self.used = 4;
        block
    }

    /// Returns a number that is uniform in `[0, 1)`, a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// Returns a number that is uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Returns an integer that is uniform in `0..bound`, without bias (Lemire's rejection).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "an empty range has no random element");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published known-answer vectors of Philox 4x32-10.
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_of_other_purposes_epochs_and_samples_differ() {
        let first = |purpose, epoch, sample| Stream::new(7, purpose, epoch, sample).next_u32();
        let base = first(Purpose::Dropout, 0, 0);
        assert_ne!(base, first(Purpose::Shuffle, 0, 0));
        assert_ne!(base, first(Purpose::Dropout, 1, 0));
        assert_ne!(base, first(Purpose::Dropout, 0, 1));
        assert_eq!(base, first(Purpose::Dropout, 0, 0));
    }

    #[test]
    fn blocks_are_the_same_numbers_four_at_a_time() {
        let mut single = Stream::new(7, Purpose::Test, 3, 1);
        let mut blocks = single.clone();
        for _ in 0..3 {
            assert_eq!(blocks.next_block(), std::array::from_fn(|_| single.next_u32()));
        }
        single.next_u32();
        assert_eq!(single.next_block(), {
            blocks.next_block();
            blocks.next_block()
        });
    }

    #[test]
    fn shuffle_is_a_permutation_and_below_is_uniform() {
        let mut items: Vec<u32> = (0..100).collect();
        Stream::new(1, Purpose::Shuffle, 0, 0).shuffle(&mut items);
        assert_ne!(items[..5], [0, 1, 2, 3, 4]);
        items.sort_unstable();
        assert!(items.iter().copied().eq(0..100));

        let mut counts = [0u32; 6];
        let mut stream = Stream::new(2, Purpose::Test, 0, 0);
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        // Five degrees of freedom: chi-squared above 25 has a probability of 1e-4.
        let chi: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 25.0, "chi-squared {chi}");
    }
}
