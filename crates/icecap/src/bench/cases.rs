//! Every kernel's operation on every geometry of MobileNetV2 1.0, with drawn inputs and the oracle's answer.

use std::hint::black_box;

use icecap_graph::{Layer, LayerKind, Padding, Spec, layers};
use icecap_kernels::{
    Blocked, BlockedMut, Buffer, ConvGeometry, Epilogue, Isa, Layout, Operation, PackedDense,
    PackedDepthwise, PackedPointwise, PackedStem, ResizeScratch, Size, Threads, dense, depthwise, kernels,
    oracle, pointwise, pool, resize_bilinear_rgb, scale_pixels, scaled_len, stem,
};

use super::{pixels, values};
use crate::Error;

/// Classes of the top that the dense kernel is measured with.
const CLASSES: usize = 1000;
/// The photo that the resize kernel is measured with, the usual size in data sets.
const PHOTO: Size = Size { height: 375, width: 500 };

/// An operation on one geometry.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is computed.
    pub operation: Operation,
    /// Sizes, as `80x80 16-96` or `40x40x144 s2`.
    pub geometry: String,
    /// Multiply-adds. None where that is no measure of the work: a resize, a mean.
    pub macs: Option<usize>,
    /// The first of the net's layers that has this geometry.
    pub layer: String,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Pointwise { height: usize, width: usize, inputs: usize, outputs: usize },
    Depthwise { geometry: ConvGeometry, channels: usize },
    Scale { geometry: ConvGeometry },
    Stem { geometry: ConvGeometry, outputs: usize },
    Pool { pixels: usize, channels: usize },
    Dense { inputs: usize, outputs: usize },
    Resize { to: Size },
}

/// The distinct geometries of MobileNetV2 1.0 for inputs of these sides, in the order of the net.
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

/// The pixels that the first convolution reads are scaled before it.
fn scaling(layer: &Layer) -> Option<Case> {
    let LayerKind::Conv { geometry, .. } = layer.kind else { return None };
    let ((height, width), layer) = (geometry.input(), "scale".to_owned());
    let (geometry, shape) = (format!("{height}x{width}x3"), Shape::Scale { geometry });
    Some(Case { operation: Operation::Scale, geometry, macs: None, layer, shape })
}

/// The case of a layer, where a kernel computes it.
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

/// The registry's rows of an operation on one instruction set as one name, `pointwise_f32_14x32+14x16_avx512`: which of
/// its tiles a geometry takes is the operation's choice. None where the instruction set has no row of its own.
#[must_use]
pub fn row_names(operation: Operation, isa: Isa) -> Option<String> {
    let suffix = format!("_{isa}");
    let mut name: Option<(String, String)> = None;
    for row in kernels().into_iter().filter(|row| row.operation == operation) {
        let Some(stem) = row.name.strip_suffix(&suffix) else { continue };
        let (kind, tile) = stem.rsplit_once('_').unwrap_or((stem, ""));
        match &mut name {
            Some((_, tiles)) => *tiles += &format!("+{tile}"),
            None => name = Some((kind.to_owned(), tile.to_owned())),
        }
    }
    name.map(|(kind, tiles)| format!("{kind}_{tiles}{suffix}"))
}

