//! L-BFGS on functions whose minima are known, and the dense layer fitted with it against an oracle in f64.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod oracle;

use icecap_autograd::optim::lbfgs::{End, Stop, minimize};
use icecap_autograd::{Error, Logistic, LogisticOptions, Targets};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor, Threads};
use proptest::prelude::*;

fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::Test, 0, 0)
}

/// Photos around a center for each class, with the features' common part that real ones have.
fn photos(seed: u64, rows: usize, features: usize, classes: usize) -> (Tensor, Vec<u32>) {
    let mut draw = stream(seed);
    let centers: Vec<f32> = (0..classes * features).map(|_| draw.range(0.0, 1.0)).collect();
    let labels: Vec<u32> = (0..rows).map(|row| (row % classes) as u32).collect();
    let mut values = Vec::with_capacity(rows * features);
    for &label in &labels {
        let center = &centers[label as usize * features..][..features];
        values.extend(center.iter().map(|value| value + draw.range(0.0, 2.0)));
    }
    (Tensor::from_slice(Shape::of([rows, features]), &values).unwrap(), labels)
}

/// J and its gradient by the definition, the gradient by central differences.
fn gradient(layer: &[Tensor; 2], of: &dyn Fn(&[f64], &[f64]) -> f64) -> Vec<f64> {
    let wide = |tensor: &Tensor| tensor.data().iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (kernel, bias) = (wide(&layer[0]), wide(&layer[1]));
    (0..kernel.len() + bias.len())
        .map(|index| {
            let moved = |by: f64| {
                let (mut kernel, mut bias) = (kernel.clone(), bias.clone());
                match index.checked_sub(kernel.len()) {
                    None => kernel[index] += by,
                    Some(at) => bias[at] += by,
                }
                of(&kernel, &bias)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_quadratic_is_solved_exactly((n, condition, seed) in (1..30_usize, 1.0..1e3_f64, any::<u64>())) {
        let mut draw = stream(seed);
        let scale: Vec<f64> = (0..n).map(|i| condition.powf(i as f64 / n as f64)).collect();
        let center: Vec<f64> = (0..n).map(|_| f64::from(draw.range(-5.0, 5.0))).collect();
        let mut at = vec![0.0; n];
        let function = |at: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for i in 0..at.len() {
                gradient[i] = scale[i] * (at[i] - center[i]);
                value += 0.5 * gradient[i] * (at[i] - center[i]);
            }
            value
        };
        let stop = Stop { steps: 5000, decrease: 0.0, ..Stop::default() };
        let outcome = minimize(&mut at, &stop, function, |_, _, _| true);
        prop_assert_eq!(outcome.end, End::Gradient);
        for (at, center) in at.iter().zip(&center) {
            prop_assert!((at - center).abs() < 1e-5, "{} for {}", at, center);
        }
    }

    #[test]
    fn a_fitted_layer_has_no_slope_left_and_no_start_finds_a_better_one(
        (rows, features, classes, l2, smoothing, seed) in
            (12..60_usize, 1..12_usize, 2..5_usize, 1e-3..3.0_f32, 0.0..0.3_f32, any::<u64>())
    ) {
        Fit { rows, features, classes, l2, smoothing, seed }.check()?;
    }
}

/// The problem that left the most of many thousands.
#[test]
fn a_slope_that_rounding_hides_is_no_failure() {
    let steep = Fit {
        rows: 25,
        features: 2,
        classes: 3,
        l2: 1.171738,
        smoothing: 0.11654767,
        seed: 7748465906196850795,
    };
    steep.check().unwrap();
}

/// A layer to be fitted to drawn photos.
struct Fit {
    rows: usize,
    features: usize,
    classes: usize,
    l2: f32,
    smoothing: f32,
    seed: u64,
}

impl Fit {
    fn check(&self) -> Result<(), TestCaseError> {
        let &Self { rows, features, classes, l2, smoothing, seed } = self;
        let (x, labels) = photos(seed, rows, features, classes);
        let mut draw = stream(seed ^ 1);
        let weights: Vec<f32> = (0..classes).map(|_| draw.range(0.2, 3.0)).collect();
        let logits = if classes == 2 { 1 } else { classes };
        let wide: Vec<f64> = x.data().iter().map(|&v| f64::from(v)).collect();
        let j = |kernel: &[f64], bias: &[f64]| {
            let z = oracle::dense(&wide, kernel, bias, rows);
            oracle::smoothed(&z, &labels, &weights, smoothing, classes)
                + 0.5 * f64::from(l2) * kernel.iter().map(|w| w * w).sum::<f64>()
        };
        let problem = Logistic::new(x.view(), &labels, classes).unwrap();
        let options = LogisticOptions {
            targets: Targets { class_weights: Some(&weights), smoothing },
            l2,
            stop: Stop { decrease: 0.0, ..Stop::default() },
            threads: None,
        };
        let mut values = Vec::new();
        for start in 0..2 {
            let mut layer = [[features, logits].as_slice(), &[logits]]
                .map(|dims| oracle::random(&mut stream(start), dims, 1.0));
            let outcome = problem.fit(&mut layer, &options, |_, _, _| true).unwrap();
            let slopes = gradient(&layer, &j);
            let steepest = slopes.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
            let hidden = self.hidden_slope(&wide, &labels, &weights, &layer);
            prop_assert!(steepest < hidden, "{:?}: slope {}, {} can hide", outcome, steepest, hidden);
            let at = |tensor: &Tensor| tensor.data().iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let value = j(&at(&layer[0]), &at(&layer[1]));
            prop_assert!(
                (outcome.value - value).abs() < 1e-5 * value.abs().max(1.0),
                "{:?} for {}",
                outcome,
                value
            );
            values.push(value);
        }
        prop_assert!((values[0] - values[1]).abs() < 1e-6, "{:?}", values);
        Ok(())
    }

    /// The largest slope that may be left where sums are f32.
    ///
    /// A logit is a sum of F products and an offset, rounded F + 2 times by at most u = 2^-24 of its terms' sizes. Roundings
    /// know nothing of each other, so they add up as squares do: the logit is off by a deviation of sqrt(F + 2) u sum_k
    /// |x_k W_kc|, and J, whose slope along it is w (p_c - t_c) / N, by e, the root of the sum of their squares. Four
    /// deviations are not reached. Nowhere is J curved more than L = mean of w |(x - m, 1)|^2 / 2 + l2. From a slope g the best
    /// step gains at least g^2 / 2L, and a gain below the difference of two values that are each off by 4 e cannot be told
    /// from rounding: then the search ends, with g up to sqrt(16 L e). The gradient's own sums over N photos are off by
    /// N u of theirs at most, and it ends below 1e-6 in any case. All that is of the search's coordinates, in which
    /// c = b + m W; the slope along W at a fixed b is g_W + m g_c.
    fn hidden_slope(&self, x: &[f64], labels: &[u32], weights: &[f32], layer: &[Tensor; 2]) -> f64 {
        const U: f64 = 1.0 / (1 << 24) as f64;
        let (features, rows) = (self.features, self.rows as f64);
        let wide = |tensor: &Tensor| tensor.data().iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let (kernel, bias) = (wide(&layer[0]), wide(&layer[1]));
        let columns = bias.len();
        let mean = |k: usize| x.iter().skip(k).step_by(features).sum::<f64>() / rows;
        let means: Vec<f64> = (0..features).map(mean).collect();
        let z = oracle::dense(x, &kernel, &bias, self.rows);
        let (mut noise, mut curvature, mut pull) = (0.0, 0.0, 0.0);
        for (n, (x, z)) in x.chunks(features).zip(z.chunks(columns)).enumerate() {
            let weight = f64::from(weights[labels[n] as usize]);
            // One logit stands for two classes, the first with a logit of 0.
            let all = if columns == 1 { vec![0.0, z[0]] } else { z.to_vec() };
            let total: f64 = all.iter().map(|z| z.exp()).sum();
            for c in 0..columns {
                let class = c + all.len() - columns;
                let own = if class == labels[n] as usize { 1.0 - f64::from(self.smoothing) } else { 0.0 };
                let target = own + f64::from(self.smoothing) / all.len() as f64;
                let off = weight * (all[class].exp() / total - target).abs() / rows;
                let sizes = (0..features).map(|k| (x[k] * kernel[k * columns + c]).abs()).sum::<f64>();
                noise += (off * U * (sizes + bias[c].abs())).powi(2) * (features as f64 + 2.0);
                pull += off;
            }
            let square: f64 = x.iter().zip(&means).map(|(x, mean)| (x - mean).powi(2)).sum();
            curvature += weight * (square + 1.0) / 2.0 / rows;
        }
        let largest = x.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let search = (16.0 * (curvature + f64::from(self.l2)) * noise.sqrt()).sqrt();
        let farthest = means.iter().fold(0.0_f64, |most, mean| most.max(mean.abs()));
        (1.0 + farthest) * (search + rows * U * pull * largest + 1e-6)
    }
}

#[test]
fn rosenbrocks_valley_is_followed_to_its_end() {
    let mut at = [-1.2, 1.0];
    let function = |at: &[f64], gradient: &mut [f64]| {
        let (a, b) = (1.0 - at[0], at[1] - at[0] * at[0]);
        gradient[0] = -2.0 * a - 400.0 * at[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    };
    let mut last = f64::INFINITY;
    let outcome = minimize(&mut at, &Stop { decrease: 0.0, ..Stop::default() }, function, |_, length, at| {
        let value = function(at, &mut [0.0; 2]);
        assert!(value < last && length > 0.0, "every step goes down");
        last = value;
        true
    });
    assert_eq!(outcome.end, End::Gradient);
    assert!(at.iter().all(|x| (x - 1.0).abs() < 1e-6) && outcome.steps < 60, "{at:?} {outcome:?}");
}

#[test]
fn a_minimization_stops_where_it_is_told_to() {
    let bowl = |at: &[f64], gradient: &mut [f64]| {
        gradient.iter_mut().zip(at).zip([1.0, 50.0]).for_each(|((g, x), scale)| *g = scale * x);
        0.5 * (at[0] * at[0] + 50.0 * at[1] * at[1])
    };
    let run = |stop: Stop, most: usize| minimize(&mut [3.0, 4.0], &stop, bowl, |step, _, _| step < most);
    assert_eq!(run(Stop { steps: 2, ..Stop::default() }, 9).end, End::Steps);
    assert_eq!(run(Stop::default(), 1).end, End::Stopped);
    assert_eq!(run(Stop { decrease: 1.0, ..Stop::default() }, 99).end, End::Decrease);
    let broken = minimize(&mut [1.0], &Stop::default(), |_, _| f64::NAN, |_, _, _| true);
    assert_eq!((broken.end, broken.steps), (End::NotFinite, 0));
    // A kink: the gradient never vanishes, and no step from the bottom of it goes down.
    let mut at = [0.3];
    let kink = |at: &[f64], gradient: &mut [f64]| {
        gradient[0] = if at[0] < 0.0 { -1.0 } else { 1.0 };
        at[0].abs()
    };
    let outcome = minimize(&mut at, &Stop { decrease: 0.0, ..Stop::default() }, kink, |_, _, _| true);
    assert!(outcome.end == End::NoDescent && at[0].abs() < 0.3, "{outcome:?} at {at:?}");
}

#[test]
fn a_layer_that_does_not_fit_is_refused() {
    let (x, labels) = photos(1, 10, 4, 3);
    assert!(matches!(Logistic::new(x.view(), &labels[..9], 3), Err(Error::BatchCount { .. })));
    assert!(matches!(Logistic::new(x.view(), &[3; 10], 3), Err(Error::Label { .. })));
    assert!(matches!(
        Logistic::new(Tensor::zeros(Shape::of([4])).view(), &[0], 2),
        Err(Error::InputShape { .. })
    ));
    let problem = Logistic::new(x.view(), &labels, 3).unwrap();
    let mut layer = [Tensor::zeros(Shape::of([4, 3])), Tensor::zeros(Shape::of([3]))];
    let negative = LogisticOptions { l2: -1.0, ..Default::default() };
    assert!(matches!(problem.fit(&mut layer, &negative, |_, _, _| true), Err(Error::Setting { .. })));
    let mut narrow = [Tensor::zeros(Shape::of([4, 2])), Tensor::zeros(Shape::of([2]))];
    let options = LogisticOptions::default();
    assert!(matches!(problem.fit(&mut narrow, &options, |_, _, _| true), Err(Error::ParameterShape { .. })));
    // The same bits each time, whatever else runs.
    let again = |_: u32| {
        let mut layer = [Tensor::zeros(Shape::of([4, 3])), Tensor::zeros(Shape::of([3]))];
        problem.fit(&mut layer, &LogisticOptions { l2: 0.1, ..options }, |_, _, _| true).unwrap();
        oracle::bits(layer[0].data())
    };
    assert_eq!(again(0), again(1));
}

/// Rows enough for several pieces: the same bits on any number of threads, and for rows that are chosen those of a matrix of them.
#[test]
fn many_rows_have_the_same_bits_on_any_threads_and_wherever_they_stand() {
    for classes in [2, 5] {
        let (x, labels) = photos(7, 5000, 6, classes);
        let rows: Vec<u32> = (0..5000).rev().filter(|row| row % 3 != 0).collect();
        let gathered: Vec<f32> =
            rows.iter().flat_map(|&row| &x.data()[row as usize * 6..][..6]).copied().collect();
        let gathered = Tensor::from_slice(Shape::of([rows.len(), 6]), &gathered).unwrap();
        let of_rows: Vec<u32> = rows.iter().map(|&row| labels[row as usize]).collect();
        let logits = if classes == 2 { 1 } else { classes };
        let fitted = |problem: &Logistic<'_>, threads: usize| {
            let threads = Threads::new(threads).unwrap();
            let options = LogisticOptions { l2: 0.01, threads: Some(&threads), ..Default::default() };
            let mut layer = [Tensor::zeros(Shape::of([6, logits])), Tensor::zeros(Shape::of([logits]))];
            let outcome = problem.fit(&mut layer, &options, |_, _, _| true).unwrap();
            (outcome.value.to_bits(), oracle::bits(layer[0].data()), oracle::bits(layer[1].data()))
        };
        let whole = Logistic::new(gathered.view(), &of_rows, classes).unwrap();
        let chosen = Logistic::of_rows(x.view(), Some(&rows), &of_rows, classes).unwrap();
        let alone = fitted(&whole, 1);
        for threads in [1, 2, 3, 8] {
            assert_eq!((&fitted(&whole, threads), &fitted(&chosen, threads)), (&alone, &alone), "{threads}");
        }
        // The value is that of the definition.
        let mut layer = [Tensor::zeros(Shape::of([6, logits])), Tensor::zeros(Shape::of([logits]))];
        let outcome = chosen
            .fit(&mut layer, &LogisticOptions { l2: 0.01, ..Default::default() }, |_, _, _| true)
            .unwrap();
        let [kernel, bias] =
            [0, 1].map(|at| layer[at].data().iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
        let z: Vec<f64> = gathered
            .data()
            .chunks_exact(6)
            .flat_map(|row| {
                let (kernel, bias) = (&kernel, &bias);
                (0..logits).map(move |column| {
                    bias[column]
                        + (0..6).map(|i| f64::from(row[i]) * kernel[i * logits + column]).sum::<f64>()
                })
            })
            .collect();
        let weights = vec![1.0; classes];
        let naive = oracle::smoothed(&z, &of_rows, &weights, 0.0, classes)
            + 0.005 * kernel.iter().map(|weight| weight * weight).sum::<f64>();
        assert!((outcome.value - naive).abs() < 1e-6, "{} and {naive}", outcome.value);
    }
}
