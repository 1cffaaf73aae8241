//! The loss of a dense layer over many rows, with its gradient.
//!
//! ```text
//! rows = pieces, one after the other = blocks of 256, one after the other
//! block: z = X W + c,  d_z = d loss / d z,  piece's d_W += X' d_z
//! ```
//! A block of features is multiplied twice while it lies in a cache; a piece is the work of one thread and has a sum of its own. Pieces
//! are added in their order, so the bits are those of the sizes, whatever the number of threads.

use icecap_kernels::matmul::{Matrix, matmul};
use icecap_kernels::{Shape, TensorRef, Threads};

use crate::logistic_options::LogisticOptions;
use crate::{Error, Loss, Targets};

/// Rows that go through at once: 1.3 MB of 1280 features.
const BLOCK: usize = 256;
/// A piece has at least so many rows, or a thread would have more to add than to multiply.
const LEAST: usize = 1024;
/// The most pieces, and the most bytes of all their sums.
const MOST: usize = 64;
const SUMS: usize = 64 << 20;

/// Rows of a matrix of features, with a label for each.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    features: &'a [f32],
    width: usize,
    labels: &'a [u32],
    chosen: Option<&'a [u32]>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        features: &'a [f32],
        width: usize,
        labels: &'a [u32],
        chosen: Option<&'a [u32]>,
    ) -> Self {
        Self { features, width, labels, chosen }
    }

    pub(crate) fn count(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The place in the matrix of the row that comes at `place`.
    fn row(&self, place: usize) -> usize {
        self.chosen.map_or(place, |chosen| chosen[place] as usize)
    }

    /// The features of some rows that follow each other: as they lie, or gathered in `room`.
    fn features<'b>(&'b self, places: std::ops::Range<usize>, room: &'b mut Vec<f32>) -> &'b [f32] {
        let width = self.width;
        let Some(chosen) = self.chosen else {
            return &self.features[places.start * width..places.end * width];
        };
        room.clear();
        for &row in &chosen[places] {
            room.extend_from_slice(&self.features[row as usize * width..][..width]);
        }
        room
    }

    /// The rows in pieces, as many as the sizes ask for; each has a sum of so many values.
    fn pieces(&self, values: usize) -> Vec<std::ops::Range<usize>> {
        let rows = self.count();
        let by_memory = (SUMS / (values.max(1) * size_of::<f32>())).max(1);
        let pieces = (rows / LEAST).clamp(1, MOST.min(by_memory));
        // Whole blocks, but for the last piece.
        let each = rows.div_ceil(pieces).next_multiple_of(BLOCK);
        (0..rows).step_by(each).map(|start| start..(start + each).min(rows)).collect()
    }

    /// The mean of each feature.
    pub(crate) fn means(&self, threads: &Threads) -> Vec<f64> {
        let sums = threads.map(self.pieces(2 * self.width), |piece| {
            let mut sums = vec![0.0; self.width];
            for place in piece {
                let row = &self.features[self.row(place) * self.width..][..self.width];
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            sums
        });
        let mut means = vec![0.0; self.width];
        for sums in sums {
            means.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += sum);
        }
        means.iter_mut().for_each(|mean| *mean /= self.count() as f64);
        means
    }
}

/// What is added up of a piece, and the memory for it.
struct Piece {
    places: std::ops::Range<usize>,
    room: Vec<f32>,
    z: Vec<f32>,
    d_z: Vec<f32>,
    d_kernel: Vec<f32>,
    d_c: Vec<f64>,
    loss: f64,
}

