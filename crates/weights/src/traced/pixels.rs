//! What a graph makes of a pixel: the operators before its first convolution, and what the file says of its input.
//!
//! Many graphs have no such operators, because the program that feeds them scales the pixels. Then the file's own words
//! are followed (metadata, or what its bytes stand for); where it has none, a scaling is taken that nets of its padding
//! are trained with, and the caller is told.

use icecap_graph::{INPUT_CHANNELS, Padding, Scaling};

use super::links::Links;
use super::refusal::{Budget, Refusal};
use super::step::Kind;
use super::tensors::{NamedTensor, per_channel};
use super::trace::Trace;
use crate::layout::Layout;
use crate::vocabulary::scaling_text;

/// Values beyond this are no scaled pixels: the largest published scaling ends at 2.7.
const LARGEST: f64 = 16.0;
/// How far from a known range the ends of an input's bytes may lie, as a share of its width.
const NEAR: f64 = 0.05;
/// The ranges that pixels are scaled to.
const RANGES: [[f64; 2]; 5] = [[-1.0, 1.0], [0.0, 1.0], [0.0, 255.0], [-128.0, 127.0], [-0.5, 0.5]];
/// The sum of a channel's weights, their signs left aside, under which a first convolution takes pixels as they are:
/// weights for pixels of -1 to 1 have sums of a few units.
const TINY: f64 = 0.15;

/// `value * scale + shift` of each color.
type PerColor = [[f64; 2]; INPUT_CHANNELS];

/// What a file says of its input beside the operators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stated {
    /// Nothing.
    Nothing,
    /// Whole numbers of 0 to 255.
    Pixels,
    /// What becomes of a pixel before it is the input.
    Scaled(Scaling),
    /// Bytes that stand for `step * (byte - zero)`, the byte counted from 0.
    Bytes { step: f64, zero: f64 },
}

/// What a graph's operators make of its input.
#[derive(Debug)]
pub(crate) struct InputSteps {
    /// The step that gives what the first convolution reads, zeros around it left aside.
    pub(crate) last: usize,
    /// `None` if there are no such operators.
    scaled: Option<PerColor>,
}

/// Follows the operators from the input on that scale its colors.
pub(crate) fn follow(trace: &mut Trace<'_>, links: &Links, input: usize) -> Result<InputSteps, Refusal> {
    let mut budget = std::mem::replace(&mut trace.budget, Budget::new());
    let mut steps = InputSteps { last: input, scaled: None };
    while let Some(next) = links.only(steps.last) {
        let Some(of) = per_channel(&trace.steps[next].kind, INPUT_CHANNELS, &mut budget)? else {
            if let Kind::Clamp { .. } = trace.steps[next].kind {
                return Err(Refusal::node(
                    &trace.steps[next].name,
                    "it holds the input between bounds, which is not read",
                ));
            }
            break;
        };
        let before = steps.scaled.unwrap_or([[1.0, 0.0]; INPUT_CHANNELS]);
        let both = |color: usize| {
            let ([scale, shift], [factor, summand]) = (before[color], of[color]);
            [scale * factor, shift * factor + summand]
        };
        steps.scaled = Some(std::array::from_fn(both));
        steps.last = next;
    }
    trace.budget = budget;
    Ok(steps)
}

impl InputSteps {
    /// The scaling of pixels of 0 to 255, and what a person should know of where it comes from. `stem` is the kernel of
    /// the first convolution with all that scales its channels.
    pub(crate) fn scaling(
        &self,
        stated: Stated,
        padding: Padding,
        stem: Option<&NamedTensor>,
    ) -> (Scaling, Option<String>) {
        let (before, note) = match (stated, self.scaled) {
            (Stated::Pixels, _) => ([1.0, 0.0], None),
            (Stated::Scaled(scaling), _) => return (self.behind(&of(&scaling)), None),
            (Stated::Bytes { step, zero }, scaled) => {
                let range = [0.0, 255.0].map(|byte| step * (byte - zero));
                if scaled.is_none() && !is_known(range) {
                    return usual(padding, &format!("the input's bytes stand for {:.3} to {:.3}", range[0], range[1]));
                }
                ([step, -step * zero], None)
            }
            (Stated::Nothing, Some(scaled)) if largest(&scaled, 255.0) > LARGEST && largest(&scaled, 1.0) <= LARGEST => (
                [1.0 / 255.0, 0.0],
                Some("the graph scales what it is given as pixels of 0 to 1, so they are divided by 255 first".to_owned()),
            ),
            (Stated::Nothing, Some(_)) => ([1.0, 0.0], None),
            (Stated::Nothing, None) if stem.is_some_and(is_for_pixels) => (
                [1.0, 0.0],
                Some("the file states no pixel scaling; its first weights are so small that they take pixels of 0 to 255 \
                      as they are"
                    .to_owned()),
            ),
            (Stated::Nothing, None) => return usual(padding, "the file states no pixel scaling"),
        };
        (self.behind(&[before; INPUT_CHANNELS]), note)
    }

    /// The scaling that is left when pixels become the graph's input by `before`.
    fn behind(&self, before: &PerColor) -> Scaling {
        let graph = self.scaled.unwrap_or([[1.0, 0.0]; INPUT_CHANNELS]);
        let all: PerColor = std::array::from_fn(|color| {
            let ([scale, shift], [factor, summand]) = (before[color], graph[color]);
            [scale * factor, shift * factor + summand]
        });
        Scaling { scale: all.map(|[scale, _]| scale as f32), shift: all.map(|[_, shift]| shift as f32) }
    }
}

fn of(scaling: &Scaling) -> PerColor {
    std::array::from_fn(|color| [scaling.scale[color].into(), scaling.shift[color].into()])
}

/// The scaling that nets of this padding are trained with, where a file leaves it open for this reason.
fn usual(padding: Padding, reason: &str) -> (Scaling, Option<String>) {
    let scaling = layout(padding).numerics().scaling;
    let like = match padding {
        Padding::Same => "Keras'",
        Padding::Symmetric => "PyTorch's",
    };
    let note =
        format!("{reason}; {} is taken, as nets that pad like {like} are trained", scaling_text(&scaling));
    (scaling, Some(note))
}

/// The framework whose nets pad by this rule.
pub(crate) fn layout(padding: Padding) -> Layout {
    match padding {
        Padding::Same => Layout::Keras,
        Padding::Symmetric => Layout::Torchvision,
    }
}

/// The largest value, its sign left aside, that inputs of 0 to `end` become.
fn largest(scaled: &PerColor, end: f64) -> f64 {
    let ends = scaled.iter().flat_map(|[scale, shift]| [*shift, end * scale + shift]);
    ends.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Whether a range is one that pixels are scaled to, up to the rounding of its ends.
fn is_known([from, to]: [f64; 2]) -> bool {
    RANGES.iter().any(|[low, high]| {
        let near = NEAR * (high - low);
        (from - low).abs() <= near && (to - high).abs() <= near
    })
}

/// Whether a first convolution's weights are made for pixels of 0 to 255.
fn is_for_pixels(stem: &NamedTensor) -> bool {
    let outputs = stem.shape.last().copied().unwrap_or(0).max(1);
    let mut sums = vec![0.0f64; outputs];
    for row in stem.values.chunks_exact(outputs) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(value.abs()));
    }
    sums.sort_by(f64::total_cmp);
    sums.get(outputs / 2).is_some_and(|median| *median < TINY && *median > 0.0)
}
