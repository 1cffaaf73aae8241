//! Checks of an op's backward function against a forward function that one can trust.
//!
//! For an op `y = f(x)` with Jacobian J, the backward function computes `J'u` for a given u. Two laws hold it to
//! account, with derivatives of a reference forward in f64 (h = 1e-5, so they are good to about 1e-9, where an f32
//! difference quotient would have three digits):
//!
//! ```text
//! value by value:    (J'u)_i = <f(x + h e_i) - f(x - h e_i), u> / 2h
//! as a whole:        <Jv, u> = <v, J'u>                              for a random v
//! ```
//!
//! The reference is written by the caller, from the formula, and shares nothing with the op. Beside the laws the
//! contract of [`Op`] is checked: every output written, gradients added and not stored, and the same bits for one
//! input's gradient whether or not the others are asked for.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Tensor, TensorMut, TensorRef};

use crate::{Error, Op, Recorded};

/// Step of the difference quotients, relative to values above 1.
const STEP: f64 = 1e-5;

/// Differences are relative to the largest value of the tensor, but to no less than this.
const FLOOR: f64 = 1e-3;

/// A forward function in f64: it takes the values of the inputs, in the op's order, and returns those of the output.
pub type Reference<'a> = dyn Fn(&[Vec<f64>]) -> Vec<f64> + 'a;

/// The largest differences found, each relative to the largest value of its tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// The difference between the op's output and the reference's.
    pub forward: f64,
    /// The difference between the op's gradients and the difference quotients.
    pub gradient: f64,
    /// The difference between the two sides of `<Jv, u> = <v, J'u>`.
    pub adjoint: f64,
}

impl Report {
    /// Returns the largest of the three differences.
    #[must_use]
    pub fn worst(&self) -> f64 {
        // Not f64::max, which would hide a NaN.
        [self.forward, self.gradient, self.adjoint].into_iter().fold(0.0, larger)
    }
}

/// Compares an op with its reference at `inputs`, in a direction that `seed` draws.
///
/// # Errors
/// Those of the op's [`Op::output_shape`]; [`Error::Contract`] if the op does not keep its contract. Differences are no
/// error: they are reported.
///
/// # Cost
/// Two evaluations of the reference for every value of the inputs.
pub fn gradcheck(
    op: &dyn Op,
    inputs: &[Tensor],
    reference: &Reference<'_>,
    seed: u64,
) -> Result<Report, Error> {
    let breach = |what| Error::Contract { op: op.name(), what };
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    let views: Vec<_> = inputs.iter().map(Tensor::view).collect();
    let shapes: Vec<_> = inputs.iter().map(Tensor::shape).collect();

    let mut output = Tensor::zeros(op.output_shape(&shapes)?);
    output.data_mut().fill(f32::NAN);
    let mut saved = Vec::new();
    op.forward(&views, output.view_mut(), &mut saved);
    if output.data().iter().any(|value| value.is_nan()) {
        return Err(breach("leaves an output unwritten, or NaN"));
    }
    let point: Vec<Vec<f64>> = inputs.iter().map(|tensor| wide(tensor.data())).collect();
    let exact = reference(&point);
    if exact.len() != output.data().len() {
        return Err(breach("has a reference with another number of outputs"));
    }

    let mut direction = Tensor::zeros(output.shape());
    direction.data_mut().fill_with(|| stream.range(-1.0, 1.0));
    let check = Check {
        op,
        recorded: Recorded { inputs: &views, output: output.view(), saved: &saved },
        u: direction.view(),
    };
    let gradients = check.gradients(|_| true, 0.0);
    check.contract(&gradients)?;

    let u = wide(check.u.data());
    let mut report = Report { forward: distance(&wide(output.data()), &exact), ..Report::default() };
    for (index, gradient) in gradients.iter().flatten().enumerate() {
        let quotients: Vec<f64> = (0..gradient.data().len())
            .map(|at| {
                let h = STEP * point[index][at].abs().max(1.0);
                let moved = |by: f64| {
                    let mut moved = point.clone();
                    moved[index][at] += by;
                    dot(&reference(&moved), &u)
                };
                (moved(h) - moved(-h)) / (2.0 * h)
            })
            .collect();
        report.gradient = larger(report.gradient, distance(&wide(gradient.data()), &quotients));
    }
    report.adjoint = adjoint(&point, &gradients, reference, &u, &mut stream);
    Ok(report)
}

