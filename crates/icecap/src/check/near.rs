//! Near duplicates: photos whose features point the same way and whose gray levels are laid out alike.
//!
//! Features are centered on their mean over all photos and scaled to length 1, so that a dot product of two rows is a
//! cosine. Centring matters: pooled features are sums of what no ReLU lets below zero, and share a large common part
//! that brings strangers close to each other. Even so a weak net finds that two photos of grass are the same, at a
//! cosine that a copy in half the size does not reach; so the coarse layout of the gray levels has to be alike, too.
//!
//! ```text
//! for each pair i < j: if layout[i] · layout[j] >= ALIKE and row[i] · row[j] >= NEAR: join i and j
//! ```
//!
//! N² cosines of 20,000 photos would take 1.6 GB. Here they are made tile by tile, 256 by 256. A layout has 64 values
//! where a row of features has 1,280, so a tile of layouts comes first, one product of matrices; then either the few
//! pairs that pass are held against each other, or, if many do, the tile of features is one product, too. Of a tile
//! only a maximum spanning forest is kept, which is at most 511 links and joins the same photos as all of the tile's
//! pairs would. Forests of forests are forests, so at the end there is one link less than photos at most. What joined a
//! photo to its group is always the strongest link there is.
//!
//! What it does badly: a chain of small steps, the frames of a video, say, becomes one group whose ends may differ; and
//! a photo whose layout is all of one gray is like no other.

use std::ops::ControlFlow;

use icecap_kernels::Threads;
use icecap_kernels::matmul::{Matrix, matmul};

use crate::error::Error;

/// Rows and columns of a tile of cosines.
const TILE: usize = 256;

/// Two photos and their cosine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) first: u32,
    pub(super) second: u32,
    pub(super) similarity: f32,
}

/// Centers `rows` on their mean and scales each to length 1. A row of no length stays zero and is like no other.
///
/// # Shapes
/// `rows` [N, len].
pub(super) fn normalize(rows: &mut [f32], len: usize) {
    let count = (rows.len() / len).max(1);
    let mut mean = vec![0.0f64; len];
    for row in rows.chunks_exact(len) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let mean: Vec<f32> = mean.into_iter().map(|sum| (sum / count as f64) as f32).collect();
    for row in rows.chunks_exact_mut(len) {
        let mut square = 0.0f64;
        for (value, mean) in row.iter_mut().zip(&mean) {
            *value -= mean;
            square += f64::from(*value) * f64::from(*value);
        }
        let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= scale);
    }
}

/// Which pairs are near duplicates.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The least cosine of features.
    pub(super) features: f32,
    /// The least cosine of layouts.
    pub(super) layouts: f32,
}

/// What is compared: rows of length 1, or of none.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// `[N, len]`.
    pub(super) features: &'a [f32],
    /// Values of one photo's features.
    pub(super) len: usize,
    /// `[N, side]`.
    pub(super) layouts: &'a [f32],
    /// Values of one photo's layout.
    pub(super) side: usize,
}

