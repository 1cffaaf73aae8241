//! A step of fine-tuning section by section: forwards, backwards, and the optimizer's move.

use std::time::{Duration, Instant};

use icecap_graph::{Layer, LayerKind, Padding, Params, Spec, Tap, layers};
use icecap_kernels::{Isa, Shape, Tensor, Threads};
use icecap_tune::{Compute, Error, Norms, Profile, SectionTime, Tail, Tuner};

use crate::drawn::values;
use crate::timing::Timing;

/// What is tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TuneCase {
    /// The tap at which rows enter: everything behind it is trained.
    pub from: Tap,
    /// The side of the photos in pixels.
    pub size: usize,
    /// The photos of a batch.
    pub batch: usize,
}

/// What a pass does for one section, or for all of them, over a whole batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// The multiply-adds; 0 if they do not measure the work.
    pub macs: usize,
    /// Its time.
    pub timing: Timing,
}

/// The work of a section in a step.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneTime {
    /// The name of the tap behind the section, `unfold` for the way from gradients of folded weights to those that are
    /// trained, `all` for both passes, or `optimizer` for its move and the weights folded and packed again.
    pub name: String,
    /// The forward pass, if the section is in it.
    pub forward: Option<Work>,
    /// The way back, if the section is in it. That of the first convolution is in that of the net's first block.
    pub backward: Option<Work>,
}

/// The multiply-adds of one photo in a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SectionMacs {
    forward: usize,
    backward: usize,
}

/// The fewest steps that are timed, however small the budget.
const FEWEST_STEPS: usize = 3;
/// How far gradients may differ from those of the portable kernels, over their size. A value that rounds to the other side of
/// a ReLU6's kink takes its gradient with it, so that it is far more than rounding.
const TOLERANCE: f64 = 0.05;

/// Times the sections of a step of fine-tuning on drawn rows, with the optimizer Adam. The weights do not change: the learning
/// rate is 0. Gradients are compared with those of the portable kernels first.
///
/// # Errors
/// [`Error::Graph`] for a size that the net does not take, [`Error::NothingBehind`] for a tap without a convolution behind it.
///
/// # Panics
/// If the gradients are wrong.
///
/// # Cost
/// `budget`, and one step with the portable kernels.
pub fn tune_times(
    params: &Params,
    case: TuneCase,
    isa: Isa,
    threads: &Threads,
    budget: Duration,
) -> Result<Vec<TuneTime>, Error> {
    let TuneCase { from, size, batch } = case;
    let mut tail = Tail::new(params, from, [size, size], Norms::Trained)?;
    let mut tuner = Tuner::new(&tail, "adam")?;
    let rows = rows(&tail, from, batch);
    let mut gradient = Tensor::zeros(Shape::of([batch, tail.features()]));
    gradient.data_mut().copy_from_slice(&values(batch * tail.features()));
    let compute = Compute { threads, isa };
    check(&tail, compute, &rows, &gradient)?;
    let (mut profiles, mut moves) = (Vec::new(), Vec::new());
    // The first step fills the caches and is not counted.
    tuner.profile(&tail, compute, &rows, &gradient)?;
    let began = Instant::now();
    while profiles.len() < FEWEST_STEPS || began.elapsed() < budget {
        profiles.push(tuner.profile(&tail, compute, &rows, &gradient)?);
        let started = Instant::now();
        tuner.step(&mut tail, compute, 0.0)?;
        moves.push(nanoseconds(started.elapsed()));
    }
    let macs = |tap| macs(params.spec(), params.numerics().padding, case, tap);
    let mut times = sections(&profiles, batch, &macs)?;
    let optimizer = Work { macs: 0, timing: Timing::of(moves) };
    times.push(TuneTime { name: "optimizer".to_owned(), forward: None, backward: Some(optimizer) });
    Ok(times)
}

/// Rows that enter at the tap: pixels, what left a ReLU6, or what left a linear bottleneck.
fn rows(tail: &Tail, from: Tap, batch: usize) -> Vec<f32> {
    let drawn = values(batch * tail.input_shape().elements()).into_iter();
    match from {
        Tap::Image => drawn.map(|value| (value + 1.0) * 127.5).collect(),
        Tap::Stem => drawn.map(|value| (8.0 * value + 2.0).clamp(0.0, 6.0)).collect(),
        _ => drawn.map(|value| 2.0 * value).collect(),
    }
}

/// Compares the gradients of one batch with those of the portable kernels.
fn check(tail: &Tail, compute: Compute<'_>, rows: &[f32], gradient: &Tensor) -> Result<(), Error> {
    let gradients = |isa| {
        let (mut tuner, compute) = (Tuner::new(tail, "adam")?, Compute { isa, ..compute });
        tuner.forward(tail, compute, rows)?;
        tuner.backward(tail, compute, gradient)?;
        Ok::<_, Error>(tuner.gradients(tail))
    };
    let portable = Isa::named("portable").unwrap_or(compute.isa);
    for ((name, got), (_, expected)) in gradients(compute.isa)?.iter().zip(&gradients(portable)?) {
        let off = got.data().iter().zip(expected.data()).map(|(got, expected)| (got - expected).powi(2));
        let off = off.map(f64::from).sum::<f64>().sqrt();
        let most = expected.data().iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        assert!(most > 0.0 && off <= TOLERANCE * most, "{name} on {}: off by {off} of {most}", compute.isa);
    }
    Ok(())
}

