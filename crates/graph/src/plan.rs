//! The plan that runs: a range of a net for one input size, in the precision of the net, and batches of images over
//! threads.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use icecap_kernels::{Buffer, Isa, Shape, Threads, in_slabs};

use crate::{
    arena::Arena,
    error::Error,
    float_plan::FloatPlan,
    input::Input,
    int8::IntegerPlan,
    net::{Net, Weights},
    precision::Precision,
    stage,
    tap::Tap,
};

/// A range of a net's stages for one input size, with every place in memory decided.
#[derive(Debug)]
pub struct Plan {
    isa: Isa,
    starts_with_pixels: bool,
    input_shape: Shape,
    output_shape: Shape,
    route: Route,
}

/// How the net is computed: a way for each precision.
#[derive(Debug)]
enum Route {
    F32(FloatPlan),
    Int8(Box<IntegerPlan>),
}

impl Plan {
    /// Plans the sections of `net` between two taps for images of `size` (rows, columns): `Tap::Image..Tap::Pooled`
    /// takes pixels and gives pooled features, `Tap::Block(3)..Tap::Features` takes what leaves block 3.
    ///
    /// A net in int8 starts at the image and ends at the features or behind them. Up to `workers` threads can share one
    /// image.
    ///
    /// # Errors
    /// [`Error::InputSize`] for a size that the net cannot run; [`Error::UnknownLayer`] for a block that the net does
    /// not have and for an end that does not lie behind the start; [`Error::NoTop`] for class scores of weights without
    /// a top; [`Error::Precision`] for another range of a net in int8.
    pub fn new(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        taps: Range<Tap>,
        workers: usize,
    ) -> Result<Self, Error> {
        let nodes = stage::chain(&net.spec, net.numerics.padding, net.classes(), size)?;
        let position = |tap: Tap| nodes.iter().position(|node| node.section.tap == tap);
        let unknown = |tap: Tap, purpose| Error::UnknownLayer { name: tap.layer(&net.spec), purpose };
        let Range { start, end } = taps;
        let first = match start {
            Tap::Image => 0,
            _ => position(start).ok_or_else(|| unknown(start, "that a plan can start at"))? + 1,
        };
        if end == Tap::Classes && net.top.is_none() {
            return Err(Error::NoTop);
        }
        let last = position(end).ok_or_else(|| unknown(end, "that a plan can end at"))?;
        if last < first {
            return Err(unknown(end, "behind the start of the plan"));
        }
        let input_shape = match first {
            0 => stage::image_shape(size),
            _ => nodes[first - 1].shape(),
        };
        let route = match &net.weights {
            Weights::F32(_) => Route::F32(FloatPlan::new(net, isa, &nodes, first..last + 1, workers.max(1))),
            Weights::Int8(_) if first == 0 && end >= Tap::Features => {
                Route::Int8(Box::new(IntegerPlan::new(net, isa, size, end, workers.max(1))?))
            }
            Weights::Int8(_) => {
                return Err(Error::Precision { needed: Precision::F32, got: Precision::Int8 });
            }
        };
        let output_shape = nodes[last].shape();
        Ok(Self { isa, starts_with_pixels: first == 0, input_shape, output_shape, route })
    }

    /// Returns the shape of one image's input: [H, W, 3] pixels, or the values of the layer that the plan starts
    /// behind.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.input_shape
    }

    /// Returns the shape of one image's output: [h, w, C], or `[C]` from pooling on.
    #[must_use]
    pub fn output_shape(&self) -> Shape {
        self.output_shape
    }

    /// Returns whether the plan starts with pixels.
    #[must_use]
    pub fn starts_with_pixels(&self) -> bool {
        self.starts_with_pixels
    }

    /// Returns the instruction set that the plan runs on.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Allocates the memory of one inference at a time.
    #[must_use]
    pub fn arena(&self) -> Arena {
        let (values, bytes) = match &self.route {
            Route::F32(plan) => (plan.arena_len(), 0),
            Route::Int8(plan) => (plan.arena_values(), plan.arena_len()),
        };
        in_slabs(|| Arena { values: Buffer::zeros(values), bytes: Buffer::zeros(bytes) })
    }

    /// Runs the plan over a batch.
    ///
    /// One image is shared by the threads that its arena was planned for; of several, each is computed by one thread,
    /// with one arena each. The result has the same bits for any batch, number of threads and number of arenas.
    ///
    /// # Shapes
    /// `input` N times [`Plan::input_shape`], `output` N times [`Plan::output_shape`].
    ///
    /// # Errors
    /// [`Error::InputLength`] if `input` is not a whole number of images, is of u8 though the plan does not start with
    /// pixels, or does not fit `output`; in int8 [`Error::Pixel`] for a pixel that is no number.
    ///
    /// # Panics
    /// If `arenas` is empty or one of them is another plan's.
    pub fn run(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arenas: &mut [Arena],
        output: &mut [f32],
    ) -> Result<(), Error> {
        let (input_len, output_len) = (self.input_shape().elements(), self.output_shape().elements());
        let batch = output.len() / output_len;
        self.check(input, batch, output)?;
        if batch == 1 {
            // Whoever finds the threads taken has the image to itself.
            return threads.lead(|threads| self.image(threads, input, output, &mut arenas[0], &mut |_| {}));
        }
        let serial = Threads::serial();
        let failed = Mutex::new(None);
        threads.for_each_chunk(arenas, output, output_len, |arena, index, output| {
            let image = input.image(index, input_len);
            if let Err(error) = self.image(&serial, image, output, arena, &mut |_| {}) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                // Whichever thread comes first: the first image's error is told.
                if failed.as_ref().is_none_or(|(first, _)| index < *first) {
                    *failed = Some((index, error));
                }
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Runs the plan over one image and returns what each of its steps took, with the tap behind the step.
    ///
    /// A step that is computed together with the next one is told with it. The result has the bits of [`Plan::run`].
    ///
    /// # Shapes
    /// `input` [`Plan::input_shape`], `output` [`Plan::output_shape`].
    ///
    /// # Errors
    /// [`Error::InputLength`] if `input` or `output` is not one image's, or `input` is of u8 though the plan does not
    /// start with pixels; in int8 [`Error::Pixel`] for a pixel that is no number.
    pub fn profile(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arena: &mut Arena,
        output: &mut [f32],
    ) -> Result<Vec<(Tap, Duration)>, Error> {
        self.check(input, 1, output)?;
        threads.enter(|| {
            let mut times = Vec::new();
            let mut started = Instant::now();
            self.image(threads, input, output, arena, &mut |tap| {
                times.push((tap, started.elapsed()));
                started = Instant::now();
            })?;
            Ok(times)
        })
    }

    fn check(&self, input: Input<'_>, batch: usize, output: &[f32]) -> Result<(), Error> {
        let (input_len, output_len) = (self.input_shape().elements(), self.output_shape().elements());
        let of_pixels = self.starts_with_pixels() || matches!(input, Input::F32(_));
        if !of_pixels || input.len() != batch * input_len || output.len() != batch * output_len {
            return Err(Error::InputLength { expected: self.input_shape(), got: input.len() });
        }
        Ok(())
    }

    fn image(
        &self,
        threads: &Threads,
        input: Input<'_>,
        output: &mut [f32],
        arena: &mut Arena,
        done: &mut dyn FnMut(Tap),
    ) -> Result<(), Error> {
        match &self.route {
            Route::F32(plan) => plan.image(threads, input, output, arena, done),
            Route::Int8(plan) => plan.image(threads, input, output, arena, done),
        }
    }
}
