//! Activations between kernels, in blocks of 16 channels: `[C/16][top + H + bottom][left + W + right][16]`.
//!
//! Why not `N H W C`: here the next pixel is always 64 bytes on, whatever the channel count, so a register tile of
//! many pixels needs one base pointer and short offsets; a channel block is one cache line and one AVX-512 register;
//! and zeros around the image let the 3x3 kernels run without edge code. Lanes above the channel count are zero.
//!
//! # Source
//! NCHWc layouts in oneDNN and ONNX Runtime's MLAS; the halo is ours.

use std::ops::Range;

use crate::{element::Element, geometry::Pads, layout::Layout, line::BLOCK};

/// A blocked image borrowed for reading.
#[derive(Clone, Copy)]
pub struct Blocked<'a, T: Element = f32> {
    layout: Layout,
    data: &'a [T],
}

impl<'a, T: Element> Blocked<'a, T> {
    /// The image that the first `layout.len()` values of `data` are.
    ///
    /// # Panics
    /// If `data` is shorter.
    #[must_use]
    pub fn new(layout: Layout, data: &'a [T]) -> Self {
        Self { layout, data: &data[..layout.len()] }
    }

    /// The image's sizes and the places of its values.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The values, padding included.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The band of these rows.
    ///
    /// # Panics
    /// If the image does not have them.
    #[must_use]
    pub fn rows(self, rows: Range<usize>) -> Self {
        let (layout, offset) = self.layout.band(rows);
        Self::new(layout, &self.data[offset.min(self.data.len())..])
    }

    /// Writes the image as `H W C` into `output`.
    ///
    /// # Panics
    /// If `output` does not hold exactly the image, or this is a band.
    pub fn write_hwc(&self, output: &mut [T]) {
        assert!(self.layout.is_whole(), "a band is no whole image");
        let (channels, height, width) = (self.layout.channels(), self.layout.height(), self.layout.width());
        assert_eq!(output.len(), height * width * channels, "an image of {height}x{width}x{channels}");
        for (block, values) in self.data.chunks_exact(self.layout.block_len().max(1)).enumerate() {
            let first = block * BLOCK;
            let lanes = BLOCK.min(channels - first);
            for y in 0..height {
                let row = &values[self.layout.origin() + y * self.layout.row_len()..];
                for x in 0..width {
                    let at = (y * width + x) * channels + first;
                    output[at..at + lanes].copy_from_slice(&row[x * BLOCK..x * BLOCK + lanes]);
                }
            }
        }
    }
}

/// A blocked image borrowed for writing.
pub struct BlockedMut<'a, T: Element = f32> {
    layout: Layout,
    data: &'a mut [T],
}

impl<'a, T: Element> BlockedMut<'a, T> {
    /// The image that the first `layout.len()` values of `data` are.
    ///
    /// # Panics
    /// If `data` is shorter.
    #[must_use]
    pub fn new(layout: Layout, data: &'a mut [T]) -> Self {
        Self { layout, data: &mut data[..layout.len()] }
    }

