//! Every operation of the net on every geometry of MobileNetV2 1.0.

use icecap::Error;
use icecap_graph::{Layer, LayerKind, Padding, Precision, Spec, layers};
use icecap_kernels::{Isa, Operation, Size, kernels};

use crate::integer_shape::products;
use crate::layer_shape::Place;
use crate::prepared::Prepared;
use crate::shape::{JpegShape, RealShape, Shape};

/// The classes of the top that the dense kernel is measured with.
const CLASSES: usize = 1000;

/// An operation on one geometry.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is computed.
    pub operation: Operation,
    /// The sizes in words, such as `80x80 16-96` or `40x40x144 s2`.
    pub geometry: String,
    /// The number of products that are added, of f32 or of bytes. `None` if that does not measure the work, as for a resize
    /// or a mean.
    pub macs: Option<usize>,
    /// The first layer of the net that has this geometry.
    pub layer: String,
    shape: Shape,
}

impl Case {
    fn new(shape: Shape, macs: usize, layer: &str) -> Self {
        let (operation, geometry) = (shape.operation(), shape.words());
        Self { operation, geometry, macs: (macs > 0).then_some(macs), layer: layer.to_owned(), shape }
    }

    /// Returns the name of the instruction set whose kernels compute this case under `isa`: one that `isa` includes, if it
    /// has none of its own for the operation.
    #[must_use]
    pub fn served_by(&self, isa: Isa) -> &'static str {
        let first = self.shape.uses(isa)[0];
        Isa::with_kernel(first.name).map_or(isa.name(), Isa::name)
    }

    /// Returns a token for each kernel that can compute this case and that one of `isas` has for it, each once, in the order
    /// of `isas` and of the registry. [`Prepared::run`] with such a token runs the kernel that [`Isa::kernel`] names,
    /// whatever the operation would choose itself. Output channels too few for its tile go to another kernel, as they do in
    /// the net.
    #[must_use]
    pub fn rows(&self, isas: &[Isa]) -> Vec<Isa> {
        let rows = kernels().into_iter().filter(|kernel| kernel.operation == self.operation);
        let forced = rows.filter_map(|kernel| Isa::with_kernel(kernel.name).ok());
        let serves = |row: &Isa| self.shape.uses(*row).iter().any(|used| row.kernel() == Some(used.name));
        let rows: Vec<Isa> = forced.filter(serves).collect();
        let mut sets: Vec<&str> = Vec::new();
        for set in isas.iter().map(|&isa| self.served_by(isa)) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        sets.into_iter().flat_map(|set| rows.iter().filter(move |row| row.name() == set)).copied().collect()
    }

    /// Draws the inputs and computes the answer with the oracle.
    #[must_use]
    pub fn prepare(&self) -> Prepared {
        Prepared::draw(self.shape)
    }
}

/// Returns the distinct geometries of MobileNetV2 1.0 in `precision` for square inputs of `sides` pixels, in the order of the
/// net; in f32 those of the gradients follow, of weights over eight photos. What has no kernel in int8, the decoding of a JPEG, a resize, the mean and the dense layer, is among those of f32.
///
/// # Errors
/// [`Error::Graph`] for a side that the net does not take.
pub fn cases(sides: &[usize], precision: Precision) -> Result<Vec<Case>, Error> {
    let spec = Spec::with_width(1.0)?;
    let mut found: Vec<Case> = Vec::new();
    for &side in sides {
        let all = layers(&spec, Padding::Same, Some(CLASSES), [side, side])?;
        let mut of_side = Vec::new();
        if precision == Precision::F32 {
            let to = Size { height: side, width: side };
            of_side.extend(JpegShape::ALL.map(|step| Case::new(Shape::Jpeg(step), 0, step.name())));
            of_side.push(Case::new(Shape::Real(RealShape::Resize { to }), 0, "resize"));
            of_side.extend(all.iter().find_map(scaling));
        }
        for (index, layer) in all.iter().enumerate() {
            let shape = Place { all: &all, index }.shape(precision);
            of_side.extend(shape.map(|shape| Case::new(shape, products(layer, precision), &layer.name)));
        }
        if precision == Precision::F32 {
            let gradients = all.iter().enumerate().filter_map(|(index, layer)| {
                let shape = Place { all: &all, index }.gradient()?;
                Some(Case::new(Shape::Gradient(shape), layer.macs * shape.times(), &layer.name))
            });
            of_side.extend(gradients);
        }
        for case in of_side {
            // Projections of one size may add and keep what they write, or not; the first of them stands for all.
            let same = |other: &Case| (other.operation, &other.geometry) == (case.operation, &case.geometry);
            if !found.iter().any(same) {
                found.push(case);
            }
        }
    }
    Ok(found)
}

