//! Products over many inputs, by two tiles of pixels times two blocks of outputs: each tile that is read is used twice.
//!
//! Of four sums the registers are all in use, so the stores of one four lie between the first products of the next, and
//! what becomes of the sums between the products of the one after that. Two places for sums take turns.

use std::mem::MaybeUninit;

use super::{
    super::{
        lanes::Lanes,
        layout::{Grouping, QUAD},
        tile::Entry,
    },
    strips::Strips,
    unit::{Config, Part, TILE_ROWS, Tiles},
};
use crate::line::{BLOCK, LINE_BYTES};

/// Tiles of pixels, and blocks of outputs, at once.
const TWO: usize = 2;

/// Bytes of the sums of a pixel.
pub(super) const SUMS: usize = TWO * LINE_BYTES;

/// Sums of two tiles of pixels by two blocks.
#[repr(C, align(64))]
struct Place([[u8; SUMS]; TWO * TILE_ROWS]);

/// What is multiplied. The pointers are valid for what [`run`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Factors {
    /// The image's first pixel; bytes from pixel to pixel, bytes of a pixel's group, and bytes from group to group.
    pub(crate) input: *const u8,
    pub(crate) pixel: usize,
    pub(crate) bytes: usize,
    pub(crate) group: usize,
    pub(crate) groups: usize,
    /// The first block's weights, and bytes from one panel to the next.
    pub(crate) weights: *const i8,
    pub(crate) panel: usize,
    pub(crate) bias: *const i32,
    pub(crate) blocks: usize,
}

impl Factors {
    /// All pixels that `entry` reads, in groups, by no blocks yet.
    pub(crate) fn new(entry: &Entry, bias: *const i32, grouping: Grouping) -> Self {
        Self {
            input: entry.input,
            pixel: grouping.pixel_len(),
            bytes: grouping.read(),
            group: entry.apart[1],
            groups: grouping.groups(),
            weights: entry.weights,
            panel: entry.panel,
            bias,
            blocks: 0,
        }
    }
}

/// What becomes of sums.
pub(super) trait Ending<L: Lanes> {
    /// Ends up to four pixels from `pixel` on, of one block. Their sums lie at `sums`, [`SUMS`] bytes from pixel to pixel.
    ///
    /// # Safety
    /// They do; pixels and block are those of the task; the processor runs L's instruction set.
    unsafe fn end(&self, sums: *const u8, quad: Quad);
}

/// Up to four pixels of a block.
#[derive(Clone, Copy)]
pub(super) struct Quad {
    pub(super) block: usize,
    pub(super) pixel: usize,
    pub(super) count: usize,
}

impl Quad {
    /// Where the sums of its pixels lie. Places behind the last pixel have it again: their values are never read.
    #[inline(always)]
    pub(super) fn places(self, sums: *const u8) -> [*const i32; QUAD] {
        std::array::from_fn(|pixel| sums.wrapping_add(pixel.min(self.count - 1) * SUMS).cast())
    }
}

/// Computes all blocks of the pixels of `strips`.
///
/// # Safety
/// `factors` is as its fields say for the pixels of `strips`; the processor has the unit T and runs L's instruction set.
#[inline(always)]
pub(super) unsafe fn run<T: Tiles, L: Lanes>(factors: &Factors, strips: Strips, ending: &impl Ending<L>) {
    let (sums, pixels) = (Part::sums(strips.rows), Part::pixels(strips.rows, factors.bytes));
    let weights = Part::weights(factors.bytes);
    let config = Config::new([sums, sums, sums, sums, pixels, pixels, weights, weights]);
    let mut places = MaybeUninit::<[Place; 2]>::uninit();
    let places = places.as_mut_ptr().cast::<Place>();
    let nothing = Four { starts: [0; TWO], quads: [0; TWO], strips: 0, block: 0, blocks: 0 };
    // SAFETY: by the contract.
    let tiles = unsafe { T::configured(&config) };
    let rest = Rest::new(nothing, places.cast(), strips.rows);
    let mut walk = Walk { tiles, factors, rows: strips.rows, places, turn: 0, computed: nothing, rest };
    // SAFETY: by the contract, for each four blocks and tiles; behind the last there is nothing to be computed.
    unsafe {
        for block in (0..factors.blocks).step_by(TWO) {
            for strip in (0..strips.count).step_by(TWO) {
                let mut four = Four { block, blocks: (factors.blocks - block).min(TWO), ..nothing };
                for strip in strip..strips.count.min(strip + TWO) {
                    four.starts[four.strips] = strips.start(strip);
                    four.quads[four.strips] = strips.quads(strip);
                    four.strips += 1;
                }
                walk.four(four, ending);
            }
        }
        walk.four(nothing, ending);
        walk.rest.all(ending);
    }
}

/// Up to two tiles by two blocks.
#[derive(Clone, Copy)]
struct Four {
    /// The first pixel of both tiles, quads of pixels in them, and how many there are.
    starts: [usize; TWO],
    quads: [usize; TWO],
    strips: usize,
    block: usize,
    blocks: usize,
}

/// A walk over all tiles and blocks.
struct Walk<'a, T> {
    tiles: T,
    factors: &'a Factors,
    /// Pixels of a tile.
    rows: usize,
    places: *mut Place,
    /// The place of the sums that are computed.
    turn: usize,
    /// Of what the registers hold the sums, and of what the other place does.
    computed: Four,
    rest: Rest,
}

