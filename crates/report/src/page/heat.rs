//! Where a model looked, as small pictures that stand beside photos on a page.

use icecap::advanced::data::encode_jpeg;
use icecap::explain::Heatmaps;
use icecap::{Classifier, Source};

use super::thumbnail::{QUALITY, SIDE};

/// The heatmaps of a classifier, or nothing at all if it has none to give.
pub struct Heat(Option<Heatmaps>);

impl Heat {
    /// Heatmaps for `classifier`; draws nothing if they cannot be made, or without a classifier.
    pub fn of(classifier: Option<&Classifier>) -> Self {
        Self(classifier.and_then(|classifier| Heatmaps::new(classifier).ok()))
    }

    /// Returns the map of a class over a photo, as a JPEG; `None` if the photo cannot be read any more.
    pub fn jpeg(&mut self, photo: Source<'_>, class: usize) -> Option<Vec<u8>> {
        let maps = self.0.as_mut()?;
        let drawn = maps.overlay(photo, Some(class), SIDE as usize).ok()?;
        encode_jpeg(&drawn.rgb, [drawn.width, drawn.height], QUALITY)
    }
}
