//! What the rows of predictions tell: which columns a table of them has.

use crate::error::Error;
use crate::model::classifier::Classifier;

/// What stands before the name of a class, where that names a column with its probability.
pub const OF_CLASS: &str = "probability:";

/// Which columns the rows of a table have, beside the photo, its label, its true label and its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    /// How many classes are told with their probabilities, the most probable first; 0 is taken for 1.
    pub top: usize,
    /// The probability below which the most probable class is not taken for the label; `None` to take it always.
    pub reject_below: Option<f32>,
    /// Whether the probability of every class is told.
    pub all: bool,
    /// Whether it is told how unlike the photos of the training the photo is; for a model that can tell.
    pub novelty: bool,
    /// The novelty above which the most probable class is not taken for the label; `None` to take it always.
    pub reject_novel: Option<f32>,
    /// Whether the rows name a file with the photo's heatmap.
    pub heatmap: bool,
    /// Whether the classifier gives labels, of which a photo may have several or none. Those are told whose probability is a
    /// half or more, or the one that `reject_below` gives; a photo with none is taken for none of the classes.
    pub labels: bool,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            top: 1,
            reject_below: None,
            all: false,
            novelty: false,
            reject_novel: None,
            heatmap: false,
            labels: false,
        }
    }
}

impl Columns {
    /// Returns the columns that a classifier fills in by itself: its label, with the novelty if it can tell, and the labels if it
    /// gives several.
    #[must_use]
    pub fn of(classifier: &Classifier) -> Self {
        let (novelty, labels) = (classifier.novelty().is_some(), classifier.head().is_multi_label());
        Self { novelty, labels, ..Self::default() }
    }

    /// Returns the columns, for a model of so many classes: no more are told than there are.
    #[must_use]
    pub fn within(self, classes: usize) -> Self {
        Self { top: self.top.min(classes), ..self }
    }

    /// Returns whether guesses can be rejected.
    #[must_use]
    pub fn rejects(&self) -> bool {
        self.reject_below.is_some() || self.reject_novel.is_some()
    }

    /// Returns whether a classifier can tell these columns.
    ///
    /// # Errors
    /// [`Error::Setting`] for no class to list, a probability that is none, a novelty that is none, and a novelty where the
    /// model keeps nothing that tells new photos.
    pub fn check(&self, classifier: &Classifier) -> Result<(), Error> {
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if self.top == 0 {
            return refuse("top", "0 classes are none; use a number from 1 on");
        }
        if self.reject_below.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            return refuse("reject_below", "use a probability from 0 to 1, as 0.6");
        }
        if self.reject_novel.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return refuse("reject_novel", "use a number above 0, as 1.2");
        }
        if self.reject_novel.is_some() && classifier.novelty().is_none() {
            return refuse(
                "reject_novel",
                "the model keeps nothing that tells new photos, as those of older builds, of an import and of very few photos; \
                 train it anew, or leave this out",
            );
        }
        Ok(())
    }

    /// Returns the names of the columns in the order of [`Row::fields`](crate::model::Row::fields), for a model with these `classes`.
    #[must_use]
    pub fn names(&self, classes: &[String]) -> Vec<String> {
        let mut names = vec!["path".to_owned(), "label".to_owned(), "probability".to_owned()];
        for place in 2..=self.top {
            names.extend([format!("label_{place}"), format!("probability_{place}")]);
        }
        names.extend(self.labels.then(|| "labels".to_owned()));
        if self.all {
            names.extend(classes.iter().map(|class| format!("{OF_CLASS}{class}")));
        }
        names.extend(self.rejects().then(|| "best_guess".to_owned()));
        names.extend(self.novelty.then(|| "novelty".to_owned()));
        names.push("true_label".to_owned());
        names.extend(self.heatmap.then(|| "heatmap".to_owned()));
        names.push("error".to_owned());
        names
    }
}
