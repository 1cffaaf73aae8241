//! The sample set of `icecap demo`: photos drawn by code, so that a newcomer needs none, and the sheet that shows what a
//! classifier says of them.
//!
//! [`draw`] makes the pixels of one photo. A [`DemoFolder`] holds all photos as PNG files, a folder for each class, as a
//! training takes them. [`sheet`] puts photos and predictions into one picture. Nothing here trains or predicts.
//!
//! ```
//! let pixels = icecap_demo::draw(0, 2, 7, 48);
//! assert_eq!(pixels.len(), 48 * 48 * 3);
//! assert_eq!(icecap_demo::CLASSES[2], "lollipop");
//! ```
#![forbid(unsafe_code)]

mod backdrop;
mod color;
mod draw;
mod error;
mod figure;
mod folder;
mod letters;
mod noise;
mod png;
#[cfg(test)]
mod separability;
mod sheet;

pub use draw::{CLASSES, draw};
pub use error::Error;
pub use folder::{DemoFolder, PHOTOS, SIDE};
pub use png::write_png;
pub use sheet::{Tile, sheet};
