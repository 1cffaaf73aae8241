//! An operation on f32 made ready to run: drawn inputs, packed weights, room for the output, and the oracle's answer.

use std::hint::black_box;

use icecap_kernels::{
    Blocked, BlockedMut, Buffer, ConvGeometry, Depthwise, Epilogue, Isa, Layout, PackedDense,
    PackedDepthwise, PackedPointwise, PackedStem, ResizeScratch, RgbView, Scale, Size, Stem, Threads, dense,
    depthwise, oracle, pointwise, pool, resize_bilinear_rgb, scale_pixels, scaled_len, stem,
};

use crate::drawn::{pixels, values};
use crate::shape::{PHOTO, RealShape};

/// An operation on f32 that is ready to run, on one thread: its inputs, its packed weights, memory for its output, and the
/// answer of the oracle.
#[derive(Debug)]
pub(crate) struct RealJob {
    job: Job,
    output: Buffer,
    /// The layout of the output, if it is in blocks of channels.
    blocks: Option<Layout>,
    expected: Vec<f64>,
    tolerance: f64,
}

#[derive(Debug)]
enum Job {
    Pointwise { input: Buffer, from: Layout, to: Layout, weights: PackedPointwise },
    Depthwise { input: Buffer, from: Layout, geometry: ConvGeometry, weights: PackedDepthwise },
    Scale { image: Vec<u8>, geometry: ConvGeometry },
    Stem { scaled: Buffer, geometry: ConvGeometry, to: Layout, weights: PackedStem },
    Pool { input: Buffer, from: Layout },
    Dense { input: Vec<f32>, weights: PackedDense },
    Resize { photo: Vec<u8>, to: Size, scratch: ResizeScratch },
}

/// The factor and the summand that scale a pixel to [-1, 1].
const SCALE: f32 = 1.0 / 127.5;
const SHIFT: f32 = -1.0;

/// How far a sum of f32 may differ from the oracle's: inputs and weights lie between -1 and 1.
const TOLERANCE: f64 = 1e-3;
/// How far a mean of f32 may differ from the oracle's.
const TOLERANCE_OF_MEAN: f64 = 1e-5;

impl RealJob {
    fn new(job: Job, len: usize, blocks: Option<Layout>, expected: Vec<f64>) -> Self {
        Self { job, output: Buffer::zeros(len), blocks, expected, tolerance: TOLERANCE }
    }

    /// Draws the inputs of an operation and computes the answer with the oracle.
    pub(crate) fn draw(shape: RealShape) -> Self {
        match shape {
            RealShape::Pointwise { height, width, inputs, outputs } => {
                Self::pointwise(Size { height, width }, inputs, outputs)
            }
            RealShape::Depthwise { geometry, channels } => Self::depthwise(geometry, channels),
            RealShape::Scale { geometry } => Self::scale(geometry),
            RealShape::Stem { geometry, outputs } => Self::stem(geometry, outputs),
            RealShape::Pool { height, width, channels } => Self::pool(height * width, channels),
            RealShape::Dense { inputs, outputs } => Self::dense(inputs, outputs),
            RealShape::Resize { to } => Self::resize(to),
        }
    }

    fn pointwise(size: Size, inputs: usize, outputs: usize) -> Self {
        let Size { height, width } = size;
        let (image, weights) = (values(height * width * inputs), values(inputs * outputs));
        let bias = values(outputs);
        let (from, to) = (Layout::compact(inputs, height, width), Layout::compact(outputs, height, width));
        let expected = clamped(oracle::pointwise(&image, &weights, &bias));
        let weights = PackedPointwise::pack(&weights, &bias, inputs, outputs);
        let job = Job::Pointwise { input: blocked(from, &image), from, to, weights };
        Self::new(job, to.len(), Some(to), expected)
    }

    fn depthwise(geometry: ConvGeometry, channels: usize) -> Self {
        let (height, width) = geometry.input();
        let (image, weights) = (values(height * width * channels), values(9 * channels));
        let bias = values(channels);
        let from = Layout::new(channels, height, width, geometry.pads());
        let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
        let expected = clamped(oracle::depthwise(&geometry, &image, &weights, &bias));
        let weights = PackedDepthwise::pack(&weights, &bias, channels);
        let job = Job::Depthwise { input: blocked(from, &image), from, geometry, weights };
        Self::new(job, to.len(), Some(to), expected)
    }

    fn scale(geometry: ConvGeometry) -> Self {
        let (height, width) = geometry.input();
        let image = pixels(height * width * 3);
        let row = scaled_len(&geometry) / (height + geometry.pads().top + geometry.pads().bottom);
        let mut expected = vec![0.0; scaled_len(&geometry)];
        for (y, pixels) in image.chunks_exact(width * 3).enumerate() {
            let start = (y + geometry.pads().top) * row + geometry.pads().left * 3;
            for (to, &pixel) in expected[start..].iter_mut().zip(pixels) {
                *to = f64::from(pixel) * f64::from(SCALE) + f64::from(SHIFT);
            }
        }
        let len = expected.len();
        Self::new(Job::Scale { image, geometry }, len, None, expected)
    }

