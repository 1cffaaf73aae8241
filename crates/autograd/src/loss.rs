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
//! [`Targets`] says what a label is worth: a class may count `w` times (its terms and their gradients are multiplied, and
//! the mean is still over photos, so weights whose mean over the photos is 1 leave the learning rate as it was), and a
//! smoothing s takes the share s of every label and spreads it over all C classes:
//!
//! ```text
//! L = 1/N sum_n w[y_n] sum_c t_c (-ln p_c),      t_c = (1 - s) [c = y_n] + s / C
//! ```
//!
//! # Source
//! Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, for the smoothing; Keras 3 has the same two.
//! The documentation of `tf.nn.sigmoid_cross_entropy_with_logits` derives the first form.

use icecap_kernels::{Shape, TensorMut, TensorRef};

use crate::Error;
use crate::ops::{Op, Recorded, exactly};
use crate::setting::setting;

/// The loss of a classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Binary cross-entropy from one logit: above zero it speaks for class 1. Logits `[N, 1]`, labels 0 or 1.
    Binary,
    /// Sparse categorical cross-entropy: a softmax over the classes. Logits `[N, C]`, labels below C.
    SparseCategorical,
}

/// How often each label counts in a loss and how far it is believed. By default each counts once and is believed whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Targets<'a> {
    /// How often a photo of each class counts; `None` if each counts once.
    pub class_weights: Option<&'a [f32]>,
    /// The share of each label that is spread over all classes, in [0, 1).
    pub smoothing: f32,
}

impl Targets<'_> {
    fn weight(&self, label: u32) -> f64 {
        self.class_weights.map_or(1.0, |weights| f64::from(weights[label as usize]))
    }

    /// What is wrong with them for so many classes.
    fn check(&self, op: &'static str, classes: usize) -> Result<(), Error> {
        setting("the label smoothing", f64::from(self.smoothing), 0.0..1.0, "0 or more, and less than 1")?;
        let Some(weights) = self.class_weights else { return Ok(()) };
        if weights.len() != classes {
            let (what, got) = ("class weights", weights.len());
            return Err(Error::BatchCount { op, what, expected: classes, got });
        }
        weights.iter().try_for_each(|&weight| {
            setting(
                "a class weight",
                f64::from(weight),
                0.0..=f64::from(f32::MAX),
                "a finite number from 0 up",
            )
        })
    }
}

impl Loss {
    /// Returns the loss for so many classes: binary, from one logit, for two; categorical for more.
    #[must_use]
    pub fn for_classes(classes: usize) -> Self {
        if classes <= 2 { Self::Binary } else { Self::SparseCategorical }
    }

    /// Returns the number of logits for so many classes.
    #[must_use]
    pub fn logits(self, classes: usize) -> usize {
        match self {
            Self::Binary => 1,
            Self::SparseCategorical => classes,
        }
    }

    /// Returns the mean loss over a batch of any size.
    ///
    /// # Errors
    /// [`Error::InputShape`] for an empty batch or a wrong number of columns, [`Error::BatchCount`],
    /// [`Error::Label`].
    pub fn mean(self, logits: TensorRef<'_>, labels: &[u32]) -> Result<f32, Error> {
        self.mean_of(logits, labels, &Targets::default())
    }

    /// Returns the mean loss over a batch whose labels count as `targets` says.
    ///
    /// # Errors
    /// Those of [`Loss::mean`]; [`Error::Setting`] or [`Error::BatchCount`] for targets that cannot be used.
    pub fn mean_of(self, logits: TensorRef<'_>, labels: &[u32], targets: &Targets<'_>) -> Result<f32, Error> {
        self.check(logits.shape(), labels, targets)?;
        Ok(self.compute(logits, labels, (targets, labels.len()), |_, _| {}) as f32)
    }

    /// Returns the mean loss over a batch and writes its gradient to `d_logits`.
    ///
    /// # Shapes
    /// `d_logits` has the shape of `logits`, row-major.
    ///
    /// # Errors
    /// Those of [`Loss::mean`]; [`Error::Kernels`] if `d_logits` has another length.
    pub fn gradient(self, logits: TensorRef<'_>, labels: &[u32], d_logits: &mut [f32]) -> Result<f32, Error> {
        Ok(self.gradient_of(logits, labels, &Targets::default(), d_logits)? as f32)
    }

