//! Cross-entropy from logits: the mean over the batch, and its gradient, which is cheap to have along with it.
//!
//! ```text
//! binary, one logit x, label y in {0, 1}:   L = max(x, 0) - x y + ln(1 + exp(-|x|))      dL/dx   = sigmoid(x) - y
//! categorical, logits x_c, label y:         L = ln(sum_c exp(x_c - max x)) - (x_y - max x)   dL/dx_c = softmax(x)_c - [c = y]
//! ```
//!
//! Both are TensorFlow's stable forms: no exponent above zero is ever taken, so no logit overflows and a confident
//! wrong answer has a finite loss. The terms are computed in f64 and rounded once at the end: a head's logits are
//! few, and the result then depends neither on the order of the sums nor on a system's `expf`. Logits that are not
//! finite give a loss that is not finite, which the caller should take as diverged training.
//!
//! # Source
//! The documentation of `tf.nn.sigmoid_cross_entropy_with_logits` derives the first form.

use icecap_kernels::{Shape, TensorMut, TensorRef};

use crate::Error;
use crate::ops::{Op, Recorded, exactly};

/// Which loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Binary cross-entropy from one logit: above zero it speaks for class 1. Logits `[N, 1]`, labels 0 or 1.
    Binary,
    /// Sparse categorical cross-entropy: a softmax over the classes. Logits `[N, C]`, labels below C.
    SparseCategorical,
}

impl Loss {
    /// The loss for so many classes: binary, from one logit, for two; categorical for more.
    #[must_use]
    pub fn for_classes(classes: usize) -> Self {
        if classes <= 2 { Self::Binary } else { Self::SparseCategorical }
    }

    /// The columns of logits for so many classes.
    #[must_use]
    pub fn logits(self, classes: usize) -> usize {
        match self {
            Self::Binary => 1,
            Self::SparseCategorical => classes,
        }
    }

    /// The mean loss over a batch of any size.
    ///
    /// # Errors
    /// [`Error::InputShape`] for an empty batch or a wrong number of columns, [`Error::BatchCount`],
    /// [`Error::Label`].
    pub fn mean(self, logits: TensorRef<'_>, labels: &[u32]) -> Result<f32, Error> {
        self.check(logits.shape(), labels)?;
        Ok(self.compute(logits, labels, |_, _| {}))
    }

    /// The mean loss over a batch, and into `d_logits` its gradient.
    ///
    /// # Shapes
    /// `d_logits` as `logits`, row-major.
    ///
    /// # Errors
    /// As [`Loss::mean`]; [`Error::Kernels`] where `d_logits` has another length.
    pub fn gradient(self, logits: TensorRef<'_>, labels: &[u32], d_logits: &mut [f32]) -> Result<f32, Error> {
        self.check(logits.shape(), labels)?;
        TensorRef::new(logits.shape(), d_logits)?;
        Ok(self.compute(logits, labels, |index, gradient| d_logits[index] = gradient))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary cross-entropy",
            Self::SparseCategorical => "sparse categorical cross-entropy",
        }
    }

    fn check(self, logits: Shape, labels: &[u32]) -> Result<(), Error> {
        let (rows, classes) = match (logits.dims(), self) {
            (&[rows, 1], Self::Binary) if rows > 0 => (rows, 2),
            (&[rows, columns], Self::SparseCategorical) if rows * columns > 0 => (rows, columns),
            _ => {
                let expected = match self {
                    Self::Binary => "[N, 1] with at least one row",
                    Self::SparseCategorical => "[N, C] with at least one row and column",
                };
                return Err(Error::InputShape {
                    op: self.name(),
                    input: "the logits",
                    expected: expected.to_owned(),
                    got: logits,
                });
            }
        };
        if labels.len() != rows {
            let (op, got) = (self.name(), labels.len());
            return Err(Error::BatchCount { op, what: "labels", expected: rows, got });
        }
        match labels.iter().position(|&label| label as usize >= classes) {
            Some(row) => Err(Error::Label { row, label: labels[row], classes }),
            None => Ok(()),
        }
    }

    /// The mean loss; calls `visit(index, d loss / d logit)` for every logit.
    fn compute(self, logits: TensorRef<'_>, labels: &[u32], mut visit: impl FnMut(usize, f32)) -> f32 {
        let columns = logits.shape().dims()[1];
        let rows = labels.len() as f64;
        let mut total = 0.0;
        for (row, (logits, &label)) in logits.data().chunks_exact(columns).zip(labels).enumerate() {
            total += match self {
                Self::Binary => {
                    let (loss, gradient) = binary(f64::from(logits[0]), f64::from(label));
                    visit(row, (gradient / rows) as f32);
                    loss
                }
                Self::SparseCategorical => {
                    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                    let exp = |logit: f32| (f64::from(logit) - max).exp();
                    let sum: f64 = logits.iter().map(|&logit| exp(logit)).sum();
                    for (column, &logit) in logits.iter().enumerate() {
                        let target = if column == label as usize { 1.0 } else { 0.0 };
                        visit(row * columns + column, ((exp(logit) / sum - target) / rows) as f32);
                    }
                    sum.ln() - (f64::from(logits[label as usize]) - max)
                }
            };
        }
        (total / rows) as f32
    }
}

/// Loss and gradient of one logit.
fn binary(logit: f64, label: f64) -> (f64, f64) {
    // exp(-|x|) serves both: sigmoid(x) is 1 / (1 + e) for a positive x and e / (1 + e) for a negative one.
    let e = (-logit.abs()).exp();
    let sigmoid = if logit >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
    (logit.max(0.0) - logit * label + e.ln_1p(), sigmoid - label)
}

/// A loss on a tape: the mean over the batch as one value.
///
/// # Shapes
/// Logits as [`Loss`] says -> `[]`, one value.
#[derive(Clone, Copy, Debug)]
pub struct CrossEntropy<'a> {
    loss: Loss,
    labels: &'a [u32],
}

impl<'a> CrossEntropy<'a> {
    /// `loss` against the label of each row of the batch.
    #[must_use]
    pub fn new(loss: Loss, labels: &'a [u32]) -> Self {
        Self { loss, labels }
    }
}

impl Op for CrossEntropy<'_> {
    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [logits] = exactly(self.name(), inputs)?;
        self.loss.check(logits, self.labels)?;
        Ok(Shape::new(&[])?)
    }

    /// Saves the gradient, which the loss brings along.
    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, saved: &mut Vec<f32>) {
        saved.resize(inputs[0].data().len(), 0.0);
        let mean = self.loss.compute(inputs[0], self.labels, |index, gradient| saved[index] = gradient);
        output.data_mut()[0] = mean;
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        let Some(d_logits) = &mut d_inputs[0] else { return };
        let d_mean = d_output.data()[0];
        for (d_logit, gradient) in d_logits.data_mut().iter_mut().zip(recorded.saved) {
            *d_logit += gradient * d_mean;
        }
    }
}
