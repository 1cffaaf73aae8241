//! The check itself: each photo is looked at once, then put beside the others.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_data::{Cache, Digest, Survey};
use icecap_graph::Tap;
use icecap_kernels::{Shape, Tensor};

use crate::check::checkup::{Checkup, Group};
use crate::check::components::components;
use crate::check::duplicates::{Compare, Found, SIMILAR, Search, Stage};
use crate::check::seen::Seen;
use crate::check::{labels, oddity};
use crate::error::Error;
use crate::judge::doubted_labels::DoubtedLabel;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::model::backbone::Backbone;
use crate::model::extractor::{Extracted, Extractor};
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::source::Source;

/// The most photos that are compared with each other. Their rows take 5 KB each; of more, every second, third, … is
/// compared, and [`Checkup::compared`] says how many were.
pub const COMPARED: usize = 32_768;

/// The most photos whose labels are judged: their features are held once more for each thread. Of more, every second,
/// third, … is.
const JUDGED: usize = 16_384;

/// Photos whose features are in memory before they are put to the others.
const WINDOW: usize = 256;

/// Looks at datasets with a backbone.
#[derive(Clone, Debug)]
pub struct Checker {
    backbone: Backbone,
    preprocessing: Preprocessing,
    cache: Option<Arc<Cache>>,
    similar: f32,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Photos are read. Told by several threads.
    Looking(Progress),
    /// Photos are compared with each other by their features.
    Comparing(Progress),
    /// Those that are near each other are compared by their pixels. Told by several threads.
    Confirming(Progress),
    /// Labels are judged by heads that have not learned from them. Told by several threads, without a measure.
    Judging,
}

impl Checker {
    /// Returns a checker with the preprocessing that the backbone's record asks for.
    ///
    /// # Errors
    /// [`Error::Data`] if the record's resize rule is not known.
    pub fn new(backbone: &Backbone) -> Result<Self, Error> {
        let preprocessing = Preprocessing::for_training(backbone)?;
        Ok(Self { backbone: backbone.clone(), preprocessing, cache: None, similar: SIMILAR })
    }

    /// Sets the size, the resize rule and the EXIF policy, in place of the record's.
    #[must_use]
    pub fn preprocessing(mut self, preprocessing: Preprocessing) -> Self {
        self.preprocessing = preprocessing;
        self
    }

    /// Makes the checker take features from `cache` and keep there those that it computes.
    #[must_use]
    pub fn cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Sets the likeness from which two photos are told as nearly the same, [`SIMILAR`] by default. Strangers are near 0, the
    /// same pixels 1.
    #[must_use]
    pub fn similar(mut self, similar: f32) -> Self {
        self.similar = similar;
        self
    }

