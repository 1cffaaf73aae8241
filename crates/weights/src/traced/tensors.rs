//! From the convolutions found in a graph to tensors under Keras' names.
//!
//! Where every convolution has its BatchNorm behind it, and all have one epsilon, these are the tensors of training. In
//! most exported graphs BatchNorm is folded into the kernels, and what it was cannot be told any more. Such a kernel gets
//! a BatchNorm that changes nothing: factor 1, mean 0, variance 1 - epsilon, and the bias as its summand. With an epsilon
//! of 2^-10 variance and epsilon add up to 1 exactly, so folding gives back the same bits.

use std::collections::BTreeMap;

use icecap_graph::BATCH_NORM;

use super::constant::Constant;
use super::refusal::{Budget, Refusal};
use super::spine::Found;
use super::step::{Conv, KernelOrder, Kind, Norm};
use super::trace::Trace;

/// The epsilon of a BatchNorm that changes nothing: a power of two.
pub(crate) const FOLDED_EPSILON: f32 = 1.0 / 1024.0;

/// A tensor by one of Keras' names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedTensor {
    /// Where the values that it came from start in the file.
    pub(crate) offset: u64,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The tensors of a net.
#[derive(Debug)]
pub(crate) struct Tensors {
    pub(crate) by_name: BTreeMap<String, NamedTensor>,
    pub(crate) epsilon: f32,
    /// Whether BatchNorm is folded into the kernels.
    pub(crate) folded: bool,
    /// How many kernels are stored as integers or halves.
    pub(crate) narrow: usize,
}

/// Reads the tensors of all convolutions.
pub(crate) fn read(trace: &mut Trace<'_>, convolutions: &[Found]) -> Result<Tensors, Refusal> {
    // Out of the trace, so that its constants can be read while the budget counts.
    let mut budget = std::mem::take(&mut trace.budget);
    let epsilon = common_epsilon(trace, convolutions);
    let mut tensors = Tensors {
        by_name: BTreeMap::new(),
        epsilon: epsilon.unwrap_or(FOLDED_EPSILON),
        folded: epsilon.is_none(),
        narrow: 0,
    };
    for found in convolutions {
        let Kind::Conv(conv) = &trace.steps[found.conv].kind else { continue };
        tensors.narrow += usize::from(conv.kernel.steps.is_some() || conv.kernel.stored.size() < 4);
        match (epsilon.is_some(), norm_of(trace, found)) {
            (true, Some(norm)) => tensors.trained(found, conv, norm, &mut budget)?,
            _ => tensors.folded(trace, found, conv, &mut budget)?,
        }
    }
    trace.budget = budget;
    Ok(tensors)
}

/// The one BatchNorm behind a convolution; `None` if there is none, or more that scales.
fn norm_of<'t, 'a>(trace: &'t Trace<'a>, found: &Found) -> Option<&'t Norm<'a>> {
    match found.norms[..] {
        [step] => match &trace.steps[step].kind {
            Kind::Norm(norm) => Some(norm),
            _ => None,
        },
        _ => None,
    }
}

/// The epsilon of every BatchNorm, if there is one behind each convolution and they have the same.
fn common_epsilon(trace: &Trace<'_>, convolutions: &[Found]) -> Option<f32> {
    let mut all = convolutions.iter().map(|found| norm_of(trace, found).map(|norm| norm.epsilon));
    let first = all.next().flatten().filter(|epsilon| *epsilon > 0.0 && epsilon.is_finite())?;
    all.all(|epsilon| epsilon == Some(first)).then_some(first)
}

impl Tensors {
    fn put(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>, offset: u64) {
        self.by_name.insert(name, NamedTensor { offset, shape, values });
    }

    /// A convolution and its BatchNorm as they were trained. A bias between them moves the mean.
    fn trained(
        &mut self,
        found: &Found,
        conv: &Conv<'_>,
        norm: &Norm<'_>,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let (shape, kernel) = kernel(conv, budget)?;
        self.put(found.layer.kernel(), shape, kernel, conv.kernel.offset);
        let bias = conv.bias.as_ref().map(|bias| bias.floats(budget)).transpose()?;
        let vectors = [&norm.gamma, &norm.beta, &norm.mean, &norm.variance];
        for (variable, constant) in BATCH_NORM.into_iter().zip(vectors) {
            let mut values = constant.floats(budget)?;
            if variable == "moving_mean" {
                let moved = |(mean, bias): (&f32, f32)| (f64::from(*mean) - f64::from(bias)) as f32;
                values = match &bias {
                    Some(bias) => values.iter().zip(bias.iter().copied()).map(moved).collect(),
                    None => values,
                };
            }
            self.put(found.layer.vector(variable), vec![values.len()], values, constant.offset);
        }
        Ok(())
    }

