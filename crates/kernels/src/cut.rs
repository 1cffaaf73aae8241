//! How a line of pixels, or of channels, is cut into tiles.

/// How `pixels` are cut into tiles of at most `most`: as even as they come, so that none is a small remainder.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    count: usize,
    base: usize,
    extra: usize,
}

impl Cut {
    pub(crate) fn new(pixels: usize, most: usize) -> Self {
        let count = pixels.div_ceil(most).max(1);
        Self { count, base: pixels / count, extra: pixels % count }
    }

    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// The tiles of one size together: the first pixel, the pixels of each, and how many there are.
    pub(crate) fn runs(self) -> impl Iterator<Item = (usize, usize, usize)> {
        let longer = (0, self.base + 1, self.extra);
        let others = (self.extra * (self.base + 1), self.base, self.count - self.extra);
        [longer, others].into_iter().filter(|run| run.2 > 0 && run.1 > 0)
    }

    /// The first pixel of a tile and its number of pixels.
    pub(crate) fn tile(self, index: usize) -> (usize, usize) {
        (index * self.base + index.min(self.extra), self.base + usize::from(index < self.extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_covers_all_pixels_once_with_tiles_that_differ_by_one() {
        for pixels in 1..200 {
            for most in [1, 4, 6, 14] {
                let cut = Cut::new(pixels, most);
                let mut next = 0;
                for (first, len) in (0..cut.count()).map(|i| cut.tile(i)) {
                    assert_eq!(first, next);
                    assert!(len <= most && len >= pixels / cut.count());
                    next += len;
                }
                assert_eq!(next, pixels);
            }
        }
    }
}
