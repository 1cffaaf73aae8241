//! The check itself: each photo is looked at once, then put beside the others.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_data::{Cache, Survey};
use icecap_graph::Tap;

use crate::check::checkup::{Checkup, Group};
use crate::check::components::components;
use crate::check::duplicates::{Compare, Found, SIMILAR, Search, Stage};
use crate::check::labels;
use crate::check::looked::{Judged, Looked};
use crate::check::seen::Seen;
use crate::error::Error;
use crate::judge::doubted_labels::DoubtedLabel;
use crate::learn::compute::Compute;
use crate::model::backbone::Backbone;
use crate::model::extractor::Extractor;
use crate::model::preprocessing::Preprocessing;
use crate::model::progress::Progress;
use crate::model::source::Source;

/// The most photos that a check compares with each other, since the time grows with the square. Their rows take 5 KB each; of
/// more, every second, third, … is compared, and [`Checkup::compared`] says how many were. [`Checker::copies`] compares all.
pub const COMPARED: usize = 32_768;

/// Photos whose features are in memory before they are put to the others.
const WINDOW: usize = 256;

/// Looks at datasets with a backbone.
#[derive(Clone, Debug)]
pub struct Checker {
    backbone: Backbone,
    preprocessing: Preprocessing,
    cache: Option<Arc<Cache>>,
    similar: f32,
    settling: bool,
    /// The most photos that a check compares.
    compared: usize,
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
        Ok(Self {
            backbone: backbone.clone(),
            preprocessing,
            cache: None,
            similar: SIMILAR,
            settling: false,
            compared: COMPARED,
        })
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

    /// Makes a check look for copies again among the photos that stay once those of [`Checkup::superfluous`] have left, until
    /// none is found. What is near depends on what there is: where many copies leave, others are seen that these had hidden.
    #[must_use]
    pub fn settling(mut self, settling: bool) -> Self {
        self.settling = settling;
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
        let stride = survey.photos.len().div_ceil(self.compared).max(1);
        let mut looked = self.look(&survey, stride, step)?;
        let len = self.backbone.features();
        // Before the features are normalized, and again only as many as can be judged.
        let judged = looked.judged(&survey, len)?;
        let mut rows = std::mem::take(&mut looked.rows);
        let unchanged = if self.settling { rows.clone() } else { Vec::new() };
        let search = self.search(&survey, &looked.photos, looked.compared.iter().copied());
        let (found, groups) = search.groups(&mut rows, &|stage| step(search.step(stage)))?;
        drop(rows);
        let doubted = self.doubted(judged, &found, survey.classes.len(), step)?;
        let (identical, equal) = (looked.identical(), looked.equal());
        let Looked { photos, compared, cached, .. } = looked;
        let at = |row: u32| compared[row as usize];
        let group = |rows: &[u32], similarity| Group {
            photos: rows.iter().map(|&row| at(row)).collect(),
            similarity,
        };
        let mut checkup = Checkup {
            identical,
            equal,
            similar: groups.iter().map(|clique| group(&clique.members, clique.weakest)).collect(),
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
        };
        if self.settling {
            self.settle(&mut checkup, &compared, &unchanged, step)?;
        }
        Ok(checkup)
    }

