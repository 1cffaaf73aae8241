//! The head behind the features of a graph: pooling, then dense layers one behind the other.
//!
//! What scales channels between them (BatchNorm, a temperature, a factor) is folded into the dense layers by f64
//! arithmetic. A 1x1 convolution of the mean is a dense layer.

use super::links::Links;
use super::refusal::{Budget, NodeName, Refusal};
use super::step::{Affine, Conv, Dense, Kind};
use super::tensors::{kernel, per_channel};
use super::trace::Trace;

/// A dense layer of a head, all that scales its outputs folded in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeadLayer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// [in, out].
    pub(crate) kernel: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) clamp: HeadClamp,
    /// Where the kernel's values start in the file.
    pub(crate) offset: u64,
}

/// What the outputs of a dense layer go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadClamp {
    None,
    Relu,
    Relu6,
}

/// What the outputs of the last dense layer go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadOutput {
    Logits,
    Softmax,
    Sigmoid,
}

/// A graph's head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TracedHead {
    /// The graph ends at the features, or at their mean.
    None,
    Layers {
        layers: Vec<HeadLayer>,
        output: HeadOutput,
    },
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
    let mut budget = std::mem::replace(&mut trace.budget, Budget::new());
    let mut walk = Walk { trace, links, at: features, channels, layers: Vec::new(), pending: None };
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

/// A dense layer in f64 while it is put together.
struct Draft {
    inputs: usize,
    outputs: usize,
    kernel: Vec<f64>,
    bias: Vec<f64>,
    clamp: HeadClamp,
    offset: u64,
}

