//! Labels worth a second look: training photos of which a model that has not learned from them is sure of another class.

use icecap::advanced::data::Part;

use super::gallery::{self, Overlay};
use super::thumbnail::Thumbnails;
use crate::run::Run;
use crate::run::labels::Doubt;
use crate::run::predictions::Seen;
use crate::wording::{agreeing, counted};

/// The photos of the section.
pub(super) struct Doubted {
    /// The most doubted first.
    pub(super) photos: Vec<Seen>,
    /// Whether they were judged by models that have not learned from them; if not, by the one that has.
    unseen: bool,
}

impl Doubted {
    /// Looks for the doubted labels of a run: those that its folds have told or, in a run that was not judged so, those that the
    /// trained model itself denies.
    pub(super) fn of(run: &Run, doubts: Option<&[Doubt]>) -> Self {
        let Some(doubts) = doubts else {
            let photos = gallery::mislabels(run).into_iter().cloned().collect();
            return Self { photos, unseen: false };
        };
        let seen = doubts.iter().map(|doubt| Seen {
            part: Part::Train,
            path: doubt.path.clone(),
            class: doubt.given,
            predicted: doubt.likely,
            probability: doubt.likely_probability,
            true_probability: doubt.given_probability,
            place: None,
        });
        Self { photos: seen.collect(), unseen: true }
    }

    /// Returns what the page's findings say of them; `None` if there are none.
    pub(super) fn finding(&self) -> Option<String> {
        let photos = self.photos.len();
        let (verb, whose) = (agreeing(photos, "is", "are"), agreeing(photos, "its", "their"));
        let told = counted(photos, "training photo");
        (photos > 0).then(|| match self.unseen {
            true => format!(
                "<a href=\"#mislabels\">{told}</a> {verb} probably mislabeled: models that have not learned from {} are \
                 sure of another class.",
                agreeing(photos, "it", "them")
            ),
            false => format!(
                "<a href=\"#mislabels\">{told}</a> {verb} still taken for another class after the training: look whether \
                 {whose} label is right."
            ),
        })
    }

    /// Returns the section's content.
    pub(super) fn section(&self, run: &Run, thumbnails: &mut Thumbnails<'_>, overlay: Overlay<'_>) -> String {
        let (lead, none) = match self.unseen {
            true => {
                (UNSEEN, "No label of a training photo is doubted by models that have not learned from it.")
            }
            false => (SEEN, "The trained model agrees with the label of every training photo."),
        };
        let photos: Vec<&Seen> = self.photos.iter().collect();
        let shown = gallery::gallery(run, &photos, thumbnails, overlay, none);
        format!("<p class=\"lead\">{lead}</p>{shown}")
    }
}

const UNSEEN: &str = "Training photos of which a model that has not learned from them is surer of another class than it is of \
                      the photos of that class: labels that are wrong, or odd photos. All of them are in labels.csv. Heat maps are \
                      of the model that the run left, which has learned from these photos with the labels that they have.";
const SEEN: &str = "Training photos that the model takes for another class although it has learned from them: odd photos, or \
                    labels that are wrong.";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::material::Material;
    use super::*;
    use crate::run::metrics::Metrics;

    #[test]
    fn doubts_of_folds_come_before_what_the_model_itself_denies() {
        let place = tempfile::tempdir().unwrap();
        let seen = Seen {
            part: Part::Train,
            path: "photos/a/1.jpg".into(),
            class: 0,
            predicted: 1,
            probability: 0.7,
            true_probability: 0.3,
            place: None,
        };
        let run = Run {
            folder: place.path().to_owned(),
            metrics: Metrics::default(),
            arguments: toml::Table::new(),
            classes: vec!["a".to_owned(), "b".to_owned()],
            photos: vec![seen],
        };
        let of = || {
            let material = Material::beside(&run).unwrap_or_else(|error| panic!("{error}"));
            Doubted::of(&run, material.doubts.as_deref())
        };
        let own = of();
        assert!(own.photos.len() == 1 && own.finding().unwrap().contains("whether its label"));
        let header = "path,given,likely,given_probability,likely_probability\n";
        let file = place.path().join("labels.csv");
        fs::write(&file, format!("{header}p/2.jpg,b,a,0.1,0.9\np/3.jpg,a,b,0.2,0.8\n")).unwrap();
        let folds = of();
        let found: Vec<_> = folds.photos.iter().map(|seen| (seen.class, seen.predicted)).collect();
        assert_eq!(found, [(1, 0), (0, 1)]);
        assert!(folds.finding().unwrap().contains("2 training photos</a> are probably mislabeled"));
        fs::write(&file, header).unwrap();
        assert_eq!(of().finding(), None);
        fs::write(&file, "x").unwrap();
        assert!(Material::beside(&run).is_err());
        let without_photos = Run { photos: Vec::new(), ..run };
        assert!(Material::beside(&without_photos).is_ok_and(|material| material.doubts.is_none()));
        assert!(Doubted::of(&without_photos, None).photos.is_empty());
    }
}
