//! What a graph computes from its input, one step after the other, whichever format it came in.

use std::rc::Rc;

use super::constant::Constant;
use super::refusal::NodeName;

/// The meaning of an axis of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    N,
    H,
    W,
    C,
}

/// Axes of images as ONNX and most of PyTorch have them.
pub(crate) const NCHW: [Axis; 4] = [Axis::N, Axis::C, Axis::H, Axis::W];
/// Axes of images as TensorFlow and TFLite have them.
pub(crate) const NHWC: [Axis; 4] = [Axis::N, Axis::H, Axis::W, Axis::C];

/// What a step gives, seen with its axes in an order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flow {
    /// The index of the step.
    pub(crate) step: usize,
    pub(crate) axes: Vec<Axis>,
}

/// A value of a graph.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// Values that the file holds, or that follow from those.
    Constant(Rc<Constant<'a>>),
    /// What follows from the input.
    Flow(Flow),
    /// Numbers that follow from the input's shape alone.
    Sizes,
}

/// A step of the computation.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) kind: Kind<'a>,
    /// The steps whose outputs it reads.
    pub(crate) inputs: Vec<usize>,
    pub(crate) name: NodeName,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// The graph's input.
    Input,
    Conv(Conv<'a>),
    /// BatchNorm with the statistics of training.
    Norm(Norm<'a>),
    /// A factor and a summand for each channel, or one for all.
    Affine(Affine),
    /// What lies below or above is set to the bound.
    Clamp {
        low: f64,
        high: f64,
    },
    /// The sum of two values.
    Add,
    /// Zeros around the image.
    Pad(Pads),
    /// The mean over all rows and columns.
    Mean,
    /// The mean over one of both.
    MeanOver(Axis),
    /// The mean over windows, which may be the whole image.
    AveragePool {
        window: [usize; 2],
    },
    Dense(Dense<'a>),
    Softmax,
    LogSoftmax,
    Sigmoid,
    /// Several values one behind the other along the channels.
    Concat,
    /// Something that is not read, and why.
    Opaque {
        reason: String,
    },
}

/// Zeros around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pads {
    pub(crate) top: usize,
    pub(crate) left: usize,
    pub(crate) bottom: usize,
    pub(crate) right: usize,
}

/// How a window is laid over the border of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// So many zeros around it.
    Zeros(Pads),
    /// As many zeros as give an output for each step, the odd one last.
    Same,
}

/// The order of a kernel's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelOrder {
    /// [out, in, rows, columns]; of a depthwise convolution [channels, 1, rows, columns].
    OutInRowsColumns,
    /// [out, rows, columns, in].
    OutRowsColumnsIn,
    /// [1, rows, columns, channels], depthwise.
    RowsColumnsChannels,
}

/// A convolution.
#[derive(Debug)]
pub(crate) struct Conv<'a> {
    /// A kernel of four axes.
    pub(crate) kernel: Rc<Constant<'a>>,
    pub(crate) order: KernelOrder,
    /// As many values as there are output channels.
    pub(crate) bias: Option<Rc<Constant<'a>>>,
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// 1, or as many as there are channels of a depthwise convolution.
    pub(crate) groups: usize,
    pub(crate) border: Border,
}

impl Conv<'_> {
    /// Rows and columns of the window.
    pub(crate) fn window(&self) -> [usize; 2] {
        let at = |axis: usize| self.kernel.shape.get(axis).copied().unwrap_or(0);
        match self.order {
            KernelOrder::OutInRowsColumns => [at(2), at(3)],
            KernelOrder::OutRowsColumnsIn | KernelOrder::RowsColumnsChannels => [at(1), at(2)],
        }
    }

    /// The channels that it gives.
    pub(crate) fn outputs(&self) -> usize {
        let axis = if self.order == KernelOrder::RowsColumnsChannels { 3 } else { 0 };
        self.kernel.shape.get(axis).copied().unwrap_or(0)
    }

    /// The channels that each output reads.
    pub(crate) fn inputs_each(&self) -> usize {
        match self.order {
            KernelOrder::OutInRowsColumns => self.kernel.shape.get(1).copied().unwrap_or(0),
            KernelOrder::OutRowsColumnsIn => self.kernel.shape.get(3).copied().unwrap_or(0),
            KernelOrder::RowsColumnsChannels => 1,
        }
    }

    /// The channels that it reads.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs_each().saturating_mul(self.groups)
    }

    /// Whether each channel is convolved by itself.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.outputs() && self.inputs_each() == 1
    }

    /// Whether it puts zeros around a 1x1 window, which `same` does not.
    pub(crate) fn pads(&self) -> bool {
        self.window() == [1; 2]
            && !matches!(self.border, Border::Same)
            && self.border != Border::Zeros(Pads::default())
    }

    /// A convolution in a few words, for errors.
    pub(crate) fn told(&self) -> String {
        let ([rows, columns], [down, right]) = (self.window(), self.strides);
        let kind = match (self.is_depthwise(), self.groups) {
            (true, _) => "a depthwise".to_owned(),
            (false, 1) => "a".to_owned(),
            (false, groups) => format!("in {groups} groups a"),
        };
        let dilated = match self.dilations {
            [1, 1] => String::new(),
            [rows, columns] => format!(", dilated by {rows}x{columns}"),
        };
        let stride = if down == right { down.to_string() } else { format!("{down}x{right}") };
        format!(
            "{kind} convolution {rows}x{columns} from {} to {} channels, stride {stride}{dilated}",
            self.inputs(),
            self.outputs()
        )
    }
}

/// BatchNorm, a vector of values for each of its four.
#[derive(Debug)]
pub(crate) struct Norm<'a> {
    pub(crate) gamma: Rc<Constant<'a>>,
    pub(crate) beta: Rc<Constant<'a>>,
    pub(crate) mean: Rc<Constant<'a>>,
    pub(crate) variance: Rc<Constant<'a>>,
    pub(crate) epsilon: f32,
}

/// `value * scale + shift`, each one number or as many as there are channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f64>,
    pub(crate) shift: Vec<f64>,
}

impl Affine {
    /// What a channel is multiplied by and what is added to it.
    pub(crate) fn at(&self, channel: usize) -> [f64; 2] {
        let of = |list: &[f64]| list.get(if list.len() == 1 { 0 } else { channel }).copied();
        [of(&self.scale).unwrap_or(1.0), of(&self.shift).unwrap_or(0.0)]
    }

    /// Whether it has a number for each of so many channels, or one for all.
    pub(crate) fn fits(&self, channels: usize) -> bool {
        [&self.scale, &self.shift].iter().all(|list| list.len() == 1 || list.len() == channels)
    }
}

impl Dense<'_> {
    /// The values that it gives.
    pub(crate) fn outputs(&self) -> usize {
        self.kernel.shape.get(usize::from(!self.outputs_first)).copied().unwrap_or(0)
    }
}

/// A dense layer.
#[derive(Debug)]
pub(crate) struct Dense<'a> {
    /// [in, out], or [out, in].
    pub(crate) kernel: Rc<Constant<'a>>,
    pub(crate) outputs_first: bool,
    /// What the products are multiplied by.
    pub(crate) factor: f64,
    /// One value, or as many as there are outputs.
    pub(crate) bias: Option<Rc<Constant<'a>>>,
}
