//! The reference plan: every intermediate by its Keras name, over the same kernels as the plan that runs.
//!
//! What leaves a block has the same bits in both plans on one instruction set. A convolution's own output does not
//! exist apart from its BatchNorm, which is folded into it; `…_BN` and `…_relu` do.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Depthwise, Epilogue, Isa, Layout, PackedDepthwise, PackedPointwise,
    Shape, Stem, Tensor, Threads, dense, depthwise, pointwise, pool, scaled_len, stem,
};

use crate::{
    Error, Input, Net,
    plan::chunk_layout,
    stage::{self, Node, Stage},
};

/// Every intermediate of one image, by Keras layer name: [1, H, W, C], or [1, C] from pooling on.
pub type Trace = BTreeMap<String, Tensor>;

/// A plan that keeps everything. Slow and large: for tests, for looking into a net, for checking another precision.
#[derive(Debug)]
pub struct ReferencePlan {
    net: Arc<Net>,
    isa: Isa,
    nodes: Vec<Node>,
    height: usize,
    width: usize,
}

impl ReferencePlan {
    /// A reference plan for images of `height` x `width`.
    ///
    /// # Errors
    /// [`Error::InputSize`].
    pub fn new(net: &Arc<Net>, isa: Isa, [height, width]: [usize; 2]) -> Result<Self, Error> {
        let nodes = stage::chain(&net.spec, net.numerics.padding, net.classes(), [height, width])?;
        Ok(Self { net: Arc::clone(net), isa, nodes, height, width })
    }

    /// All intermediates of one image.
    ///
    /// # Shapes
    /// `image` [H, W, 3], pixels from 0 to 255.
    ///
    /// # Errors
    /// [`Error::InputLength`] where it is another size than the plan's.
    pub fn run(&self, image: Input<'_>) -> Result<Trace, Error> {
        let mut trace = Trace::new();
        let mut current = Vec::new();
        let mut layout = Layout::compact(0, 0, 0);
        for node in &self.nodes {
            current = match &node.stage {
                Stage::Stem(geometry) => self.stem(geometry, image, node, &mut trace)?,
                Stage::Block(index, geometry) => {
                    self.block(*index, geometry, Blocked::new(layout, &current), node, &mut trace)
                }
                Stage::Head => {
                    let input = Blocked::new(layout, &current);
                    let _ = self.conv(
                        &self.net.head,
                        input,
                        Epilogue::Linear,
                        node.output,
                        "Conv_1_bn",
                        &mut trace,
                    );
                    self.conv(
                        &self.net.head,
                        input,
                        Epilogue::Relu6,
                        node.output,
                        &node.tap.layer(&self.net.spec),
                        &mut trace,
                    )
                }
                Stage::Pool => self.pool(Blocked::new(layout, &current), node, &mut trace),
                Stage::Top => self.top(&current, node, &mut trace),
            };
            layout = node.output;
        }
        Ok(trace)
    }

    fn stem(
        &self,
        geometry: &ConvGeometry,
        image: Input<'_>,
        node: &Node,
        trace: &mut Trace,
    ) -> Result<Vec<f32>, Error> {
        let threads = Threads::serial();
        let expected = stage::image_shape([self.height, self.width]);
        if image.len() != expected.elements() {
            return Err(Error::InputLength { expected, got: image.len() });
        }
        let mut scaled = vec![0.0; scaled_len(geometry)];
        let scaling = &self.net.numerics.scaling;
        image.scale(&threads, self.isa, geometry, 0..self.height, scaling, &mut scaled);
        let mut values = vec![0.0; node.output.len()];
        let name = node.tap.layer(&self.net.spec);
        for (relu6, name) in [(false, "bn_Conv1"), (true, name.as_str())] {
            let mut output = BlockedMut::new(node.output, &mut values);
            let step = Stem { geometry, weights: &self.net.stem, relu6 };
            stem(&threads, self.isa, &step, &scaled, &mut output);
            keep(trace, name, node.output, &values);
        }
        Ok(values)
    }

