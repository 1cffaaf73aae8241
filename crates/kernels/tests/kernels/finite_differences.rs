//! Gradients against differences of what the forward kernels compute: L = sum of c * f(relu6(z)), for each z, weight and bias
//! in turn a step up and a step down.
//!
//! Each f is linear in z where no z is within a step of ReLU6's kinks, in its weights and in its bias, and all values are
//! whole or eighths of whole numbers, so small that f32 holds every sum: a difference is the derivative itself, to the bit.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Depthwise, DepthwiseGradient, Epilogue, Isa, Layout, PackedDepthwise,
    PackedPointwise, PointwiseGradient, Threads, depthwise, depthwise_gradient, pointwise,
    pointwise_gradient, pool, pool_gradient,
};

use crate::arrays::{SEED, Values, blocked, draw, hwc, pads};
use crate::geometries::geometries;

const STEP: f32 = 0.125;

/// Values before a ReLU6, at least four steps from its kinks.
fn unclamped(stream: &mut Stream, len: usize) -> Vec<f32> {
    let eighths = |stream: &mut Stream| stream.below(80) as i32 - 16;
    let is_clear = |at: i32| at.abs() >= 4 && (at - 48).abs() >= 4;
    let mut next = || loop {
        let at = eighths(stream);
        if is_clear(at) {
            return at as f32 * STEP;
        }
    };
    (0..len).map(|_| next()).collect()
}

fn relu6(z: &[f32]) -> Vec<f32> {
    z.iter().map(|z| z.clamp(0.0, 6.0)).collect()
}

fn weighted(c: &[f32], output: &[f32]) -> f64 {
    assert_eq!(c.len(), output.len());
    c.iter().zip(output).map(|(&c, &output)| f64::from(c) * f64::from(output)).sum()
}