/// The scaling of the pixels that the first convolution reads, if `layer` is that convolution.
fn scaling(layer: &Layer) -> Option<Case> {
    let LayerKind::Conv { geometry, .. } = layer.kind else { return None };
    Some(Case::new(Shape::Real(RealShape::Scale { geometry }), 0, "scale"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kernel_that_runs_here_computes_a_case_and_each_case_with_the_oracles_answer() {
        let all: Vec<Isa> = Isa::available().into_iter().chain([Isa::tile_machine()]).collect();
        for precision in Precision::ALL {
            let mut seen = BTreeSet::new();
            for case in cases(&[32], precision).unwrap() {
                let mut prepared = case.prepare();
                let rows = case.rows(&all);
                let names: BTreeSet<_> = rows.iter().map(|row| row.kernel().unwrap()).collect();
                assert_eq!(names.len(), rows.len(), "a kernel twice: {rows:?}");
                for row in rows {
                    prepared.check(&format!("{row:?} on {}", case.geometry), row);
                }
                seen.extend(names);
            }
            let int8 = precision == Precision::Int8;
            let runs = |isa| {
                let runs = kernels().into_iter().filter(move |kernel| kernel.runs_on(isa));
                runs.filter(|kernel| kernel.operation.is_integer() == int8).map(|kernel| kernel.name)
            };
            assert_eq!(seen, all.iter().flat_map(|&isa| runs(isa)).collect());
            assert!(seen.len() >= 6, "{seen:?}");
        }
    }

    #[test]
    fn an_instruction_set_without_kernels_of_its_own_has_those_that_it_includes() {
        for precision in Precision::ALL {
            for case in cases(&[32], precision).unwrap() {
                for isa in Isa::available().into_iter().chain([Isa::tile_machine()]) {
                    let rows = case.rows(&[isa]);
                    assert!(!rows.is_empty(), "{isa} computes {} by nothing", case.geometry);
                    assert!(rows.iter().all(|row| row.name() == case.served_by(isa)), "{isa}: {rows:?}");
                    // The steps of a JPEG's decoder have no kernels of AVX-512.
                    let of_jpegs = [Operation::InverseDct, Operation::Triangle, Operation::YccToRgb];
                    if precision == Precision::F32 && !of_jpegs.contains(&case.operation) {
                        let serves = isa.name_of_f32();
                        assert!(case.served_by(isa) == serves, "{isa}: {} on {serves}", case.geometry);
                    }
                }
            }
        }
    }

    #[test]
    fn geometries_are_distinct_and_their_answers_right() {
        // 19 pointwise, 10 depthwise and the first convolution at each size; in f32 also scaling, mean and resize, the
        // gradients of all these but the first convolution, scaling and resize, and once the dense layer and the three
        // steps of a JPEG's decoder.
        for (precision, count) in [(Precision::F32, 2 * (33 + 30) + 4), (Precision::Int8, 2 * 30)] {
            let all = cases(&[160, 224], precision).unwrap();
            assert_eq!(all.len(), count, "{precision}");
            let names: BTreeSet<_> =
                all.iter().map(|case| format!("{:?} {}", case.operation, case.geometry)).collect();
            assert_eq!(names.len(), all.len());
            for case in cases(&[32], precision).unwrap() {
                assert_eq!(case.operation.is_integer(), precision == Precision::Int8);
                let mut prepared = case.prepare();
                for isa in Isa::available().into_iter().chain([Isa::tile_machine()]) {
                    prepared.check(&case.geometry, isa);
                }
            }
        }
    }

    #[test]
    fn what_is_read_with_all_bits_takes_two_products() {
        let find = |precision, geometry: &str| {
            let all = cases(&[160], precision).unwrap();
            let case = all.into_iter().find(|case| case.macs.is_some() && case.geometry == geometry);
            case.unwrap_or_else(|| panic!("no {geometry} in {precision}")).macs.unwrap()
        };
        for (geometry, times) in
            [("80x80 16-96", 2), ("40x40 24-144", 1), ("20x20 32-192", 1), ("80x80 32-16", 1)]
        {
            assert_eq!(find(Precision::Int8, geometry), times * find(Precision::F32, geometry), "{geometry}");
        }
    }
}