    /// The image's sizes and the places of its values.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The values, padding included, for writing.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data
    }

    /// The band of these rows.
    ///
    /// # Panics
    /// If the image does not have them.
    pub fn rows(&mut self, rows: Range<usize>) -> BlockedMut<'_, T> {
        let (layout, offset) = self.layout.band(rows);
        let offset = offset.min(self.data.len());
        BlockedMut::new(layout, &mut self.data[offset..])
    }

    /// The image borrowed for reading.
    #[must_use]
    pub fn reborrow(&self) -> Blocked<'_, T> {
        Blocked { layout: self.layout, data: self.data }
    }

    /// Sets some rows to zero, with the zeros beside them.
    ///
    /// # Panics
    /// If the image does not have them.
    pub fn clear_rows(&mut self, rows: Range<usize>) {
        let (layout, offset) = self.layout.band(rows);
        for block in 0..layout.blocks() {
            self.data[offset + block * layout.block_len()..][..layout.rows_len()].fill(T::default());
        }
    }

    /// Copies some rows, with what is beside them, to those from `to` on.
    ///
    /// # Panics
    /// If the image does not have them.
    pub fn copy_rows(&mut self, rows: Range<usize>, to: usize) {
        let (layout, from) = self.layout.band(rows.clone());
        let (_, to) = self.layout.band(to..to + rows.len());
        for block in 0..layout.blocks() {
            let at = block * layout.block_len();
            self.data.copy_within(at + from..at + from + layout.rows_len(), at + to);
        }
    }

    /// Sets the pixels around the image to zero. Kernels write the image alone, so once is enough.
    ///
    /// # Panics
    /// If this is a band.
    pub fn clear_pads(&mut self) {
        assert!(self.layout.is_whole(), "a band is no whole image");
        let layout = self.layout;
        let Pads { top, bottom, left, right } = layout.pads();
        let row_len = layout.row_len();
        if layout.is_compact() || layout.is_empty() {
            return;
        }
        for block in self.data.chunks_exact_mut(layout.block_len()) {
            block[..top * row_len].fill(T::default());
            for row in block[top * row_len..].chunks_exact_mut(row_len).take(layout.height()) {
                row[..left * BLOCK].fill(T::default());
                row[row_len - right * BLOCK..].fill(T::default());
            }
            let last = block.len() - bottom * row_len;
            block[last..].fill(T::default());
        }
    }

    /// Copies an `H W C` image in; lanes above the channel count and the padding become zero.
    ///
    /// # Panics
    /// If `input` does not hold exactly the image.
    pub fn read_hwc(&mut self, input: &[T]) {
        let layout = self.layout;
        let (channels, height, width) = (layout.channels(), layout.height(), layout.width());
        assert!(layout.is_whole(), "a band is no whole image");
        assert_eq!(input.len(), height * width * channels, "an image of {height}x{width}x{channels}");
        self.data.fill(T::default());
        for (block, values) in self.data.chunks_exact_mut(layout.block_len().max(1)).enumerate() {
            let first = block * BLOCK;
            let lanes = BLOCK.min(channels - first);
            for y in 0..height {
                let row = &mut values[layout.origin() + y * layout.row_len()..];
                for x in 0..width {
                    let at = (y * width + x) * channels + first;
                    row[x * BLOCK..x * BLOCK + lanes].copy_from_slice(&input[at..at + lanes]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Bf16;

    /// `value(n)` differs from zero for n from 1 to 100.
    fn hwc_survives<T: Element>(value: impl Fn(usize) -> T) {
        for (channels, height, width) in [(1, 1, 1), (16, 3, 2), (24, 5, 7), (33, 2, 1)] {
            for pads in [Pads::default(), Pads { top: 0, bottom: 1, left: 2, right: 1 }] {
                let layout = Layout::new(channels, height, width, pads);
                let image: Vec<T> = (0..channels * height * width).map(|v| value(v % 97 + 1)).collect();
                let mut data = vec![value(77); layout.len()];
                BlockedMut::new(layout, &mut data).read_hwc(&image);
                assert_eq!(data.iter().filter(|v| **v != T::default()).count(), image.len(), "{}", T::NAME);
                let mut back = vec![T::default(); image.len()];
                Blocked::new(layout, &data).write_hwc(&mut back);
                assert_eq!(back, image, "{}", T::NAME);
            }
        }
    }

    #[test]
    fn hwc_survives_the_way_in_and_out_in_every_element() {
        hwc_survives(|v| v as f32);
        hwc_survives(|v| Bf16::from_f32(v as f32));
        hwc_survives(|v| v as u8);
        hwc_survives(|v| -(v as i8));
        hwc_survives(|v| v as i32 * 1_000_000);
    }

    fn clearing_touches_the_padding<T: Element>(one: T) {
        let layout = Layout::new(20, 3, 2, Pads { top: 1, bottom: 2, left: 0, right: 1 });
        let mut data = vec![one; layout.len()];
        let mut view = BlockedMut::new(layout, &mut data);
        view.clear_pads();
        view.clear_rows(1..2);
        view.copy_rows(1..2, 2);
        assert_eq!(data.iter().filter(|v| **v == one).count(), 2 * 2 * BLOCK, "one row is left: {}", T::NAME);
    }

    #[test]
    fn rows_and_padding_are_cleared_in_every_element() {
        clearing_touches_the_padding(1.0f32);
        clearing_touches_the_padding(Bf16::from_f32(1.0));
        clearing_touches_the_padding(1u8);
        clearing_touches_the_padding(-1i8);
        clearing_touches_the_padding(1i32);
    }

    #[test]
    fn a_band_is_those_rows_of_every_block() {
        let layout = Layout::new(40, 5, 3, Pads { top: 1, bottom: 0, left: 1, right: 1 });
        let image: Vec<f32> = (1..=5 * 3 * 40).map(|v| v as f32).collect();
        let mut data = vec![0.0; layout.len()];
        let mut whole = BlockedMut::new(layout, &mut data);
        whole.read_hwc(&image);
        whole.copy_rows(3..5, 0);
        whole.clear_rows(2..3);
        let band = whole.rows(1..4);
        assert_eq!((band.layout().height(), band.layout().is_whole()), (3, false));
        let band = band.reborrow();
        for (row, from) in [(0, Some(4)), (1, None), (2, Some(3))] {
            for (block, x) in [(0, 0), (1, 2), (2, 1)] {
                let at =
                    band.layout().origin() + block * layout.block_len() + row * layout.row_len() + x * BLOCK;
                let expected = from.map_or(0.0, |y| image[(y * 3 + x) * 40 + block * BLOCK]);
                assert_eq!(band.data()[at], expected, "row {row}, block {block}, column {x}");
            }
        }
    }

    #[test]
    fn clearing_touches_the_padding_alone() {
        let layout = Layout::new(20, 3, 2, Pads { top: 1, bottom: 2, left: 0, right: 1 });
        let mut data = vec![1.0; layout.len()];
        BlockedMut::new(layout, &mut data).clear_pads();
        let image = 2 * 3 * 2 * BLOCK;
        assert_eq!(data.iter().filter(|v| **v == 1.0).count(), image);
        let mut hwc = vec![0.0; 3 * 2 * 20];
        Blocked::new(layout, &data).write_hwc(&mut hwc);
        assert!(hwc.iter().all(|v| *v == 1.0));
    }
}