    /// Returns the mean loss over a batch whose labels count as `targets` says, not rounded to f32, and writes its
    /// gradient to `d_logits`.
    ///
    /// # Shapes
    /// Those of [`Loss::gradient`].
    ///
    /// # Errors
    /// Those of [`Loss::gradient`] and [`Loss::mean_of`].
    pub fn gradient_of(
        self,
        logits: TensorRef<'_>,
        labels: &[u32],
        targets: &Targets<'_>,
        d_logits: &mut [f32],
    ) -> Result<f64, Error> {
        self.share_of(logits, labels, targets, labels.len(), d_logits)
    }

    /// Returns what a batch adds to the mean loss over `photos` photos, and writes its gradient to `d_logits`: the shares of the
    /// batches of a large set add up to what [`Loss::gradient_of`] returns for all of it.
    ///
    /// # Errors
    /// Those of [`Loss::gradient_of`].
    pub(crate) fn share_of(
        self,
        logits: TensorRef<'_>,
        labels: &[u32],
        targets: &Targets<'_>,
        photos: usize,
        d_logits: &mut [f32],
    ) -> Result<f64, Error> {
        self.check(logits.shape(), labels, targets)?;
        TensorRef::new(logits.shape(), d_logits)?;
        Ok(self.compute(logits, labels, (targets, photos), |index, gradient| d_logits[index] = gradient))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary cross-entropy",
            Self::SparseCategorical => "sparse categorical cross-entropy",
        }
    }

    fn check(self, logits: Shape, labels: &[u32], targets: &Targets<'_>) -> Result<(), Error> {
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
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(Error::Label { row, label: labels[row], classes });
        }
        targets.check(self.name(), classes)
    }

    /// What the batch adds to the mean loss over `photos` photos; calls `visit(index, d loss / d logit)` for every logit.
    fn compute(
        self,
        logits: TensorRef<'_>,
        labels: &[u32],
        (targets, photos): (&Targets<'_>, usize),
        mut visit: impl FnMut(usize, f32),
    ) -> f64 {
        let columns = logits.shape().dims()[1];
        let rows = photos as f64;
        let smoothing = f64::from(targets.smoothing);
        let mut total = 0.0;
        for (row, (logits, &label)) in logits.data().chunks_exact(columns).zip(labels).enumerate() {
            let weight = targets.weight(label);
            total += weight
                * match self {
                    Self::Binary => {
                        let target = f64::from(label) * (1.0 - smoothing) + 0.5 * smoothing;
                        let (loss, gradient) = binary(f64::from(logits[0]), target);
                        visit(row, (weight * gradient / rows) as f32);
                        loss
                    }
                    Self::SparseCategorical => categorical(logits, label, smoothing, |column, gradient| {
                        visit(row * columns + column, (weight * gradient / rows) as f32);
                    }),
                };
        }
        total / rows
    }
}

/// Loss of one row of logits; calls `visit` with the gradient of each.
fn categorical(logits: &[f32], label: u32, smoothing: f64, mut visit: impl FnMut(usize, f64)) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let below = |logit: f32| f64::from(logit) - max;
    let sum: f64 = logits.iter().map(|&logit| below(logit).exp()).sum();
    let spread = smoothing / logits.len() as f64;
    for (column, &logit) in logits.iter().enumerate() {
        let target = if column == label as usize { 1.0 - smoothing } else { 0.0 } + spread;
        visit(column, below(logit).exp() / sum - target);
    }
    let mut aimed = (1.0 - smoothing) * below(logits[label as usize]);
    if smoothing > 0.0 {
        aimed += spread * logits.iter().map(|&logit| below(logit)).sum::<f64>();
    }
    sum.ln() - aimed
}

/// Loss and gradient of one logit; `label` may lie between 0 and 1.
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
    targets: Targets<'a>,
}

impl<'a> CrossEntropy<'a> {
    /// Returns the op that compares each row of a batch with its label by `loss`.
    #[must_use]
    pub fn new(loss: Loss, labels: &'a [u32]) -> Self {
        Self { loss, labels, targets: Targets::default() }
    }

    /// Sets how often each label counts and how far it is believed.
    #[must_use]
    pub fn targets(self, targets: Targets<'a>) -> Self {
        Self { targets, ..self }
    }
}

impl Op for CrossEntropy<'_> {
    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [logits] = exactly(self.name(), inputs)?;
        self.loss.check(logits, self.labels, &self.targets)?;
        Ok(Shape::new(&[])?)
    }

    /// Saves the gradient, which the loss brings along.
    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, saved: &mut Vec<f32>) {
        saved.resize(inputs[0].data().len(), 0.0);
        let visit = |index: usize, gradient| saved[index] = gradient;
        output.data_mut()[0] =
            self.loss.compute(inputs[0], self.labels, (&self.targets, self.labels.len()), visit) as f32;
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
