//! One forward pass over a batch of images, run again and again, and the check of its answer.

use std::sync::Arc;
use std::time::Duration;

use icecap::Error;
use icecap_graph::{Arena, Input, Net, Plan, Precision, Tap};
use icecap_kernels::{Isa, Threads};

/// A forward pass from u8 pixels to pooled features, with the memory that it needs to run again and again.
#[derive(Debug)]
pub struct Pass<'a> {
    threads: &'a Threads,
    plan: Plan,
    arenas: Vec<Arena>,
    pixels: &'a [u8],
    pooled: Vec<f32>,
}

impl<'a> Pass<'a> {
    /// Prepares a pass of `net` over the images in `pixels`, each `size` x `size`, and runs it once.
    ///
    /// # Shapes
    /// `pixels` [N, size, size, 3].
    ///
    /// # Errors
    /// [`Error::Graph`] for a size that the net does not take, or for pixels that are not whole images.
    pub fn new(
        net: &Arc<Net>,
        isa: Isa,
        threads: &'a Threads,
        size: usize,
        pixels: &'a [u8],
    ) -> Result<Self, Error> {
        let workers = threads.count();
        let plan = Plan::new(net, isa, [size, size], Tap::Image..Tap::Pooled, workers)?;
        let arenas = (0..workers).map(|_| plan.arena()).collect();
        let images = pixels.len() / plan.input_shape().elements();
        let pooled = vec![f32::NAN; images * plan.output_shape().elements()];
        let mut pass = Self { threads, plan, arenas, pixels, pooled };
        // The first run fills the caches, and is where a wrong length is found.
        pass.plan.run(threads, Input::U8(pixels), &mut pass.arenas, &mut pass.pooled)?;
        Ok(pass)
    }

    /// Runs the pass over all images.
    ///
    /// # Panics
    /// Never: the run in [`Pass::new`] accepted the same lengths.
    pub fn run(&mut self) {
        let input = Input::U8(self.pixels);
        if let Err(error) = self.plan.run(self.threads, input, &mut self.arenas, &mut self.pooled) {
            unreachable!("lengths that were accepted before: {error}");
        }
    }

    /// Runs the pass over its image and returns the time of each step, with the tap behind it.
    ///
    /// # Errors
    /// [`Error::Graph`] if the pass has more than one image.
    pub fn profile(&mut self) -> Result<Vec<(Tap, Duration)>, Error> {
        let input = Input::U8(self.pixels);
        Ok(self.plan.profile(self.threads, input, &mut self.arenas[0], &mut self.pooled)?)
    }

    /// Returns the pooled features of the last run, image by image.
    #[must_use]
    pub fn pooled(&self) -> &[f32] {
        &self.pooled
    }
}

/// Returns the pooled features that the portable kernels compute from `pixels`. The tests of the kernels compare those
/// with the oracle.
///
/// # Errors
/// The errors of [`Pass::new`].
pub fn portable_pooled(
    net: &Arc<Net>,
    threads: &Threads,
    size: usize,
    pixels: &[u8],
) -> Result<Vec<f32>, Error> {
    let isa = Isa::named("portable")?;
    Ok(Pass::new(net, isa, threads, size, pixels)?.pooled)
}

/// Checks that `got` agrees with the beginning of `expected`: in f32 to within a thousandth of the largest value, as closely
/// as can be after fifty layers; in int8 in every bit. A net that computes something else has no speed. `name` is for the
/// message.
///
/// # Panics
/// If they differ, or if `expected` has no positive or an infinite value.
pub fn check_pooled(name: &str, precision: Precision, got: &[f32], expected: &[f32]) {
    let largest = expected.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.0 && expected.iter().all(|value| value.is_finite()), "a net that says nothing");
    assert!(!got.is_empty() && got.len() <= expected.len(), "{name} gives {} values", got.len());
    let most = if precision == Precision::F32 { 1e-3 * largest } else { 0.0 };
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= most, "{name} is wrong: {got} for {expected}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_may_round_and_integers_may_not() {
        check_pooled("rounded", Precision::F32, &[1.0005], &[1.0, 2.0]);
        check_pooled("equal", Precision::Int8, &[1.0], &[1.0, 2.0]);
        for (precision, got) in
            [(Precision::F32, 1.01), (Precision::Int8, 1.0005), (Precision::Int8, f32::NAN)]
        {
            let checked = std::panic::catch_unwind(|| check_pooled("wrong", precision, &[got], &[1.0, 2.0]));
            assert!(checked.is_err(), "{got} in {precision}");
        }
    }
}
