//! A learning rate found by a range test.
//!
//! A fresh head is trained for 100 steps while the learning rate rises from 1e-6 to 10, each step's by the same factor.
//! At first nothing happens, then the loss falls, then it blows up. The rate at which the smoothed loss falls fastest,
//! per step of that ladder, is taken: below the edge, and as far from idling as can be had.
//!
//! The loss of one batch is noise for the most part, so it is smoothed by a running mean with a correction of its start,
//! and its slope is taken across several steps. The rate found is good to a factor of two or three, which is what a
//! learning rate needs.
//!
//! # Source
//! Smith, "Cyclical learning rates for training neural networks", WACV 2017.

use icecap_autograd::Targets;
use icecap_kernels::rng::{Purpose, Stream};

use crate::error::Error;
use crate::learn::course::Step;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::TrainOptions;
use crate::learn::step::Stepper;
use crate::model::head::Head;

const STEPS: usize = 100;
const LOWEST: f64 = 1e-6;
const HIGHEST: f64 = 10.0;
/// The share of the past in the running mean of the loss.
const PAST: f64 = 0.9;
/// Steps before the first that can be taken: a mean of so few losses still jumps from one to the next, and at their rates,
/// up to 2e-5, nothing falls.
const START: usize = 20;
/// Steps to each side across which a slope is taken.
const REACH: usize = 4;
/// A smoothed loss so many times the best one is the end of the test.
const BLOWN: f64 = 4.0;

/// Finds the learning rate at which the loss of a fresh head falls fastest, on mini-batches of `train` with the optimizer,
/// batch, dropout and losses of `options`. The same photos, options and seed give the same rate.
///
/// # Errors
/// [`Error::Setting`] if there are no photos, if the options' solver takes no steps, or if an option is out of its range.
pub fn find_rate(train: &FeatureSet, classes: usize, options: &TrainOptions) -> Result<f32, Error> {
    let refuse = |reason: &str| Error::Setting { what: "learning rate", reason: reason.to_owned() };
    if train.is_empty() {
        return Err(refuse("none can be found without photos"));
    }
    let steps = options.steps().ok_or_else(|| refuse("this solver has none to be found"))?;
    let mut head = Head::for_training(train.width(), classes, options)?;
    let weights = options.class_weight.of(&train.counts(classes));
    let targets = Targets { class_weights: weights.as_deref(), smoothing: options.label_smoothing };
    let mut stepper = Stepper::new(train, options, steps, targets)?;
    let mut smoothed: Vec<f64> = Vec::with_capacity(STEPS);
    let (mut running, mut best) = (0.0, f64::INFINITY);
    let mut batches =
        Batches { rows: train.len(), batch: steps.batch, seed: options.seed, epoch: 0, order: Vec::new() };
    for number in 0..STEPS {
        let (epoch, rows) = batches.next();
        let step = Step { epoch, rows: &rows, rate: rate(number) as f32 };
        let loss = f64::from(stepper.take(&mut head, &step)?.loss);
        if !loss.is_finite() {
            break;
        }
        running = PAST * running + (1.0 - PAST) * loss;
        let now = running / (1.0 - PAST.powi(number as i32 + 1));
        smoothed.push(now);
        best = f64::min(best, now);
        if now > BLOWN * best {
            break;
        }
    }
    Ok(rate(steepest(&smoothed)) as f32)
}

fn rate(step: usize) -> f64 {
    LOWEST * (HIGHEST / LOWEST).powf(step as f64 / (STEPS - 1) as f64)
}

/// The step at which `losses` fall fastest.
fn steepest(losses: &[f64]) -> usize {
    let slope = |at: usize| {
        let (from, to) = (at.saturating_sub(REACH), (at + REACH).min(losses.len() - 1));
        (losses[to] - losses[from]) / (to - from).max(1) as f64
    };
    let mut best = START.min(losses.len().saturating_sub(1));
    for at in best + 1..losses.len() {
        if slope(at) < slope(best) {
            best = at;
        }
    }
    best
}

/// Batches without an end: the photos in one random order after the other.
struct Batches {
    rows: usize,
    batch: usize,
    seed: u64,
    epoch: u32,
    order: Vec<u32>,
}

impl Batches {
    /// The next batch, and the number of the order that it is from.
    fn next(&mut self) -> (u32, Vec<u32>) {
        if self.order.is_empty() {
            self.order = (0..self.rows as u32).collect();
            Stream::new(self.seed, Purpose::Shuffle, self.epoch, 0).shuffle(&mut self.order);
            self.epoch += 1;
        }
        let rest = self.order.split_off(self.batch.max(1).min(self.order.len()));
        (self.epoch - 1, std::mem::replace(&mut self.order, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steepest_fall_is_found_and_batches_go_round() {
        // Flat, a fall whose middle is at 50, then a rise.
        let losses: Vec<f64> = (0..90)
            .map(|i| 1.0 / (1.0 + (0.3 * (f64::from(i) - 50.0)).exp()) + if i > 80 { 2.0 } else { 0.0 })
            .collect();
        assert!(steepest(&losses).abs_diff(50) <= 1, "{}", steepest(&losses));
        // A first batch that was hard says nothing of the rate.
        let hard: Vec<f64> = [4.0, 2.5, 2.0, 1.5].into_iter().chain(losses[4..].iter().copied()).collect();
        assert!(steepest(&hard).abs_diff(50) <= 1, "{}", steepest(&hard));
        assert_eq!(steepest(&[1.0]), 0);
        assert!((rate(0) - LOWEST).abs() < 1e-12 && (rate(STEPS - 1) - HIGHEST).abs() < 1e-9);
        let mut batches = Batches { rows: 5, batch: 2, seed: 0, epoch: 0, order: Vec::new() };
        let sizes: Vec<(u32, usize)> =
            (0..4).map(|_| batches.next()).map(|(epoch, rows)| (epoch, rows.len())).collect();
        assert_eq!(sizes, [(0, 2), (0, 2), (0, 1), (1, 2)]);
    }
}
