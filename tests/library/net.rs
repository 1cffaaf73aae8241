//! The whole net against the naive truth in f64: widths whose first block is residual, both paddings, odd sizes, both
//! plans, every instruction set. What the golden files of published nets do not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap::advanced::graph::{
    Input, Net, Numerics, Padding, Params, Plan, ReferencePlan, Scaling, Spec, Tap, tensor_shapes,
};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::kernels::{ConvGeometry, Isa, Pads, Tensor, Threads, oracle};

fn params(width: f32, padding: Padding, seed: u64) -> Params {
    let spec = Spec::with_width(width).unwrap();
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    let mut tensors = BTreeMap::new();
    for (name, shape) in tensor_shapes(&spec, Some(7)) {
        let fan_in = (shape.elements() / shape.dims().last().unwrap()).max(1) as f32;
        let (low, high) = match name.rsplit('/').next() {
            Some("gamma" | "moving_variance") => (0.5, 1.5),
            Some("kernel") => (-2.0 / fan_in.sqrt(), 2.0 / fan_in.sqrt()),
            _ => (-0.5, 0.5),
        };
        let mut tensor = Tensor::zeros(shape);
        tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
        tensors.insert(name, tensor);
    }
    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let numerics = Numerics { epsilon: 1e-5, padding, scaling };
    Params::new(spec, numerics, tensors).unwrap()
}

/// An image between layers, in f64 at its source and f32 where the next layer reads it.
struct Truth<'a> {
    params: &'a Params,
    values: Vec<f32>,
    size: (usize, usize),
}

impl Truth<'_> {
    fn tensor(&self, name: &str) -> &[f32] {
        self.params.tensors().find(|(own, _)| *own == name).map(|(_, tensor)| tensor.data()).unwrap()
    }

    /// `(value - mean) / sqrt(variance + epsilon) * gamma + beta`, channel by channel; not folded.
    fn norm(&mut self, values: &[f64], norm: &str, relu6: bool) {
        let vector = |variable: &str| self.tensor(&format!("{norm}/{variable}"));
        let (gamma, beta) = (vector("gamma"), vector("beta"));
        let (mean, variance) = (vector("moving_mean"), vector("moving_variance"));
        let epsilon = f64::from(self.params.numerics().epsilon);
        let channels = gamma.len();
        self.values = values
            .iter()
            .enumerate()
            .map(|(at, value)| {
                let c = at % channels;
                let root = (f64::from(variance[c]) + epsilon).sqrt();
                let value = (value - f64::from(mean[c])) / root * f64::from(gamma[c]) + f64::from(beta[c]);
                (if relu6 { oracle::relu6(value) } else { value }) as f32
            })
            .collect();
    }

    fn geometry(&self, stride: usize) -> ConvGeometry {
        let padding = self.params.numerics().padding;
        let (top, bottom) = padding.amounts(self.size.0, stride);
        let (left, right) = padding.amounts(self.size.1, stride);
        ConvGeometry::new(self.size.0, self.size.1, stride, Pads { top, bottom, left, right }).unwrap()
    }

    fn pointwise(&mut self, conv: &str, norm: &str, outputs: usize, relu6: bool) {
        let values =
            oracle::pointwise(&self.values, self.tensor(&format!("{conv}/kernel")), &vec![0.0; outputs]);
        self.norm(&values, norm, relu6);
    }

    fn run(&mut self) {
        let spec = self.params.spec().clone();
        let geometry = self.geometry(2);
        let zeros = vec![0.0; spec.stem_channels()];
        let values = oracle::conv3x3(&geometry, &self.values, self.tensor("Conv1/kernel"), &zeros);
        self.size = geometry.output();
        self.norm(&values, "bn_Conv1", true);
        for (index, block) in spec.blocks().iter().enumerate() {
            let (input, prefix) = (self.values.clone(), Tap::Block(index));
            if block.has_expand() {
                let name = format!("{prefix}_expand");
                self.pointwise(&name, &format!("{name}_BN"), block.expanded, true);
            }
            let (name, geometry) = (format!("{prefix}_depthwise"), self.geometry(block.stride));
            let zeros = vec![0.0; block.expanded];
            let kernel = self.tensor(&format!("{name}/kernel"));
            let values = oracle::depthwise(&geometry, &self.values, kernel, &zeros);
            self.size = geometry.output();
            self.norm(&values, &format!("{name}_BN"), true);
            let name = format!("{prefix}_project");
            self.pointwise(&name, &format!("{name}_BN"), block.output, false);
            if block.is_residual() {
                self.values.iter_mut().zip(input).for_each(|(value, added)| *value += added);
            }
        }
        self.pointwise("Conv_1", "Conv_1_bn", spec.feature_channels(), true);
    }
}

#[test]
fn any_width_padding_and_size_agrees_with_the_naive_net() {
    // 0.1 and 0.25: stem and first block have the same channels, so that the first block is residual.
    let cases = [
        (0.1, Padding::Same, (33, 47)),
        (0.25, Padding::Symmetric, (64, 35)),
        (0.35, Padding::Symmetric, (40, 32)),
        (0.5, Padding::Same, (32, 61)),
        // Large enough for bands of rows.
        (0.35, Padding::Same, (140, 150)),
    ];
    for (width, padding, size) in cases {
        let params = params(width, padding, 3);
        let net = Arc::new(Net::new(&params));
        let mut stream = Stream::new(4, Purpose::Test, 0, 0);
        let pixels: Vec<u8> = (0..size.0 * size.1 * 3).map(|_| stream.next_u32() as u8).collect();
        let scaling = params.numerics().scaling;
        let scaled = |(at, &v): (usize, &u8)| f32::from(v) * scaling.scale[at % 3] + scaling.shift[at % 3];
        let values = pixels.iter().enumerate().map(scaled).collect();
        let mut truth = Truth { params: &params, values, size };
        truth.run();
        let largest = truth.values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.1, "a net that says nothing tests nothing");
        for isa in Isa::available() {
            let case = format!("width {width}, {padding:?}, {size:?}, {isa}");
            // Fewer threads than the plan is for, and more: a busy pool and a batch of one come to that.
            for (workers, threads) in [(1, 1), (3, 3), (3, 1), (1, 3)] {
                let plan =
                    Plan::new(&net, isa, [size.0, size.1], Tap::Image..Tap::Features, workers).unwrap();
                let mut features = vec![f32::NAN; plan.output_shape().elements()];
                let threads = Threads::new(threads).unwrap();
                plan.run(&threads, Input::U8(&pixels), &mut [plan.arena()], &mut features).unwrap();
                assert_eq!(features.len(), truth.values.len(), "{case}");
                for (got, expected) in features.iter().zip(&truth.values) {
                    // Rounding grows over fifty layers; what is wrong by a pixel or a channel is off by far more.
                    assert!(
                        (got - expected).abs() <= 2e-4 * largest.max(1.0),
                        "{case}: {got} for {expected}"
                    );
                }
                let trace =
                    ReferencePlan::new(&net, isa, [size.0, size.1]).unwrap().run(Input::U8(&pixels)).unwrap();
                assert_eq!(features, trace[&Tap::Features.to_string()].data(), "{case}: the plans differ");
                if params.spec().blocks()[0].is_residual() {
                    assert!(trace.contains_key("expanded_conv_add"), "{case}");
                }
            }
        }
    }
}
