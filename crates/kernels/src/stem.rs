//! The first convolution: 3x3, stride 2, from RGB.
//!
//! ```text
//! output[y][x][n] = act(bias[n] + sum over i, j, c of image[2y + i][2x + j][c] * weights[i][j][c][n])
//! ```
//!
//! Departures from that loop:
//! 1. The image is scaled before, into rows of f32 with zeros around them ([`scale_pixels`](crate::scale_pixels)): 27
//!    inputs of a window are then three runs of nine values, and the next window is six values on. No im2col, no edge
//!    code.
//! 2. The rest is the register tile of `tile.rs` with K = 27.
//! 3. Output rows are split over threads, each row cut into even tiles.
//!
//! The padding is zero after scaling, as the weights were trained with: not a black pixel.

use crate::{
    blocked::BlockedMut,
    buffer::Buffer,
    cut::Cut,
    geometry::{ConvGeometry, WINDOW},
    isa::Isa,
    line::BLOCK,
    panels::Panels,
    par::{Threads, share},
    row::rows,
    scale::{RGB, scaled_len, scaled_row},
    tile::{Image, STEM_STEP, Tile, TileRow, Walk, tiles},
    tiling::{Segment, tiling},
};

/// Inputs of one window.
const STEM_INPUTS: usize = WINDOW * WINDOW * RGB;
/// The stride that the kernels are compiled for.
const STEM_STRIDE: usize = 2;

/// Weights of the first convolution, packed.
#[derive(Clone, Debug)]
pub struct PackedStem(Panels);

impl PackedStem {
    /// Packs `weights` [3, 3, 3, outputs], row-major, and `bias` `[outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[f32], bias: &[f32], outputs: usize) -> Self {
        Self(Panels::pack(weights, bias, STEM_INPUTS, outputs))
    }

    /// Packed weights from buffers that hold what [`Self::values`] gave: `take` gives the next buffer, of as many values as
    /// it is asked for. Returns `None` as soon as `take` does, or if a buffer has another length.
    #[must_use]
    pub fn unpack(outputs: usize, take: &mut dyn FnMut(usize) -> Option<Buffer>) -> Option<Self> {
        Panels::unpack(STEM_INPUTS, outputs, take).map(Self)
    }

    /// The packed weights and the packed bias, in the order of memory. [`PACK_VERSION`](crate::PACK_VERSION) names their
    /// layout.
    #[must_use]
    pub fn values(&self) -> [&[f32]; 2] {
        self.0.values()
    }

    /// The packed weights and the packed bias for writing, in the order of memory: `[outputs/16][27][16]` and `[outputs/16][16]`.
    /// What is written is to be as [`Element::flush`](crate::Element::flush) leaves it, and 0 in the lanes above the outputs.
    #[must_use]
    pub fn values_mut(&mut self) -> [&mut [f32]; 2] {
        self.0.values_mut()
    }

    /// The number of output channels.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.0.n
    }
}