struct Walk<'t, 'a> {
    trace: &'t Trace<'a>,
    links: &'t Links,
    at: usize,
    /// Channels of what comes next.
    channels: usize,
    layers: Vec<Draft>,
    /// What scales the channels that the next dense layer reads.
    pending: Option<Vec<[f64; 2]>>,
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
            Kind::AveragePool { window } if size.is_none_or(|size| size == *window) => {}
            Kind::AveragePool { window: [rows, columns] } => {
                let [height, width] = size.unwrap_or_default();
                let told =
                    format!("a mean over {rows}x{columns} of the {height}x{width} pixels of the features");
                return Err(self.refuse(step, told));
            }
            Kind::Opaque { reason } => return Err(self.refuse(step, reason.clone())),
            _ => {
                return Err(self
                    .refuse(step, "it reads the features, of which the mean over all pixels was expected"));
            }
        }
        self.at = step;
        Ok(true)
    }

    fn layers(&mut self, budget: &mut Budget) -> Result<TracedHead, Refusal> {
        while let Some(step) = self.links.only(self.at) {
            match &self.trace.steps[step].kind {
                Kind::Dense(dense) => self.dense(step, dense, budget)?,
                Kind::Conv(conv) => self.convolution(step, conv, budget)?,
                kind @ (Kind::Norm(_) | Kind::Affine(_)) => match per_channel(kind, self.channels, budget)? {
                    Some(of) => self.scale(of),
                    None => {
                        return Err(self.refuse(step, format!("it does not fit {} channels", self.channels)));
                    }
                },
                Kind::Clamp { low, high } => self.clamp(step, [*low, *high])?,
                Kind::Softmax | Kind::LogSoftmax => return self.end(step, HeadOutput::Softmax),
                Kind::Sigmoid => return self.end(step, HeadOutput::Sigmoid),
                Kind::Opaque { reason } => return Err(self.refuse(step, reason.clone())),
                _ => {
                    return Err(self.refuse(
                        step,
                        "it stands behind the mean of the features, where dense layers are read",
                    ));
                }
            }
            self.at = step;
        }
        if let Some(&other) = self.links.readers(self.at).get(1) {
            return Err(self.refuse(other, "more than one operator reads a value of the head"));
        }
        self.finish(HeadOutput::Logits)
    }

    fn dense(&mut self, step: usize, dense: &Dense<'_>, budget: &mut Budget) -> Result<(), Refusal> {
        let [first, second] = dense.kernel.shape[..] else {
            return Err(self.refuse(step, "its kernel has not two axes"));
        };
        let (inputs, outputs) = if dense.outputs_first { (second, first) } else { (first, second) };
        let stored = dense.kernel.floats(budget)?;
        budget.take(stored.len().saturating_mul(2))?;
        let at = |input: usize, output: usize| match dense.outputs_first {
            true => output * inputs + input,
            false => input * outputs + output,
        };
        let places = (0..inputs).flat_map(|input| (0..outputs).map(move |output| (input, output)));
        let kernel =
            places.map(|(input, output)| f64::from(stored[at(input, output)]) * dense.factor).collect();
        let bias = match &dense.bias {
            None => vec![0.0; outputs],
            Some(bias) => {
                let values = bias.floats(budget)?;
                match values.len() {
                    1 => vec![f64::from(values[0]); outputs],
                    _ => values.into_iter().map(f64::from).collect(),
                }
            }
        };
        let offset = dense.kernel.offset;
        self.put(step, Draft { inputs, outputs, kernel, bias, clamp: HeadClamp::None, offset })
    }

    fn convolution(&mut self, step: usize, conv: &Conv<'_>, budget: &mut Budget) -> Result<(), Refusal> {
        if conv.window() != [1; 2] || conv.groups != 1 {
            return Err(self.refuse(step, format!("{} behind the mean of the features", conv.told())));
        }
        let (_, values) = kernel(conv, budget)?;
        budget.take(values.len().saturating_mul(2))?;
        let bias = conv.bias.as_ref().map(|bias| bias.floats(budget)).transpose()?;
        let (inputs, outputs) = (conv.inputs(), conv.outputs());
        let kernel = values.into_iter().map(f64::from).collect();
        let bias = bias.map_or_else(|| vec![0.0; outputs], |bias| bias.into_iter().map(f64::from).collect());
        let offset = conv.kernel.offset;
        self.put(step, Draft { inputs, outputs, kernel, bias, clamp: HeadClamp::None, offset })
    }

    fn put(&mut self, step: usize, mut layer: Draft) -> Result<(), Refusal> {
        if layer.inputs != self.channels || layer.outputs == 0 || layer.bias.len() != layer.outputs {
            let told = format!(
                "a dense layer from {} to {} with a bias of {}, where {} channels come in",
                layer.inputs,
                layer.outputs,
                layer.bias.len(),
                self.channels
            );
            return Err(self.refuse(step, told));
        }
        if let Some(pending) = self.pending.take() {
            for ([factor, summand], row) in
                pending.into_iter().zip(layer.kernel.chunks_exact_mut(layer.outputs))
            {
                for (value, bias) in row.iter_mut().zip(&mut layer.bias) {
                    *bias += summand * *value;
                    *value *= factor;
                }
            }
        }
        self.channels = layer.outputs;
        self.layers.push(layer);
        Ok(())
    }

    /// Folds what scales the channels into the layer before, or keeps it for the next one.
    fn scale(&mut self, of: Vec<[f64; 2]>) {
        match self.layers.last_mut() {
            Some(layer) if layer.clamp == HeadClamp::None => {
                for row in layer.kernel.chunks_exact_mut(layer.outputs) {
                    row.iter_mut().zip(&of).for_each(|(value, [factor, _])| *value *= factor);
                }
                for (bias, [factor, summand]) in layer.bias.iter_mut().zip(&of) {
                    *bias = *bias * factor + summand;
                }
            }
            _ => {
                let before = self.pending.take().unwrap_or_else(|| vec![[1.0, 0.0]; of.len()]);
                let both = |([scale, shift], [factor, summand]): (&[f64; 2], &[f64; 2])| {
                    [scale * factor, shift * factor + summand]
                };
                self.pending = Some(before.iter().zip(&of).map(both).collect());
            }
        }
    }

    fn clamp(&mut self, step: usize, bounds: [f64; 2]) -> Result<(), Refusal> {
        const RELU: [f64; 2] = [0.0, f64::INFINITY];
        let told = || {
            format!(
                "values are held between {} and {}, and only ReLU and ReLU6 are read",
                bounds[0], bounds[1]
            )
        };
        let refused = self.refuse(step, told());
        let waiting = self.pending.is_some();
        let Some(layer) = self.layers.last_mut() else { return Err(refused) };
        layer.clamp = match (layer.clamp, bounds) {
            _ if waiting => return Err(refused),
            (HeadClamp::None | HeadClamp::Relu, RELU) => HeadClamp::Relu,
            // ReLU6 in one operator, or as a ReLU and an upper end.
            (HeadClamp::None | HeadClamp::Relu6, [0.0, 6.0]) => HeadClamp::Relu6,
            (HeadClamp::Relu, [low, 6.0]) if low <= 0.0 => HeadClamp::Relu6,
            _ => return Err(refused),
        };
        Ok(())
    }

    /// Ends the head at a step that makes probabilities of its logits.
    fn end(&mut self, step: usize, output: HeadOutput) -> Result<TracedHead, Refusal> {
        let readers = self.links.readers(step);
        let both = output == HeadOutput::Sigmoid && self.channels == 1 && self.is_both(step);
        // What picks the best class, or sorts them, comes after what is asked for.
        let picks = |reader: &usize| matches!(self.trace.steps[*reader].kind, Kind::Opaque { .. });
        if let Some(&other) = readers.iter().find(|reader| !both && !picks(reader)) {
            return Err(self.refuse(other, "it computes with probabilities"));
        }
        self.finish(output)
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
        if self.pending.is_some() {
            return Err(self.refuse(self.at, "it scales channels behind the last dense layer"));
        }
        if self.layers.is_empty() {
            return match output {
                HeadOutput::Logits => Ok(TracedHead::None),
                _ => Err(self.refuse(self.at, "probabilities without a dense layer before them")),
            };
        }
        let layer = |draft: Draft| HeadLayer {
            inputs: draft.inputs,
            outputs: draft.outputs,
            kernel: draft.kernel.into_iter().map(|value| value as f32).collect(),
            bias: draft.bias.into_iter().map(|value| value as f32).collect(),
            clamp: draft.clamp,
            offset: draft.offset,
        };
        let layers = std::mem::take(&mut self.layers).into_iter().map(layer).collect();
        Ok(TracedHead::Layers { layers, output })
    }
}
