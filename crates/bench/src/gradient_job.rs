//! Gradients of an operation made ready to run: drawn inputs, room for the gradients, and the oracle's answer.

use std::hint::black_box;

use icecap_kernels::{
    Blocked, BlockedMut, Buffer, ConvGeometry, DepthwiseGradient, Isa, Layout, PackedDepthwise, Pads,
    PointwiseGradient, depthwise_gradient, oracle, pointwise_gradient, pool_gradient,
};

use crate::drawn::values;
use crate::gradient_shape::{GradientShape, PHOTOS};

/// Gradients that are ready to be computed on one thread.
#[derive(Debug)]
pub(crate) struct GradientJob {
    job: Job,
    outputs: Vec<Output>,
}

#[derive(Debug)]
enum Job {
    Pointwise { input: Image, d_output: Image },
    Depthwise { geometry: ConvGeometry, weights: PackedDepthwise, input: Image, d_output: Image },
    Pool { d_pooled: Vec<f32>, features: Image },
}

/// An image in blocks of channels.
#[derive(Debug)]
struct Image {
    layout: Layout,
    data: Buffer,
}

impl Image {
    fn new(layout: Layout, hwc: &[f32]) -> Self {
        let mut data = Buffer::zeros(layout.len());
        BlockedMut::new(layout, &mut data).read_hwc(hwc);
        Self { layout, data }
    }

    fn view(&self) -> Blocked<'_> {
        Blocked::new(self.layout, black_box(&self.data[..]))
    }
}

/// A gradient, in blocks of channels, with the oracle's answer.
#[derive(Debug)]
struct Output {
    layout: Layout,
    data: Buffer,
    expected: Vec<f64>,
    tolerance: f64,
}

impl Output {
    /// The gradient [height, width, channels] of `expected`, whose values are sums of `terms` terms.
    fn new([height, width, channels]: [usize; 3], expected: Vec<f64>, terms: usize) -> Self {
        let layout = Layout::compact(channels, height, width);
        // A term is below 6, its share of the rounding error far below that of the largest partial sum.
        let tolerance = 1e-4 + 6e-6 * terms as f64;
        Self { layout, data: Buffer::zeros(layout.len()), expected, tolerance }
    }
}

/// Values from 0 to 6, a third of them at the ends.
fn clamped(len: usize) -> Vec<f32> {
    values(len).into_iter().map(|value| (8.0 * value + 2.0).clamp(0.0, 6.0)).collect()
}

impl GradientJob {
    /// Draws the inputs and computes the answer with the oracle.
    pub(crate) fn draw(shape: GradientShape) -> Self {
        match shape {
            GradientShape::Pointwise { height, width, inputs, outputs } => {
                Self::pointwise(PHOTOS * height * width, inputs, outputs)
            }
            GradientShape::Depthwise { geometry, channels } => Self::depthwise(geometry, channels),
            GradientShape::Pool { height, width, channels } => Self::pool(height * width, channels),
        }
    }

    fn pointwise(pixels: usize, inputs: usize, outputs: usize) -> Self {
        let (input, d_output) = (clamped(pixels * inputs), values(pixels * outputs));
        let [kernel, bias] = oracle::pointwise_gradients(&input, &d_output, outputs);
        let image = |channels, hwc: &[f32]| Image::new(Layout::compact(channels, pixels, 1), hwc);
        Self {
            job: Job::Pointwise { input: image(inputs, &input), d_output: image(outputs, &d_output) },
            outputs: vec![
                Output::new([inputs, 1, outputs], kernel, pixels),
                Output::new([1, 1, outputs], bias, pixels),
            ],
        }
    }

    fn depthwise(geometry: ConvGeometry, channels: usize) -> Self {
        let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
        let (input, weights) = (clamped(height * width * channels), values(9 * channels));
        let d_output = values(rows * columns * channels);
        let gradients = oracle::depthwise_gradients(&geometry, &input, &weights, &d_output);
        let border = Pads { top: 1, bottom: 1, left: 1, right: 1 };
        let pixels = rows * columns;
        Self {
            job: Job::Depthwise {
                geometry,
                weights: PackedDepthwise::pack(&weights, &vec![0.0; channels], channels),
                input: Image::new(Layout::new(channels, height, width, geometry.pads()), &input),
                d_output: Image::new(Layout::new(channels, rows, columns, border), &d_output),
            },
            outputs: vec![
                Output::new([height, width, channels], gradients.input, 9),
                Output::new([3, 3, channels], gradients.kernel, pixels),
                Output::new([1, 1, channels], gradients.bias, pixels),
            ],
        }
    }

    fn pool(pixels: usize, channels: usize) -> Self {
        let (d_pooled, features) = (values(channels), clamped(pixels * channels));
        let expected = oracle::pool_gradient(&d_pooled, &features);
        let features = Image::new(Layout::compact(channels, pixels, 1), &features);
        let outputs = vec![Output::new([pixels, 1, channels], expected, 1)];
        Self { job: Job::Pool { d_pooled, features }, outputs }
    }

    /// Computes the gradients once, with the kernels that `isa` selects. Those of weights are added to what is there.
    pub(crate) fn run(&mut self, isa: Isa) {
        match (&self.job, &mut self.outputs[..]) {
            (Job::Pointwise { input, d_output }, [kernel, bias]) => {
                let panels = 0..d_output.layout.blocks();
                let step = PointwiseGradient { input: input.view(), d_output: d_output.view(), panels };
                pointwise_gradient(isa, &step, &mut kernel.data, &mut bias.data);
            }
            (Job::Depthwise { geometry, weights, input, d_output }, [d_input, kernel, bias]) => {
                let (blocks, input, d_output) = (0..weights.blocks(), input.view(), d_output.view());
                let step = DepthwiseGradient { geometry, weights, blocks, input, d_output };
                depthwise_gradient(isa, &step, &mut d_input.data, &mut kernel.data, &mut bias.data);
            }
            (Job::Pool { d_pooled, features }, [d_features]) => {
                pool_gradient(isa, black_box(&d_pooled[..]), features.view(), &mut d_features.data);
            }
            _ => unreachable!("each job has the gradients that it was drawn with"),
        }
    }

    /// Computes the gradients, added to zeros, and compares them with the oracle's: a kernel that is wrong has no speed.
    /// `name` is for the message.
    ///
    /// # Panics
    /// If they differ by more than the rounding of f32 explains.
    pub(crate) fn check(&mut self, name: &str, isa: Isa) {
        self.outputs.iter_mut().for_each(|output| output.data.fill(0.0));
        self.run(isa);
        for output in &self.outputs {
            let mut plain = vec![0.0; output.layout.pixels() * output.layout.channels()];
            Blocked::new(output.layout, &output.data).write_hwc(&mut plain);
            assert_eq!(plain.len(), output.expected.len(), "values of {name}");
            for (got, expected) in plain.iter().zip(&output.expected) {
                let off = (f64::from(*got) - expected).abs();
                assert!(off < output.tolerance, "{name} is wrong: {got} for {expected}");
            }
        }
    }
}
