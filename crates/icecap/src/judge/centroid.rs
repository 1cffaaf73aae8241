//! The nearest-centroid baseline: a photo is of the class whose mean feature row is nearest. It has no setting and needs
//! no training, so a trained head that does no better is a sign: of too few photos, or of classes that these features
//! tell apart without help.
//!
//! ```text
//! |x - m_c|^2 = |x|^2 - 2 x m_c + |m_c|^2        smallest where  x m_c - |m_c|^2 / 2  is largest
//! ```
//!
//! So it is a dense layer, too, whose kernel is the means. Its logits are distances, not odds: only its decisions mean
//! something.

use icecap_autograd::Loss;
use icecap_kernels::{Shape, Tensor};

use crate::error::Error;
use crate::learn::feature_set::FeatureSet;
use crate::model::head::Head;

/// The bias of a class without photos, which is then never the nearest; finite, so that no NaN comes of it.
const NEVER: f64 = -1e30;

/// Returns the head that decides for the class with the nearest mean of `set`. Its loss and probabilities mean nothing.
///
/// # Errors
/// [`Error::Setting`] if `set` has no photo.
pub fn centroid_head(set: &FeatureSet, classes: usize) -> Result<Head, Error> {
    if set.is_empty() {
        return Err(Error::Setting { what: "centroids", reason: "there are none of no photos".to_owned() });
    }
    let width = set.width();
    let counts = set.counts(classes);
    let mut means = vec![vec![0.0_f64; width]; classes];
    for (row, &label) in set.labels().iter().enumerate() {
        means[label as usize].iter_mut().zip(set.row(row)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mut bias = vec![NEVER; classes];
    for class in (0..classes).filter(|&class| counts[class] > 0) {
        means[class].iter_mut().for_each(|sum| *sum /= counts[class] as f64);
        bias[class] = -0.5 * means[class].iter().map(|mean| mean * mean).sum::<f64>();
    }
    let logits = Loss::for_classes(classes).logits(classes);
    // Two classes share one logit, which speaks for the second.
    let column = |feature: usize, at: usize| match logits {
        1 => means[1][feature] - means[0][feature],
        _ => means[at][feature],
    };
    let mut kernel = Tensor::zeros(Shape::new(&[width, logits])?);
    for (index, value) in kernel.data_mut().iter_mut().enumerate() {
        *value = column(index / logits, index % logits) as f32;
    }
    let bias: Vec<f32> = match logits {
        1 => vec![(bias[1] - bias[0]) as f32],
        _ => bias.iter().map(|&value| value as f32).collect(),
    };
    Ok(Head::from_parts(kernel, Tensor::from_slice(Shape::new(&[logits])?, &bias)?, classes))
}

#[cfg(test)]
mod tests {
    use icecap_kernels::Isa;
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::judge::metrics::predicted;

    #[test]
    fn it_decides_as_the_distances_do() {
        let mut draw = Stream::new(1, Purpose::Test, 0, 0);
        for classes in [2_u32, 3, 5] {
            let mut values = || (0..40 * 12).map(|_| draw.range(0.0, 3.0)).collect::<Vec<f32>>();
            let (known, asked) = (values(), values());
            let labels: Vec<u32> = (0..40).map(|row| row % classes).collect();
            let tensor = |values: &[f32]| Tensor::from_slice(Shape::of([40, 12]), values).unwrap();
            let set = FeatureSet::new(tensor(&known), labels.clone()).unwrap();
            let head = centroid_head(&set, classes as usize).unwrap();
            let asked_set = FeatureSet::new(tensor(&asked), labels.clone()).unwrap();
            let logits = head.logits_of(Isa::best(), &asked_set);
            for (row, logits) in asked.chunks(12).zip(logits.chunks(head.logits())) {
                let distance = |class: u32| {
                    let own: Vec<&[f32]> =
                        known.chunks(12).skip(class as usize).step_by(classes as usize).collect();
                    (0..12)
                        .map(|at| {
                            let mean =
                                own.iter().map(|row| f64::from(row[at])).sum::<f64>() / own.len() as f64;
                            (f64::from(row[at]) - mean).powi(2)
                        })
                        .sum::<f64>()
                };
                let nearest = (0..classes).min_by(|&a, &b| distance(a).total_cmp(&distance(b))).unwrap();
                assert_eq!(predicted(logits), nearest as usize);
            }
        }
    }

    #[test]
    fn a_class_without_photos_is_never_the_nearest() {
        let set = FeatureSet::new(Tensor::zeros(Shape::of([2, 3])), vec![0, 2]).unwrap();
        let said = centroid_head(&set, 3).unwrap().logits_of(Isa::best(), &set);
        assert!(said.chunks(3).all(|row| row.iter().all(|z| z.is_finite()) && predicted(row) != 1));
        assert!(centroid_head(&set.rows(&[]).unwrap(), 3).is_err());
    }
}