    fn block(
        &self,
        index: usize,
        geometry: &ConvGeometry,
        input: Blocked<'_>,
        node: &Node,
        trace: &mut Trace,
    ) -> Vec<f32> {
        let (spec, packed) = (&self.net.spec.blocks()[index], &self.net.blocks[index]);
        let prefix = &spec.prefix;
        let padded = chunk_layout(geometry, spec.expanded);
        let expanded = match &packed.expand {
            Some(expand) => {
                let _ =
                    self.conv(expand, input, Epilogue::Linear, padded, &format!("{prefix}_expand_BN"), trace);
                self.conv(expand, input, Epilogue::Relu6, padded, &format!("{prefix}_expand_relu"), trace)
            }
            None => input.data().to_vec(),
        };
        let expanded = Blocked::new(padded, &expanded);
        let _ = self.depthwise(
            geometry,
            &packed.depthwise,
            expanded,
            false,
            &format!("{prefix}_depthwise_BN"),
            trace,
        );
        let between = self.depthwise(
            geometry,
            &packed.depthwise,
            expanded,
            true,
            &format!("{prefix}_depthwise_relu"),
            trace,
        );
        let (height, width) = geometry.output();
        let between = Blocked::new(Layout::compact(spec.expanded, height, width), &between);
        let name = format!("{prefix}_project_BN");
        let output = self.conv(&packed.project, between, Epilogue::Linear, node.output, &name, trace);
        if !spec.is_residual() {
            return output;
        }
        self.conv(
            &packed.project,
            between,
            Epilogue::Add(input),
            node.output,
            &node.tap.layer(&self.net.spec),
            trace,
        )
    }

    fn conv(
        &self,
        weights: &PackedPointwise,
        input: Blocked<'_>,
        epilogue: Epilogue<'_>,
        layout: Layout,
        name: &str,
        trace: &mut Trace,
    ) -> Vec<f32> {
        let mut values = vec![0.0; layout.len()];
        let mut output = BlockedMut::new(layout, &mut values);
        pointwise(&Threads::serial(), self.isa, &weights.whole(epilogue), input, &mut output);
        keep(trace, name, layout, &values);
        values
    }

    fn depthwise(
        &self,
        geometry: &ConvGeometry,
        weights: &PackedDepthwise,
        input: Blocked<'_>,
        relu6: bool,
        name: &str,
        trace: &mut Trace,
    ) -> Vec<f32> {
        let (height, width) = geometry.output();
        let layout = Layout::compact(weights.channels(), height, width);
        let mut values = vec![0.0; layout.len()];
        let step = Depthwise { geometry, weights, blocks: 0..weights.blocks(), relu6 };
        depthwise(self.isa, &step, input, &mut values);
        keep(trace, name, layout, &values);
        values
    }

    fn pool(&self, input: Blocked<'_>, node: &Node, trace: &mut Trace) -> Vec<f32> {
        let mut values = vec![0.0; node.output.len()];
        pool(self.isa, input, &mut values[..node.output.channels()]);
        keep_row(trace, &node.tap.to_string(), &values[..node.output.channels()]);
        values
    }

    fn top(&self, pooled: &[f32], node: &Node, trace: &mut Trace) -> Vec<f32> {
        let mut scores = vec![0.0; node.output.channels()];
        if let Some(top) = &self.net.top {
            dense(self.isa, &pooled[..top.inputs()], top, &mut scores);
        }
        keep_row(trace, &node.tap.to_string(), &scores);
        scores
    }
}

fn keep(trace: &mut Trace, name: &str, layout: Layout, values: &[f32]) {
    let shape = Shape::of([1, layout.height(), layout.width(), layout.channels()]);
    let mut tensor = Tensor::zeros(shape);
    Blocked::new(layout, values).write_hwc(tensor.data_mut());
    trace.insert(name.to_owned(), tensor);
}

fn keep_row(trace: &mut Trace, name: &str, values: &[f32]) {
    let mut tensor = Tensor::zeros(Shape::of([1, values.len()]));
    tensor.data_mut().copy_from_slice(values);
    trace.insert(name.to_owned(), tensor);
}