    /// Looks at every photo of `survey`. `step` hears how far that is and can stop it.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `step` breaks; [`Error::Graph`] for a size that the net does not have.
    pub fn check(
        &self,
        survey: Survey,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Checkup, Error> {
        let mut looked = self.look(&survey, step)?;
        let len = self.backbone.features();
        // Before the features are normalized, and again only as many as can be judged.
        let judged = looked.judged(&survey, len)?;
        let found = self.alike(&survey, &mut looked, len, step)?;
        let doubted = self.doubted(judged, &found, survey.classes.len(), step)?;
        let Looked { photos, copies, compared, cached, .. } = looked;
        let at = |row: u32| compared[row as usize];
        let group = |rows: &[u32], similarity| Group {
            photos: rows.iter().map(|&row| at(row)).collect(),
            similarity,
        };
        Ok(Checkup {
            identical: identical(&copies),
            similar: found.groups.iter().map(|clique| group(&clique.members, clique.weakest)).collect(),
            perhaps: found
                .perhaps
                .iter()
                .map(|pair| group(&[pair.first, pair.second], pair.likeness))
                .collect(),
            pairs: found.pairs.iter().map(|pair| [at(pair.first), at(pair.second)]).collect(),
            doubted: doubted
                .into_iter()
                .map(|label| DoubtedLabel { row: compared[label.row], ..label })
                .collect(),
            compared: compared.len(),
            threshold: self.similar,
            survey,
            photos,
            cached,
        })
    }

    /// Finds the photos of `survey` that are copies, and returns the group of each: photos of a group are the same, or are or
    /// may be nearly the same, also by way of others of it, and so are those that stand `together` already. A photo that cannot
    /// be read, or is not compared, is alone.
    ///
    /// # Errors
    /// Those of [`Checker::check`].
    pub fn copies(
        &self,
        survey: &Survey,
        together: &[[usize; 2]],
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<u32>, Error> {
        let mut looked = self.look(survey, step)?;
        let found = self.alike(survey, &mut looked, self.backbone.features(), step)?;
        let at = |row: u32| looked.compared[row as usize];
        let near = found.pairs.iter().chain(&found.perhaps).map(|pair| [at(pair.first), at(pair.second)]);
        let same = looked.copies.values().flat_map(|same| same.windows(2).map(|pair| [pair[0], pair[1]]));
        Ok(components(survey.photos.len(), near.chain(same).chain(together.iter().copied())))
    }

    /// Reads every photo.
    fn look(
        &self,
        survey: &Survey,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Looked, Error> {
        let extractor = Extractor::new(&self.backbone, self.preprocessing, Tap::Pooled)?;
        let mut extractor = extractor.with_cache(self.cache.clone()).describing();
        let len = extractor.row_len();
        let all = survey.photos.len();
        let mut looked = Looked::new(all, len);
        let mut rows = vec![0.0; WINDOW.min(all) * len];
        for photos in survey.photos.chunks(WINDOW) {
            let sources: Vec<Source<'_>> =
                photos.iter().map(|(_, sample)| Source::Path(&sample.path)).collect();
            let before = looked.photos.len();
            let progress =
                |now: Progress| step(Step::Looking(Progress { done: before + now.done, photos: all }));
            let rows = &mut rows[..photos.len() * len];
            let outcomes = extractor.extract(&sources, rows, &progress)?;
            for (outcome, row) in outcomes.into_iter().zip(rows.chunks_exact(len)) {
                looked.add(outcome, row);
            }
        }
        Ok(looked)
    }

    /// Photos that are nearly the same, by their place among those that are compared.
    fn alike(
        &self,
        survey: &Survey,
        looked: &mut Looked,
        len: usize,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Found, Error> {
        let mut rows = std::mem::take(&mut looked.rows);
        let compare = |&photo: &usize| {
            let about = &looked.photos[photo].as_ref().ok()?.about;
            let (_, sample) = &survey.photos[photo];
            Some(Compare { source: Source::Path(&sample.path), about, class: sample.class })
        };
        let photos: Vec<Compare<'_>> = looked.compared.iter().filter_map(compare).collect();
        let all = photos.len();
        let (backbone, decoding, similar) = (&self.backbone, self.preprocessing.decoding(), self.similar);
        let search = Search { backbone, decoding, similar, len, photos };
        search.find(&mut rows, &|stage| {
            step(match stage {
                Stage::Comparing(done) => Step::Comparing(Progress { done, photos: all }),
                Stage::Confirming { done, photos } => Step::Confirming(Progress { done, photos }),
            })
        })
    }

    /// Labels that are probably wrong, by the place of their photos among those that are compared.
    fn doubted(
        &self,
        judged: Judged,
        found: &Found,
        classes: usize,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<DoubtedLabel>, Error> {
        let pulse = || step(Step::Judging);
        let (threads, isa) = (self.backbone.threads(), self.backbone.isa());
        let compute = Compute { threads, isa, pulse: &pulse };
        let pairs = found.pairs.iter().chain(&found.perhaps);
        let groups = components(judged.photos, pairs.map(|pair| [pair.first as usize, pair.second as usize]));
        // A copy would tell the label that is asked for.
        let groups = judged.rows.iter().map(|&row| groups[row]).collect();
        let doubted = labels::doubted(compute, &judged.set.with_groups(groups)?, classes)?;
        Ok(doubted.into_iter().map(|label| DoubtedLabel { row: judged.rows[label.row], ..label }).collect())
    }
}

/// Photos whose labels are judged.
struct Judged {
    set: FeatureSet,
    /// Their places among those that are compared, of which there are so many.
    rows: Vec<usize>,
    photos: usize,
}

/// What was found so far, photo by photo.
struct Looked {
    photos: Vec<Result<Seen, icecap_data::Error>>,
    /// The photos of each content.
    copies: HashMap<Digest, Vec<usize>>,
    /// One photo of so many is compared; 1 to compare all.
    stride: usize,
    /// The photos that are compared, and their features.
    compared: Vec<usize>,
    rows: Vec<f32>,
    cached: usize,
}

impl Looked {
    fn new(photos: usize, len: usize) -> Self {
        Self {
            photos: Vec::with_capacity(photos),
            copies: HashMap::new(),
            stride: photos.div_ceil(COMPARED).max(1),
            compared: Vec::new(),
            // At once: growing, it would be there twice.
            rows: Vec::with_capacity(photos.min(COMPARED) * len),
            cached: 0,
        }
    }

    fn add(&mut self, outcome: Result<Extracted, icecap_data::Error>, row: &[f32]) {
        let index = self.photos.len();
        self.photos.push(outcome.map(|photo| {
            let Some(about) = photo.about else { unreachable!("the extractor describes every photo") };
            let copies = self.copies.entry(photo.sha256).or_default();
            copies.push(index);
            // Photos of one color look alike to every net, and are told for that.
            if copies.len() == 1 && index.is_multiple_of(self.stride) && !oddity::is_one_color(&about) {
                self.compared.push(index);
                self.rows.extend_from_slice(row);
            }
            self.cached += usize::from(photo.cached);
            Seen { sha256: photo.sha256, about, warnings: photo.warnings }
        }));
    }

    /// The photos whose labels are judged, with their features.
    fn judged(&self, survey: &Survey, len: usize) -> Result<Judged, Error> {
        let photos = self.compared.len();
        let rows: Vec<usize> = (0..photos).step_by(photos.div_ceil(JUDGED).max(1)).collect();
        let mut features = Tensor::zeros(Shape::new(&[rows.len(), len])?);
        for (to, &row) in features.data_mut().chunks_exact_mut(len).zip(&rows) {
            to.copy_from_slice(&self.rows[row * len..][..len]);
        }
        let label = |&row: &usize| survey.photos[self.compared[row]].1.class as u32;
        let labels = rows.iter().map(label).collect();
        Ok(Judged { set: FeatureSet::new(features, labels)?, rows, photos })
    }
}

fn identical(copies: &HashMap<Digest, Vec<usize>>) -> Vec<Group> {
    let groups = copies.values().filter(|photos| photos.len() > 1);
    let mut groups: Vec<Group> =
        groups.map(|photos| Group { photos: photos.clone(), similarity: 1.0 }).collect();
    groups.sort_by(|a, b| a.photos.cmp(&b.photos));
    groups
}
