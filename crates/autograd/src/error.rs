//! What can go wrong between a caller's tensors, labels and settings and a training step.

use icecap_kernels::Shape;

/// An error of this crate. A message is lower case, without a full stop, and says what to do next if something can be
/// done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op applied to the wrong number of inputs.
    #[error("{op} takes {expected} inputs, not {got}")]
    InputCount {
        /// The op.
        op: &'static str,
        /// Inputs it takes.
        expected: usize,
        /// Inputs given.
        got: usize,
    },
    /// An op applied to an input of a shape that it cannot take.
    #[error("{op}: shape {got} for {input}, expected {expected}")]
    InputShape {
        /// The op.
        op: &'static str,
        /// Which of its inputs.
        input: &'static str,
        /// The shape it takes, with names for free sizes.
        expected: String,
        /// The shape given.
        got: Shape,
    },
    /// A list with one entry per sample whose length is not the batch's.
    #[error("{op}: {got} {what} for a batch of {expected}; give one for each row")]
    BatchCount {
        /// The op.
        op: &'static str,
        /// What the list holds.
        what: &'static str,
        /// Rows of the batch.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// A label that names no class.
    #[error("label {label} at row {row} of the batch is not below {classes}, the number of classes")]
    Label {
        /// Row of the batch.
        row: usize,
        /// The label there.
        label: u32,
        /// How many classes the logits have.
        classes: usize,
    },
    /// A row that a matrix does not have.
    #[error("row {row} of a matrix with {rows} rows")]
    Row {
        /// The row asked for.
        row: u32,
        /// Rows there are.
        rows: usize,
    },
    /// A backward pass from something that is not one number.
    #[error("a backward pass starts from one value, not from shape {got}; apply a loss first")]
    NotScalar {
        /// The shape it should have started from.
        got: Shape,
    },
    /// A variable that this tape did not hand out.
    #[error("this variable belongs to another tape; use the ones that this tape returned")]
    ForeignVar,
    /// A number outside the range in which the method is defined.
    #[error("{what} is {value}; use {allowed}")]
    Setting {
        /// Which number.
        what: &'static str,
        /// The number's value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Numbers of parameters and gradients that differ, or that changed since the first step.
    #[error(
        "{got} {what} for {expected} parameters; an optimizer stays with the parameters of its first step"
    )]
    ParameterCount {
        /// What there were too few or too many of.
        what: &'static str,
        /// Parameters there are.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A gradient, or an optimizer's memory of a parameter, of another shape than the parameter.
    #[error("{what} of parameter {index} has shape {got}, expected {expected}")]
    ParameterShape {
        /// What has the wrong shape.
        what: &'static str,
        /// Which parameter, from 0.
        index: usize,
        /// The parameter's shape.
        expected: Shape,
        /// The shape found.
        got: Shape,
    },
    /// A name that is no optimizer of ours.
    #[error("unknown optimizer '{name}'; use one of {known}")]
    UnknownOptimizer {
        /// The name given.
        name: String,
        /// The names known.
        known: String,
    },
    /// An op that breaks the contract of [`Op`](crate::Op); found by [`gradcheck`](crate::gradcheck).
    #[error("{op} {what}")]
    Contract {
        /// The op.
        op: &'static str,
        /// What it does that it must not.
        what: &'static str,
    },
    /// A tensor whose values do not fit its shape.
    #[error(transparent)]
    Kernels(#[from] icecap_kernels::Error),
}