/// The links that join near duplicates, as a maximum spanning forest, the strongest first.
///
/// `progress` is called with the rows that are compared with all others, and can stop the work.
///
/// # Errors
/// [`Error::Stopped`] if `progress` breaks.
pub(super) fn forest(
    rows: Rows<'_>,
    rule: Rule,
    threads: &Threads,
    progress: &dyn Fn(usize) -> ControlFlow<()>,
) -> Result<Vec<Link>, Error> {
    let count = rows.features.len() / rows.len;
    let blocks = count.div_ceil(TILE);
    let mut tiles = vec![vec![0.0f32; TILE * TILE]; threads.count().max(1)];
    let mut links: Vec<Link> = Vec::new();
    for upper in 0..blocks {
        let go_on = || ControlFlow::Continue(());
        let found = threads.map_until_with(&go_on, &mut tiles, upper..blocks, |tile, left| {
            tile_links(rows, rule, (upper, left), tile)
        });
        links.extend(found.into_iter().flatten().flatten());
        // Bounded whatever the photos are: a folder of one photo 20,000 times must not fill the memory with pairs.
        if links.len() > 4 * count {
            links = spanning(links, 0, count);
        }
        if progress(count.min((upper + 1) * TILE)).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(spanning(links, 0, count))
}

/// The forest of one tile, that of the blocks `(upper, left)` of rows.
fn tile_links(rows: Rows<'_>, rule: Rule, (upper, left): (usize, usize), tile: &mut [f32]) -> Vec<Link> {
    let (a, b) = (block(rows.layouts, rows.side, upper), block(rows.layouts, rows.side, left));
    let (down, across) = (a.len() / rows.side, b.len() / rows.side);
    let tile = &mut tile[..down * across];
    matmul(Matrix::new(a, down, rows.side), Matrix::new(b, across, rows.side).transposed(), tile, false);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (y, line) in tile.chunks_exact(across).enumerate() {
        let alike = line.iter().enumerate().filter(|(_, likeness)| **likeness >= rule.layouts);
        pairs.extend(alike.map(|(x, _)| (y, x)).filter(|(y, x)| upper * TILE + y < left * TILE + x));
    }
    let (a, b) = (block(rows.features, rows.len, upper), block(rows.features, rows.len, left));
    // A product of matrices costs as much as some of its values one by one.
    let many = pairs.len() * ONE_BY_ONE > tile.len();
    if many {
        matmul(Matrix::new(a, down, rows.len), Matrix::new(b, across, rows.len).transposed(), tile, false);
    }
    let similarity = |(y, x): (usize, usize)| match many {
        true => tile[y * across + x],
        false => dot(&a[y * rows.len..][..rows.len], &b[x * rows.len..][..rows.len]),
    };
    let links = pairs.into_iter().map(|pair| Link {
        first: (upper * TILE + pair.0) as u32,
        second: (left * TILE + pair.1) as u32,
        similarity: similarity(pair),
    });
    let links: Vec<Link> = links.filter(|link| link.similarity >= rule.features).collect();
    // The nodes of both blocks lie between the first of the one and the last of the other.
    spanning(links, upper * TILE, left * TILE + across - upper * TILE)
}

/// If more than one in so many pairs of a tile is asked for, the whole tile is computed as one product.
const ONE_BY_ONE: usize = 16;

/// The rows of a block.
fn block(rows: &[f32], len: usize, index: usize) -> &[f32] {
    let from = index * TILE * len;
    &rows[from..rows.len().min(from + TILE * len)]
}

/// A dot product by sixteen sums side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// A maximum spanning forest by Kruskal's rule: the strongest link first, each that joins two trees is kept. Nodes are
/// numbered from `start` and there are `nodes` of them.
fn spanning(mut links: Vec<Link>, start: usize, nodes: usize) -> Vec<Link> {
    // The order of equal links is that of their photos, so the forest is the same for any number of threads.
    links.sort_unstable_by(|a, b| {
        b.similarity.total_cmp(&a.similarity).then_with(|| (a.first, a.second).cmp(&(b.first, b.second)))
    });
    let mut trees = Trees::new(nodes);
    links.retain(|link| trees.join(link.first as usize - start, link.second as usize - start));
    links
}

/// Which nodes belong together: each points to another of its tree, the last to itself.
pub(super) struct Trees(Vec<u32>);

impl Trees {
    /// `nodes` trees of a node each.
    pub(super) fn new(nodes: usize) -> Self {
        Self((0..nodes as u32).collect())
    }

    /// The last node of `node`'s tree; the way there is halved for the next who goes it.
    pub(super) fn root(&mut self, mut node: usize) -> usize {
        while self.0[node] as usize != node {
            let above = self.0[node] as usize;
            self.0[node] = self.0[above];
            node = above;
        }
        node
    }

    /// Makes the trees of two nodes one; whether they were two.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
        a != b
    }
}