/// The distance between `<Jv, u>` and `<v, J'u>` for a random v, relative to the size of their terms.
fn adjoint(
    point: &[Vec<f64>],
    gradients: &[Option<Tensor>],
    reference: &Reference<'_>,
    u: &[f64],
    stream: &mut Stream,
) -> f64 {
    let mut draw = |values: &Vec<f64>| values.iter().map(|_| f64::from(stream.range(-1.0, 1.0))).collect();
    let v: Vec<Vec<f64>> = point.iter().map(&mut draw).collect();
    let moved = |h: f64| {
        let step = |(x, v): (&Vec<f64>, &Vec<f64>)| x.iter().zip(v).map(|(x, v)| x + h * v).collect();
        reference(&point.iter().zip(&v).map(step).collect::<Vec<_>>())
    };
    let (ahead, behind) = (moved(STEP), moved(-STEP));
    let jv: Vec<f64> = ahead.iter().zip(&behind).map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
    let terms = gradients.iter().flatten().zip(&v).flat_map(|(gradient, v)| {
        wide(gradient.data()).into_iter().zip(v).map(|(gradient, v)| gradient * v).collect::<Vec<_>>()
    });
    let (mut sum, mut size) = (0.0, FLOOR);
    for term in terms {
        sum += term;
        size += term.abs();
    }
    (dot(&jv, u) - sum).abs() / size
}

/// One op at one point, with the direction u of its backward pass.
struct Check<'a> {
    op: &'a dyn Op,
    recorded: Recorded<'a>,
    u: TensorRef<'a>,
}

impl Check<'_> {
    /// `start + J'u` for each input that is wanted.
    fn gradients(&self, wanted: impl Fn(usize) -> bool, start: f32) -> Vec<Option<Tensor>> {
        let mut gradients: Vec<_> = self
            .recorded
            .inputs
            .iter()
            .enumerate()
            .map(|(index, input)| {
                let mut gradient = Tensor::zeros(input.shape());
                gradient.data_mut().fill(start);
                wanted(index).then_some(gradient)
            })
            .collect();
        let mut writable: Vec<Option<TensorMut<'_>>> =
            gradients.iter_mut().map(|gradient| gradient.as_mut().map(Tensor::view_mut)).collect();
        self.op.backward(&self.recorded, self.u, &mut writable);
        gradients
    }

    fn contract(&self, gradients: &[Option<Tensor>]) -> Result<(), Error> {
        let breach = |what| Error::Contract { op: self.op.name(), what };
        let largest = gradients.iter().flatten().flat_map(|g| g.data()).fold(0.0, |m: f32, g| m.max(g.abs()));
        // Far from any gradient, so that one stored in its place shows, and near enough to leave it three digits.
        let start = 1.0 + 2.0 * largest;
        let added = self.gradients(|_| true, start);
        for (index, (gradient, added)) in gradients.iter().zip(added).enumerate() {
            let alone = self.gradients(|other| other == index, 0.0);
            let (Some(gradient), Some(added), Some(alone)) = (gradient, added, &alone[index]) else {
                continue;
            };
            let near = |(g, a): (&f32, &f32)| (start + g - a).abs() <= 1e-3 * start;
            if !gradient.data().iter().zip(added.data()).all(near) {
                return Err(breach("stores a gradient where it must add it"));
            }
            let same = |(g, a): (&f32, &f32)| g.to_bits() == a.to_bits();
            if !gradient.data().iter().zip(alone.data()).all(same) {
                return Err(breach("gives another gradient when only one is asked for"));
            }
        }
        Ok(())
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The larger of two values, NaN where either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

fn distance(got: &[f64], exact: &[f64]) -> f64 {
    let scale = exact.iter().map(|value| value.abs()).fold(FLOOR, larger);
    got.iter().zip(exact).map(|(got, exact)| (got - exact).abs()).fold(0.0, larger) / scale
}
