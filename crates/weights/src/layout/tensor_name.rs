//! Tensor names with a meaning of their own, whatever the layout.

/// What the names of a head's tensors start with in a model file. They belong to no backbone.
pub(crate) const HEAD_PREFIX: &str = "head/";
/// Keras' names of the classification top's tensors.
pub(crate) const TOP_KERNEL: &str = "predictions/kernel";
pub(crate) const TOP_BIAS: &str = "predictions/bias";
