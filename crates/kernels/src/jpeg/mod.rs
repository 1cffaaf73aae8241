//! From the coefficients of a JPEG to its pixels: the steps of a decoder that are arithmetic alone.
//!
//! ```text
//! coefficients --inverse--> samples of a channel --triangle--> samples for each pixel --color--> RGB
//! ```
//!
//! Everything is computed in whole numbers, with the same bits on every instruction set, and rounded as libjpeg does: of
//! coefficients that an encoder makes of 8-bit samples it makes the same pixels.

mod color;
mod dct;
mod eight;
mod inverse;
mod triangle;

pub(crate) use color::ROWS as COLOR_ROWS;
pub use color::{rgb_of, ycc_to_rgb};
pub use dct::Dct;
pub(crate) use inverse::ROWS as INVERSE_ROWS;
pub use inverse::{Dequantize, inverse_dct};
pub(crate) use triangle::ROWS as TRIANGLE_ROWS;
pub use triangle::{double_across, double_both_ways, double_down};
