//! The net as the paper writes it, one layer after the other: the page to read before the plan that runs.
//!
//! ```text
//! image ── conv 3x3, stride 2 ── 17 blocks ── conv 1x1 ── mean ── dense
//!
//! a block:  x ── expand 1x1 ── depthwise 3x3 ── project 1x1 ──(+ x, where sizes allow)──
//!                ReLU6          ReLU6            linear
//! ```
//!
//! Each layer runs over the whole image with the kernels of [`Plan`](crate::Plan), and every intermediate is kept by
//! its Keras name. What leaves a block has the same bits in both plans on one instruction set. A convolution's own
//! output does not exist apart from its BatchNorm, which is folded into it; `…_BN` and `…_relu` do.
//!
//! What it does badly: all expanded images exist as a whole, and a ReLU6 reads and writes them once more, on one thread.
//!
//! # Source
//! Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", section 3.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Depthwise, Epilogue, Isa, Layout, PackedDepthwise, PackedPointwise,
    Shape, Stem, Tensor, Threads, dense, depthwise, pointwise, pool, scaled_len, stem,
};

use crate::{
    chunks::chunk_layout,
    error::Error,
    input::{Input, Pixels},
    net::{FloatWeights, Net},
    stage::{self, Node, Stage},
    topology::{ConvLayer, Part},
};

/// Every intermediate of one image, by Keras layer name: [1, H, W, C], or [1, C] from pooling on.
pub type Trace = BTreeMap<String, Tensor>;

/// What sees an intermediate: its Keras name, its shape, and its values while they are there.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&str, Shape, Blocked<'_>);

/// A plan that keeps every intermediate. Slow and large: for tests, for looking into a net, for checking another
/// precision.
#[derive(Debug)]
pub struct ReferencePlan {
    net: Arc<Net>,
    isa: Isa,
    nodes: Vec<Node>,
    size: [usize; 2],
}

impl ReferencePlan {
    /// Plans for images of `size` (rows, columns).
    ///
    /// # Errors
    /// [`Error::InputSize`] for a size that the net cannot run, [`Error::Precision`] for a net in int8.
    pub fn new(net: &Arc<Net>, isa: Isa, size: [usize; 2]) -> Result<Self, Error> {
        net.floats()?;
        let nodes = stage::chain(&net.spec, net.numerics.padding, net.classes(), size)?;
        Ok(Self { net: Arc::clone(net), isa, nodes, size })
    }

    /// Computes all intermediates of one image.
    ///
    /// # Shapes
    /// `image` [H, W, 3], pixels from 0 to 255.
    ///
    /// # Errors
    /// [`Error::InputLength`] if the image is of another size than the plan.
    pub fn run(&self, image: Input<'_>) -> Result<Trace, Error> {
        let mut trace = Trace::new();
        self.visit(image, &mut |name, shape, image| {
            let mut tensor = Tensor::zeros(shape);
            image.write_hwc(tensor.data_mut());
            trace.insert(name.to_owned(), tensor);
        })?;
        Ok(trace)
    }

    /// Computes one image and shows each intermediate to `keep` by its Keras name, as soon as it is there. It exists no
    /// longer than the layers that read it, so that this needs the memory of a block instead of a net's.
    ///
    /// # Errors
    /// As [`ReferencePlan::run`].
    pub(crate) fn visit(&self, image: Input<'_>, keep: Visitor<'_>) -> Result<(), Error> {
        let expected = stage::image_shape(self.size);
        if image.len() != expected.elements() {
            return Err(Error::InputLength { expected, got: image.len() });
        }
        let weights = self.net.floats()?;
        let mut pass = Pass { net: &self.net, weights, isa: self.isa, keep };
        let mut values = Image { layout: Layout::compact(0, 0, 0), values: Vec::new() };
        for node in &self.nodes {
            values = match &node.stage {
                Stage::Stem(geometry) => pass.stem(image, geometry, node.output),
                Stage::Block(index, geometry) => pass.block(*index, geometry, node, &values),
                Stage::Last => pass.pointwise(ConvLayer::LAST, &weights.last, &values, node.output),
                Stage::Pool => pass.pool(&values, node),
                Stage::Top => pass.top(&values, node),
            };
        }
        Ok(())
    }
}

/// What leaves a layer.
struct Image {
    layout: Layout,
    values: Vec<f32>,
}

impl Image {
    fn zeros(layout: Layout) -> Self {
        Self { layout, values: vec![0.0; layout.len()] }
    }

    fn view(&self) -> Blocked<'_> {
        Blocked::new(self.layout, &self.values)
    }

    fn view_mut(&mut self) -> BlockedMut<'_> {
        BlockedMut::new(self.layout, &mut self.values)
    }
}

/// One image's way through the net.
struct Pass<'a> {
    net: &'a Net,
    weights: &'a FloatWeights,
    isa: Isa,
    keep: Visitor<'a>,
}

