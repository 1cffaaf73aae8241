//! From a chain of layers, as a file has them, to dense layers alone.
//!
//! What stands between two dense layers and works on each value alone, x · scale + offset, is a part of one of them:
//!
//! ```text
//! behind a dense layer   (x K + b) · s + t    = x (K · s by columns) + (b · s + t)
//! before one             (x · s + t) K + b    = x (K · s by rows)    + (b + t K)
//! ```
//!
//! BatchNorm at inference is such a scale, s = gamma / sqrt(variance + epsilon), t = beta - mean · s, and so is a
//! temperature. All of this is computed in f64 and rounded once, when a layer is done.
//!
//! A relu can be followed by nothing but a layer, and where a relu comes behind a scale that no dense layer is open for, that
//! scale becomes a dense layer with a diagonal kernel.

use icecap_kernels::{Shape, Tensor};

use super::layers::{Activation, DenseHead, DenseLayer, HeadOutput, MAX_HEAD_LAYERS, check_values};

/// The values of a BatchNorm, one for each feature, and its epsilon.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormValues<'a> {
    /// The scale; `None` for ones.
    pub gamma: Option<&'a [f32]>,
    /// The offset; `None` for zeros.
    pub beta: Option<&'a [f32]>,
    /// The mean that training has seen.
    pub mean: &'a [f32],
    /// The variance that training has seen.
    pub variance: &'a [f32],
    /// What is added to the variance.
    pub epsilon: f64,
}

/// Folds a chain of layers into a [`DenseHead`], one call for each layer in the order of the computation.
///
/// An error is a sentence without the layer's name, which the caller knows; the builder is of no use behind it.
#[derive(Clone, Debug)]
pub struct HeadBuilder {
    done: Vec<DenseLayer>,
    /// A dense layer whose outputs nothing but scales have been applied to.
    open: Option<Wide>,
    /// A scale and an offset of each value that the next dense layer reads, where no layer is open.
    pending: Option<Affine>,
    /// How many values leave the last layer, and the range in which they are known to lie.
    width: usize,
    range: Activation,
    /// Values in the kernels so far.
    values: usize,
}

/// A dense layer in f64.
#[derive(Clone, Debug)]
struct Wide {
    inputs: usize,
    /// [in, out].
    kernel: Vec<f64>,
    bias: Vec<f64>,
}

/// x · scale + offset, feature by feature.
#[derive(Clone, Debug)]
struct Affine {
    scale: Vec<f64>,
    offset: Vec<f64>,
}

