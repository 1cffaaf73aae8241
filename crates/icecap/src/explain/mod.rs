//! Explaining: where on a photo a classifier looked, which photos are alike, and how a set of photos lies.

pub(crate) mod heatmap;
pub(crate) mod overlay;
pub(crate) mod projection;
pub(crate) mod similar;
mod tangent;

pub use heatmap::{Heatmap, Heatmaps, MapKind};
pub use overlay::{ClassMap, Overlay};
pub use projection::{FeatureMap, MAP_ROWS};
pub use similar::{Nearest, Neighbor, Similar};
