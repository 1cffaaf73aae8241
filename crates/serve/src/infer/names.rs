//! What the inputs and outputs of every model are called.

/// Encoded photos, BYTES [N].
pub(crate) const PHOTOS: &str = "photos";
/// Pixels of photos of one size, UINT8 [N, height, width, 3].
pub(crate) const PIXELS: &str = "pixels";

/// The probability of each class, FP32 [N, classes].
pub(crate) const PROBABILITIES: &str = "probabilities";
/// The name of each photo's class, BYTES [N].
pub(crate) const LABELS: &str = "labels";
/// The head's own numbers, FP32 [N, logits].
pub(crate) const LOGITS: &str = "logits";
/// Pooled features, FP32 [N, features].
pub(crate) const FEATURES: &str = "features";
