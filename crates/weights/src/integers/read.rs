//! A net in integers from the tensors of a file. Everything is checked before it is believed.

use std::collections::{BTreeMap, BTreeSet};

use icecap_graph::int8::{Bottleneck, IntegerBlock, IntegerConv, IntegerNet, Outcome};
use icecap_graph::{BLOCKS, ConvLayer, Numerics, Part, Spec, tensor_shapes};
use icecap_kernels::{Rescale, Shape};

use super::tensors::{FINE, STEPS, ZEROS, bias_shape, fine_unstated, name, outputs, tensors};
use crate::Error;
use crate::container::{Container, Element};
use crate::layout::HEAD_PREFIX;
use crate::shown::shown;

/// Returns whether the net of a file is one in integers.
pub(crate) fn is_integers(file: &Container<'_>) -> bool {
    file.dtype(&ConvLayer::STEM.kernel()) == Some(Element::I8.name())
}

/// Reads the net of a model file; the tensors of its head are left alone.
///
/// # Errors
/// [`Error::MissingTensor`], [`Error::Tensor`] and [`Error::Net`] with the tensor or layer that is wrong.
pub(crate) fn read(file: &Container<'_>, numerics: Numerics) -> Result<IntegerNet, Error> {
    let net_error =
        |source| Error::Net { path: file.path().into(), offset: None, here: None, source: Box::new(source) };
    let spec = spec(file)?;
    let kernels = tensor_shapes(&spec, None);
    let reading = Reading { file, kernels: &kernels };
    let steps = reading.values(STEPS, Element::F64, Shape::of([BLOCKS]), f64::from_le_bytes)?;
    let zeros = reading.values(ZEROS, Element::U8, Shape::of([BLOCKS]), u8::from_le_bytes)?;
    let fine = reading.fine(&spec)?;
    let mut blocks = Vec::with_capacity(BLOCKS);
    for block in 0..BLOCKS {
        let conv = |part| reading.conv(ConvLayer { part, block });
        blocks.push(IntegerBlock {
            expand: if block == 0 { None } else { Some(conv(Part::Expand)?) },
            depthwise: conv(Part::Depthwise)?,
            project: conv(Part::Project)?,
            output: Bottleneck { step: steps[block], zero: zeros[block], fine: fine[block] },
        });
    }
    let (stem, last) = (reading.conv(ConvLayer::STEM)?, reading.conv(ConvLayer::LAST)?);
    let net = IntegerNet { spec, numerics, stem, blocks, last }.checked().map_err(net_error)?;
    check_names(file, &net)?;
    Ok(net)
}

/// The channel counts that the kernels tell.
fn spec(file: &Container<'_>) -> Result<Spec, Error> {
    let net_error =
        |source| Error::Net { path: file.path().into(), offset: None, here: None, source: Box::new(source) };
    let channels = |layer: ConvLayer| {
        let (kernel, missing) = (layer.kernel(), layer.kernel());
        let shape = file
            .shape(&kernel)
            .ok_or_else(|| Error::MissingTensor { path: file.path().into(), tensor: missing })?;
        match shape.dims() {
            [_, _, _, outputs] => Ok(*outputs),
            _ => Err(refuse(file, &kernel, format!("shape {shape}, expected four axes"))),
        }
    };
    let mut blocks = Vec::with_capacity(BLOCKS);
    for block in 0..BLOCKS {
        blocks.push(channels(ConvLayer { part: Part::Project, block })?);
    }
    Spec::from_channels(channels(ConvLayer::STEM)?, &blocks, channels(ConvLayer::LAST)?).map_err(net_error)
}

struct Reading<'a> {
    file: &'a Container<'a>,
    kernels: &'a BTreeMap<String, Shape>,
}

impl Reading<'_> {
    fn conv(&self, layer: ConvLayer) -> Result<IntegerConv, Error> {
        let kernel = self.kernels[&layer.kernel()];
        let vector = Shape::of([outputs(layer, kernel)]);
        let weights = self.values(&layer.kernel(), Element::I8, kernel, i8::from_le_bytes)?;
        let biases = bias_shape(layer, vector.elements());
        let bias = self.values(&name(layer, "bias"), Element::I32, biases, i32::from_le_bytes)?;
        if layer.part == Part::Last {
            let factors = self.values(&name(layer, "factor"), Element::F32, vector, f32::from_le_bytes)?;
            return Ok(IntegerConv { weights, bias, outcome: Outcome::Real(factors) });
        }
        let shift_name = name(layer, "shift");
        let shifts = self.values(&shift_name, Element::U8, vector, u8::from_le_bytes)?;
        let multiplier_name = name(layer, "multiplier");
        let multipliers = self.values(&multiplier_name, Element::I16, vector, i16::from_le_bytes)?;
        let mut rescale = Vec::with_capacity(vector.elements());
        for (at, (&shift, &multiplier)) in shifts.iter().zip(&multipliers).enumerate() {
            let one = Rescale::new(shift, multiplier).ok_or_else(|| {
                // Of the two the one that is wrong.
                let (tensor, is, expected) = match shift > Rescale::MAX_SHIFT {
                    true => (&shift_name, i32::from(shift), format!("up to {}", Rescale::MAX_SHIFT)),
                    false => (&multiplier_name, i32::from(multiplier), "0 or more".to_owned()),
                };
                refuse(self.file, tensor, format!("channel {at} has {is}, expected {expected}"))
            })?;
            rescale.push(one);
        }
        Ok(IntegerConv { weights, bias, outcome: Outcome::Rescaled(rescale) })
    }

    /// How what leaves each block is read.
    fn fine(&self, spec: &Spec) -> Result<Vec<bool>, Error> {
        if self.file.shape(FINE).is_none() {
            return Ok(spec.blocks().iter().map(|block| fine_unstated(block.output)).collect());
        }
        let stated = self.values(FINE, Element::U8, Shape::of([BLOCKS]), u8::from_le_bytes)?;
        match stated.iter().position(|value| *value > 1) {
            Some(at) => {
                Err(refuse(self.file, FINE, format!("value {at} is {}, expected 0 or 1", stated[at])))
            }
            None => Ok(stated.into_iter().map(|value| value == 1).collect()),
        }
    }

    /// The values of a tensor of this type and shape.
    fn values<T, const N: usize>(
        &self,
        name: &str,
        element: Element,
        expected: Shape,
        // Not a pointer: two million calls take longer than all else.
        value: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Error> {
        let (shape, bytes) = self.file.typed(name, element)?;
        if shape != expected {
            return Err(refuse(self.file, name, format!("shape {shape}, expected {expected}")));
        }
        Ok(bytes.as_chunks().0.iter().map(|bytes| value(*bytes)).collect())
    }
}

/// Refuses a tensor that belongs to no layer.
fn check_names(file: &Container<'_>, net: &IntegerNet) -> Result<(), Error> {
    let known: BTreeSet<String> = tensors(net).into_iter().map(|tensor| tensor.name).collect();
    let stray = |name: &&str| !name.starts_with(HEAD_PREFIX) && !known.contains(*name);
    match file.names().find(stray) {
        Some(name) => Err(refuse(file, name, "it belongs to no part of a net in integers".to_owned())),
        None => Ok(()),
    }
}

fn refuse(file: &Container<'_>, tensor: &str, reason: String) -> Error {
    let offset = file.offset(tensor).unwrap_or(0);
    Error::Tensor { path: file.path().into(), tensor: shown(tensor), offset, reason }
}