rows! { TileRow;
    #[cfg(target_arch = "x86_64")]
    stem3x3s2_f32_14x16_avx512: Stem, Avx512, {
        lanes: 16, tiles: tiles!(tile_avx512, 1, STEM_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    stem3x3s2_f32_6x16_avx2: Stem, Avx2, {
        lanes: 16, tiles: tiles!(tile_avx2, 2, STEM_STEP; 1 2 3 4 5 6),
    };
    stem3x3s2_f32_4x8_portable: Stem, Portable, {
        lanes: 8, tiles: tiles!(tile_portable, 1, STEM_STEP; 1 2 3 4),
    };
}

/// What the first convolution does with an image.
#[derive(Clone, Copy)]
pub struct Stem<'a> {
    /// Sizes and padding; the stride is 2.
    pub geometry: &'a ConvGeometry,
    /// The packed weights.
    pub weights: &'a PackedStem,
    /// Whether each result is clamped to [0, 6].
    pub relu6: bool,
}

/// Computes the first convolution of one image.
///
/// # Shapes
/// `scaled` is what [`scale_pixels`](crate::scale_pixels) wrote; `output` [outputs, H', W'] with any padding, of which
/// nothing is written.
///
/// # Panics
/// If the shapes do not fit or the stride is not 2.
///
/// # Cost
/// H' * W' * 27 * outputs multiply-adds.
pub fn stem(threads: &Threads, isa: Isa, step: &Stem<'_>, scaled: &[f32], output: &mut BlockedMut<'_>) {
    let Stem { geometry, weights, relu6 } = *step;
    let packed = &weights.0;
    let to = output.layout();
    assert_eq!(geometry.stride(), STEM_STRIDE, "the stride of the first convolution");
    assert_eq!(scaled.len(), scaled_len(geometry), "the scaled image of the first convolution");
    assert_eq!((to.height(), to.width()), geometry.output(), "output pixels of the first convolution");
    assert_eq!(to.channels(), packed.n, "output channels of the first convolution");
    if to.is_empty() {
        return;
    }
    let work = Work {
        base: Tile {
            input: scaled.as_ptr(),
            segment: WINDOW * RGB,
            segment_stride: scaled_row(geometry),
            k: STEM_INPUTS,
            weights: packed.weights().as_ptr(),
            panel: packed.panel_len(),
            bias: packed.bias().as_ptr(),
            // A tile stays inside a row.
            output: Image {
                at: output.data_mut()[to.origin()..].as_mut_ptr(),
                block: to.block_len(),
                gap: 0,
            },
            residual: Image::NONE,
            masked: false,
            column: 0,
            width: to.width(),
            relu6,
            walk: Walk::ONE,
        },
        segments: segments(isa, packed.n),
        row_len: to.row_len(),
    };
    let parts = threads.count();
    threads.for_each(parts, |part| share(to.height(), parts, part).for_each(|y| work.row(y)));
}

/// The tiles that compute so many output channels, whole panels.
pub(crate) fn segments(isa: Isa, outputs: usize) -> [Segment; 3] {
    tiling(ROWS, isa, STEM_INPUTS, outputs.next_multiple_of(BLOCK))
}

/// One call's tiles: its output channels in segments, and the distance of its output rows.
struct Work {
    base: Tile,
    segments: [Segment; 3],
    row_len: usize,
}

// SAFETY: the pointers come from borrows that outlive the call; threads read the inputs and write output rows that no
// other thread has.
unsafe impl Sync for Work {}

impl Work {
    fn row(&self, y: usize) {
        for segment in self.segments.iter().filter(|segment| segment.count > 0) {
            let (base, lanes) = (&self.base, segment.row.lanes);
            // Tiles narrower than a panel are too uneven a step apart for one walk.
            let (walks, count) =
                if lanes.is_multiple_of(BLOCK) { (1, segment.count) } else { (segment.count, 1) };
            let step = base.beside(lanes);
            let cut = Cut::new(base.width, segment.row.tiles.len());
            for (column, len) in (0..cut.count()).map(|index| cut.tile(index)) {
                for walk in 0..walks {
                    let lane = segment.lane + walk * lanes;
                    let (panel, within) = (lane / BLOCK, lane % BLOCK);
                    let input = y * STEM_STRIDE * base.segment_stride + column * STEM_STEP;
                    let output = panel * base.output.block + y * self.row_len + column * BLOCK + within;
                    let tile = Tile {
                        input: base.input.wrapping_add(input),
                        weights: base.weights.wrapping_add(panel * base.panel + within),
                        bias: base.bias.wrapping_add(lane),
                        output: Image { at: base.output.at.wrapping_add(output), ..base.output },
                        column,
                        walk: Walk { count, step, ahead: 0 },
                        ..*base
                    };
                    // SAFETY: `stem` asserted that scaled image, weights and output hold the windows, panels and
                    // pixels of these tiles; the row was selected by the token of an instruction set that this
                    // processor runs.
                    unsafe { segment.row.tiles[len - 1](&tile) };
                }
            }
        }
    }
}
