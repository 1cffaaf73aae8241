//! The head of a classifier: a chain of dense layers on pooled features.
//!
//! ```text
//! x_0 = the pooled features [F]
//! x_n = activation_n(x_(n-1) · kernel_n [in, out] + bias_n [out])
//! ```
//!
//! The last layer has no activation: what leaves it are the logits, and [`HeadOutput`] says what they become. BatchNorm,
//! scales and temperatures that stand between dense layers in a file are folded into these by [`crate::HeadBuilder`]; dropout
//! is the identity at inference and leaves no trace.

use std::fmt;
use std::str::FromStr;

use icecap_kernels::Tensor;

/// The most dense layers that a head may have.
pub const MAX_HEAD_LAYERS: usize = 16;

/// The most values that the kernels of a head may have together: 256 MiB.
pub const MAX_HEAD_VALUES: usize = 1 << 26;

/// What a dense layer's outputs go through before the next layer reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

/// What a head's logits become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadOutput {
    /// Nothing is said of them: several are taken for the logits of a softmax, one for that of a sigmoid.
    Logits,
    /// Probabilities of classes of which one is true.
    Softmax,
    /// One logit: the probability of the second of two classes.
    Sigmoid,
    /// A sigmoid of each: probabilities of labels of which any may be true (multi-label).
    Sigmoids,
}

/// A dense layer.
#[derive(Clone, Debug)]
pub struct DenseLayer {
    /// The weights, of shape [in, out].
    pub kernel: Tensor,
    /// The bias, one value for each output.
    pub bias: Vec<f32>,
    /// What the outputs go through.
    pub activation: Activation,
}

/// A head of one or more dense layers whose shapes were checked against each other.
#[derive(Clone, Debug)]
pub struct DenseHead {
    layers: Vec<DenseLayer>,
    output: HeadOutput,
}

impl Activation {
    /// Returns the activation's name in metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
        }
    }

    /// Returns what becomes of a value.
    #[must_use]
    pub fn of(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Activation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::None, Self::Relu, Self::Relu6];
        let known = all.into_iter().find(|activation| activation.name() == text);
        known.ok_or_else(|| format!("expected one of: {}", all.map(Self::name).join(", ")))
    }
}

impl DenseLayer {
    /// Returns how many values the layer reads.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.kernel.shape().dims().first().copied().unwrap_or(0)
    }

    /// Returns how many values leave the layer.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Says what is wrong with the layer, which errors call `name`.
    fn check(&self, name: &str) -> Result<(), String> {
        let (shape, inputs, outputs) = (self.kernel.shape(), self.inputs(), self.outputs());
        if inputs == 0 || outputs == 0 || shape.dims() != [inputs, outputs] {
            return Err(format!("{name} has a kernel of shape {shape} and {outputs} biases"));
        }
        for (what, values) in [("kernel", self.kernel.data()), ("bias", &self.bias[..])] {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(format!("the {what} of {name} holds {} at index {index}", values[index]));
            }
        }
        Ok(())
    }
}

impl DenseHead {
    /// Makes a head of its layers, the one on the pooled features first.
    ///
    /// # Errors
    /// A sentence that names the layer: no layer or too many, one that does not fit the one before, values that are no
    /// numbers, an activation behind the last layer, an output that does not fit the number of logits.
    pub fn new(layers: Vec<DenseLayer>, output: HeadOutput) -> Result<Self, String> {
        let Some(last) = layers.last() else { return Err("a head has at least one dense layer".to_owned()) };
        if layers.len() > MAX_HEAD_LAYERS {
            return Err(format!("{} dense layers, above the limit of {MAX_HEAD_LAYERS}", layers.len()));
        }
        check_values(layers.iter().map(|layer| layer.kernel.data().len()).sum())?;
        for (index, layer) in layers.iter().enumerate() {
            layer.check(&format!("dense layer {}", index + 1))?;
        }
        for (index, pair) in layers.windows(2).enumerate() {
            let (before, behind) = (pair[0].outputs(), pair[1].inputs());
            if before != behind {
                return Err(format!(
                    "dense layer {} reads {behind} values, and the one before gives {before}",
                    index + 2
                ));
            }
        }
        if last.activation != Activation::None {
            return Err(format!("logits go through {}; the last layer has none", last.activation));
        }
        match (output, last.outputs()) {
            (HeadOutput::Softmax | HeadOutput::Sigmoids, 1) => {
                Err("a softmax of one output says nothing, and one sigmoid tells two classes apart"
                    .to_owned())
            }
            (HeadOutput::Sigmoid, 2..) => Err("several outputs, where one sigmoid was expected".to_owned()),
            _ => Ok(Self { layers, output }),
        }
    }

    /// Returns the dense layers, the one on the pooled features first; there is at least one.
    #[must_use]
    pub fn layers(&self) -> &[DenseLayer] {
        &self.layers
    }

    /// Returns the dense layers by value.
    #[must_use]
    pub fn into_layers(self) -> Vec<DenseLayer> {
        self.layers
    }

    /// Returns what the logits become.
    #[must_use]
    pub fn output(&self) -> HeadOutput {
        self.output
    }

    /// Returns how many pooled features the head reads.
    #[must_use]
    pub fn features(&self) -> usize {
        self.layers.first().map_or(0, DenseLayer::inputs)
    }

    /// Returns how many logits the head gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, DenseLayer::outputs)
    }

    /// Returns how many values are trained in the head.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.kernel.data().len() + layer.bias.len()).sum()
    }
}

/// The layers one after the other: `dense 100 relu, dense 2, softmax`.
impl fmt::Display for DenseHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layer in &self.layers {
            match layer.activation {
                Activation::None => write!(f, "dense {}, ", layer.outputs())?,
                activation => write!(f, "dense {} {activation}, ", layer.outputs())?,
            }
        }
        f.write_str(match self.output {
            HeadOutput::Logits => "logits",
            HeadOutput::Softmax => "softmax",
            HeadOutput::Sigmoid => "sigmoid",
            HeadOutput::Sigmoids => "a sigmoid of each",
        })
    }
}

/// Refuses more values than a head may have.
pub(super) fn check_values(values: usize) -> Result<(), String> {
    match values <= MAX_HEAD_VALUES {
        true => Ok(()),
        false => Err(format!("kernels of {values} values together, above the limit of {MAX_HEAD_VALUES}")),
    }
}