/// A case with its inputs, its packed weights, room for its output, and the oracle's answer. On one thread.
#[derive(Debug)]
pub struct Prepared {
    job: Job,
    output: Buffer,
    /// The output's layout, where it is in blocks of channels.
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

/// What pixels are scaled by: to [-1, 1].
const SCALE: f32 = 1.0 / 127.5;
const SHIFT: f32 = -1.0;

/// How far a sum of f32 may lie from the oracle's: inputs and weights lie between -1 and 1.
const TOLERANCE: f64 = 1e-3;
/// The same for a mean.
const TOLERANCE_OF_MEAN: f64 = 1e-5;

impl Case {
    /// Draws the inputs and asks the oracle.
    #[must_use]
    pub fn prepare(&self) -> Prepared {
        match self.shape {
            Shape::Pointwise { height, width, inputs, outputs } => {
                let (image, weights) = (values(height * width * inputs), values(inputs * outputs));
                let bias = values(outputs);
                let (from, to) =
                    (Layout::compact(inputs, height, width), Layout::compact(outputs, height, width));
                let expected = clamped(oracle::pointwise(&image, &weights, &bias));
                let weights = PackedPointwise::pack(&weights, &bias, inputs, outputs);
                let job = Job::Pointwise { input: blocked(from, &image), from, to, weights };
                Prepared::new(job, to.len(), Some(to), expected)
            }
            Shape::Depthwise { geometry, channels } => {
                let (height, width) = geometry.input();
                let (image, weights) = (values(height * width * channels), values(9 * channels));
                let bias = values(channels);
                let from = Layout::new(channels, height, width, geometry.pads());
                let to = Layout::compact(channels, geometry.output().0, geometry.output().1);
                let expected = clamped(oracle::depthwise(&geometry, &image, &weights, &bias));
                let weights = PackedDepthwise::pack(&weights, &bias, channels);
                let job = Job::Depthwise { input: blocked(from, &image), from, geometry, weights };
                Prepared::new(job, to.len(), Some(to), expected)
            }
            Shape::Stem { geometry, outputs } => {
                let (height, width) = geometry.input();
                let (image, weights) = (values(height * width * 3), values(27 * outputs));
                let bias = values(outputs);
                let to = Layout::compact(outputs, geometry.output().0, geometry.output().1);
                let expected = clamped(oracle::conv3x3(&geometry, &image, &weights, &bias));
                let weights = PackedStem::pack(&weights, &bias, outputs);
                let mut scaled = Buffer::zeros(scaled_len(&geometry));
                let (threads, as_they_are) = (Threads::serial(), ([1.0; 3], [0.0; 3]));
                scale_pixels(&threads, Isa::best(), &geometry, &image, as_they_are, &mut scaled);
                let job = Job::Stem { scaled, geometry, to, weights };
                Prepared::new(job, to.len(), Some(to), expected)
            }
            Shape::Scale { geometry } => {
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
                Prepared::new(Job::Scale { image, geometry }, len, None, expected)
            }
            Shape::Pool { pixels, channels } => {
                let image = values(pixels * channels);
                let from = Layout::compact(channels, pixels, 1);
                let expected = oracle::pool(&image, channels);
                let job = Job::Pool { input: blocked(from, &image), from };
                let prepared = Prepared::new(job, channels, None, expected);
                Prepared { tolerance: TOLERANCE_OF_MEAN, ..prepared }
            }
            Shape::Dense { inputs, outputs } => {
                let (input, weights, bias) = (values(inputs), values(inputs * outputs), values(outputs));
                let expected = oracle::pointwise(&input, &weights, &bias);
                let weights = PackedDense::pack(&weights, &bias, inputs, outputs);
                Prepared::new(Job::Dense { input, weights }, outputs, None, expected)
            }
            Shape::Resize { to } => {
                let photo = pixels(PHOTO.height * PHOTO.width * 3);
                let expected = resized(&photo, PHOTO, to);
                let job = Job::Resize { photo, to, scratch: ResizeScratch::default() };
                Prepared::new(job, to.height * to.width * 3, None, expected)
            }
        }
    }
}

impl Prepared {
    fn new(job: Job, len: usize, blocks: Option<Layout>, expected: Vec<f64>) -> Self {
        Self { job, output: Buffer::zeros(len), blocks, expected, tolerance: TOLERANCE }
    }

    /// Runs the operation on one instruction set.
    pub fn run(&mut self, isa: Isa) {
        let (serial, output) = (Threads::serial(), &mut self.output);
        match &mut self.job {
            Job::Pointwise { input, from, to, weights } => {
                let input = Blocked::new(*from, black_box(&input[..]));
                let mut view = BlockedMut::new(*to, output);
                pointwise(&serial, isa, input, weights, 0..weights.panels(), Epilogue::Relu6, &mut view);
            }
            Job::Depthwise { input, from, geometry, weights } => {
                let input = Blocked::new(*from, black_box(&input[..]));
                depthwise(isa, geometry, input, weights, 0..weights.blocks(), true, output);
            }
            Job::Scale { image, geometry } => {
                let factors = ([SCALE; 3], [SHIFT; 3]);
                scale_pixels(&serial, isa, geometry, black_box(&image[..]), factors, output);
            }
            Job::Stem { scaled, geometry, to, weights } => {
                let scaled = black_box(&scaled[..]);
                stem(&serial, isa, geometry, scaled, weights, true, &mut BlockedMut::new(*to, output));
            }
            Job::Pool { input, from } => pool(isa, Blocked::new(*from, black_box(&input[..])), output),
            Job::Dense { input, weights } => dense(isa, black_box(&input[..]), weights, output),
            Job::Resize { photo, to, scratch } => {
                resize_bilinear_rgb(isa, black_box(&photo[..]), PHOTO, output, *to, scratch);
            }
        }
    }

    /// Runs it into memory that holds no answer yet and holds the result against the oracle's: a wrong kernel has no
    /// speed.
    ///
    /// # Panics
    /// Where they differ.
    pub fn check(&mut self, name: &str, isa: Isa) {
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

/// Half-pixel centres, the nearest two lines each way; positions in f32, as TensorFlow takes them, values in f64.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_registry_has_a_case() {
        let cases = cases(&[160, 224]).unwrap();
        let named: Vec<String> = Isa::available()
            .into_iter()
            .flat_map(|isa| cases.iter().filter_map(move |case| row_names(case.operation, isa)))
            .collect();
        let rows = kernels()
            .into_iter()
            .filter(|row| Isa::available().iter().any(|isa| row.name.ends_with(&format!("_{isa}"))));
        let mut count = 0;
        for row in rows {
            let tile = row.name.rsplit('_').nth(1).unwrap();
            let kind = row.name.split('_').next().unwrap();
            let isa = row.name.rsplit('_').next().unwrap();
            let holds = |name: &String| {
                name.starts_with(kind)
                    && name.ends_with(isa)
                    && name.split(['_', '+']).any(|part| part == tile)
            };
            assert!(named.iter().any(holds), "{}", row.name);
            count += 1;
        }
        assert!(count >= 7, "{count} rows");
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
