//! The head behind the features of a graph: pooling, then dense layers one behind the other.
//!
//! What scales channels between them (BatchNorm, a temperature, a factor) is folded into the dense layers. A 1x1
//! convolution of the mean is a dense layer.

use icecap_kernels::{Shape, Tensor};

use super::links::Links;
use super::refusal::{Budget, NodeName, Refusal};
use super::step::{Affine, Conv, Dense, Kind, Step};
use super::tensors::{kernel, per_channel};
use super::trace::Trace;
use crate::dense_head::{DenseHead, HeadBuilder, HeadOutput};

/// The operators that pick classes by their probabilities, in both formats.
const PICKS: [&str; 5] = ["ArgMax", "TopK", "ZipMap", "ARG_MAX", "TOPK_V2"];

/// A graph's head.
#[derive(Clone, Debug)]
pub(crate) enum TracedHead {
    /// The graph ends at the features, or at their mean.
    None,
    Dense(DenseHead),
    /// An operator that is not read, and why.
    Unreadable {
        name: NodeName,
        reason: String,
    },
}

/// Reads the head behind the step `features`, an image of `size` and so many channels.
///
/// # Errors
/// [`Refusal::Limit`] alone: a head that is not read is no error.
pub(crate) fn read(
    trace: &mut Trace<'_>,
    links: &Links,
    (features, channels): (usize, usize),
    size: Option<[usize; 2]>,
) -> Result<TracedHead, Refusal> {
    let mut budget = std::mem::take(&mut trace.budget);
    let builder = HeadBuilder::new(channels);
    let mut walk = Walk { trace, links, at: features, builder, layers: 0 };
    let read = match walk.pool(size) {
        Ok(false) => Ok(TracedHead::None),
        Ok(true) => walk.layers(&mut budget),
        Err(stopped) => Err(stopped),
    };
    trace.budget = budget;
    match read {
        Ok(head) => Ok(head),
        Err(Refusal::Node { name, reason }) => Ok(TracedHead::Unreadable { name, reason }),
        Err(other) => Err(other),
    }
}

struct Walk<'t, 'a> {
    trace: &'t Trace<'a>,
    links: &'t Links,
    at: usize,
    builder: HeadBuilder,
    /// Dense layers so far.
    layers: usize,
}

impl Walk<'_, '_> {
    fn refuse(&self, step: usize, reason: impl Into<String>) -> Refusal {
        Refusal::node(&self.trace.steps[step].name, reason)
    }

    /// Goes on over the mean. Whether there is one.
    fn pool(&mut self, size: Option<[usize; 2]>) -> Result<bool, Refusal> {
        let [step] = *self.links.readers(self.at) else {
            let Some(&other) = self.links.readers(self.at).get(1) else { return Ok(false) };
            return Err(self.refuse(other, "more than one operator reads the features"));
        };
        match &self.trace.steps[step].kind {
            Kind::Mean => {}
            Kind::AveragePool { window } if size == Some(*window) => {}
            Kind::AveragePool { window: [rows, columns] } => {
                let of = size.map_or_else(
                    || "of features whose size the graph does not state".to_owned(),
                    |[height, width]| format!("of the {height}x{width} pixels of the features"),
                );
                return Err(self.refuse(step, format!("a mean over {rows}x{columns} {of}")));
            }
            Kind::Opaque { reason } => return Err(self.refuse(step, reason.clone())),
            _ => {
                let told = "it reads the features, of which the mean over all pixels was expected";
                return Err(self.refuse(step, told));
            }
        }
        self.at = step;
        Ok(true)
    }

    fn layers(&mut self, budget: &mut Budget) -> Result<TracedHead, Refusal> {
        while let Some(step) = self.next()? {
            let done = match &self.trace.steps[step].kind {
                Kind::Dense(dense) => self.dense(dense, budget)?,
                Kind::Conv(conv) => self.convolution(conv, budget)?,
                kind @ (Kind::Norm(_) | Kind::Affine(_)) => self.scale(kind, budget)?,
                Kind::Clamp { .. } => {
                    self.clamp(step)?;
                    continue;
                }
                Kind::Softmax | Kind::LogSoftmax => return self.end(step, HeadOutput::Softmax),
                Kind::Sigmoid if self.builder.width() == 1 => return self.end(step, HeadOutput::Sigmoid),
                Kind::Sigmoid => return self.end(step, HeadOutput::Sigmoids),
                Kind::Opaque { reason } => Err(reason.clone()),
                _ => Err("it stands behind the mean of the features, where dense layers are read".to_owned()),
            };
            done.and_then(|()| self.bytes(step)).map_err(|reason| self.refuse(step, reason))?;
            self.at = step;
        }
        if self.layers == 0 {
            return Ok(TracedHead::None);
        }
        self.finish(HeadOutput::Logits)
    }

    /// The step that goes on in the head, past those that pick a class of what there is.
    fn next(&self) -> Result<Option<usize>, Refusal> {
        let mut on = self.links.readers(self.at).iter().copied().filter(|step| !self.picks(*step));
        match (on.next(), on.next()) {
            (_, Some(other)) => Err(self.refuse(other, "more than one operator reads a value of the head")),
            (next, None) => Ok(next),
        }
    }