/// Evaluations of J, with their memory.
pub(crate) struct Evaluation<'a> {
    rows: Rows<'a>,
    means: &'a [f64],
    loss: Loss,
    logits: usize,
    targets: Targets<'a>,
    l2: f64,
    kernel: Vec<f32>,
    pieces: Vec<Piece>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        (rows, means): (Rows<'a>, &'a [f64]),
        (loss, logits): (Loss, usize),
        options: &LogisticOptions<'a>,
    ) -> Result<Self, Error> {
        let weights = rows.width() * logits;
        // The loss judges the targets, on one row of logits that say nothing.
        let label = rows.labels[0];
        loss.mean_of(
            TensorRef::new(Shape::new(&[1, logits])?, &vec![0.0; logits])?,
            &[label],
            &options.targets,
        )?;
        let piece = |places: std::ops::Range<usize>| Piece {
            places,
            room: Vec::new(),
            z: vec![0.0; BLOCK * logits],
            d_z: vec![0.0; BLOCK * logits],
            d_kernel: vec![0.0; weights],
            d_c: vec![0.0; logits],
            loss: 0.0,
        };
        let pieces = rows.pieces(weights).into_iter().map(piece).collect();
        let (targets, l2) = (options.targets, f64::from(options.l2));
        Ok(Self { rows, means, loss, logits, targets, l2, kernel: vec![0.0; weights], pieces })
    }

    /// J at a point of the search, its gradient written to `gradient`; NaN where it cannot be computed.
    pub(crate) fn run(&mut self, threads: &Threads, at: &[f64], gradient: &mut [f64]) -> f64 {
        let (inputs, logits) = (self.rows.width(), self.logits);
        let (weights, c) = at.split_at(inputs * logits);
        self.kernel.iter_mut().zip(weights).for_each(|(to, &value)| *to = value as f32);
        let mut offset = c.to_vec();
        for (mean, weights) in self.means.iter().zip(weights.chunks_exact(logits)) {
            offset.iter_mut().zip(weights).for_each(|(offset, weight)| *offset -= mean * weight);
        }
        let mut pieces = std::mem::take(&mut self.pieces);
        let done = threads.map(pieces.iter_mut(), |piece| self.add_up(piece, &offset));
        self.pieces = pieces;
        if done.into_iter().any(|done| done.is_err()) {
            return f64::NAN;
        }
        let mut d_c = vec![0.0; logits];
        let (d_weights, d_bias) = gradient.split_at_mut(inputs * logits);
        d_weights.fill(0.0);
        let mut loss = 0.0;
        for piece in &self.pieces {
            loss += piece.loss;
            d_c.iter_mut().zip(&piece.d_c).for_each(|(sum, d)| *sum += d);
            d_weights.iter_mut().zip(&piece.d_kernel).for_each(|(sum, &d)| *sum += f64::from(d));
        }
        let rows = d_weights.chunks_exact_mut(logits).zip(weights.chunks_exact(logits));
        for ((d_weights, weights), mean) in rows.zip(self.means) {
            for ((d, weight), d_c) in d_weights.iter_mut().zip(weights).zip(&d_c) {
                *d += self.l2 * weight - mean * d_c;
            }
        }
        d_bias.copy_from_slice(&d_c);
        loss + 0.5 * self.l2 * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }

    /// Adds up the loss and the gradient of a piece.
    fn add_up(&self, piece: &mut Piece, offset: &[f64]) -> Result<(), Error> {
        let (inputs, logits, photos) = (self.rows.width(), self.logits, self.rows.count());
        let Piece { places, room, z, d_z, d_kernel, d_c, loss } = piece;
        *loss = 0.0;
        d_c.fill(0.0);
        let kernel = Matrix::new(&self.kernel, inputs, logits);
        for start in places.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(places.end);
            let rows = block.len();
            let labels = &self.rows.labels[block.clone()];
            let features = Matrix::new(self.rows.features(block, room), rows, inputs);
            let (z, d_z) = (&mut z[..rows * logits], &mut d_z[..rows * logits]);
            matmul(features, kernel, z, false);
            for row in z.chunks_exact_mut(logits) {
                row.iter_mut().zip(offset).for_each(|(z, offset)| *z = (f64::from(*z) + offset) as f32);
            }
            let view = TensorRef::new(Shape::new(&[rows, logits])?, z)?;
            *loss += self.loss.share_of(view, labels, &self.targets, photos, d_z)?;
            matmul(features.transposed(), Matrix::new(d_z, rows, logits), d_kernel, start != places.start);
            for row in d_z.chunks_exact(logits) {
                d_c.iter_mut().zip(row).for_each(|(sum, &d)| *sum += f64::from(d));
            }
        }
        Ok(())
    }
}