    /// Looks for copies among photos that stay, until none is left, and adds the pairs. `rows` are the features of the photos
    /// that were `compared`, as they were computed.
    fn settle(
        &self,
        checkup: &mut Checkup,
        compared: &[usize],
        rows: &[f32],
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<(), Error> {
        let len = self.backbone.features();
        loop {
            let staying = checkup.staying(compared);
            if staying.len() == compared.len() && checkup.pairs.is_empty() {
                return Ok(());
            }
            // As the next check would have them, bit by bit.
            let mut left: Vec<f32> =
                staying.iter().flat_map(|(_, row)| &rows[row * len..][..len]).copied().collect();
            let search =
                self.search(&checkup.survey, &checkup.photos, staying.iter().map(|(photo, _)| *photo));
            let found = search.pairs(&mut left, &|stage| step(search.step(stage)))?;
            if found.pairs.is_empty() {
                return Ok(());
            }
            let at = |row: u32| staying[row as usize].0;
            checkup.pairs.extend(found.pairs.iter().map(|pair| [at(pair.first), at(pair.second)]));
        }
    }

    /// Finds the photos of `survey` that are copies, and returns the group of each: photos of a group are the same, or are or
    /// may be nearly the same, also by way of others of it, and so are those that stand `together` already. Every photo is
    /// compared with every other, however many there are: the time grows with the square of their number. A photo that cannot
    /// be read is alone.
    ///
    /// # Errors
    /// Those of [`Checker::check`]; [`Error::TooManyPhotos`] if their features would take more than 4 GiB of memory.
    pub fn copies(
        &self,
        survey: &Survey,
        together: &[[usize; 2]],
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<u32>, Error> {
        let mut looked = self.look(survey, 1, step)?;
        let mut rows = std::mem::take(&mut looked.rows);
        let search = self.search(survey, &looked.photos, looked.compared.iter().copied());
        let found = search.pairs(&mut rows, &|stage| step(search.step(stage)))?;
        let at = |row: u32| looked.compared[row as usize];
        let near = found.pairs.iter().chain(&found.perhaps).map(|pair| [at(pair.first), at(pair.second)]);
        let same: Vec<Group> = looked.identical().into_iter().chain(looked.equal()).collect();
        let same = same.iter().flat_map(|same| same.photos.windows(2).map(|pair| [pair[0], pair[1]]));
        Ok(components(survey.photos.len(), near.chain(same).chain(together.iter().copied())))
    }

    /// Reads every photo; of `stride` photos one is compared.
    fn look(
        &self,
        survey: &Survey,
        stride: usize,
        step: &(dyn Fn(Step) -> ControlFlow<()> + Sync),
    ) -> Result<Looked, Error> {
        let extractor = Extractor::new(&self.backbone, self.preprocessing, Tap::Pooled)?;
        let mut extractor = extractor.with_cache(self.cache.clone()).describing();
        let len = extractor.row_len();
        let all = survey.photos.len();
        let mut looked = Looked::new(all, stride, len)?;
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

    /// A search for near duplicates among the photos at `compared`, which can be read.
    fn search<'a>(
        &'a self,
        survey: &'a Survey,
        photos: &'a [Result<Seen, icecap_data::Error>],
        compared: impl Iterator<Item = usize>,
    ) -> Search<'a> {
        let compare = |photo: usize| {
            let about = &photos[photo].as_ref().ok()?.about;
            let (_, sample) = &survey.photos[photo];
            Some(Compare { source: Source::Path(&sample.path), about, class: sample.class })
        };
        Search {
            backbone: &self.backbone,
            decoding: self.preprocessing.decoding(),
            similar: self.similar,
            len: self.backbone.features(),
            photos: compared.filter_map(compare).collect(),
        }
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

impl Search<'_> {
    /// How far a check is, by how far the search is.
    fn step(&self, stage: Stage) -> Step {
        match stage {
            Stage::Comparing(done) => Step::Comparing(Progress { done, photos: self.photos.len() }),
            Stage::Confirming { done, photos } => Step::Confirming(Progress { done, photos }),
        }
    }
}

#[cfg(test)]
mod tests {
    use icecap_data::encode_jpeg;
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::model::settings::Settings;

    /// Of 41 photos one has its copy at the end, where no sample has both. A check compares a sample, and says how many; what
    /// keeps copies on one side of a split compares all.
    #[test]
    fn a_check_compares_a_sample_and_a_search_for_the_copies_of_a_split_compares_all() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("a")).unwrap();
        for number in 0..41usize {
            let mut stream = Stream::new(7, Purpose::Test, 0, (number % 40) as u32);
            let cells: Vec<u8> = (0..64).map(|_| stream.below(256) as u8).collect();
            let level = |pixel: usize| cells[pixel / 64 / 8 * 8 + pixel % 64 / 8];
            let rgb: Vec<u8> = (0..64 * 64).flat_map(|pixel| [level(pixel); 3]).collect();
            let jpeg = encode_jpeg(&rgb, [64, 64], if number < 40 { 95 } else { 60 }).unwrap();
            std::fs::write(place.path().join(format!("a/{number:02}.jpg")), jpeg).unwrap();
        }
        let backbone = Backbone::starter(Settings::threads(2)).unwrap();
        let checker = Checker { compared: 14, ..Checker::new(&backbone).unwrap() };
        let survey = || icecap_data::survey(place.path(), None).unwrap();
        let go_on = |_| ControlFlow::Continue(());
        assert_eq!(checker.check(survey(), &go_on).unwrap().compared, 14);
        let groups = checker.copies(&survey(), &[], &go_on).unwrap();
        assert_eq!(groups[40], groups[0]);
        assert!((1..40).all(|photo| groups[photo] == photo as u32), "{groups:?}");
    }
}
