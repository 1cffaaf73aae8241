//! The arithmetic of a 3x3 convolution's sizes. Padding is four numbers, never a mode.

use std::ops::Range;

use crate::{element::LARGEST, error::Error, line::BLOCK};

/// The side of the window in pixels.
pub const WINDOW: usize = 3;

/// The pixels of zeros around an image, on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pads {
    /// The rows above.
    pub top: usize,
    /// The rows below.
    pub bottom: usize,
    /// The columns to the left.
    pub left: usize,
    /// The columns to the right.
    pub right: usize,
}

/// A 3x3 convolution over one image: sizes, padding, stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvGeometry {
    height: usize,
    width: usize,
    stride: usize,
    pads: Pads,
    output_height: usize,
    output_width: usize,
}

impl ConvGeometry {
    /// The geometry of a convolution of an image of `height` x `width` pixels.
    ///
    /// # Errors
    /// [`Error::EmptyOutput`] if the padded image is smaller than the window; [`Error::TooLarge`] if it would not
    /// fit the address space.
    ///
    /// # Panics
    /// If `stride` is 0.
    pub fn new(height: usize, width: usize, stride: usize, pads: Pads) -> Result<Self, Error> {
        assert!(stride > 0, "a stride of 0");
        let sum = |n: usize, before: usize, after: usize| n.checked_add(before)?.checked_add(after);
        let rows = sum(height, pads.top, pads.bottom);
        let columns = sum(width, pads.left, pads.right);
        let padded = rows.zip(columns).filter(|&(rows, columns)| {
            let bytes = rows.checked_mul(columns).and_then(|n| n.checked_mul(BLOCK * LARGEST));
            bytes.is_some()
        });
        let Some((rows, columns)) = padded else {
            return Err(Error::TooLarge { dims: vec![height, width] });
        };
        let outputs = |padded: usize| padded.checked_sub(WINDOW).map(|room| room / stride + 1);
        match (outputs(rows), outputs(columns)) {
            (Some(output_height), Some(output_width)) => {
                Ok(Self { height, width, stride, pads, output_height, output_width })
            }
            _ => Err(Error::EmptyOutput { window: WINDOW, height, width }),
        }
    }

    /// The rows and columns of the input, without padding.
    #[must_use]
    pub fn input(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// The rows and columns of the output.
    #[must_use]
    pub fn output(&self) -> (usize, usize) {
        (self.output_height, self.output_width)
    }

    /// The number of pixels from one window to the next, in each direction.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// The zeros around the input.
    #[must_use]
    pub fn pads(&self) -> Pads {
        self.pads
    }

    /// The convolution that computes the output rows `rows` alone, and the rows of the input that it reads. It has zeros
    /// above or below only if the image ends there.
    ///
    /// # Panics
    /// If the range is empty or the output does not have the rows.
    #[must_use]
    pub fn band(&self, rows: Range<usize>) -> (Self, Range<usize>) {
        assert!(rows.start < rows.end && rows.end <= self.output_height, "output rows {rows:?}");
        let first = rows.start * self.stride;
        let last = (rows.end - 1) * self.stride + WINDOW;
        // Rows count from the first one of zeros.
        let (start, end) = (self.pads.top, self.pads.top + self.height);
        let top = start.saturating_sub(first);
        let bottom = last.saturating_sub(end);
        let from = (first + top).min(end) - start..last.clamp(start, end) - start;
        let band = Self {
            height: from.len(),
            pads: Pads { top, bottom, ..self.pads },
            output_height: rows.len(),
            ..*self
        };
        (band, from)
    }

    /// The number of multiply-adds for each pair of an input and an output channel that meet; a depthwise convolution has
    /// one pair a channel.
    #[must_use]
    pub fn macs_per_pair(&self) -> usize {
        self.output_height * self.output_width * WINDOW * WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_any_height_read_what_the_whole_reads() {
        for (height, stride, top, bottom) in
            [(7, 1, 1, 1), (8, 2, 0, 1), (9, 2, 1, 1), (5, 1, 0, 0), (6, 2, 2, 3), (1, 1, 1, 1)]
        {
            let whole =
                ConvGeometry::new(height, 4, stride, Pads { top, bottom, left: 1, right: 1 }).unwrap();
            let rows = whole.output().0;
            for (start, end) in (0..rows).flat_map(|start| (start + 1..=rows).map(move |end| (start, end))) {
                let (band, from) = whole.band(start..end);
                assert_eq!(band, ConvGeometry::new(from.len(), 4, stride, band.pads()).unwrap());
                assert_eq!(band.output(), (end - start, whole.output().1));
                // The first window's first row, counted from the image's first row.
                let first = (start * stride) as isize - top as isize;
                assert_eq!(
                    from.start as isize - band.pads().top as isize,
                    first.max(first.min(height as isize))
                );
            }
        }
    }

    #[test]
    fn sizes_follow_the_padding() {
        let pads = |top, bottom, left, right| Pads { top, bottom, left, right };
        let output = |h, w, s, p| ConvGeometry::new(h, w, s, p).unwrap().output();
        assert_eq!(output(160, 160, 2, pads(0, 1, 0, 1)), (80, 80));
        assert_eq!(output(97, 131, 2, pads(1, 1, 1, 1)), (49, 66));
        assert_eq!(output(1, 1, 1, pads(1, 1, 1, 1)), (1, 1));
        assert_eq!(output(7, 5, 1, pads(1, 1, 1, 1)), (7, 5));
        assert!(ConvGeometry::new(1, 1, 2, pads(0, 1, 0, 1)).is_err());
        let huge = ConvGeometry::new(1 << 33, 1 << 33, 2, pads(0, 1, 0, 1));
        assert!(matches!(huge, Err(Error::TooLarge { .. })));
        let wrapping = ConvGeometry::new(usize::MAX, 5, 2, pads(1, 1, 1, 1));
        assert!(matches!(wrapping, Err(Error::TooLarge { .. })));
    }
}
