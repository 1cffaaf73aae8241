//! Near duplicates: photos whose features are near and whose pixels are the same.
//!
//! ```text
//! candidates   of each photo the 8 nearest by features, the 4 by layout and the 4 by mirrored layout
//! features     1 - cosine <= max(0.35, twice the distance that photos of the class have to their fifth neighbor)
//! layout       the 8 x 8 gray levels agree in some window: costs no decoding, and leaves few
//! pixels       `likeness.rs`, on 64 x 64 gray levels of the photos themselves
//! groups       every two of a group pass (`cliques.rs`)
//! ```
//!
//! Features of a weak net take photos of one kind for copies: that is what pixels are for. Pixels alone would have to be
//! compared with all others: that is what features and layouts are for. How near is near depends on the class: of two
//! hundred photos of daisies on grass each has neighbors at a distance that ants have only to their copies.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use icecap_data::{About, Decoding, Turn};

use crate::check::cliques::{Clique, Pair, cliques};
use crate::check::likeness::{Grid, SIDE, layouts_agree, likeness};
use crate::check::near::{Compared, Near, dot, nearest, normalize};
use crate::error::Error;
use crate::model::backbone::Backbone;
use crate::model::gave_out::GaveOut;
use crate::model::source::Source;

/// The likeness from which two photos are told as nearly the same.
///
/// In a study of copies of photos of ants and bees, 200 of each kind (JPEG quality 15, half size, a tenth of each side cut off,
/// mirrored, a third lighter or darker, and all of that at once), they had 0.78 and more, pairs of different photos at most
/// 0.47, drawn photos of one kind at most 0.57. What is found with it stands in `docs/datasets.md`.
pub const SIMILAR: f32 = 0.75;
/// So far below that they may be the same.
pub(super) const PERHAPS: f32 = 0.1;

/// Neighbors of a photo that are looked at, by features and by each kind of layout.
const BY_FEATURES: usize = 8;
const BY_LAYOUT: usize = 4;
/// The neighbor whose distance says how close the photos of a class are, and its multiple that is near.
const FIFTH: usize = 4;
const REACH: f32 = 2.0;
/// A distance of features that is near in every class.
const ALWAYS: f32 = 0.35;
/// What layouts have to agree by for pixels to be looked at.
const LAYOUT: f32 = 0.82;
/// Pairs beyond the candidates that are compared to make groups whole, for each photo. Photos of a scene that are all alike
/// would else be compared each with each; beyond it a group may be told as several.
const MORE: usize = 4;
/// Pairs that a thread goes through at a time.
const SOME: usize = 64;

/// What near duplicates are looked for in.
pub(super) struct Search<'a> {
    pub(super) backbone: &'a Backbone,
    pub(super) decoding: Decoding,
    /// The likeness from which photos are nearly the same.
    pub(super) similar: f32,
    /// Values of a photo's features.
    pub(super) len: usize,
    pub(super) photos: Vec<Compare<'a>>,
}

/// A photo as it is compared with others.
#[derive(Clone, Copy)]
pub(super) struct Compare<'a> {
    pub(super) source: Source<'a>,
    pub(super) about: &'a About,
    pub(super) class: usize,
}

/// How far a search is, in photos.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    Comparing(usize),
    Confirming { done: usize, photos: usize },
}

/// Hears how far a search is and can stop it; called by several threads.
pub(super) type Hear<'a> = dyn Fn(Stage) -> ControlFlow<()> + Sync + 'a;

/// Photos that are nearly the same, by their numbers.
pub(super) struct Found {
    /// Those that were found to be, two by two.
    pub(super) pairs: Vec<Pair>,
    /// Those that may be, the likeliest first.
    pub(super) perhaps: Vec<Pair>,
}