// SAFETY of the blocks below: the factors are as their fields say, the walk's config is in force, and tiles and blocks lie in
// the task; the processor runs L's instruction set.
impl<T: Tiles> Walk<'_, T> {
    /// Computes some sums, stores those before them, and ends those before these.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn four<L: Lanes>(&mut self, next: Four, ending: &impl Ending<L>) {
        // SAFETY: as above.
        unsafe {
            self.rest.spread(next.strips * next.blocks * self.factors.groups);
            self.products::<L, true>(&next, 0, ending);
            for group in 1..if next.blocks > 0 { self.factors.groups } else { 0 } {
                self.products::<L, false>(&next, group, ending);
            }
            self.rest.all(ending);
        }
        self.turn ^= 1;
        let stored = self.places.wrapping_add(self.turn);
        self.rest = Rest::new(self.computed, stored.cast(), self.rows);
        self.computed = next;
    }

    /// The products of one group of inputs. With the first one the sums begin.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn products<L: Lanes, const FIRST: bool>(
        &mut self,
        four: &Four,
        group: usize,
        ending: &impl Ending<L>,
    ) {
        let Factors { input, pixel, bytes, weights, panel, .. } = *self.factors;
        let input = input.wrapping_add(group * self.factors.group);
        let pixels = |strip: usize| input.wrapping_add(four.starts[strip] * pixel);
        let weights = weights.wrapping_add(four.block * panel + group * bytes * BLOCK).cast::<u8>();
        // SAFETY: as above.
        unsafe {
            if four.blocks > 0 {
                self.tiles.load::<4>(pixels(0), pixel);
                self.tiles.load::<6>(weights, LINE_BYTES);
            }
            self.begin::<0, FIRST>(four);
            if four.blocks > 0 {
                self.tiles.dot::<0, 4, 6>();
                self.rest.some(ending);
            }
            if four.blocks > 1 {
                self.tiles.load::<7>(weights.wrapping_add(panel), LINE_BYTES);
            }
            self.begin::<1, FIRST>(four);
            if four.blocks > 1 {
                self.tiles.dot::<1, 4, 7>();
                self.rest.some(ending);
            }
            if four.strips > 1 {
                self.tiles.load::<5>(pixels(1), pixel);
            }
            self.begin::<2, FIRST>(four);
            if four.strips > 1 {
                self.tiles.dot::<2, 5, 6>();
                self.rest.some(ending);
            }
            self.begin::<3, FIRST>(four);
            if four.strips > 1 && four.blocks > 1 {
                self.tiles.dot::<3, 5, 7>();
                self.rest.some(ending);
            }
        }
    }

    /// Stores the sums in register S, twice the tile and the block, and begins the next with the bias.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn begin<const S: u8, const FIRST: bool>(&mut self, four: &Four) {
        if !FIRST {
            return;
        }
        let (strip, block) = (usize::from(S) / TWO, usize::from(S) % TWO);
        let place = self.places.wrapping_add(1 - self.turn).cast::<u8>();
        // SAFETY: as above.
        unsafe {
            if strip < self.computed.strips && block < self.computed.blocks {
                self.tiles
                    .store::<S>(place.wrapping_add(strip * TILE_ROWS * SUMS + block * LINE_BYTES), SUMS);
            }
            if strip < four.strips && block < four.blocks {
                let bias = self.factors.bias.wrapping_add((four.block + block) * BLOCK);
                self.tiles.load::<S>(bias.cast(), 0);
            }
        }
    }
}

/// Sums in memory that have not ended yet, a few pixels of a block after the other.
struct Rest {
    sums: *const u8,
    four: Four,
    /// Pixels of a tile.
    rows: usize,
    /// The next ones.
    block: usize,
    strip: usize,
    quad: usize,
    /// Those left, those there were, and products among which they are spread.
    left: usize,
    all: usize,
    products: usize,
    owed: usize,
}

impl Rest {
    #[inline(always)]
    fn new(four: Four, sums: *const u8, rows: usize) -> Self {
        let all = (four.quads[0] + four.quads[1]) * four.blocks;
        Self { sums, four, rows, block: 0, strip: 0, quad: 0, left: all, all, products: 1, owed: 0 }
    }

    /// Spreads what is left among so many products.
    #[inline(always)]
    fn spread(&mut self, products: usize) {
        self.products = products.max(1);
    }

    /// Ends what is due behind a product.
    ///
    /// # Safety
    /// The sums are in memory, and [`Ending::end`] may be called for them.
    #[inline(always)]
    unsafe fn some<L: Lanes>(&mut self, ending: &impl Ending<L>) {
        self.owed += self.all;
        while self.owed >= self.products && self.left > 0 {
            self.owed -= self.products;
            // SAFETY: by the contract.
            unsafe { self.one(ending) };
        }
    }

    /// Ends all that are left.
    ///
    /// # Safety
    /// As [`Rest::some`].
    #[inline(always)]
    unsafe fn all<L: Lanes>(&mut self, ending: &impl Ending<L>) {
        while self.left > 0 {
            // SAFETY: by the contract.
            unsafe { self.one(ending) };
        }
    }

    /// # Safety
    /// As [`Rest::some`]; one is left.
    #[inline(always)]
    unsafe fn one<L: Lanes>(&mut self, ending: &impl Ending<L>) {
        let first = self.quad * QUAD;
        let sums = self.sums.wrapping_add((self.strip * TILE_ROWS + first) * SUMS + self.block * LINE_BYTES);
        let quad = Quad {
            block: self.four.block + self.block,
            pixel: self.four.starts[self.strip] + first,
            count: (self.rows - first).min(QUAD),
        };
        // SAFETY: by the contract.
        unsafe { ending.end(sums, quad) };
        self.left -= 1;
        self.quad += 1;
        if self.quad == self.four.quads[self.strip] {
            (self.quad, self.strip) = (0, self.strip + 1);
            if self.strip == self.four.strips {
                (self.strip, self.block) = (0, self.block + 1);
            }
        }
    }
}
