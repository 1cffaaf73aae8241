//! Every operation of the net on every geometry of MobileNetV2 1.0.

use icecap::Error;
use icecap_graph::{Layer, LayerKind, Padding, Spec, layers};
use icecap_kernels::{Isa, Operation, Size, kernels};

use crate::prepared::Prepared;
use crate::shape::{PHOTO, Shape};

/// The classes of the top that the dense kernel is measured with.
const CLASSES: usize = 1000;

/// An operation on one geometry.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is computed.
    pub operation: Operation,
    /// The sizes in words, such as `80x80 16-96` or `40x40x144 s2`.
    pub geometry: String,
    /// The number of multiply-adds. `None` if that does not measure the work, as for a resize or a mean.
    pub macs: Option<usize>,
    /// The first layer of the net that has this geometry.
    pub layer: String,
    shape: Shape,
}

impl Case {
    /// Returns a token for each kernel of the instruction set `isa` that can compute this case, in the order of the
    /// registry. [`Prepared::run`] with such a token runs the kernel that [`Isa::kernel`] names, whatever the operation
    /// would choose itself. Output channels too few for its tile go to another kernel, as they do in the net.
    #[must_use]
    pub fn rows(&self, isa: Isa) -> Vec<Isa> {
        let rows = kernels().into_iter().filter(|kernel| kernel.operation == self.operation);
        let forced = rows.filter_map(|kernel| Isa::with_kernel(kernel.name).ok());
        let serves = |row: &Isa| self.shape.uses(*row).iter().any(|used| row.kernel() == Some(used.name));
        forced.filter(|row| row.name() == isa.name()).filter(serves).collect()
    }

    /// Draws the inputs and computes the answer with the oracle.
    #[must_use]
    pub fn prepare(&self) -> Prepared {
        Prepared::draw(self.shape)
    }
}

/// Returns the distinct geometries of MobileNetV2 1.0 for square inputs of `sides` pixels, in the order of the net.
///
/// # Errors
/// [`Error::Graph`] for a side that the net does not take.
pub fn cases(sides: &[usize]) -> Result<Vec<Case>, Error> {
    let spec = Spec::with_width(1.0)?;
    let mut found: Vec<Case> = Vec::new();
    for &side in sides {
        let to = Size { height: side, width: side };
        let geometry = format!("{}x{}-{side}x{side}", PHOTO.height, PHOTO.width);
        let shape = Shape::Resize { to };
        let layer = "resize".to_owned();
        found.push(Case { operation: Operation::Resize, geometry, macs: None, layer, shape });
        let all = layers(&spec, Padding::Same, Some(CLASSES), [side, side])?;
        let before = std::iter::once(None).chain(all.iter().map(Some));
        for (layer, before) in all.iter().zip(before) {
            let scaling = scaling(layer);
            for case in scaling.into_iter().chain(case(layer, before)) {
                if !found.iter().any(|other| other.shape == case.shape) {
                    found.push(case);
                }
            }
        }
    }
    Ok(found)
}

/// The scaling of the pixels that the first convolution reads, if `layer` is that convolution.
fn scaling(layer: &Layer) -> Option<Case> {
    let LayerKind::Conv { geometry, .. } = layer.kind else { return None };
    let ((height, width), layer) = (geometry.input(), "scale".to_owned());
    let (geometry, shape) = (format!("{height}x{width}x3"), Shape::Scale { geometry });
    Some(Case { operation: Operation::Scale, geometry, macs: None, layer, shape })
}

/// The case of `layer`, which reads what `before` gives. `None` if no kernel computes it, as for a sum of two maps.
fn case(layer: &Layer, before: Option<&Layer>) -> Option<Case> {
    let dims = layer.output.dims();
    let outputs = *dims.last()?;
    let (operation, geometry, shape) = match layer.kind {
        LayerKind::Pointwise { inputs } => {
            let (height, width) = (dims[1], dims[2]);
            let shape = Shape::Pointwise { height, width, inputs, outputs };
            (Operation::Pointwise, format!("{height}x{width} {inputs}-{outputs}"), shape)
        }
        LayerKind::Depthwise { geometry } => {
            let ((height, width), stride) = (geometry.input(), geometry.stride());
            let operation =
                if stride == 1 { Operation::DepthwiseStride1 } else { Operation::DepthwiseStride2 };
            let shape = Shape::Depthwise { geometry, channels: outputs };
            (operation, format!("{height}x{width}x{outputs} s{stride}"), shape)
        }
        LayerKind::Conv { geometry, inputs } => {
            let ((height, width), stride) = (geometry.input(), geometry.stride());
            let shape = Shape::Stem { geometry, outputs };
            (Operation::Stem, format!("{height}x{width} {inputs}-{outputs} s{stride}"), shape)
        }
        LayerKind::Pool => {
            let from = before?.output.dims();
            let shape = Shape::Pool { pixels: from[1] * from[2], channels: outputs };
            (Operation::Pool, format!("{}x{}x{outputs}", from[1], from[2]), shape)
        }
        LayerKind::Dense { inputs } => {
            (Operation::Dense, format!("{inputs}-{outputs}"), Shape::Dense { inputs, outputs })
        }
        _ => return None,
    };
    let macs = (layer.macs > 0).then_some(layer.macs);
    Some(Case { operation, geometry, macs, layer: layer.name.clone(), shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_that_runs_here_computes_a_case_and_each_case_with_the_oracles_answer() {
        let mut seen = std::collections::BTreeSet::new();
        for case in cases(&[32]).unwrap() {
            let mut prepared = case.prepare();
            for row in Isa::available().into_iter().flat_map(|isa| case.rows(isa)) {
                let name = row.kernel().unwrap();
                prepared.check(&format!("{name} on {}", case.geometry), row);
                seen.insert(name);
            }
        }
        let runs = kernels().into_iter().filter(|kernel| kernel.runs_on(Isa::best()));
        assert_eq!(seen, runs.map(|kernel| kernel.name).collect());
        assert!(seen.len() >= 7, "{seen:?}");
    }

    #[test]
    fn geometries_are_distinct_and_their_answers_right() {
        let all = cases(&[160, 224]).unwrap();
        // 19 pointwise, 10 depthwise, scaling, stem, mean, resize at each size, the dense layer once.
        assert_eq!(all.len(), 2 * 33 + 1);
        let names: std::collections::BTreeSet<_> =
            all.iter().map(|case| format!("{:?} {}", case.operation, case.geometry)).collect();
        assert_eq!(names.len(), all.len());
        for case in cases(&[32]).unwrap() {
            let mut prepared = case.prepare();
            for isa in Isa::available() {
                prepared.check(&case.geometry, isa);
            }
        }
    }
}