/// The times of all sections, the unfolding, and both passes.
fn sections(
    profiles: &[Profile],
    batch: usize,
    macs: &dyn Fn(Tap) -> Result<SectionMacs, Error>,
) -> Result<Vec<TuneTime>, Error> {
    let work = |macs: usize, took: &dyn Fn(&Profile) -> Duration| Work {
        macs: batch * macs,
        timing: Timing::of(profiles.iter().map(|profile| nanoseconds(took(profile))).collect()),
    };
    let of = |sections: &[SectionTime], tap: Tap| {
        sections.iter().filter(|section| section.tap == tap).map(|section| section.took).sum::<Duration>()
    };
    let (mut times, mut all) = (Vec::new(), SectionMacs::default());
    let first = &profiles[0];
    for tap in first.forward.iter().map(|section| section.tap) {
        let macs = macs(tap)?;
        all.forward += macs.forward;
        all.backward += macs.backward;
        let is_back = first.backward.iter().any(|section| section.tap == tap);
        times.push(TuneTime {
            name: tap.to_string(),
            forward: Some(work(macs.forward, &|profile| of(&profile.forward, tap))),
            backward: is_back.then(|| work(macs.backward, &|profile| of(&profile.backward, tap))),
        });
    }
    let unfold = work(0, &|profile| profile.unfold);
    times.push(TuneTime { name: "unfold".to_owned(), forward: None, backward: Some(unfold) });
    let sum = |sections: &[SectionTime]| sections.iter().map(|section| section.took).sum::<Duration>();
    times.push(TuneTime {
        name: "all".to_owned(),
        forward: Some(work(all.forward, &|profile| sum(&profile.forward))),
        backward: Some(work(all.backward, &|profile| sum(&profile.backward) + profile.unfold)),
    });
    Ok(times)
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// The multiply-adds of one photo in the section before `tap`. Backwards each convolution has as many for its weights and as
/// many for its input, but the input of the first 1x1 convolution, or of the net's first, is not trained; the time of the
/// latter is told with the first block's.
fn macs(spec: &Spec, padding: Padding, case: TuneCase, tap: Tap) -> Result<SectionMacs, Error> {
    let layers = layers(spec, padding, None, [case.size; 2])?;
    let behind = layers.iter().filter(|layer| layer.section > case.from && layer.macs > 0);
    let first = behind.clone().map(|layer| &layer.name).next();
    let backward = |layer: &Layer| {
        let is_depthwise = matches!(layer.kind, LayerKind::Depthwise { .. });
        layer.macs * if Some(&layer.name) == first && !is_depthwise { 1 } else { 2 }
    };
    let mut macs = SectionMacs::default();
    for layer in behind {
        let told = if layer.section == Tap::Stem { Tap::Block(0) } else { layer.section };
        macs.forward += if layer.section == tap { layer.macs } else { 0 };
        macs.backward += if told == tap { backward(layer) } else { 0 };
    }
    Ok(macs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawn::drawn_params;

    #[test]
    fn every_section_is_told_with_its_own_products() {
        let params = drawn_params(0.35).unwrap();
        let all = layers(params.spec(), Padding::Same, None, [32, 32]).unwrap();
        let threads = Threads::serial();
        for from in [Tap::Image, Tap::Stem, Tap::Block(12), Tap::Block(16)] {
            let case = TuneCase { from, size: 32, batch: 2 };
            let times = tune_times(&params, case, Isa::best(), &threads, Duration::ZERO).unwrap();
            let names: Vec<&str> = times.iter().map(|time| &time.name[..]).collect();
            let behind =
                Tap::all().filter(|tap| *tap > from && *tap < Tap::Classes).map(|tap| tap.to_string());
            let expected: Vec<String> =
                behind.chain(["unfold", "all", "optimizer"].map(str::to_owned)).collect();
            assert_eq!(names, expected);
            let of = |name: &str| times.iter().find(|time| time.name == name).unwrap();
            let trained: Vec<&Layer> = all.iter().filter(|layer| layer.section > from).collect();
            let forward: usize = trained.iter().map(|layer| layer.macs).sum();
            let entered = trained.iter().find(|layer| layer.macs > 0).unwrap();
            let entered = if from == Tap::Stem { 0 } else { entered.macs };
            let both = of("all");
            assert_eq!(both.forward.unwrap().macs, 2 * forward, "{from}");
            assert_eq!(both.backward.unwrap().macs, 2 * (2 * forward - entered), "{from}");
            for time in &times[..times.len() - 3] {
                assert!(time.forward.unwrap().timing.best_ns > 0.0, "{time:?}");
                assert_eq!(time.backward.is_none(), time.name == "Conv1_relu", "{time:?}");
            }
            let sum: usize =
                times[..times.len() - 3].iter().filter_map(|time| time.backward).map(|w| w.macs).sum();
            assert_eq!(sum, both.backward.unwrap().macs);
        }
    }
}
