//! What a graph makes of a pixel: the operators before its first convolution, and what the file says of its input.
//!
//! Many graphs have no such operators, because the program that feeds them scales the pixels. Then the file's own words
//! are followed (metadata, or what its bytes stand for); where it has none, a scaling is taken that nets of its padding
//! are trained with, and the caller is told.

use icecap_graph::{INPUT_CHANNELS, Padding, Scaling};

use super::links::Links;
use super::refusal::Refusal;
use super::step::Kind;
use super::tensors::{NamedTensor, per_channel};
use super::trace::Trace;
use crate::NOTES_OF_SCALING;
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
    let mut budget = std::mem::take(&mut trace.budget);
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
                Some(format!(
                    "{}; its first weights are so small that they take pixels of 0 to 255 as they are",
                    NOTES_OF_SCALING[1]
                )),
            ),
            (Stated::Nothing, None) => return usual(padding, NOTES_OF_SCALING[1]),
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
        Padding::Same | Padding::Trailing => "Keras'",
        Padding::Symmetric => "PyTorch's",
    };
    let note =
        format!("{reason}; {} is taken, as nets that pad like {like} are trained", scaling_text(&scaling));
    (scaling, Some(note))
}

/// The framework whose nets pad by this rule.
pub(crate) fn layout(padding: Padding) -> Layout {
    match padding {
        Padding::Same | Padding::Trailing => Layout::Keras,
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

#[cfg(test)]
mod tests {
    use super::super::evaluate::Binary;
    use super::super::step::{NHWC, Value};
    use super::super::{Constant, NodeName};
    use super::*;

    /// The scaling of a graph that does these things to its input, and the note.
    fn scaling(does: &[(Binary, &[f32])], stated: Stated) -> (Scaling, Option<String>) {
        let mut trace = Trace::of_file(1000);
        let name = NodeName::new("n", "op");
        let mut value = trace.input(&name, &NHWC, Some(1)).unwrap();
        for (op, list) in does {
            let shape = if list.len() == 1 { Vec::new() } else { vec![list.len()] };
            let constant = Value::Constant(Constant::of_floats(shape, list, 0).into());
            value = trace.binary(*op, [&value, &constant], &name).unwrap();
        }
        let links = Links::new(&trace.steps, &[]);
        let steps = follow(&mut trace, &links, 0).unwrap();
        steps.scaling(stated, Padding::Same, None)
    }

    #[test]
    fn what_a_graph_does_to_its_input_is_the_scaling() {
        let minus = [(Binary::Div, &[127.5f32][..]), (Binary::Sub, &[1.0])];
        assert_eq!(scaling(&minus, Stated::Nothing), (Scaling::SIGNED, None));
        assert_eq!(scaling(&minus, Stated::Pixels), (Scaling::SIGNED, None));
        let centered = [(Binary::Sub, &[127.5f32][..]), (Binary::Mul, &[1.0 / 127.5])];
        assert_eq!(scaling(&centered, Stated::Nothing), (Scaling::SIGNED, None));
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let of_pixels = [(Binary::Div, &[255.0f32][..]), (Binary::Sub, &mean), (Binary::Div, &std)];
        let (got, note) = scaling(&of_pixels, Stated::Nothing);
        let expected = Scaling::mean_std(mean, std);
        for color in 0..3 {
            assert!((got.scale[color] - expected.scale[color]).abs() < 1e-8);
            assert!((got.shift[color] - expected.shift[color]).abs() < 1e-6);
        }
        assert_eq!(note, None);
        // The same without the division: such a graph is fed with 0 to 1, and that is told.
        let (of_parts, note) = scaling(&of_pixels[1..], Stated::Nothing);
        assert!((0..3).all(|color| (of_parts.scale[color] - got.scale[color]).abs() < 1e-8));
        assert!(note.unwrap().contains("0 to 1"));
    }

    #[test]
    fn what_a_file_says_of_its_input_comes_before_what_the_graph_does() {
        let zero_to_one = Scaling { scale: [1.0 / 255.0; 3], shift: [0.0; 3] };
        let doubled = [(Binary::Mul, &[2.0f32][..]), (Binary::Sub, &[1.0])];
        let (got, note) = scaling(&doubled, Stated::Scaled(zero_to_one));
        assert!((got.scale[0] - 1.0 / 127.5).abs() < 1e-8 && got.shift == [-1.0; 3] && note.is_none());
        assert_eq!(scaling(&[], Stated::Scaled(zero_to_one)), (zero_to_one, None));
        let bytes = |step, zero| scaling(&[], Stated::Bytes { step, zero });
        assert_eq!(bytes(1.0, 0.0).0, Scaling { scale: [1.0; 3], shift: [0.0; 3] });
        assert_eq!(bytes(0.0078125, 128.0), (Scaling { scale: [0.0078125; 3], shift: [-1.0; 3] }, None));
        // Bytes of a range that no pixels are scaled to: the photos that it was calibrated with.
        let (usual, note) = bytes(0.0186, 114.0);
        assert_eq!(usual, Scaling::SIGNED);
        assert!(note.unwrap().contains("-2.120 to 2.623"));
        let (usual, note) = scaling(&[], Stated::Nothing);
        assert!(usual == Scaling::SIGNED && note.unwrap().contains("-1..1 is taken"));
    }

    #[test]
    fn tiny_first_weights_take_pixels_as_they_are() {
        let stem = |value: f32| NamedTensor { offset: 0, shape: vec![3, 3, 3, 8], values: vec![value; 216] };
        let mut trace = Trace::of_file(1000);
        trace.input(&NodeName::new("n", "op"), &NHWC, Some(1)).unwrap();
        let links = Links::new(&trace.steps, &[]);
        let steps = follow(&mut trace, &links, 0).unwrap();
        let (got, note) = steps.scaling(Stated::Nothing, Padding::Same, Some(&stem(0.1 / 127.5)));
        assert!(got.scale == [1.0; 3] && note.unwrap().contains("0 to 255"));
        assert_eq!(steps.scaling(Stated::Nothing, Padding::Same, Some(&stem(0.1))).0, Scaling::SIGNED);
    }
}
