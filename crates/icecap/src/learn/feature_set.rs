//! Pooled features of some photos, with what is known of each: its class and, if photos belong together, its group.

use std::borrow::Cow;

use icecap_data::{Part, folds, split, split_groups};
use icecap_kernels::Tensor;

use crate::error::Error;
use crate::learn::feature_rows::FeatureRows;

/// Pooled features of some photos with their classes. Sets that are made of some rows of another share its features: there is
/// one copy of them, unless such a set is asked for its [own](FeatureSet::features).
#[derive(Clone, Debug)]
pub struct FeatureSet {
    features: FeatureRows,
    labels: Vec<u32>,
    groups: Option<Vec<u32>>,
    /// Which rows are photos as they are; `None` if all are.
    plain: Option<Vec<bool>>,
}

impl FeatureSet {
    /// Makes a set of `features`, `[N, F]`, and the class of each row.
    ///
    /// # Errors
    /// [`Error::Kernel`] if they are not one row a label.
    pub fn new(features: Tensor, labels: Vec<u32>) -> Result<Self, Error> {
        if features.shape().rank() != 2 || features.shape().dims()[0] != labels.len() {
            let dims = vec![labels.len(), features.shape().dims().last().copied().unwrap_or(0)];
            return Err(icecap_kernels::Error::ElementCount { dims, got: features.data().len() }.into());
        }
        Ok(Self { features: FeatureRows::of(features), labels, groups: None, plain: None })
    }

    /// Returns the set with the group of each row: what is held back from a training, for whatever purpose, then never
    /// shares a group with what is learned from.
    ///
    /// # Errors
    /// [`Error::Setting`] if they are not one a row.
    pub fn with_groups(self, groups: Vec<u32>) -> Result<Self, Error> {
        if groups.len() != self.labels.len() {
            let reason = format!("{} for {} photos; give one for each", groups.len(), self.labels.len());
            return Err(Error::Setting { what: "groups", reason });
        }
        Ok(Self { groups: Some(groups), ..self })
    }

    /// Returns the set with a mark for each row: whether it is a photo as it is, or one more view of it. Views are learned
    /// from, and nothing is judged by them.
    ///
    /// # Errors
    /// [`Error::Setting`] if they are not one a row.
    pub fn with_views(self, plain: Vec<bool>) -> Result<Self, Error> {
        if plain.len() != self.labels.len() {
            let reason = format!("{} for {} rows; give one for each", plain.len(), self.labels.len());
            return Err(Error::Setting { what: "views", reason });
        }
        Ok(Self { plain: Some(plain), ..self })
    }

    /// Returns whether a row is a photo as it is, and not one more view of it.
    ///
    /// # Panics
    /// If the row is not there.
    #[must_use]
    pub fn is_plain(&self, row: usize) -> bool {
        self.plain.as_ref().is_none_or(|plain| plain[row])
    }

    /// Whether there are further views of photos.
    pub(crate) fn has_views(&self) -> bool {
        self.plain.as_ref().is_some_and(|plain| !plain.iter().all(|plain| *plain))
    }

    /// Those of `rows` that are photos as they are.
    pub(crate) fn plain_of(&self, rows: impl IntoIterator<Item = usize>) -> Vec<usize> {
        rows.into_iter().filter(|&row| self.is_plain(row)).collect()
    }

