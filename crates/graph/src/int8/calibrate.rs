//! Quantizing a net with photos: ranges that they reach, biases that they correct, and the error that is left.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_kernels::{Isa, Threads};

use super::{
    correct::{STAGES, correct},
    integers::IntegerNet,
    observe::{Observed, Team},
};
use crate::{error::Error, input::Input, net::Net, params::Params, plan::Plan, tap::Tap};

/// A net is calibrated with at most so many photos; more make it no better.
pub const MOST_PHOTOS: usize = 64;

/// The error of a net is measured on at most so many other photos.
pub const MOST_JUDGED: usize = 16;

/// Hears what share of the work is done, 0 to 1 by the time that it takes, and can stop it. Called by several threads.
pub type Listening<'a> = &'a (dyn Fn(f64) -> ControlFlow<()> + Sync);

/// The share of the time that is over when f32 has run over all photos, and when all biases are corrected.
const OBSERVED: f64 = 0.7;
const CORRECTED: f64 = 0.95;

/// Photos to calibrate a net with, all of one size and as the net will see them: resized, pixels from 0 to 255,
/// [H, W, 3] each.
#[derive(Clone, Copy, Debug)]
pub struct Photos<'a> {
    /// Rows and columns.
    pub size: [usize; 2],
    /// The photos that ranges and biases are taken from, the first [`MOST_PHOTOS`] of them.
    pub seen: &'a [Input<'a>],
    /// Others, on which the error is measured, the first [`MOST_JUDGED`] of them. If there are none it is measured on
    /// those that were seen, and is then smaller than it would be on others.
    pub judged: &'a [Input<'a>],
}

/// A net in integers that photos have calibrated.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The net.
    pub net: IntegerNet,
    /// The relative error of its pooled features, as [`feature_error`] measures it.
    pub error: f64,
    /// The number of photos that were seen.
    pub photos: usize,
}

/// Quantizes a net with photos: the range of what leaves each block is what they reach, and the biases
/// are such that each layer gives on average what it gives in f32 for them. `docs/int8.md` says how.
///
/// What f32 computes differs by its last digits between instruction sets, so nets that were calibrated on two of them
/// can differ in a few biases by one. Whoever wants the same bits everywhere keeps the calibrated net.
///
/// # Errors
/// [`Error::NoPhotos`] without one, [`Error::InputSize`], [`Error::InputLength`] and [`Error::Pixel`] for photos that the
/// net cannot read, [`Error::NotFinite`] for a net that computes something else than numbers, [`Error::Int8Channel`] for
/// weights that int8 cannot hold, [`Error::Stopped`] if the progress breaks.
///
/// # Cost
/// For each photo one slow inference in f32 and two in integers: for 64 photos of 160x160 about half a second on two threads.
/// Memory of 32 bytes for each pixel of all photos that are seen, and on each thread of about 100 for each of one.
pub fn calibrate(
    params: &Params,
    photos: &Photos<'_>,
    isa: Isa,
    threads: &Threads,
    progress: Listening<'_>,
) -> Result<Calibrated, Error> {
    let seen = &photos.seen[..photos.seen.len().min(MOST_PHOTOS)];
    check_pixels(seen)?;
    let judged = if photos.judged.is_empty() { seen } else { photos.judged };
    let floats = Arc::new(Net::new(params));
    let share = |from: f64, to: f64, of: usize| {
        move |done: usize| progress(from + (to - from) * done as f64 / of.max(1) as f64)
    };
    let (observing, correcting) = (share(0.0, OBSERVED, seen.len()), share(OBSERVED, CORRECTED, STAGES));
    let team = Team { isa, threads, progress: &observing };
    let observed = Observed::of(&floats, photos.size, seen, team)?;
    let mut net = IntegerNet::from_observed(params, &observed.ranges, &observed)?;
    correct(&mut net, &observed, photos.size, seen, Team { progress: &correcting, ..team })?;
    let both = [floats, Arc::new(Net::of_integers(net.clone()))];
    let judged = &judged[..judged.len().min(MOST_JUDGED)];
    if progress(CORRECTED).is_break() {
        return Err(Error::Stopped);
    }
    let error = feature_error(&both, isa, photos.size, judged, threads)?;
    Ok(Calibrated { net, error, photos: seen.len() })
}

/// f32 would spread a pixel that is no number over the whole image.
fn check_pixels(photos: &[Input<'_>]) -> Result<(), Error> {
    let strange = photos.iter().find_map(|photo| match photo {
        Input::U8(_) => None,
        Input::F32(pixels) => pixels.iter().position(|pixel| pixel.is_nan()),
    });
    strange.map_or(Ok(()), |index| Err(Error::Pixel { index }))
}

/// Returns the mean over photos of the relative error of pooled features: the length of the difference between what the
/// second net gives and what the first one gives, as a share of the length of the latter. 0 without photos.
///
/// # Errors
/// [`Error::InputSize`], [`Error::InputLength`] and [`Error::Pixel`] for photos that the nets cannot read.
pub fn feature_error(
    nets: &[Arc<Net>; 2],
    isa: Isa,
    size: [usize; 2],
    photos: &[Input<'_>],
    threads: &Threads,
) -> Result<f64, Error> {
    let mut plans = Vec::with_capacity(nets.len());
    for net in nets {
        plans.push(Plan::new(net, isa, size, Tap::Image..Tap::Pooled, 1)?);
    }
    let errors = threads.map(photos, |&photo| -> Result<f64, Error> {
        let mut features = Vec::with_capacity(plans.len());
        for plan in &plans {
            let mut pooled = vec![0.0; plan.output_shape().elements()];
            plan.run(&Threads::serial(), photo, &mut [plan.arena()], &mut pooled)?;
            features.push(pooled);
        }
        Ok(relative_error(&features[1], &features[0]))
    });
    let mut sum = 0.0;
    for error in errors {
        sum += error?;
    }
    Ok(sum / photos.len().max(1) as f64)
}

/// The length of the difference as a share of the length of what is expected; 1 where all of that is 0 and not all of the
/// other.
fn relative_error(got: &[f32], expected: &[f32]) -> f64 {
    let mut squares = [0.0f64; 2];
    for (&got, &expected) in got.iter().zip(expected) {
        let (got, expected) = (f64::from(got), f64::from(expected));
        squares[0] += (got - expected) * (got - expected);
        squares[1] += expected * expected;
    }
    match squares {
        [0.0, _] => 0.0,
        [_, 0.0] => 1.0,
        [off, whole] => (off / whole).sqrt(),
    }
}