    fn stem(geometry: ConvGeometry, outputs: usize) -> Self {
        let (height, width) = geometry.input();
        let (image, weights) = (values(height * width * 3), values(27 * outputs));
        let bias = values(outputs);
        let to = Layout::compact(outputs, geometry.output().0, geometry.output().1);
        let expected = clamped(oracle::conv3x3(&geometry, &image, &weights, &bias));
        let weights = PackedStem::pack(&weights, &bias, outputs);
        let mut scaled = Buffer::zeros(scaled_len(&geometry));
        let threads = Threads::serial();
        let as_they_are = Scale { geometry: &geometry, scale: [1.0; 3], shift: [0.0; 3] };
        scale_pixels(&threads, Isa::best(), &as_they_are, &image, &mut scaled);
        let job = Job::Stem { scaled, geometry, to, weights };
        Self::new(job, to.len(), Some(to), expected)
    }

    fn pool(pixels: usize, channels: usize) -> Self {
        let image = values(pixels * channels);
        let from = Layout::compact(channels, pixels, 1);
        let expected = oracle::pool(&image, channels);
        let job = Job::Pool { input: blocked(from, &image), from };
        Self { tolerance: TOLERANCE_OF_MEAN, ..Self::new(job, channels, None, expected) }
    }

    fn dense(inputs: usize, outputs: usize) -> Self {
        let (input, weights, bias) = (values(inputs), values(inputs * outputs), values(outputs));
        let expected = oracle::pointwise(&input, &weights, &bias);
        let weights = PackedDense::pack(&weights, &bias, inputs, outputs);
        Self::new(Job::Dense { input, weights }, outputs, None, expected)
    }

    fn resize(to: Size) -> Self {
        let photo = pixels(PHOTO.height * PHOTO.width * 3);
        let expected = resized(&photo, PHOTO, to);
        let job = Job::Resize { photo, to, scratch: ResizeScratch::default() };
        Self::new(job, to.height * to.width * 3, None, expected)
    }

    /// Runs the operation once, with the kernels that `isa` selects.
    pub(crate) fn run(&mut self, isa: Isa) {
        let (serial, output) = (Threads::serial(), &mut self.output);
        match &mut self.job {
            Job::Pointwise { input, from, to, weights } => {
                let input = Blocked::new(*from, black_box(&input[..]));
                let mut view = BlockedMut::new(*to, output);
                pointwise(&serial, isa, &weights.whole(Epilogue::Relu6), input, &mut view);
            }
            Job::Depthwise { input, from, geometry, weights } => {
                let input = Blocked::new(*from, black_box(&input[..]));
                let step = Depthwise { geometry, weights, blocks: 0..weights.blocks(), relu6: true };
                depthwise(isa, &step, input, output);
            }
            Job::Scale { image, geometry } => {
                let step = Scale { geometry, scale: [SCALE; 3], shift: [SHIFT; 3] };
                scale_pixels(&serial, isa, &step, black_box(&image[..]), output);
            }
            Job::Stem { scaled, geometry, to, weights } => {
                let scaled = black_box(&scaled[..]);
                let step = Stem { geometry, weights, relu6: true };
                stem(&serial, isa, &step, scaled, &mut BlockedMut::new(*to, output));
            }
            Job::Pool { input, from } => pool(isa, Blocked::new(*from, black_box(&input[..])), output),
            Job::Dense { input, weights } => dense(isa, black_box(&input[..]), weights, output),
            Job::Resize { photo, to, scratch } => {
                let image = RgbView { pixels: black_box(&photo[..]), size: PHOTO };
                resize_bilinear_rgb(isa, image, *to, output, scratch);
            }
        }
    }

    /// Runs the operation into memory full of NaN and compares the result with the oracle's answer: a kernel that is
    /// wrong has no speed. `name` is for the message.
    ///
    /// # Panics
    /// If they differ by more than the rounding of f32 explains.
    pub(crate) fn check(&mut self, name: &str, isa: Isa) {
        self.output.fill(f32::NAN);
        self.run(isa);
        let plain = match self.blocks {
            Some(layout) => {
                let mut image = vec![0.0; layout.pixels() * layout.channels()];
                Blocked::new(layout, &self.output).write_hwc(&mut image);
                image
            }
            None => self.output.to_vec(),
        };
        assert_eq!(plain.len(), self.expected.len(), "values of {name}");
        for (got, expected) in plain.iter().zip(&self.expected) {
            let off = (f64::from(*got) - expected).abs();
            assert!(off < self.tolerance, "{name} is wrong: {got} for {expected}");
        }
    }
}

fn blocked(layout: Layout, image: &[f32]) -> Buffer {
    let mut data = Buffer::zeros(layout.len());
    BlockedMut::new(layout, &mut data).read_hwc(image);
    data
}

fn clamped(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(oracle::relu6).collect()
}

/// Bilinear resampling with half-pixel centers between the nearest two lines each way: positions in f32, as TensorFlow
/// computes them, values in f64.
fn resized(photo: &[u8], from: Size, to: Size) -> Vec<f64> {
    let tap = |at: usize, from: usize, to: usize| {
        let position = ((at as f32 + 0.5) * (from as f32 / to as f32) - 0.5).max(0.0);
        let low = position as usize;
        (low, (low + 1).min(from - 1), f64::from(position.fract()))
    };
    let value = |y: usize, x: usize, c: usize| f64::from(photo[(y * from.width + x) * 3 + c]);
    let mut out = Vec::with_capacity(to.height * to.width * 3);
    for y in 0..to.height {
        let (top, bottom, down) = tap(y, from.height, to.height);
        for x in 0..to.width {
            let (left, right, across) = tap(x, from.width, to.width);
            for c in 0..3 {
                let line = |y: usize| value(y, left, c) * (1.0 - across) + value(y, right, c) * across;
                out.push(line(top) * (1.0 - down) + line(bottom) * down);
            }
        }
    }
    out
}