    /// The photos as they are, for what has no use for other views of them.
    pub(crate) fn without_views(&self) -> Result<Cow<'_, Self>, Error> {
        match &self.plain {
            Some(_) => Ok(Cow::Owned(self.rows(&self.plain_of(0..self.len()))?)),
            None => Ok(Cow::Borrowed(self)),
        }
    }

    /// Counts the photos of each of `classes` classes, their further views left out.
    #[must_use]
    pub fn photos(&self, classes: usize) -> Vec<usize> {
        let mut photos = vec![0; classes];
        for row in self.plain_of(0..self.len()) {
            if let Some(count) = photos.get_mut(self.labels[row] as usize) {
                *count += 1;
            }
        }
        photos
    }

    /// Returns how many rows there are: photos, or views of them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Returns whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the features, `[N, F]`. A set of some rows of another makes a copy of them for the first who asks.
    #[must_use]
    pub fn features(&self) -> &Tensor {
        self.features.whole()
    }

    /// The features as they are stored, and where among them rows are.
    pub(crate) fn stored(&self) -> &FeatureRows {
        &self.features
    }

    /// How many features a row has.
    pub(crate) fn width(&self) -> usize {
        self.features.width()
    }

    /// The features of a row.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        self.features.row(row)
    }

    /// Returns the class of each row.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Returns the group of each row; `None` if rows have no groups.
    #[must_use]
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// Counts the rows of each of `classes` classes.
    #[must_use]
    pub fn counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// The same rows with other features of theirs.
    pub(crate) fn with_features(&self, features: Tensor) -> Result<Self, Error> {
        let Self { labels, groups, plain, .. } = self;
        Ok(Self { groups: groups.clone(), plain: plain.clone(), ..Self::new(features, labels.clone())? })
    }

    /// Returns a set of some of the rows, in the order given, which shares their features with this one.
    ///
    /// # Errors
    /// [`Error::Kernel`] if they are too many for a tensor.
    ///
    /// # Panics
    /// If a row is not there.
    pub fn rows(&self, rows: &[usize]) -> Result<Self, Error> {
        let features = self.features.some(rows)?;
        let of = |values: &[u32]| rows.iter().map(|&row| values[row]).collect::<Vec<_>>();
        let plain = self.plain.as_ref().map(|plain| rows.iter().map(|&row| plain[row]).collect());
        Ok(Self { features, labels: of(&self.labels), groups: self.groups.as_deref().map(of), plain })
    }

    /// Splits the set: returns it without a share of each class, and the photos of that share as they are, without further
    /// views. Groups stay whole; `seed` draws.
    ///
    /// # Errors
    /// What [`split`] and [`split_groups`] return.
    pub fn held_back(&self, share: f64, seed: u64) -> Result<(Self, Self), Error> {
        let classes = self.classes_of_rows();
        let parts = match &self.groups {
            Some(groups) => split_groups(&classes, groups, share, seed)?,
            None => split(&classes, share, seed)?,
        };
        let of = |part| (0..self.len()).filter(|&row| parts[row] == part).collect::<Vec<_>>();
        Ok((self.rows(&of(Part::Train))?, self.rows(&self.plain_of(of(Part::Val)))?))
    }

    /// Deals the rows out to `k` folds, and returns the fold of each; groups stay whole.
    ///
    /// # Errors
    /// What [`folds`] returns.
    pub fn folds(&self, k: usize, seed: u64) -> Result<Vec<usize>, Error> {
        Ok(folds(&self.classes_of_rows(), self.groups.as_deref(), k, seed)?)
    }

    fn classes_of_rows(&self) -> Vec<usize> {
        self.labels.iter().map(|&label| label as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::Shape;

    use super::*;

    #[test]
    fn rows_take_their_label_and_group_along() {
        let features =
            Tensor::from_slice(Shape::of([4, 2]), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
        let set = FeatureSet::new(features, vec![0, 1, 0, 1]).unwrap();
        assert!(set.clone().with_groups(vec![1]).is_err());
        let set = set.with_groups(vec![5, 6, 7, 8]).unwrap();
        let some = set.rows(&[3, 0]).unwrap();
        assert_eq!(
            (some.features().data(), some.labels()),
            ([6.0, 7.0, 0.0, 1.0].as_slice(), [1, 0].as_slice())
        );
        assert_eq!((some.groups(), some.counts(3)), (Some([8, 5].as_slice()), vec![1, 1, 0]));
        let (rest, held) = set.held_back(0.5, 1).unwrap();
        assert_eq!((rest.len(), held.counts(2)), (2, vec![1, 1]));
        assert_eq!(set.rows(&[]).unwrap().len(), 0);
    }

    #[test]
    fn what_is_held_back_is_photos_and_none_of_their_views_is_learned_from() {
        // Twenty photos in four views each, the view's number as its feature.
        let values: Vec<f32> = (0..80).map(|row| (row % 4) as f32).collect();
        let labels = (0..80).map(|row| row / 4 % 2).collect();
        let set = FeatureSet::new(Tensor::from_slice(Shape::of([80, 1]), &values).unwrap(), labels).unwrap();
        let set = set.with_groups((0..80).map(|row| row / 4).collect()).unwrap();
        let set = set.with_views((0..80).map(|row| row % 4 == 0).collect()).unwrap();
        assert_eq!((set.counts(2), set.photos(2)), (vec![40, 40], vec![10, 10]));
        assert_eq!(set.without_views().unwrap().features().data(), [0.0; 20]);
        let (rest, held) = set.held_back(0.2, 3).unwrap();
        assert_eq!((rest.len(), held.len()), (64, 4));
        assert!(held.features().data().iter().all(|view| *view == 0.0));
        assert!(held.groups().unwrap().iter().all(|group| !rest.groups().unwrap().contains(group)));
    }
}
