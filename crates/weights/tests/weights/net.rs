//! Small nets and their files, made by code.

use std::collections::BTreeMap;

use icecap_graph::{Numerics, Params, Spec, tensor_shapes};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::safetensors::{Element, header};

pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// A net whose channel counts all differ from those around them, so that no kernel is its own transpose.
pub(crate) fn tiny() -> Spec {
    let outputs = [2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8];
    Spec::from_channels(4, &outputs, 9).unwrap()
}

/// Tensors of a net: exact binary fractions that follow from name and index, variances positive.
pub(crate) fn tensors(spec: &Spec, classes: Option<usize>) -> Tensors {
    let fill = |(name, shape): (String, Shape)| {
        let mut tensor = Tensor::zeros(shape);
        let start: usize = name.bytes().map(usize::from).sum();
        let positive = name.ends_with("/moving_variance") || name.ends_with("/gamma");
        for (index, value) in tensor.data_mut().iter_mut().enumerate() {
            let step = (start + 37 * index) % 101;
            *value = if positive { 0.5 + step as f32 / 128.0 } else { (step as f32 - 50.0) / 64.0 };
        }
        (name, tensor)
    };
    tensor_shapes(spec, classes).into_iter().map(fill).collect()
}

pub(crate) fn params(spec: &Spec) -> Params {
    Params::new(spec.clone(), Numerics::KERAS, tensors(spec, None)).unwrap()
}

/// A file of these tensors in the order given.
pub(crate) fn file<'a>(
    metadata: &BTreeMap<String, String>,
    tensors: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
) -> Vec<u8> {
    let tensors: Vec<_> = tensors.into_iter().collect();
    let shapes: Vec<_> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), Element::F32, tensor.shape())).collect();
    let mut bytes = header(metadata, &shapes);
    for (_, tensor) in tensors {
        bytes.extend(tensor.data().iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// Metadata from pairs.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
