//! What counts of right and wrong photos say: how sure an accuracy is, and whether confidence means something.

use super::Seen;

/// The normal distribution's two-sided 95 % point.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval for a share of `right` in `photos`; none without photos. Unlike the textbook's share plus or
/// minus two standard errors it stays within [0, 1], and is not a point where all photos are right.
///
/// Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
pub(crate) fn interval(right: usize, photos: usize) -> Option<[f64; 2]> {
    if photos == 0 {
        return None;
    }
    let (n, share) = (photos as f64, right as f64 / photos as f64);
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

/// The photos whose confidence, the probability of the predicted class, lies in one range.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bin {
    pub(crate) photos: usize,
    pub(crate) right: usize,
    /// The sum of the confidences.
    pub(crate) confidence: f64,
}

impl Bin {
    pub(crate) fn accuracy(&self) -> f64 {
        self.right as f64 / self.photos.max(1) as f64
    }

    pub(crate) fn mean_confidence(&self) -> f64 {
        self.confidence / self.photos.max(1) as f64
    }
}

/// Ranges of confidence.
const BINS: usize = 15;

/// Photos by confidence, in ranges of the same width from 0 to 1, each without its lower end and with its upper one.
pub(crate) fn bins<'a>(photos: impl Iterator<Item = &'a Seen>) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for seen in photos {
        let index = (f64::from(seen.probability) * BINS as f64).ceil() as usize;
        let bin = &mut bins[index.clamp(1, BINS) - 1];
        bin.photos += 1;
        bin.right += usize::from(seen.is_right());
        bin.confidence += f64::from(seen.probability);
    }
    bins
}

/// The expected calibration error: the mean over the photos of how far their bin's accuracy is from its confidence.
///
/// Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015.
pub(crate) fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let photos: usize = bins.iter().map(|bin| bin.photos).sum();
    let apart = bins.iter().map(|bin| (bin.right as f64 - bin.confidence).abs());
    (photos > 0).then(|| apart.sum::<f64>() / photos as f64)
}

#[cfg(test)]
mod tests {
    use icecap::data::Part;

    use super::*;

    #[test]
    fn an_interval_holds_its_share_and_shrinks_with_photos() {
        // From Wilson's formula by hand: 9 of 10.
        let [low, high] = interval(9, 10).unwrap();
        assert!((low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3, "{low} {high}");
        assert_eq!(interval(0, 0), None);
        let [low, high] = interval(20, 20).unwrap();
        assert!((low - 20.0 / (20.0 + Z * Z)).abs() < 1e-12 && high == 1.0, "{low} {high}");
        let width = |right, photos| interval(right, photos).map(|[low, high]| high - low).unwrap();
        assert!(width(900, 1000) < width(90, 100));
    }

    #[test]
    fn confidence_is_held_against_accuracy() {
        let seen = |probability, right: bool| Seen {
            part: Part::Val,
            path: "x".into(),
            class: 0,
            predicted: usize::from(!right),
            probability,
            true_probability: 0.5,
            place: None,
        };
        let photos = [seen(1.0, true), seen(0.95, false), seen(0.55, true), seen(0.5, false)];
        let bins = bins(photos.iter());
        assert_eq!((bins[14].photos, bins[14].right, bins[8].photos, bins[7].photos), (2, 1, 1, 1));
        let expected = (0.95 + 0.45 + 0.5) / 4.0;
        assert!((calibration_error(&bins).unwrap() - expected).abs() < 1e-6);
        assert_eq!(calibration_error(&[Bin::default()]), None);
    }
}
