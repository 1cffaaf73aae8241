//! The net as the exporters walk it: what other engines compute for it, one operation after the other.
//!
//! BatchNorm is part of its convolution, and so is the ReLU6 behind it where there is one. Names are Keras'.

use icecap_graph::int8::IntegerNet;
use icecap_graph::{ConvLayer, Layer, LayerKind, Numerics, Padding, Params, Precision, Spec, layers};
use icecap_kernels::{ConvGeometry, Pads, WINDOW};

use crate::Error;
use crate::bundle::{BackbonePart, Model};

/// What stands in an error for the file that is not written yet.
const THE_MODEL: &str = "the model";

/// A model's net as it is exported.
#[derive(Debug)]
pub(crate) struct ExportedNet {
    pub(crate) numerics: Numerics,
    pub(crate) precision: Precision,
    pub(crate) operations: Vec<Operation>,
}

impl ExportedNet {
    /// The net of a model in f32, with its params.
    ///
    /// # Errors
    /// [`Error::NoBackbone`] for a model without its backbone, [`Error::IntegersOnly`] for one in int8; [`Error::Model`] if
    /// its parts do not fit each other;
    /// [`Error::Net`] for an input size that the net cannot run.
    pub(crate) fn float(model: &Model) -> Result<(Self, &Params), Error> {
        let params = match &model.backbone {
            BackbonePart::Embedded(params) => params,
            BackbonePart::Integers(_) | BackbonePart::PinnedIntegers(..) => {
                return Err(Error::IntegersOnly { path: THE_MODEL.into() });
            }
            BackbonePart::Pinned(digest) => {
                let params_sha256 = digest.to_string();
                return Err(Error::NoBackbone { path: THE_MODEL.into(), params_sha256 });
            }
        };
        Ok((Self::of(model, params.spec(), params.numerics(), Precision::F32)?, params))
    }

    /// The net of a model in integers.
    ///
    /// # Errors
    /// As [`ExportedNet::float`]; [`Error::Model`] also if the integers are those of another net.
    pub(crate) fn integers(model: &Model, net: &IntegerNet) -> Result<Self, Error> {
        let (expected, got) = (model.features(), net.spec.feature_channels());
        let other = match &model.backbone {
            BackbonePart::Embedded(params) => {
                *params.spec() != net.spec || *params.numerics() != net.numerics
            }
            BackbonePart::Integers(own) => *own.net != *net,
            BackbonePart::Pinned(_) | BackbonePart::PinnedIntegers(..) => false,
        };
        if expected != got || other {
            return Err(refused("the integers are those of another net than the model's".to_owned()));
        }
        Self::of(model, &net.spec, &net.numerics, Precision::Int8)
    }

    fn of(model: &Model, spec: &Spec, numerics: &Numerics, precision: Precision) -> Result<Self, Error> {
        model.check().map_err(refused)?;
        let operations = operations(spec, numerics.padding, model.preprocessing.size).map_err(|source| {
            Error::Net { path: THE_MODEL.into(), offset: None, here: None, source: source.into() }
        })?;
        Ok(Self { numerics: *numerics, precision, operations })
    }
}

/// The error of a model that cannot be exported.
pub(crate) fn refused(reason: String) -> Error {
    Error::Model { path: THE_MODEL.into(), reason }
}

/// The error of a file that would be larger than its format can measure.
pub(crate) fn too_large(what: &'static str, got: u64, limit: u64) -> Error {
    Error::Limit { path: THE_MODEL.into(), what, got, limit }
}

/// An operation of the net. What it reads first is what the one before it gave, or the pixels.
#[derive(Debug)]
pub(crate) enum Operation {
    Convolution(Box<Convolution>),
    Add(Add),
}

/// A convolution with its BatchNorm.
#[derive(Debug)]
pub(crate) struct Convolution {
    pub(crate) layer: ConvLayer,
    /// The name of the BatchNorm behind it.
    pub(crate) norm: String,
    /// The name of the ReLU6 behind that; `None` for a projection.
    pub(crate) activation: Option<String>,
    /// Pixels of the window, in each direction.
    pub(crate) side: usize,
    /// Channels that each output channel reads.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// 1, or a group for each channel of a depthwise convolution.
    pub(crate) groups: usize,
    pub(crate) stride: usize,
    pub(crate) pads: Pads,
    /// Rows and columns of what it reads.
    pub(crate) input: [usize; 2],
    /// Rows and columns of what it gives.
    pub(crate) output: [usize; 2],
}