    /// Adds a dense layer. The inner error is the head's, the outer one the file's.
    fn put(
        &mut self,
        [inputs, outputs]: [usize; 2],
        kernel: &[f32],
        bias: Option<Vec<f32>>,
    ) -> Result<Result<(), String>, Refusal> {
        let shape = Shape::new(&[inputs, outputs]).and_then(|shape| Tensor::from_slice(shape, kernel));
        let tensor = match shape {
            Ok(tensor) => tensor,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let bias = bias.map(|bias| if bias.len() == 1 { vec![bias[0]; outputs] } else { bias });
        self.layers += 1;
        Ok(self.builder.dense(&tensor, bias.as_deref()))
    }

    fn dense(&mut self, dense: &Dense<'_>, budget: &mut Budget) -> Result<Result<(), String>, Refusal> {
        let [first, second] = dense.kernel.shape[..] else {
            return Ok(Err("its kernel has not two axes".to_owned()));
        };
        let mut kernel = dense.kernel.floats(budget)?;
        let mut sides = [first, second];
        if dense.outputs_first {
            budget.take(kernel.len())?;
            sides = [second, first];
            let places = (0..second).flat_map(|input| (0..first).map(move |output| output * second + input));
            kernel = places.map(|place| kernel[place]).collect();
        }
        let bias = dense.bias.as_ref().map(|bias| bias.floats(budget)).transpose()?;
        if dense.factor == 1.0 {
            return self.put(sides, &kernel, bias);
        }
        // The factor is of the products alone.
        match self.put(sides, &kernel, None)? {
            Ok(()) => {
                let bias: Vec<f64> = bias.map_or(vec![0.0], |bias| bias.into_iter().map(f64::from).collect());
                Ok(self.builder.affine(&[dense.factor], &bias))
            }
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn convolution(&mut self, conv: &Conv<'_>, budget: &mut Budget) -> Result<Result<(), String>, Refusal> {
        if conv.window() != [1; 2] || conv.groups != 1 || conv.pads() {
            return Ok(Err(format!("{} behind the mean of the features", conv.told())));
        }
        let (_, values) = kernel(conv, budget)?;
        let bias = conv.bias.as_ref().map(|bias| bias.floats(budget)).transpose()?;
        self.put([conv.inputs(), conv.outputs()], &values, bias)
    }

    /// Takes bytes that hold no value below 0 for a ReLU: quantizers leave one out where its bytes do the same.
    fn bytes(&mut self, step: usize) -> Result<(), String> {
        let ends_at_zero = |[from, to]: &[f64; 2]| *from == 0.0 && *to > 0.0;
        match self.trace.ranges(step).iter().any(ends_at_zero) {
            true => self.builder.relu(),
            false => Ok(()),
        }
    }

    fn scale(&mut self, kind: &Kind<'_>, budget: &mut Budget) -> Result<Result<(), String>, Refusal> {
        let width = self.builder.width();
        let Some(of) = per_channel(kind, width, budget)? else {
            return Ok(Err(format!("it does not fit {width} channels")));
        };
        let (scale, offset): (Vec<f64>, Vec<f64>) =
            of.into_iter().map(|[scale, offset]| (scale, offset)).unzip();
        Ok(self.builder.affine(&scale, &offset))
    }

    /// Goes on over a ReLU or a ReLU6: one clamp, or several that make one.
    fn clamp(&mut self, first: usize) -> Result<(), Refusal> {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut next = Some(first);
        while let Some(step) = next {
            let Kind::Clamp { low: from, high: to } = self.trace.steps[step].kind else { break };
            (low, high) = (low.max(from), high.min(to));
            self.at = step;
            next = self.links.only(step);
        }
        let done = match (low, high) {
            (0.0, f64::INFINITY) => self.builder.relu(),
            (0.0, 6.0) => self.builder.relu6(),
            _ => Err(format!("values are held between {low} and {high}, and only ReLU and ReLU6 are read")),
        };
        done.map_err(|reason| self.refuse(first, reason))
    }

    /// Ends the head at a step that makes probabilities of its logits.
    fn end(&mut self, step: usize, output: HeadOutput) -> Result<TracedHead, Refusal> {
        let both = output == HeadOutput::Sigmoid && self.is_both(step);
        if let Some(&other) = self.links.readers(step).iter().find(|&&reader| !both && !self.picks(reader)) {
            return Err(self.refuse(other, "it computes with probabilities"));
        }
        self.finish(output)
    }

    /// Whether a step picks the best of several classes or sorts them, which comes after what is asked for.
    fn picks(&self, step: usize) -> bool {
        let Step { kind, name, .. } = &self.trace.steps[step];
        matches!(kind, Kind::Opaque { .. }) && PICKS.contains(&name.op.as_str())
    }

    /// Whether what follows a sigmoid is 1 minus it, and then both: the probabilities of two classes.
    fn is_both(&self, second: usize) -> bool {
        let concat = |step: &&usize| matches!(self.trace.steps[**step].kind, Kind::Concat);
        let Some(&both) = self.links.readers(second).iter().find(concat) else { return false };
        let [mut first, last] = self.trace.steps[both].inputs[..] else { return false };
        let (mut scale, mut shift) = (1.0, 0.0);
        while let Kind::Affine(Affine { scale: factor, shift: summand }) = &self.trace.steps[first].kind {
            // Backwards: what comes later is outermost.
            let ([factor], [summand]) = (&factor[..], &summand[..]) else { return false };
            (scale, shift) = (scale * factor, shift + scale * summand);
            first = self.trace.steps[first].inputs[0];
        }
        last == second && first == second && (scale, shift) == (-1.0, 1.0)
    }

    fn finish(&mut self, output: HeadOutput) -> Result<TracedHead, Refusal> {
        let builder = std::mem::replace(&mut self.builder, HeadBuilder::new(0));
        builder.end(output).map(TracedHead::Dense).map_err(|reason| self.refuse(self.at, reason))
    }
}
