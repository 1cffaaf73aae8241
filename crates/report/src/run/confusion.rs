//! The confusion matrix: how many photos of each class were taken for which.

/// Counts by true and predicted class.
pub struct Confusion {
    counts: Vec<usize>,
    classes: usize,
}

impl Confusion {
    /// A matrix of so many classes without any photo.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { counts: vec![0; classes * classes], classes }
    }

    /// Counts one more photo of class `of` that was taken for `taken_for`.
    pub fn add(&mut self, of: usize, taken_for: usize) {
        self.counts[of * self.classes + taken_for] += 1;
    }

    /// Returns how many photos of class `of` were taken for `taken_for`.
    pub fn cell(&self, of: usize, taken_for: usize) -> usize {
        self.counts[of * self.classes + taken_for]
    }

    /// Returns how many photos there are.
    #[must_use]
    pub fn photos(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Returns how many photos were recognized.
    #[must_use]
    pub fn right(&self) -> usize {
        (0..self.classes).map(|class| self.cell(class, class)).sum()
    }

    /// Returns how many photos are of a class.
    pub fn of_class(&self, class: usize) -> usize {
        (0..self.classes).map(|taken_for| self.cell(class, taken_for)).sum()
    }

    /// Returns the share of a class's photos that were recognized; `None` if it has no photos.
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.cell(class, class), self.of_class(class))
    }

    /// Returns the share of the photos taken for a class that are of it; `None` if no photo was taken for it.
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.cell(class, class), (0..self.classes).map(|of| self.cell(of, class)).sum())
    }

    /// Returns the harmonic mean of precision and recall: twice the photos recognized over the sum of those that are of the
    /// class and those that were taken for it; `None` if that sum is 0.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let taken: usize = (0..self.classes).map(|of| self.cell(of, class)).sum();
        share(2 * self.cell(class, class), self.of_class(class) + taken)
    }

    /// Returns the mean of the recalls: the accuracy if each class had as many photos. `None` without photos.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls: Vec<f64> = (0..self.classes).filter_map(|class| self.recall(class)).collect();
        (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
    }

    /// Returns every confusion as (true class, predicted class, photos), the most frequent first.
    pub fn worst(&self) -> Vec<(usize, usize, usize)> {
        let cells = (0..self.classes).flat_map(|of| (0..self.classes).map(move |taken_for| (of, taken_for)));
        let mut wrong: Vec<_> = cells
            .filter(|(of, taken_for)| of != taken_for)
            .map(|(of, taken_for)| (of, taken_for, self.cell(of, taken_for)))
            .filter(|(.., count)| *count > 0)
            .collect();
        wrong.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        wrong
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_precision_and_the_worst() {
        let mut confusion = Confusion::new(3);
        for (of, taken_for) in [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 0), (1, 0)] {
            confusion.add(of, taken_for);
        }
        assert_eq!((confusion.photos(), confusion.right()), (8, 4));
        assert_eq!([0, 1, 2].map(|class| confusion.recall(class)), [Some(0.75), Some(0.25), None]);
        assert_eq!([0, 1, 2].map(|class| confusion.precision(class)), [Some(0.5), Some(0.5), None]);
        assert_eq!([0, 1, 2].map(|class| confusion.f1(class)), [Some(0.6), Some(1.0 / 3.0), None]);
        assert_eq!(confusion.balanced_accuracy(), Some(0.5));
        assert_eq!(confusion.worst(), [(1, 0, 3), (0, 1, 1)]);
        assert_eq!(Confusion::new(2).balanced_accuracy(), None);
    }
}