/// Nodes that links join, with the weakest link of each group. Groups and their nodes in ascending order.
pub(super) fn groups(links: &[Link], nodes: usize) -> Vec<(Vec<usize>, f32)> {
    let mut trees = Trees::new(nodes);
    for link in links {
        trees.join(link.first as usize, link.second as usize);
    }
    let mut weakest = std::collections::BTreeMap::<usize, (Vec<usize>, f32)>::new();
    for link in links {
        let root = trees.root(link.first as usize);
        let group = weakest.entry(root).or_insert((Vec::new(), f32::INFINITY));
        group.1 = group.1.min(link.similarity);
    }
    for node in 0..nodes {
        let root = trees.root(node);
        if let Some(group) = weakest.get_mut(&root) {
            group.0.push(node);
        }
    }
    weakest.into_values().collect()
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    /// Rows around a few middles: some close together, some not.
    fn rows(count: usize, len: usize, seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
        let middles: Vec<f32> = (0..count * len).map(|_| stream.range(-1.0, 1.0)).collect();
        let mut rows = Vec::with_capacity(count * len);
        for index in 0..count {
            // Every third row is near the one before.
            let like = if index % 3 == 1 { index - 1 } else { index };
            let spread = stream.range(0.0, 0.5);
            for channel in 0..len {
                rows.push(middles[like * len + channel] + spread * stream.range(-1.0, 1.0));
            }
        }
        normalize(&mut rows, len);
        rows
    }

    const SIDE: usize = 64;

    /// Layouts of `kinds` kinds, that of a row and of the two behind it the same: of so many pairs one is alike.
    fn layouts(count: usize, kinds: usize) -> Vec<f32> {
        (0..count * SIDE).map(|at| f32::from(u8::from(at / SIDE / 3 % kinds == at % SIDE))).collect()
    }

    /// The groups by the naive loop, and by the tiles for 1 to 3 threads: the same photos, the same weakest links.
    #[test]
    fn tiles_join_what_all_pairs_would() {
        let len = 24;
        for (count, seed) in [(1, 1), (2, 2), (255, 3), (256, 4), (257, 5), (700, 6)] {
            // All alike: products of matrices. One of fifty: pairs one by one.
            for kinds in [1, 50] {
                let features = rows(count, len, seed);
                let layouts = layouts(count, kinds);
                let cosine = |rows: &[f32], len: usize, a: usize, b: usize| {
                    let row = |index: usize| &rows[index * len..][..len];
                    row(a).iter().zip(row(b)).map(|(x, y)| f64::from(x * y)).sum::<f64>()
                };
                let rule = Rule { features: 0.8, layouts: 0.5 };
                let mut pairs = Trees::new(count);
                let mut joined = 0;
                for a in 0..count {
                    for b in a + 1..count {
                        let near = cosine(&features, len, a, b) >= 0.8 && cosine(&layouts, SIDE, a, b) >= 0.5;
                        joined += usize::from(near && pairs.join(a, b));
                    }
                }
                assert!(count < 200 || joined > 20, "{joined} of {count}");
                let rows = Rows { features: &features, len, layouts: &layouts, side: SIDE };
                let mut first: Option<Vec<Link>> = None;
                for threads in 1..=3 {
                    let threads = Threads::new(threads).unwrap();
                    let links = forest(rows, rule, &threads, &|_| ControlFlow::Continue(())).unwrap();
                    assert_eq!(links.len(), joined);
                    for (group, weakest) in groups(&links, count) {
                        let root = pairs.root(group[0]);
                        assert!(group.iter().all(|&node| pairs.root(node) == root) && weakest >= 0.8);
                    }
                    assert_eq!(*first.get_or_insert_with(|| links.clone()), links);
                }
            }
        }
    }

    #[test]
    fn pairs_one_by_one_are_those_of_the_product() {
        let (len, count) = (35, 300);
        let features = rows(count, len, 9);
        let layouts = layouts(count, 1);
        let rule = Rule { features: 0.8, layouts: 0.5 };
        let all = Rows { features: &features, len, layouts: &layouts, side: SIDE };
        let product = forest(all, rule, &Threads::serial(), &|_| ControlFlow::Continue(())).unwrap();
        assert!(product.len() > 20, "{}", product.len());
        for link in product {
            let row = |index: u32| &features[index as usize * len..][..len];
            assert!((dot(row(link.first), row(link.second)) - link.similarity).abs() < 1e-5);
        }
    }

    #[test]
    fn a_thousand_copies_are_one_group_of_few_links() {
        let len = 8;
        let mut features: Vec<f32> =
            (0..1000).flat_map(|_| [1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).collect();
        features.extend([0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        normalize(&mut features, len);
        let layouts = layouts(1001, 1);
        let rule = Rule { features: 0.99, layouts: 0.5 };
        let rows = Rows { features: &features, len, layouts: &layouts, side: SIDE };
        let links = forest(rows, rule, &Threads::serial(), &|_| ControlFlow::Continue(())).unwrap();
        assert_eq!(links.len(), 999);
        let groups = groups(&links, 1001);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].0.len(), 1000);
    }

    #[test]
    fn who_is_stopped_stops() {
        let (features, layouts) = (rows(300, 4, 1), layouts(300, 1));
        let rows = Rows { features: &features, len: 4, layouts: &layouts, side: SIDE };
        let rule = Rule { features: 0.9, layouts: 0.5 };
        let stopped = forest(rows, rule, &Threads::serial(), &|_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
