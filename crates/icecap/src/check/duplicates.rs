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

use icecap_data::{About, Decoding, Turn};

use crate::check::cliques::{Clique, Pair, cliques};
use crate::check::likeness::{Grid, SIDE, layouts_agree, likeness};
use crate::check::near::{Compared, Near, dot, nearest, normalize};
use crate::error::Error;
use crate::model::backbone::Backbone;
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
const MORE: usize = 8;

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

/// Photos that are nearly the same, by their numbers.
pub(super) struct Found {
    /// Every two that are nearly the same.
    pub(super) pairs: Vec<Pair>,
    pub(super) groups: Vec<Clique>,
    /// Every two that may be.
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
    pub(super) fn find(
        &self,
        rows: &mut [f32],
        stage: &(dyn Fn(Stage) -> ControlFlow<()> + Sync),
    ) -> Result<Found, Error> {
        normalize(rows, self.len);
        let candidates = self.candidates(rows, stage)?;
        let grids = self.grids(&candidates.pairs, stage)?;
        let alike = |first: u32, second: u32| {
            let (first, second) = (grids[first as usize].as_deref()?, grids[second as usize].as_deref()?);
            Some(likeness(first, second))
        };
        let go_on = || stage(Stage::Confirming { done: self.photos.len(), photos: self.photos.len() });
        let threads = self.backbone.threads();
        let judged = threads.map_until(&go_on, &candidates.pairs, |&(first, second)| alike(first, second));
        let judged = candidates.pairs.iter().zip(judged.ok_or(Error::Stopped)?);
        let (mut pairs, mut perhaps) = (Vec::new(), Vec::new());
        for (&(first, second), likeness) in judged {
            match likeness {
                Some(likeness) if likeness >= self.similar => pairs.push(Pair { first, second, likeness }),
                Some(likeness) if likeness >= self.similar - PERHAPS => {
                    perhaps.push(Pair { first, second, likeness });
                }
                _ => {}
            }
        }
        let mut left = MORE * self.photos.len() + 1000;
        let mut more = Vec::new();
        let mut flow = ControlFlow::Continue(());
        let groups = cliques(&pairs, |first, second| {
            flow = if flow.is_break() { flow } else { go_on() };
            if flow.is_break() || left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            if !self.near(rows, &candidates.reach, first, second) {
                return ControlFlow::Continue(None);
            }
            let likeness = alike(first, second).filter(|likeness| *likeness >= self.similar);
            more.extend(likeness.map(|likeness| Pair { first, second, likeness }));
            ControlFlow::Continue(likeness)
        });
        if flow.is_break() {
            return Err(Error::Stopped);
        }
        pairs.extend(more);
        perhaps.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
        Ok(Found { pairs, groups, perhaps })
    }

    /// Pairs whose features are near and whose layouts agree.
    fn candidates(
        &self,
        rows: &[f32],
        stage: &(dyn Fn(Stage) -> ControlFlow<()> + Sync),
    ) -> Result<Candidates, Error> {
        let threads = self.backbone.threads();
        let compared = Compared { rows, others: rows, len: self.len };
        let by_features = nearest(compared, BY_FEATURES, threads, &|done| stage(Stage::Comparing(done)))?;
        let reach = self.reach(&by_features);
        let layouts: Vec<f32> = self.photos.iter().flat_map(|photo| photo.about.layout_direction()).collect();
        let line = About::CELLS.isqrt();
        let mirrored: Vec<f32> =
            layouts.chunks_exact(line).flat_map(|line| line.iter().rev().copied()).collect();
        let mut pairs = HashSet::new();
        let mut add = |list: &[Near], keep: usize| {
            for (row, list) in list.chunks_exact(keep).enumerate() {
                let row = row as u32;
                let others = list.iter().map(|near| near.row).filter(|&other| other != u32::MAX);
                pairs.extend(others.map(|other| (row.min(other), row.max(other))));
            }
        };
        add(&by_features, BY_FEATURES);
        for others in [&layouts, &mirrored] {
            let compared = Compared { rows: &layouts, others, len: About::CELLS };
            let all = self.photos.len();
            add(&nearest(compared, BY_LAYOUT, threads, &|_| stage(Stage::Comparing(all)))?, BY_LAYOUT);
        }
        let mut pairs: Vec<(u32, u32)> =
            pairs.into_iter().filter(|&(first, second)| self.near(rows, &reach, first, second)).collect();
        pairs.sort_unstable();
        let go_on = || stage(Stage::Comparing(self.photos.len()));
        let layout = |photo: u32| &self.photos[photo as usize].about.layout;
        let agree = threads.map_until(&go_on, &pairs, |&(first, second)| {
            layouts_agree(layout(first), layout(second), line, LAYOUT) >= LAYOUT
        });
        let mut agree = agree.ok_or(Error::Stopped)?.into_iter();
        pairs.retain(|_| agree.next() == Some(true));
        Ok(Candidates { pairs, reach })
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

    /// Whether the features of two photos are near, as their classes have it.
    fn near(&self, rows: &[f32], reach: &[f32], first: u32, second: u32) -> bool {
        let row = |photo: u32| &rows[photo as usize * self.len..][..self.len];
        let reach = |photo: u32| reach[self.photos[photo as usize].class];
        1.0 - dot(row(first), row(second)) <= reach(first).max(reach(second))
    }

    /// The gray levels of the photos that stand in `pairs`; nothing for the others, and for those that cannot be read any
    /// more.
    fn grids(
        &self,
        pairs: &[(u32, u32)],
        stage: &(dyn Fn(Stage) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Option<Box<Grid>>>, Error> {
        let needed: HashSet<u32> = pairs.iter().flat_map(|&(first, second)| [first, second]).collect();
        let mut needed: Vec<u32> = needed.into_iter().collect();
        needed.sort_unstable();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let threads = self.backbone.threads();
        let turn = Turn::default();
        let loader = || self.backbone.loader(self.decoding, &turn);
        let mut loaders: Vec<_> = (0..threads.count().max(1)).map(|_| loader()).collect();
        let go_on = || {
            let done = done.load(std::sync::atomic::Ordering::Relaxed);
            stage(Stage::Confirming { done, photos: needed.len() })
        };
        let read = threads.map_until_with(&go_on, &mut loaders, &needed, |loader, &photo| {
            let mut grid = Box::new([0; SIDE * SIDE]);
            let opened = self.photos[photo as usize].source.open(loader);
            let read = opened.and_then(|photo| photo.gray_grid(SIDE, &mut *grid));
            done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            read.is_ok().then_some(grid)
        });
        let mut grids: Vec<Option<Box<Grid>>> = vec![None; self.photos.len()];
        for (&photo, grid) in needed.iter().zip(read.ok_or(Error::Stopped)?) {
            grids[photo as usize] = grid;
        }
        Ok(grids)
    }
}

/// Pairs that are worth a look at their pixels.
struct Candidates {
    pairs: Vec<(u32, u32)>,
    /// How far apart near photos of each class may be.
    reach: Vec<f32>,
}