    /// A convolution with all that scales its channels folded into it.
    fn folded(
        &mut self,
        trace: &Trace<'_>,
        found: &Found,
        conv: &Conv<'_>,
        budget: &mut Budget,
    ) -> Result<(), Refusal> {
        let (shape, mut kernel) = kernel(conv, budget)?;
        let outputs = conv.outputs();
        let bias = conv.bias.as_ref().map(|bias| bias.floats(budget)).transpose()?;
        let mut scale = vec![1.0; outputs];
        let mut shift: Vec<f64> =
            bias.map_or_else(|| vec![0.0; outputs], |bias| bias.into_iter().map(f64::from).collect());
        for &step in &found.norms {
            let of = per_channel(&trace.steps[step].kind, outputs, budget)?;
            let of =
                of.ok_or_else(|| Refusal::node(&trace.steps[step].name, "it does not fit the channels"))?;
            for (channel, [factor, summand]) in of.into_iter().enumerate() {
                scale[channel] *= factor;
                shift[channel] = shift[channel] * factor + summand;
            }
        }
        if !found.norms.is_empty() {
            for row in kernel.chunks_exact_mut(outputs) {
                row.iter_mut()
                    .zip(&scale)
                    .for_each(|(value, scale)| *value = (f64::from(*value) * scale) as f32);
            }
        }
        self.put(found.layer.kernel(), shape, kernel, conv.kernel.offset);
        let offset = conv.bias.as_ref().map_or(conv.kernel.offset, |bias| bias.offset);
        budget.take(outputs * BATCH_NORM.len())?;
        for variable in BATCH_NORM {
            let values = match variable {
                "gamma" => vec![1.0; outputs],
                "beta" => shift.iter().map(|value| *value as f32).collect(),
                "moving_mean" => vec![0.0; outputs],
                _ => vec![1.0 - self.epsilon; outputs],
            };
            self.put(found.layer.vector(variable), vec![outputs], values, offset);
        }
        Ok(())
    }
}

/// The factor and summand of each channel of a step that scales; `None` if it does not, or has them for another number
/// of channels.
pub(crate) fn per_channel(
    kind: &Kind<'_>,
    channels: usize,
    budget: &mut Budget,
) -> Result<Option<Vec<[f64; 2]>>, Refusal> {
    match kind {
        Kind::Affine(affine) if affine.fits(channels) => {
            Ok(Some((0..channels).map(|channel| affine.at(channel)).collect()))
        }
        Kind::Norm(norm) => {
            let mut vector = |constant: &Constant<'_>| constant.floats(budget);
            let [gamma, beta] = [vector(&norm.gamma)?, vector(&norm.beta)?];
            let [mean, variance] = [vector(&norm.mean)?, vector(&norm.variance)?];
            if [&gamma, &beta, &mean, &variance].iter().any(|list| list.len() != channels) {
                return Ok(None);
            }
            let epsilon = f64::from(norm.epsilon);
            let each = |channel: usize| {
                let of = |list: &[f32]| f64::from(list[channel]);
                let scale = of(&gamma) / (of(&variance) + epsilon).sqrt();
                [scale, of(&beta) - of(&mean) * scale]
            };
            Ok(Some((0..channels).map(each).collect()))
        }
        _ => Ok(None),
    }
}

/// A kernel in Keras' order, [rows, columns, in, out] or [rows, columns, channels, 1], with its shape.
pub(crate) fn kernel(conv: &Conv<'_>, budget: &mut Budget) -> Result<(Vec<usize>, Vec<f32>), Refusal> {
    let stored = conv.kernel.floats(budget)?;
    let ([rows, columns], inputs, outputs) = (conv.window(), conv.inputs_each(), conv.outputs());
    let shape = match conv.is_depthwise() {
        true => vec![rows, columns, outputs, 1],
        false => vec![rows, columns, inputs, outputs],
    };
    let places = rows * columns;
    let values = match conv.order {
        KernelOrder::RowsColumnsChannels => stored,
        order => {
            budget.take(stored.len())?;
            let mut values = Vec::with_capacity(stored.len());
            for place in 0..places {
                for input in 0..inputs {
                    values.extend((0..outputs).map(|output| {
                        stored[match order {
                            KernelOrder::OutInRowsColumns => (output * inputs + input) * places + place,
                            _ => (output * places + place) * inputs + input,
                        }]
                    }));
                }
            }
            values
        }
    };
    Ok((shape, values))
}