impl HeadBuilder {
    /// Returns a builder of a head on so many pooled features.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self {
            done: Vec::new(),
            open: None,
            pending: None,
            width: features,
            // Means of what has left a ReLU6.
            range: Activation::Relu6,
            values: 0,
        }
    }

    /// Returns how many values leave the layers so far.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds a dense layer: `kernel` [in, out], and its bias, which is zeros if it has none.
    ///
    /// # Errors
    /// A kernel or a bias of another shape, values that are no numbers, or a head above the limits.
    pub fn dense(&mut self, kernel: &Tensor, bias: Option<&[f32]>) -> Result<(), String> {
        let shape = kernel.shape();
        let &[inputs, outputs] = shape.dims() else {
            return Err(format!("a kernel of shape {shape}, expected [in, out]"));
        };
        if inputs != self.width || outputs == 0 {
            return Err(format!("a kernel of shape {shape} on {} values", self.width));
        }
        if let Some(bias) = bias.filter(|bias| bias.len() != outputs) {
            return Err(format!("{} biases for a kernel of shape {shape}", bias.len()));
        }
        self.take(inputs, outputs)?;
        self.close(Activation::None)?;
        let mut wide = Wide {
            inputs,
            kernel: kernel.data().iter().map(|&value| value.into()).collect(),
            bias: bias.map_or(vec![0.0; outputs], |bias| bias.iter().map(|&value| value.into()).collect()),
        };
        if let Some(affine) = self.pending.take() {
            wide.read_through(&affine);
        }
        (self.width, self.range, self.open) = (outputs, Activation::None, Some(wide));
        Ok(())
    }

    /// Adds x · `scale` + `offset`, each one number for all values or one for each.
    ///
    /// # Errors
    /// Another count of numbers than there are values.
    pub fn affine(&mut self, scale: &[f64], offset: &[f64]) -> Result<(), String> {
        let full = |numbers: &[f64]| match numbers {
            [one] => Ok(vec![*one; self.width]),
            _ if numbers.len() == self.width => Ok(numbers.to_vec()),
            _ => Err(format!("{} numbers for {} values", numbers.len(), self.width)),
        };
        let affine = Affine { scale: full(scale)?, offset: full(offset)? };
        self.range = Activation::None;
        match (&mut self.open, &mut self.pending) {
            (Some(open), _) => open.then(&affine),
            (None, Some(pending)) => pending.then(&affine),
            (None, pending) => *pending = Some(affine),
        }
        Ok(())
    }

    /// Adds a BatchNorm as it is at inference.
    ///
    /// # Errors
    /// Another count of values than there are features, a variance that with epsilon is not above 0.
    pub fn batch_norm(&mut self, norm: BatchNormValues<'_>) -> Result<(), String> {
        let width = self.width;
        let vectors = [norm.gamma, norm.beta, Some(norm.mean), Some(norm.variance)];
        if let Some(other) = vectors.into_iter().flatten().find(|vector| vector.len() != width) {
            return Err(format!("a normalization of {} values on {width}", other.len()));
        }
        let at = |vector: Option<&[f32]>, index: usize, missing: f64| {
            vector.map_or(missing, |vector| f64::from(vector[index]))
        };
        let (mut scale, mut offset) = (Vec::with_capacity(width), Vec::with_capacity(width));
        for index in 0..width {
            let variance = f64::from(norm.variance[index]) + norm.epsilon;
            let factor = at(norm.gamma, index, 1.0) / variance.sqrt();
            if norm.variance[index] < 0.0 || !factor.is_finite() {
                return Err(format!(
                    "a variance of {} with epsilon {} at index {index}",
                    norm.variance[index], norm.epsilon
                ));
            }
            scale.push(factor);
            offset.push(at(norm.beta, index, 0.0) - f64::from(norm.mean[index]) * factor);
        }
        self.affine(&scale, &offset)
    }

    /// Adds max(x, 0).
    ///
    /// # Errors
    /// A head above the limits.
    pub fn relu(&mut self) -> Result<(), String> {
        self.clamp(Activation::Relu)
    }

    /// Adds min(max(x, 0), 6).
    ///
    /// # Errors
    /// A head above the limits.
    pub fn relu6(&mut self) -> Result<(), String> {
        self.clamp(Activation::Relu6)
    }

    /// Ends the head.
    ///
    /// # Errors
    /// No dense layer at all, values that are no numbers in f32, an output that does not fit the number of logits, a head
    /// above the limits.
    pub fn end(mut self, output: HeadOutput) -> Result<DenseHead, String> {
        if self.done.is_empty() && self.open.is_none() {
            return Err("there is no dense layer".to_owned());
        }
        // Logits have no activation: what is done to them behind one is a layer of its own.
        if self.open.is_none() {
            self.open_diagonal()?;
        }
        self.close(Activation::None)?;
        DenseHead::new(self.done, output)
    }

    fn clamp(&mut self, activation: Activation) -> Result<(), String> {
        let changes_nothing = match activation {
            Activation::None => true,
            Activation::Relu => self.range != Activation::None,
            Activation::Relu6 => self.range == Activation::Relu6,
        };
        if changes_nothing {
            return Ok(());
        }
        if self.open.is_none() {
            self.open_diagonal()?;
        }
        self.range = activation;
        self.close(activation)
    }

    /// Opens a dense layer that does what is pending, or nothing.
    fn open_diagonal(&mut self) -> Result<(), String> {
        let width = self.width;
        self.take(width, width)?;
        let affine = self.pending.take();
        let mut wide = Wide { inputs: width, kernel: vec![0.0; width * width], bias: vec![0.0; width] };
        for index in 0..width {
            wide.kernel[index * width + index] = 1.0;
        }
        if let Some(affine) = affine {
            wide.then(&affine);
        }
        self.open = Some(wide);
        Ok(())
    }

    /// Takes the values of a layer into account, before there is memory for them.
    fn take(&mut self, inputs: usize, outputs: usize) -> Result<(), String> {
        let values = inputs.checked_mul(outputs).and_then(|values| self.values.checked_add(values));
        self.values = values.unwrap_or(usize::MAX);
        check_values(self.values)?;
        if self.done.len() >= MAX_HEAD_LAYERS {
            return Err(format!("more than {MAX_HEAD_LAYERS} dense layers"));
        }
        Ok(())
    }

    /// Ends the layer that is open, if one is.
    fn close(&mut self, activation: Activation) -> Result<(), String> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.done.push(open.rounded(activation)?);
        Ok(())
    }
}

impl Wide {
    /// Applies `affine` to what leaves the layer.
    fn then(&mut self, affine: &Affine) {
        for row in self.kernel.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&affine.scale).for_each(|(weight, scale)| *weight *= scale);
        }
        for (bias, (scale, offset)) in self.bias.iter_mut().zip(affine.scale.iter().zip(&affine.offset)) {
            *bias = *bias * scale + offset;
        }
    }

    /// Applies `affine` to what the layer reads.
    fn read_through(&mut self, affine: &Affine) {
        let rows = self.kernel.chunks_exact_mut(self.bias.len());
        for (row, (scale, offset)) in rows.zip(affine.scale.iter().zip(&affine.offset)) {
            for (weight, bias) in row.iter_mut().zip(&mut self.bias) {
                *bias += offset * *weight;
                *weight *= scale;
            }
        }
    }

    fn rounded(self, activation: Activation) -> Result<DenseLayer, String> {
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
        let shape = Shape::new(&[self.inputs, self.bias.len()]).map_err(|error| error.to_string())?;
        let kernel = Tensor::from_slice(shape, &narrow(self.kernel)).map_err(|error| error.to_string())?;
        Ok(DenseLayer { kernel, bias: narrow(self.bias), activation })
    }
}

impl Affine {
    /// Applies `next` behind this.
    fn then(&mut self, next: &Self) {
        for (index, (scale, offset)) in next.scale.iter().zip(&next.offset).enumerate() {
            self.scale[index] *= scale;
            self.offset[index] = self.offset[index] * scale + offset;
        }
    }
}

#[cfg(test)]
mod tests;
