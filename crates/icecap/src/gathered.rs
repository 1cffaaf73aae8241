//! Rows of features on their way from one extraction into the parts of a training.

use icecap_data::{Digest, Part, Sample};
use icecap_kernels::{Shape, Tensor};

use crate::{Dataset, Error, Extracted, FeatureSet, PhotoReport, PhotoSet, SkippedPhoto};

/// Features of the readable photos, by part.
pub(crate) struct Photos {
    pub(crate) train: PhotoSet,
    pub(crate) val: PhotoSet,
    pub(crate) test: PhotoSet,
    pub(crate) report: PhotoReport,
    pub(crate) fingerprint: String,
}

/// Rows of features as they are sorted into their parts.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Values of a row.
    len: usize,
    parts: [(Vec<f32>, Vec<Sample>); 3],
    pub(crate) report: PhotoReport,
    /// The class and hash of every photo that is learned from.
    fingerprint: Vec<u8>,
}

impl Gathered {
    /// None yet, of rows of `len` values.
    pub(crate) fn of_rows(len: usize) -> Self {
        Self { len, ..Self::default() }
    }

    /// One photo more, or why it cannot be read.
    pub(crate) fn add(
        &mut self,
        dataset: &Dataset,
        part: Part,
        sample: &Sample,
        outcome: Result<Extracted, icecap_data::Error>,
        row: &[f32],
    ) {
        match outcome {
            Ok(photo) => {
                let (rows, samples) = &mut self.parts[part as usize];
                rows.extend_from_slice(row);
                samples.push(sample.clone());
                self.report.read += 1;
                self.report.cached += usize::from(photo.cached);
                self.report.warnings.extend(photo.warnings.iter().map(|w| (sample.path.clone(), *w)));
                if part == Part::Train {
                    self.fingerprint.extend(dataset.classes[sample.class].as_bytes());
                    self.fingerprint.push(0);
                    self.fingerprint.extend(photo.sha256.0);
                }
            }
            Err(error) => {
                self.report
                    .skipped
                    .push(SkippedPhoto { path: sample.path.clone(), reason: error.to_string() });
            }
        }
    }

    /// The sets of all parts. Each class has a photo to learn from, and there are photos to validate with where that is
    /// asked for; else it is an error.
    pub(crate) fn finish(self, classes: &[String], validated: bool) -> Result<Photos, Error> {
        let [train, val, test] = self.parts;
        for (index, class) in classes.iter().enumerate() {
            if !train.1.iter().any(|sample| sample.class == index) {
                return Err(Error::EmptyClass { class: class.clone(), part: "training" });
            }
        }
        if validated && val.1.is_empty() {
            return Err(Error::NoPhotos { part: "validation" });
        }
        let set = |(rows, samples): (Vec<f32>, Vec<Sample>)| -> Result<PhotoSet, Error> {
            let shape = Shape::new(&[samples.len(), self.len])?;
            let labels = samples.iter().map(|sample| sample.class as u32).collect();
            let features = FeatureSet::new(Tensor::from_slice(shape, &rows)?, labels)?;
            Ok(PhotoSet { samples, features })
        };
        Ok(Photos {
            train: set(train)?,
            val: set(val)?,
            test: set(test)?,
            report: self.report,
            fingerprint: Digest::of(&self.fingerprint).to_string(),
        })
    }
}