impl Search<'_> {
    /// Looks for near duplicates. `rows` are the features; they are normalized in place.
    ///
    /// # Shapes
    /// `rows` [N, len].
    ///
    /// # Errors
    /// [`Error::Stopped`] if `stage` breaks.
    pub(super) fn pairs(&self, rows: &mut [f32], stage: &Hear<'_>) -> Result<Found, Error> {
        Ok(self.judged(rows, stage)?.1)
    }

    /// Does what [`Search::pairs`] does, and makes groups of which every two are nearly the same; adds the pairs that are found
    /// for these.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `stage` breaks.
    pub(super) fn groups(&self, rows: &mut [f32], stage: &Hear<'_>) -> Result<(Found, Vec<Clique>), Error> {
        let (judge, mut found) = self.judged(rows, stage)?;
        let all = judge.grids.iter().flatten().count();
        let go_on = || stage(Stage::Confirming { done: all, photos: all });
        let mut left = MORE * self.photos.len() + 1000;
        let mut more = Vec::new();
        let mut stopped = false;
        let groups = cliques(&found.pairs, |some| {
            if stopped || left < some.len() {
                left = 0;
                return ControlFlow::Break(());
            }
            left -= some.len();
            let likenesses = self.backbone.threads().map_until(&go_on, some, |&both| judge.same(both));
            let Some(likenesses) = likenesses else {
                stopped = true;
                return ControlFlow::Break(());
            };
            let told = some.iter().zip(&likenesses);
            more.extend(told.filter_map(|(&(first, second), likeness)| {
                likeness.map(|likeness| Pair { first, second, likeness })
            }));
            ControlFlow::Continue(likenesses)
        });
        if stopped {
            return Err(Error::Stopped);
        }
        found.pairs.extend(more);
        Ok((found, groups))
    }

    /// The candidates that are, or may be, nearly the same, and what others are judged by.
    fn judged<'r>(&'r self, rows: &'r mut [f32], stage: &Hear<'_>) -> Result<(Judge<'r>, Found), Error> {
        normalize(rows, self.len);
        let (mut judge, candidates) = self.candidates(rows, stage)?;
        let needed: HashSet<u32> = candidates.iter().flat_map(|&(first, second)| [first, second]).collect();
        let mut needed: Vec<u32> = needed.into_iter().collect();
        needed.sort_unstable();
        // Photos are read and pairs are compared: told as photos, of which there are so many.
        let (photos, done) = (needed.len(), AtomicUsize::new(0));
        let steps = (photos + candidates.len()).max(1);
        let go_on = || {
            let done = (done.load(Ordering::Relaxed) as f64 / steps as f64 * photos as f64) as usize;
            stage(Stage::Confirming { done, photos })
        };
        judge.grids = self.grids(&needed, &done, &go_on)?;
        let likenesses = self.backbone.threads().map_until(&go_on, &candidates, |&both| {
            done.fetch_add(1, Ordering::Relaxed);
            judge.likeness(both)
        });
        let mut found = Found { pairs: Vec::new(), perhaps: Vec::new() };
        for (&(first, second), likeness) in candidates.iter().zip(likenesses.ok_or(Error::Stopped)?) {
            match likeness {
                Some(likeness) if likeness >= self.similar => {
                    found.pairs.push(Pair { first, second, likeness });
                }
                Some(likeness) if likeness >= self.similar - PERHAPS => {
                    found.perhaps.push(Pair { first, second, likeness });
                }
                _ => {}
            }
        }
        found.perhaps.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
        Ok((judge, found))
    }

    /// Pairs whose features are near and whose layouts agree, and the judge that says so.
    fn candidates<'r>(
        &'r self,
        rows: &'r [f32],
        stage: &Hear<'_>,
    ) -> Result<(Judge<'r>, Vec<(u32, u32)>), Error> {
        let threads = self.backbone.threads();
        let all = self.photos.len() as f64;
        // Layouts are so much shorter than features.
        let (features, layout) = (self.len as f64, About::CELLS as f64);
        let whole = features + 2.0 * layout;
        let part = |before: f64, of: f64| {
            move |share: f64| stage(Stage::Comparing((all * (before + of * share) / whole) as usize))
        };
        let compared = Compared { rows, others: rows, len: self.len };
        let by_features = nearest(compared, BY_FEATURES, threads, &part(0.0, features))?;
        let judge = Judge { search: self, rows, reach: self.reach(&by_features), grids: Vec::new() };
        let layouts: Vec<f32> = self.photos.iter().flat_map(|photo| photo.about.layout_direction()).collect();
        let mirrored: Vec<f32> =
            layouts.chunks_exact(LINE).flat_map(|line| line.iter().rev().copied()).collect();
        let mut pairs = named(&by_features, BY_FEATURES);
        drop(by_features);
        for (others, before) in [(&layouts, features), (&mirrored, features + layout)] {
            let compared = Compared { rows: &layouts, others, len: About::CELLS };
            pairs.extend(named(&nearest(compared, BY_LAYOUT, threads, &part(before, layout))?, BY_LAYOUT));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let go_on = || stage(Stage::Comparing(self.photos.len()));
        let agree = threads.map_until(&go_on, pairs.chunks(SOME), |some| {
            some.iter().copied().filter(|&both| judge.is_candidate(both)).collect::<Vec<_>>()
        });
        Ok((judge, agree.ok_or(Error::Stopped)?.concat()))
    }

    /// How far apart the features of near photos of each class may be.
    fn reach(&self, nearest: &[Near]) -> Vec<f32> {
        let classes = self.photos.iter().map(|photo| photo.class + 1).max().unwrap_or(0);
        let mut distances = vec![Vec::new(); classes];
        for (photo, list) in self.photos.iter().zip(nearest.chunks_exact(BY_FEATURES)) {
            let fifth = list[FIFTH];
            if fifth.row != u32::MAX {
                distances[photo.class].push(1.0 - fifth.similarity);
            }
        }
        let reach = |mut distances: Vec<f32>| {
            distances.sort_by(f32::total_cmp);
            let middle = distances.get(distances.len() / 2).copied().unwrap_or(0.0);
            ALWAYS.max(REACH * middle)
        };
        distances.into_iter().map(reach).collect()
    }

    /// The gray levels of the photos that are `needed`; nothing for the others, and for those that cannot be read any more.
    fn grids(
        &self,
        needed: &[u32],
        done: &AtomicUsize,
        go_on: &(dyn Fn() -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Option<Box<Grid>>>, Error> {
        let threads = self.backbone.threads();
        let turn = Turn::default();
        let loader = || self.backbone.loader(self.decoding, &turn);
        let mut loaders: Vec<_> = (0..threads.count().max(1)).map(|_| loader()).collect();
        let gave_out = GaveOut::default();
        let read = threads.map_until_with(go_on, &mut loaders, needed, |loader, &photo| {
            let mut grid = Box::new([0; SIDE * SIDE]);
            let opened = self.photos[photo as usize].source.open(loader);
            let mut read = opened.and_then(|photo| photo.gray_grid(SIDE, &mut *grid));
            gave_out.takes(&mut read);
            done.fetch_add(1, Ordering::Relaxed);
            read.is_ok().then_some(grid)
        });
        let mut grids: Vec<Option<Box<Grid>>> = vec![None; self.photos.len()];
        gave_out.finish()?;
        for (&photo, grid) in needed.iter().zip(read.ok_or(Error::Stopped)?) {
            grids[photo as usize] = grid;
        }
        Ok(grids)
    }
}

/// Says of two photos whether they are nearly the same.
struct Judge<'a> {
    search: &'a Search<'a>,
    /// The features, normalized.
    rows: &'a [f32],
    /// How far apart near photos of each class may be.
    reach: Vec<f32>,
    /// The gray levels of photos that stand in a pair.
    grids: Vec<Option<Box<Grid>>>,
}

impl Judge<'_> {
    /// Whether the features of two photos are near, as their classes have it, and their layouts agree.
    fn is_candidate(&self, (first, second): (u32, u32)) -> bool {
        let Search { photos, len, .. } = self.search;
        let row = |photo: u32| &self.rows[photo as usize * len..][..*len];
        let photo = |photo: u32| &photos[photo as usize];
        let reach = |of: u32| self.reach[photo(of).class];
        let layout = |of: u32| &photo(of).about.layout;
        1.0 - dot(row(first), row(second)) <= reach(first).max(reach(second))
            && layouts_agree(layout(first), layout(second), LINE, LAYOUT) >= LAYOUT
    }

    /// How far their pixels are the same, where they are known.
    fn likeness(&self, (first, second): (u32, u32)) -> Option<f32> {
        let grid = |photo: u32| self.grids[photo as usize].as_deref();
        Some(likeness(grid(first)?, grid(second)?, self.search.similar))
    }

    /// The likeness of two photos that are nearly the same.
    fn same(&self, both: (u32, u32)) -> Option<f32> {
        let likeness = self.is_candidate(both).then(|| self.likeness(both))??;
        (likeness >= self.search.similar).then_some(likeness)
    }
}

/// Cells along a side of a layout.
const LINE: usize = About::CELLS.isqrt();

/// The pairs that each of so many rows makes with the `keep` nearest of it, the lower number first.
fn named(nearest: &[Near], keep: usize) -> Vec<(u32, u32)> {
    let of_row = |(row, list): (usize, &[Near])| {
        let others: Vec<u32> = list.iter().map(|near| near.row).filter(|&other| other != u32::MAX).collect();
        others.into_iter().map(move |other| ((row as u32).min(other), (row as u32).max(other)))
    };
    nearest.chunks_exact(keep).enumerate().flat_map(of_row).collect()
}
