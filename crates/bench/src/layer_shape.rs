//! From a layer of the net to the operation that computes it.

use icecap_graph::{Layer, LayerKind, Part, Precision};
use icecap_kernels::ConvGeometry;

use crate::gradient_shape::GradientShape;
use crate::integer_shape::IntegerShape;
use crate::shape::{RealShape, Shape};

/// A layer among all layers of its net.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) all: &'a [Layer],
    pub(crate) index: usize,
}

impl Place<'_> {
    fn layer(&self) -> &Layer {
        &self.all[self.index]
    }

    /// The operation that computes the layer in `precision`. `None` if no kernel of it does: sums of two maps and ReLU6 are
    /// part of convolutions, and from the features on everything is f32.
    pub(crate) fn shape(&self, precision: Precision) -> Option<Shape> {
        match precision {
            Precision::F32 => self.real().map(Shape::Real),
            Precision::Int8 => self.integer().map(Shape::Integer),
        }
    }

    /// The operation that computes the layer's gradients, if it has a kernel: the dense layers' are products of matrices,
    /// and those of the first convolution the same kernel's as of 1x1 convolutions.
    pub(crate) fn gradient(&self) -> Option<GradientShape> {
        Some(match self.real()? {
            RealShape::Pointwise { height, width, inputs, outputs } => {
                GradientShape::Pointwise { height, width, inputs, outputs }
            }
            RealShape::Depthwise { geometry, channels } => GradientShape::Depthwise { geometry, channels },
            RealShape::Pool { height, width, channels } => GradientShape::Pool { height, width, channels },
            _ => return None,
        })
    }

    fn real(&self) -> Option<RealShape> {
        let dims = self.layer().output.dims();
        let outputs = *dims.last()?;
        Some(match self.layer().kind {
            LayerKind::Pointwise { inputs } => {
                RealShape::Pointwise { height: dims[1], width: dims[2], inputs, outputs }
            }
            LayerKind::Depthwise { geometry } => RealShape::Depthwise { geometry, channels: outputs },
            LayerKind::Conv { geometry, .. } => RealShape::Stem { geometry, outputs },
            LayerKind::Pool => {
                let from = self.all[self.index.checked_sub(1)?].output.dims();
                RealShape::Pool { height: from[1], width: from[2], channels: outputs }
            }
            LayerKind::Dense { inputs } => RealShape::Dense { inputs, outputs },
            _ => return None,
        })
    }

    fn integer(&self) -> Option<IntegerShape> {
        let dims = self.layer().output.dims();
        let outputs = *dims.last()?;
        Some(match self.layer().kind {
            LayerKind::Conv { geometry, .. } => IntegerShape::Stem { geometry, next: self.next()?, outputs },
            LayerKind::Depthwise { geometry } => IntegerShape::Depthwise { geometry, channels: outputs },
            LayerKind::Pointwise { inputs } => match self.layer().convolution?.part {
                Part::Expand => IntegerShape::Expand { next: self.next()?, inputs, outputs },
                Part::Last => IntegerShape::Last { height: dims[1], width: dims[2], inputs, outputs },
                _ => {
                    let (adds, keeps) = (self.is_added(0), self.is_added(1));
                    IntegerShape::Project { height: dims[1], width: dims[2], inputs, outputs, adds, keeps }
                }
            },
            _ => return None,
        })
    }

    /// The next depthwise convolution.
    fn next(&self) -> Option<ConvGeometry> {
        self.all[self.index..].iter().find_map(|layer| match layer.kind {
            LayerKind::Depthwise { geometry } => Some(geometry),
            _ => None,
        })
    }

    /// Whether the section so many behind the layer's adds what entered it.
    fn is_added(&self, sections: usize) -> bool {
        let mut later: Vec<&Layer> = self.all[self.index..].iter().collect();
        later.dedup_by_key(|layer| layer.section);
        let section = later.get(sections).map(|layer| layer.section);
        self.all.iter().any(|layer| Some(layer.section) == section && matches!(layer.kind, LayerKind::Add))
    }
}
