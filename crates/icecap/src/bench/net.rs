//! A net of drawn weights, and one pass of it over a batch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use icecap_graph::{Arena, Input, Net, Numerics, Params, Plan, Spec, Tap, tensor_shapes};
use icecap_kernels::{Isa, Tensor, Threads};

use crate::Error;
use crate::rng::{Purpose, Stream};

/// A MobileNetV2 of drawn weights without a top, ready to run; see [`drawn_params`].
///
/// # Errors
/// As [`drawn_params`].
pub fn drawn_net(width: f32) -> Result<Arc<Net>, Error> {
    Ok(Arc::new(Net::new(&drawn_params(width)?)))
}

/// The tensors of a MobileNetV2 without a top, drawn, and padded as in Keras.
///
/// # Errors
/// [`Error::Graph`] for a width that the paper's rounding has no channels for.
pub fn drawn_params(width: f32) -> Result<Params, Error> {
    let spec = Spec::with_width(width)?;
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    let tensors: BTreeMap<String, Tensor> = tensor_shapes(&spec, None)
        .into_iter()
        .map(|(name, shape)| {
            let mut tensor = Tensor::zeros(shape);
            // Variances and gammas near 1, kernels small enough that activations neither die nor explode.
            let fan_in = shape.elements() / shape.dims().last().copied().unwrap_or(1).max(1);
            let (low, high) = match name.rsplit('/').next() {
                Some("gamma" | "moving_variance") => (0.5, 1.5),
                Some("kernel") => (-2.0 / (fan_in as f32).sqrt(), 2.0 / (fan_in as f32).sqrt()),
                _ => (-0.5, 0.5),
            };
            tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
            (name, tensor)
        })
        .collect();
    Ok(Params::new(spec, Numerics::KERAS, tensors)?)
}

/// A plan from u8 pixels to pooled features with all that it needs to run again and again.
#[derive(Debug)]
pub struct Pass<'a> {
    threads: &'a Threads,
    plan: Plan,
    arenas: Vec<Arena>,
    pixels: &'a [u8],
    pooled: Vec<f32>,
}

impl<'a> Pass<'a> {
    /// A pass over the images of `pixels`, each `size` x `size`.
    ///
    /// # Shapes
    /// `pixels` [N, size, size, 3].
    ///
    /// # Errors
    /// [`Error::Graph`] for a size that the net does not take, or pixels that are not whole images.
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
        // The first run settles caches, and is where a wrong length shows itself.
        pass.plan.run(threads, Input::U8(pixels), &mut pass.arenas, &mut pass.pooled)?;
        Ok(pass)
    }

    /// Runs it.
    ///
    /// # Panics
    /// Never: the lengths were accepted by the first run.
    pub fn run(&mut self) {
        let input = Input::U8(self.pixels);
        if let Err(error) = self.plan.run(self.threads, input, &mut self.arenas, &mut self.pooled) {
            unreachable!("lengths that were accepted before: {error}");
        }
    }

    /// Runs it over its first image and tells what each step took.
    ///
    /// # Errors
    /// [`Error::Graph`] where it is over more than one image.
    pub fn profile(&mut self) -> Result<Vec<(String, Duration)>, Error> {
        let input = Input::U8(self.pixels);
        Ok(self.plan.profile(self.threads, input, &mut self.arenas[0], &mut self.pooled)?)
    }

    /// What the last run gave: pooled features, image by image.
    #[must_use]
    pub fn pooled(&self) -> &[f32] {
        &self.pooled
    }
}

/// What the plainest kernels make of the same pixels; those stand against the oracle in their own tests.
///
/// # Errors
/// As [`Pass::new`].
pub fn portable_pooled(
    net: &Arc<Net>,
    threads: &Threads,
    size: usize,
    pixels: &[u8],
) -> Result<Vec<f32>, Error> {
    let isa = Isa::named("portable")?;
    Ok(Pass::new(net, isa, threads, size, pixels)?.pooled)
}

/// A wrong net has no speed: `got` agrees with the beginning of `expected` to the digits of f32 through fifty layers.
///
/// # Panics
/// Where it does not, or where `expected` says nothing.
pub fn check_pooled(name: &str, got: &[f32], expected: &[f32]) {
    let largest = expected.iter().copied().fold(0.0, f32::max);
    assert!(largest > 0.0 && expected.iter().all(|value| value.is_finite()), "a net that says nothing");
    assert!(!got.is_empty() && got.len() <= expected.len(), "{name} gives {} values", got.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-3 * largest, "{name} is wrong: {got} for {expected}");
    }
}
