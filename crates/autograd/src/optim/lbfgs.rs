//! L-BFGS: a smooth function of many variables brought to its minimum with full gradients, no learning rate to choose.
//!
//! Newton's step is `-H^-1 g`. BFGS keeps an estimate of the inverse Hessian, made better by every step s and the change
//! y of the gradient along it; the limited memory form keeps only the last ten pairs and applies them one after
//! the other, so a step costs a few dot products:
//!
//! ```text
//! q = g;  for the pairs, newest first:  a_i = rho_i s_i'q,  q -= a_i y_i           rho_i = 1 / y_i's_i
//! q *= s'y / y'y of the newest pair
//! for the pairs, oldest first:  q += s_i (a_i - rho_i y_i'q);                      direction = -q
//! ```
//!
//! Along the direction a length is looked for that lowers the value enough (Armijo) and leaves a slope that is flat
//! enough (the strong Wolfe condition, which keeps `y's` positive and so the estimate positive definite): by bisection
//! between a length that is too short and one that is too long, doubling while none is too long. Bisection takes an
//! evaluation or two more than cubic interpolation; nine steps of ten take the length 1 at once.
//!
//! Where values are so close to the minimum that rounding hides the descent, no length is found, and that is the end,
//! too: there is nothing left to gain. Everything is f64 and in a fixed order.
//!
//! # Source
//! Nocedal and Wright, "Numerical optimization", 2nd edition, algorithms 7.4 and 7.5 and section 3.1.

/// Pairs that are remembered.
const MEMORY: usize = 10;
/// A step must gain this share of what the slope at its start promises.
const ARMIJO: f64 = 1e-4;
/// And leave at most this share of the slope.
const WOLFE: f64 = 0.9;
/// Lengths tried along one direction.
const TRIALS: usize = 25;

/// When a minimization stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// The most steps.
    pub steps: usize,
    /// It stops once no component of the gradient is larger than this.
    pub gradient: f64,
    /// It stops once a step lowers the value by less than this share of it.
    pub decrease: f64,
}

impl Default for Stop {
    /// 500 steps, a gradient of 1e-6, a decrease of 1e-9.
    fn default() -> Self {
        Self { steps: 500, gradient: 1e-6, decrease: 1e-9 }
    }
}

/// Why a minimization ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The gradient is as good as zero.
    Gradient,
    /// A step gained next to nothing.
    Decrease,
    /// No length along the last direction lowers the value: it is within rounding of the minimum.
    NoDescent,
    /// There were as many steps as were allowed.
    Steps,
    /// The caller stopped it.
    Stopped,
    /// The value or the gradient is no number.
    NotFinite,
}

/// Where a minimization ended, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The number of steps taken.
    pub steps: usize,
    /// The value of the function at the end.
    pub value: f64,
    /// The largest component of the gradient at the end.
    pub gradient: f64,
    /// Why it ended.
    pub end: End,
}

/// A point with the function's value and gradient.
struct Point {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }
}

/// Brings `at` to a minimum of `function`, which returns its value at a point and writes its gradient.
///
/// `watch` sees the number of each step from 1, its length and the point it leads to, and stops with `false`; `at` is
/// then that point.
pub fn minimize(
    at: &mut [f64],
    stop: &Stop,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    mut watch: impl FnMut(usize, f64, &[f64]) -> bool,
) -> Outcome {
    let mut evaluate = |at: Vec<f64>| {
        let mut gradient = vec![0.0; at.len()];
        let value = function(&at, &mut gradient);
        Point { at, value, gradient }
    };
    let mut here = evaluate(at.to_vec());
    let mut pairs = Pairs::default();
    let mut steps = 0;
    let end = loop {
        if !here.is_finite() {
            break End::NotFinite;
        }
        if largest(&here.gradient) <= stop.gradient {
            break End::Gradient;
        }
        if steps == stop.steps {
            break End::Steps;
        }
        let mut direction = pairs.direction(&here.gradient);
        if dot(&direction, &here.gradient) >= 0.0 {
            // Rounding has spoilt the estimate: steepest descent, and begin again.
            pairs = Pairs::default();
            direction = pairs.direction(&here.gradient);
        }
        // Without an estimate the scale is unknown: a first step of length 1 at most.
        let first = if pairs.0.is_empty() { 1.0 / norm(&direction).max(1.0) } else { 1.0 };
        let Some((length, next)) = line_search(&here, &direction, first, &mut evaluate) else {
            break End::NoDescent;
        };
        steps += 1;
        pairs.add(&here, &next);
        let gained = here.value - next.value;
        here = next;
        if !watch(steps, length, &here.at) {
            break End::Stopped;
        }
        if gained <= stop.decrease * here.value.abs() {
            break End::Decrease;
        }
    };
    at.copy_from_slice(&here.at);
    Outcome { steps, value: here.value, gradient: largest(&here.gradient), end }
}

/// A length along `direction` that fulfils the strong Wolfe conditions, and the point there; or the best that only
/// lowers the value enough, where rounding hides the slope.
fn line_search(
    here: &Point,
    direction: &[f64],
    first: f64,
    evaluate: &mut impl FnMut(Vec<f64>) -> Point,
) -> Option<(f64, Point)> {
    let slope = dot(direction, &here.gradient);
    let (mut short, mut long) = (0.0, f64::INFINITY);
    let mut length = first;
    let mut lower: Option<(f64, Point)> = None;
    for _ in 0..TRIALS {
        let point = evaluate(here.at.iter().zip(direction).map(|(x, d)| x + length * d).collect());
        let now = dot(direction, &point.gradient);
        // A value that is no number lies beyond what the function is made for: too long.
        if !point.is_finite() || point.value > here.value + ARMIJO * length * slope {
            long = length;
        } else if now.abs() <= WOLFE * slope.abs() {
            return Some((length, point));
        } else {
            if now < 0.0 {
                short = length
            } else {
                long = length
            }
            if point.value < here.value && lower.as_ref().is_none_or(|(_, best)| point.value < best.value) {
                lower = Some((length, point));
            }
        }
        length = if long.is_finite() { 0.5 * (short + long) } else { 2.0 * length };
    }
    lower
}

/// A step, the change of the gradient along it, and `1 / y's`.
type Pair = (Vec<f64>, Vec<f64>, f64);

/// The last steps, oldest first.
#[derive(Default)]
struct Pairs(std::collections::VecDeque<Pair>);

impl Pairs {
    fn add(&mut self, from: &Point, to: &Point) {
        let s = minus(&to.at, &from.at);
        let y = minus(&to.gradient, &from.gradient);
        let curvature = dot(&y, &s);
        // A pair without positive curvature would make the estimate indefinite.
        if curvature <= 1e-12 * norm(&s) * norm(&y) {
            return;
        }
        if self.0.len() == MEMORY {
            self.0.pop_front();
        }
        self.0.push_back((s, y, 1.0 / curvature));
    }

    /// Downhill, by the estimate of the inverse Hessian.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut kept = Vec::with_capacity(self.0.len());
        for (s, y, rho) in self.0.iter().rev() {
            let a = rho * dot(s, &q);
            add(&mut q, -a, y);
            kept.push(a);
        }
        if let Some((_, y, rho)) = self.0.back() {
            let scale = 1.0 / (rho * dot(y, y));
            q.iter_mut().for_each(|value| *value *= scale);
        }
        for ((s, y, rho), a) in self.0.iter().zip(kept.into_iter().rev()) {
            let b = rho * dot(y, &q);
            add(&mut q, a - b, s);
        }
        q
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most, value| if value.abs() > most { value.abs() } else { most })
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `to += factor * values`.
fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * value;
    }
}
