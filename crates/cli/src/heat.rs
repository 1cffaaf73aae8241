//! Where a model looked, as small pictures that stand beside photos on a page.

use std::cell::RefCell;
use std::path::Path;

use icecap::{Classifier, Heatmaps, Source};
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;

use crate::page::THUMBNAIL_SIDE;

/// As that of the photos on the page.
const QUALITY: u8 = 82;

/// Draws the maps of a classifier; none where it cannot be had.
pub(crate) struct Heat<'a>(Option<RefCell<Heatmaps<'a>>>);

impl<'a> Heat<'a> {
    /// Of `classifier`.
    pub(crate) fn of(classifier: Option<&'a Classifier>) -> Self {
        Self(classifier.and_then(|classifier| Heatmaps::new(classifier).ok()).map(RefCell::new))
    }

    /// The map of the predicted class over a photo, as a JPEG; none where the photo cannot be read any more.
    pub(crate) fn jpeg(&self, photo: &Path) -> Option<Vec<u8>> {
        let mut maps = self.0.as_ref()?.try_borrow_mut().ok()?;
        let drawn = maps.overlay(Source::Path(photo), None, THUMBNAIL_SIDE).ok()?;
        let (width, height) = (u32::try_from(drawn.width).ok()?, u32::try_from(drawn.height).ok()?);
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
        encoder.write_image(&drawn.rgb, width, height, image::ExtendedColorType::Rgb8).ok()?;
        Some(jpeg)
    }
}