/// Some of the places of `len` values, each at most once; all where they are few.
fn places(stream: &mut Stream, len: usize, most: usize) -> Vec<usize> {
    if len <= most {
        return (0..len).collect();
    }
    let mut places: Vec<usize> = (0..most).map(|_| stream.below(len as u32) as usize).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Compares `gradient` at `places` with the differences of `loss`, which takes the values in place of `values`.
fn compare(
    what: &str,
    values: &[f32],
    gradient: &[f32],
    places: &[usize],
    loss: &dyn Fn(&[f32]) -> f64,
) -> usize {
    assert_eq!(values.len(), gradient.len(), "{what}");
    let mut other = values.to_vec();
    let mut nonzero = 0;
    for &place in places {
        let mut at = |value: f32| {
            other[place] = value;
            loss(&other)
        };
        let (up, down) = (at(values[place] + STEP), at(values[place] - STEP));
        let expected = (up - down) / (2.0 * f64::from(STEP));
        other[place] = values[place];
        assert_eq!(f64::from(gradient[place]), expected, "{what}: value {place}, seed {SEED}");
        nonzero += usize::from(expected != 0.0);
    }
    nonzero
}

/// A 1x1 convolution of `pixels` pixels and its loss.
struct Product {
    isa: Isa,
    pixels: usize,
    k: usize,
    n: usize,
}

impl Product {
    fn loss(&self, z: &[f32], weights: &[f32], bias: &[f32], c: &[f32]) -> f64 {
        let (from, to) = (Layout::compact(self.k, self.pixels, 1), Layout::compact(self.n, self.pixels, 1));
        let packed = PackedPointwise::pack(weights, bias, self.k, self.n);
        let (input, mut output) = (blocked(from, &relu6(z)), vec![0.0; to.len()]);
        let mut view = BlockedMut::new(to, &mut output);
        let input = Blocked::new(from, &input);
        pointwise(&Threads::serial(), self.isa, &packed.whole(Epilogue::Linear), input, &mut view);
        weighted(c, &hwc(to, &output))
    }

    /// The gradients of z, weights and bias.
    fn gradients(&self, z: &[f32], weights: &[f32], c: &[f32]) -> [Vec<f32>; 3] {
        let Self { isa, pixels, k, n } = *self;
        let (from, to) = (Layout::compact(k, pixels, 1), Layout::compact(n, pixels, 1));
        let (input, d_output) = (blocked(from, &relu6(z)), blocked(to, c));
        let panels = 0..n.div_ceil(16);
        let (mut kernel, mut bias) = (vec![0.0; panels.len() * k * 16], vec![0.0; panels.len() * 16]);
        let (input, d_output) = (Blocked::new(from, &input), Blocked::new(to, &d_output));
        pointwise_gradient(isa, &PointwiseGradient { input, d_output, panels }, &mut kernel, &mut bias);

        let packed = PackedPointwise::pack(weights, &vec![1.0; n], k, n);
        let mut transposed = PackedPointwise::zeros(n, k);
        packed.transpose_into(&mut transposed);
        // Among zeros, as a depthwise convolution's backward pass reads it.
        let around = Layout::new(k, pixels, 1, pads(1, 1, 1, 1));
        let mut d_input = vec![0.0; around.len()];
        let mut view = BlockedMut::new(around, &mut d_input);
        let step = transposed.whole(Epilogue::Masked(input));
        pointwise(&Threads::serial(), isa, &step, d_output, &mut view);
        let kernel = hwc(Layout::compact(n, k, 1), &kernel);
        [hwc(around, &d_input), kernel, hwc(Layout::compact(n, 1, 1), &bias)]
    }
}

#[test]
fn pointwise_gradients_are_the_differences() {
    let mut stream = Stream::new(SEED, Purpose::Test, 10, 0);
    // Those of the net at the widths 0.35, 1.0 and 1.4 where they have nine pixels.
    let net = geometries().pointwise.into_iter().filter(|shape| shape.side == 3);
    let net: Vec<_> = net.map(|shape| (9, shape.k, shape.n)).collect();
    assert!(net.len() >= 9, "{net:?}");
    let small = [(1, 1, 1), (3, 3, 5), (2, 16, 16), (7, 27, 24), (5, 24, 40), (35, 33, 17)];
    for (pixels, k, n) in small.into_iter().chain(net) {
        let z = unclamped(&mut stream, pixels * k);
        let [weights, bias, c] = [k * n, n, pixels * n].map(|len| draw(&mut stream, Values::Integers, len));
        for isa in Isa::available() {
            let product = Product { isa, pixels, k, n };
            let what = format!("{isa}, {pixels} pixels {k}->{n}");
            let [d_z, d_weights, d_bias] = product.gradients(&z, &weights, &c);
            let mut places = |len| places(&mut stream, len, 12);
            let loss = |z: &[f32]| product.loss(z, &weights, &bias, &c);
            let nonzero = compare(&format!("{what}: z"), &z, &d_z, &places(z.len()), &loss);
            assert!(nonzero > 0 || z.len() < 12, "{what}: no gradient of z");
            let loss = |weights: &[f32]| product.loss(&z, weights, &bias, &c);
            compare(&format!("{what}: weights"), &weights, &d_weights, &places(k * n), &loss);
            let loss = |bias: &[f32]| product.loss(&z, &weights, bias, &c);
            compare(&format!("{what}: bias"), &bias, &d_bias, &places(n), &loss);
        }
    }
}

fn depthwise_loss(isa: Isa, geometry: &ConvGeometry, z: &[f32], packed: &PackedDepthwise, c: &[f32]) -> f64 {
    let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
    let channels = packed.channels();
    let (from, to) =
        (Layout::new(channels, height, width, geometry.pads()), Layout::compact(channels, rows, columns));
    let (input, mut output) = (blocked(from, &relu6(z)), vec![0.0; to.len()]);
    let step = Depthwise { geometry, weights: packed, blocks: 0..packed.blocks(), relu6: false };
    depthwise(isa, &step, Blocked::new(from, &input), &mut output);
    weighted(c, &hwc(to, &output))
}

/// The gradients of z, weights and bias.
fn depthwise_gradients(
    isa: Isa,
    geometry: &ConvGeometry,
    z: &[f32],
    weights: &PackedDepthwise,
    c: &[f32],
) -> [Vec<f32>; 3] {
    let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
    let (channels, blocks) = (weights.channels(), weights.blocks());
    let from = Layout::new(channels, height, width, geometry.pads());
    let to = Layout::new(channels, rows, columns, pads(1, 1, 1, 1));
    let (input, d_output) = (blocked(from, &relu6(z)), blocked(to, c));
    let (input, d_output) = (Blocked::new(from, &input), Blocked::new(to, &d_output));
    let step = DepthwiseGradient { geometry, weights, blocks: 0..blocks, input, d_output };
    let mut d_input = vec![f32::NAN; blocks * height * width * 16];
    let (mut kernel, mut bias) = (vec![0.0; blocks * 9 * 16], vec![0.0; blocks * 16]);
    depthwise_gradient(isa, &step, &mut d_input, &mut kernel, &mut bias);
    let layouts = [(height, width), (9, 1), (1, 1)].map(|(h, w)| Layout::compact(channels, h, w));
    [hwc(layouts[0], &d_input), hwc(layouts[1], &kernel), hwc(layouts[2], &bias)]
}

#[test]
fn depthwise_gradients_are_the_differences() {
    let mut stream = Stream::new(SEED, Purpose::Test, 11, 0);
    let sizes = [(1, 1), (3, 3), (5, 5), (7, 4), (6, 10), (8, 7)];
    // Keras' at odd sizes and PyTorch's, Keras' at even ones, and others.
    let paddings = [pads(1, 1, 1, 1), pads(0, 1, 0, 1), pads(0, 0, 0, 0), pads(2, 0, 1, 2)];
    let mut checked = [0; 3];
    for ((height, width), pads) in sizes.into_iter().flat_map(|size| paddings.map(|pads| (size, pads))) {
        for (stride, channels) in [1, 2].into_iter().flat_map(|stride| [8, 16, 24, 56].map(|c| (stride, c))) {
            let Ok(geometry) = ConvGeometry::new(height, width, stride, pads) else { continue };
            let outputs = geometry.output().0 * geometry.output().1;
            let z = unclamped(&mut stream, height * width * channels);
            let [weights, bias, c] = [9 * channels, channels, outputs * channels]
                .map(|len| draw(&mut stream, Values::Integers, len));
            let packed = PackedDepthwise::pack(&weights, &bias, channels);
            for isa in Isa::available() {
                let what = format!("{isa}, {geometry:?}, {channels} channels");
                let gradients = depthwise_gradients(isa, &geometry, &z, &packed, &c);
                let of_z = |z: &[f32]| depthwise_loss(isa, &geometry, z, &packed, &c);
                let of = |weights: &[f32], bias: &[f32]| {
                    let packed = PackedDepthwise::pack(weights, bias, channels);
                    depthwise_loss(isa, &geometry, &z, &packed, &c)
                };
                let mut places = |len| places(&mut stream, len, 24);
                let [d_z, d_weights, d_bias] = &gradients;
                let counts = [
                    compare(&format!("{what}: z"), &z, d_z, &places(z.len()), &of_z),
                    compare(&format!("{what}: weights"), &weights, d_weights, &places(9 * channels), &|w| {
                        of(w, &bias)
                    }),
                    compare(&format!("{what}: bias"), &bias, d_bias, &places(channels), &|b| of(&weights, b)),
                ];
                checked = [0, 1, 2].map(|index| checked[index] + counts[index]);
            }
        }
    }
    assert!(checked.iter().all(|&count| count > 1000), "gradients that are not zero: {checked:?}");
}

#[test]
fn gradients_of_means_are_the_differences() {
    let mut stream = Stream::new(SEED, Purpose::Test, 12, 0);
    // Means over a power of two, which f32 divides by without rounding.
    for (pixels, channels) in [(1, 7), (4, 40), (8, 16), (32, 24)] {
        let layout = Layout::compact(channels, pixels, 1);
        let z = unclamped(&mut stream, pixels * channels);
        let c = draw(&mut stream, Values::Integers, channels);
        for isa in Isa::available() {
            let features = blocked(layout, &relu6(&z));
            let mut gradient = vec![f32::NAN; layout.len()];
            pool_gradient(isa, &c, Blocked::new(layout, &features), &mut gradient);
            let loss = |z: &[f32]| {
                let (features, mut means) = (blocked(layout, &relu6(z)), vec![0.0; channels]);
                pool(isa, Blocked::new(layout, &features), &mut means);
                weighted(&c, &means)
            };
            let all: Vec<usize> = (0..z.len()).collect();
            let what = format!("{isa}, {pixels} pixels of {channels} channels");
            assert!(compare(&what, &z, &hwc(layout, &gradient), &all, &loss) > 0, "{what}: no gradient");
        }
    }
}
