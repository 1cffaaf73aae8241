//! The two sizes that every layout of memory is built on: a cache line, and a block of channels.
//!
//! They are not the same thing: a line is a number of bytes, a block a number of channels. In f32 a block fills a line;
//! in an element half as wide it fills half of one.

/// Bytes of a cache line, which is also what an AVX-512 register holds. Every buffer starts on a line and is padded to
/// whole ones, so that no load of a register crosses two.
pub const LINE_BYTES: usize = 64;

/// Channels that lie side by side for each pixel of a blocked image, and outputs that lie side by side in a panel of
/// packed weights. The same for every element type and instruction set.
pub const BLOCK: usize = 16;

/// The bytes of one line, of whatever element.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([u8; LINE_BYTES]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; LINE_BYTES]);
}

const _: () = assert!(size_of::<Line>() == LINE_BYTES && align_of::<Line>() == LINE_BYTES);