/// The sum of what the operation before gave and of what entered its section of the net.
#[derive(Debug)]
pub(crate) struct Add {
    pub(crate) name: String,
    /// The block that adds.
    pub(crate) block: usize,
    /// The name of the operation whose output is added.
    pub(crate) entered: String,
    /// Rows, columns and channels.
    pub(crate) output: [usize; 3],
}

impl Operation {
    /// The name of what it gives.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Convolution(conv) => conv.name(),
            Self::Add(add) => &add.name,
        }
    }
}

impl Convolution {
    /// The name of what it gives.
    pub(crate) fn name(&self) -> &str {
        self.activation.as_ref().unwrap_or(&self.norm)
    }

    /// Reorders a kernel of [rows, columns, in, out] to [out, in, rows, columns], or one of [rows, columns, channels, 1]
    /// to [channels, 1, rows, columns].
    pub(crate) fn outputs_first<T: Copy>(&self, kernel: &[T]) -> Vec<T> {
        let mut values = Vec::with_capacity(kernel.len());
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                let places = 0..self.side * self.side;
                values.extend(
                    places.map(|place| kernel[(place * self.inputs + input) * self.outputs + output]),
                );
            }
        }
        values
    }
}

/// Lists the operations from the pixels to the features, for images of `size` (rows, columns).
///
/// # Errors
/// [`icecap_graph::Error::InputSize`] for a size that the net cannot run.
fn operations(
    spec: &Spec,
    padding: Padding,
    size: [usize; 2],
) -> Result<Vec<Operation>, icecap_graph::Error> {
    let mut operations: Vec<Operation> = Vec::new();
    let (mut section, mut entered, mut input) = (None, None, size);
    for layer in layers(spec, padding, None, size)? {
        let last = operations.last().map(|one| one.name().to_owned());
        if section != Some(layer.section) {
            (section, entered) = (Some(layer.section), last);
        }
        let &[_, rows, columns, channels] = layer.output.dims() else { continue };
        let output = [rows, columns];
        match (&layer.kind, operations.last_mut()) {
            (LayerKind::Relu6, Some(Operation::Convolution(conv))) => conv.activation = Some(layer.name),
            (LayerKind::Add, _) => {
                let entered = entered.clone().unwrap_or_default();
                let output = [rows, columns, channels];
                let block = block_of(operations.last());
                operations.push(Operation::Add(Add { name: layer.name, block, entered, output }));
            }
            _ => operations
                .extend(convolution(&layer, input, output).map(Box::new).map(Operation::Convolution)),
        }
        input = output;
    }
    Ok(operations)
}

/// The block of a projection.
fn block_of(operation: Option<&Operation>) -> usize {
    match operation {
        Some(Operation::Convolution(conv)) => conv.layer.block,
        _ => unreachable!("a block adds behind its projection"),
    }
}

/// `None` if the layer is no convolution.
fn convolution(layer: &Layer, input: [usize; 2], output: [usize; 2]) -> Option<Convolution> {
    let conv = layer.convolution?;
    let outputs = layer.output.dims().last().copied()?;
    let of = |side, inputs, groups, place: Option<&ConvGeometry>| Convolution {
        layer: conv,
        norm: conv.norm(),
        activation: None,
        side,
        inputs,
        outputs,
        groups,
        stride: place.map_or(1, ConvGeometry::stride),
        pads: place.map_or(Pads::default(), ConvGeometry::pads),
        input,
        output,
    };
    match &layer.kind {
        LayerKind::Conv { geometry, inputs } => Some(of(WINDOW, *inputs, 1, Some(geometry))),
        LayerKind::Depthwise { geometry } => Some(of(WINDOW, 1, outputs, Some(geometry))),
        LayerKind::Pointwise { inputs } => Some(of(1, *inputs, 1, None)),
        _ => None,
    }
}
