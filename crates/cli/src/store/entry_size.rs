//! How large the file of a manifest's entry is, stated or reckoned from its net.

use icecap::advanced::weights::Entry;

use crate::terminal::wording::megabytes;

/// Returns the size of an entry's file in words: as the manifest states it, else about what its net comes to.
pub(crate) fn size(entry: &Entry) -> String {
    match (entry.bytes, about(entry)) {
        (Some(bytes), _) => megabytes(bytes),
        (None, Some(bytes)) => format!("about {}", megabytes(bytes)),
        (None, None) => "size unknown".to_owned(),
    }
}

/// Returns the bytes of an entry's tensors, with ImageNet's classes if it has a top. `None` if no net has its width.
pub(crate) fn about(entry: &Entry) -> Option<u64> {
    const CLASSES: usize = 1000;
    let spec = icecap::advanced::graph::Spec::with_width(entry.width).ok()?;
    let shapes = icecap::advanced::graph::tensor_shapes(&spec, entry.top.then_some(CLASSES));
    Some(shapes.values().map(|shape| 4 * shape.elements() as u64).sum())
}