impl Pass<'_> {
    /// An inverted residual block.
    fn block(&mut self, block: usize, geometry: &ConvGeometry, node: &Node, input: &Image) -> Image {
        let packed = &self.weights.blocks[block];
        let layer = |part| ConvLayer { part, block };
        // Expand: a 1x1 convolution makes six times as many channels of each pixel. The first block does without.
        let expanded = packed.expand.as_ref().map(|expand| {
            let padded = chunk_layout(geometry, expand.outputs());
            self.pointwise(layer(Part::Expand), expand, input, padded)
        });
        let expanded = expanded.as_ref().unwrap_or(input);
        // Depthwise: a 3x3 convolution filters each channel by itself, and halves the sides where its stride is 2.
        let filtered = self.depthwise(layer(Part::Depthwise), geometry, &packed.depthwise, expanded);
        // Project: a 1x1 convolution brings the channels back to few, linearly, since a ReLU6 there would lose too
        // much.
        let projected = self.pointwise(layer(Part::Project), &packed.project, &filtered, node.output);
        // Add: where the block gives what it took, as many channels and as large an image, its input is added.
        match &node.section.add {
            Some(name) => self.add(name, &packed.project, &filtered, input),
            None => projected,
        }
    }

    /// The first convolution, over scaled pixels.
    fn stem(&mut self, image: Input<'_>, geometry: &ConvGeometry, layout: Layout) -> Image {
        let serial = Threads::serial();
        let pixels = Pixels { image, scaling: &self.net.numerics.scaling };
        let mut scaled = vec![0.0; scaled_len(geometry)];
        pixels.scale(&serial, self.isa, geometry, 0..geometry.input().0, &mut scaled);
        let (isa, packed) = (self.isa, &self.weights.stem);
        self.normed(ConvLayer::STEM, layout, |output| {
            let step = Stem { geometry, weights: packed, relu6: false };
            stem(&serial, isa, &step, &scaled, &mut output.view_mut());
        })
    }

    /// A 1x1 convolution; `layout` is that of its output.
    fn pointwise(
        &mut self,
        layer: ConvLayer,
        weights: &PackedPointwise,
        input: &Image,
        layout: Layout,
    ) -> Image {
        let isa = self.isa;
        self.normed(layer, layout, |output| {
            let step = weights.whole(Epilogue::Linear);
            pointwise(&Threads::serial(), isa, &step, input.view(), &mut output.view_mut());
        })
    }

    /// A 3x3 convolution of each channel by itself.
    fn depthwise(
        &mut self,
        layer: ConvLayer,
        geometry: &ConvGeometry,
        weights: &PackedDepthwise,
        input: &Image,
    ) -> Image {
        let (height, width) = geometry.output();
        let layout = Layout::compact(weights.channels(), height, width);
        let isa = self.isa;
        self.normed(layer, layout, |output| {
            let step = Depthwise { geometry, weights, blocks: 0..weights.blocks(), relu6: false };
            depthwise(isa, &step, input.view(), &mut output.values);
        })
    }

    /// A projection once more, with the block's input added to it: the kernel adds as it writes.
    fn add(&mut self, name: &str, weights: &PackedPointwise, filtered: &Image, input: &Image) -> Image {
        let layout = Layout::compact(weights.outputs(), filtered.layout.height(), filtered.layout.width());
        let mut output = Image::zeros(layout);
        let step = weights.whole(Epilogue::Add(input.view()));
        pointwise(&Threads::serial(), self.isa, &step, filtered.view(), &mut output.view_mut());
        self.keep(name, &output);
        output
    }

    /// Keeps what a convolution with its BatchNorm gives and, if a ReLU6 follows, what that leaves; returns the last of
    /// these.
    fn normed(&mut self, layer: ConvLayer, layout: Layout, convolve: impl Fn(&mut Image)) -> Image {
        let mut output = Image::zeros(layout);
        convolve(&mut output);
        self.keep(&layer.norm(), &output);
        if let Some(name) = layer.activation() {
            // As the kernels do it where the plan asks them to: what is not above 0 becomes 0. So do zeros around the image.
            output
                .values
                .iter_mut()
                .for_each(|value| *value = if *value > 0.0 { value.min(6.0) } else { 0.0 });
            self.keep(&name, &output);
        }
        output
    }

    /// The mean over the image.
    fn pool(&mut self, features: &Image, node: &Node) -> Image {
        let mut pooled = Image::zeros(node.output);
        let channels = node.output.channels();
        pool(self.isa, features.view(), &mut pooled.values[..channels]);
        self.keep_row(node, &pooled);
        pooled
    }

    /// The classification top.
    fn top(&mut self, pooled: &Image, node: &Node) -> Image {
        let mut scores = Image::zeros(node.output);
        let classes = node.output.channels();
        if let Some(top) = &self.net.top {
            dense(self.isa, &pooled.values[..top.inputs()], top, &mut scores.values[..classes]);
        }
        self.keep_row(node, &scores);
        scores
    }

    fn keep(&mut self, name: &str, image: &Image) {
        let shape = [1, image.layout.height(), image.layout.width(), image.layout.channels()];
        (self.keep)(name, Shape::of(shape), image.view());
    }

    fn keep_row(&mut self, node: &Node, row: &Image) {
        let name = node.section.tap.to_string();
        (self.keep)(&name, Shape::of([1, row.layout.channels()]), row.view());
    }
}
