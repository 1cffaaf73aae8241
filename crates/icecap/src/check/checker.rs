//! The check itself: each photo is looked at once, then put beside the others.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_data::{About, Cache, Digest, Survey};
use icecap_graph::Tap;

use crate::check::checkup::{Checkup, Group};
use crate::check::seen::Seen;
use crate::check::{near, oddity};
use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::extractor::{Extracted, Extractor};
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::source::Source;

/// The cosine of centered features from which two photos are told as near duplicates, if their layouts are alike, too.
///
/// Measured on 398 photos of ants and bees and copies of each, with this and [`ALIKE`]: with ImageNet weights of width
/// 1.0 every copy in JPEG quality 75 and 40 is found, 98 % of those of half the size, 99 % and 95 % of those that lost
/// 5 and 10 % of width and height, 60 % of those of a third of the size; with the starter 99 % and more, and 94 % of
/// those that lost 10 %. Of the 79,003 pairs of different photos none is told. Mirrored copies and those that lost 20 %
/// are mostly missed.
pub const NEAR: f32 = 0.65;

/// The correlation of two photos' layouts ([`About::layout_direction`]) from which they are alike. Features of a weak
/// net take photos of one kind for copies, which this tells apart; layouts alone take whatever has its subject in the
/// middle.
pub const ALIKE: f32 = 0.85;

/// The most photos that are compared with each other. Their rows take 5 KB each; of more, every second, third, … is
/// compared, and [`Checkup::compared`] says how many were.
pub const COMPARED: usize = 32_768;

/// Photos whose features are in memory before they are put to the others.
const WINDOW: usize = 256;

/// Looks at datasets with a backbone.
#[derive(Clone, Debug)]
pub struct Checker {
    backbone: Backbone,
    preprocessing: Preprocessing,
    cache: Option<Arc<Cache>>,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Photos are read. Told by several threads.
    Looking(Progress),
    /// Photos are compared with each other.
    Comparing(Progress),
}

impl Checker {
    /// Returns a checker with the preprocessing that the backbone's record asks for.
    ///
    /// # Errors
    /// [`Error::Data`] if the record's resize rule is not known.
    pub fn new(backbone: &Backbone) -> Result<Self, Error> {
        let preprocessing = Preprocessing::for_training(backbone)?;
        Ok(Self { backbone: backbone.clone(), preprocessing, cache: None })
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

    /// Looks at every photo of `survey`. `step` hears how far that is and can stop it.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `step` breaks; [`Error::Graph`] for a size that the net does not have.
    pub fn check(
        &self,
        survey: Survey,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Checkup, Error> {
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
        let similar = looked.similar(len, &self.backbone, step)?;
        let Looked { photos, copies, compared, cached, .. } = looked;
        let identical = identical(&copies);
        Ok(Checkup { survey, photos, identical, similar, compared: compared.len(), cached })
    }
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

    /// Groups of photos that are alike, those whose weakest link is strongest first.
    fn similar(
        &mut self,
        len: usize,
        backbone: &Backbone,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Group>, Error> {
        near::normalize(&mut self.rows, len);
        let photos = self.compared.len();
        let progress = |done| step(Step::Comparing(Progress { done, photos }));
        let abouts = self.compared.iter().filter_map(|&photo| Some(self.photos[photo].as_ref().ok()?.about));
        let layouts: Vec<f32> = abouts.flat_map(|about| about.layout_direction()).collect();
        let rows = near::Rows { features: &self.rows, len, layouts: &layouts, side: About::CELLS };
        let rule = near::Rule { features: NEAR, layouts: ALIKE };
        let links = near::forest(rows, rule, backbone.threads(), &progress)?;
        let groups = near::groups(&links, photos).into_iter().map(|(rows, similarity)| Group {
            photos: rows.into_iter().map(|row| self.compared[row]).collect(),
            similarity,
        });
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.photos.cmp(&b.photos)));
        Ok(groups)
    }
}

fn identical(copies: &HashMap<Digest, Vec<usize>>) -> Vec<Group> {
    let groups = copies.values().filter(|photos| photos.len() > 1);
    let mut groups: Vec<Group> =
        groups.map(|photos| Group { photos: photos.clone(), similarity: 1.0 }).collect();
    groups.sort_by(|a, b| a.photos.cmp(&b.photos));
    groups
}
