//! A step of decoding a JPEG made ready to run on one channel, or all colors, of a photo: drawn inputs, room for the
//! output, and the oracle's answer.

use std::hint::black_box;

use icecap_kernels::jpeg::{Dct, Dequantize, double_both_ways, inverse_dct, ycc_to_rgb};
use icecap_kernels::{Isa, oracle};

use crate::drawn::pixels;
use crate::shape::{JpegShape, PHOTO};

/// Coefficients of a block.
const BLOCK: usize = 64;
/// Rows of a block, and samples in each.
const SIDE: usize = 8;
/// How far a rounded level may differ from the oracle's.
const TOLERANCE: f64 = 1.0;

/// A step that is ready to run, on one thread.
#[derive(Debug)]
pub(crate) struct JpegJob {
    job: Job,
    output: Vec<u8>,
    expected: Vec<f64>,
}

#[derive(Debug)]
enum Job {
    /// Rows of blocks.
    InverseDct {
        blocks: Vec<i16>,
        dequantize: Dequantize,
        stride: usize,
    },
    /// A channel of half the photo's sides.
    Triangle {
        samples: Vec<u8>,
        across: usize,
    },
    YccToRgb {
        planes: [Vec<u8>; 3],
    },
}

impl JpegJob {
    /// Draws the inputs of a step and computes the answer with the oracle.
    pub(crate) fn draw(shape: JpegShape) -> Self {
        match shape {
            JpegShape::InverseDct => Self::inverse_dct(),
            JpegShape::Triangle => Self::triangle(),
            JpegShape::YccToRgb => Self::ycc_to_rgb(),
        }
    }

    fn inverse_dct() -> Self {
        let (across, down) = (PHOTO.width.div_ceil(SIDE), PHOTO.height.div_ceil(SIDE));
        let stride = across * SIDE;
        let divisors = [3; BLOCK];
        // The further from the mean, the smaller: a tenth of them are not zero.
        let blocks: Vec<i16> = pixels(across * down * BLOCK)
            .iter()
            .enumerate()
            .map(|(at, &byte)| (i16::from(byte) - 128) / (at % BLOCK * 10 + 1) as i16)
            .collect();
        let mut expected = vec![0.0; stride * down * SIDE];
        for (index, block) in blocks.as_chunks::<BLOCK>().0.iter().enumerate() {
            let start = index / across * SIDE * stride + index % across * SIDE;
            for (place, sample) in oracle::inverse_dct(block, &divisors).into_iter().enumerate() {
                expected[start + place / SIDE * stride + place % SIDE] = sample;
            }
        }
        let dequantize = Dequantize::new(Dct::Accurate, &divisors);
        Self::new(Job::InverseDct { blocks, dequantize, stride }, expected)
    }

    fn triangle() -> Self {
        let (across, down) = (PHOTO.width / 2, PHOTO.height / 2);
        let samples = pixels(across * down);
        let rows = samples.chunks_exact(across).collect::<Vec<_>>();
        let expected =
            rows.windows(2).flat_map(|pair| oracle::triangle(pair[0], pair[1])).collect::<Vec<_>>();
        Self::new(Job::Triangle { samples, across }, expected)
    }

    fn ycc_to_rgb() -> Self {
        let count = PHOTO.height * PHOTO.width;
        let drawn = pixels(count * 3);
        let planes = [0, 1, 2].map(|plane| drawn[plane * count..][..count].to_vec());
        let [y, cb, cr] = &planes;
        let expected = (0..count).flat_map(|at| oracle::ycc_to_rgb(y[at], cb[at], cr[at])).collect();
        Self::new(Job::YccToRgb { planes }, expected)
    }

    fn new(job: Job, expected: Vec<f64>) -> Self {
        Self { job, output: vec![0; expected.len()], expected }
    }

    /// Runs the step once over the photo, with the kernels that `isa` selects.
    pub(crate) fn run(&mut self, isa: Isa) {
        let output = &mut self.output;
        match &self.job {
            Job::InverseDct { blocks, dequantize, stride } => {
                let rows = black_box(blocks).chunks_exact(stride * SIDE);
                for (blocks, out) in rows.zip(output.chunks_exact_mut(stride * SIDE)) {
                    inverse_dct(isa, dequantize, blocks, out, *stride);
                }
            }
            Job::Triangle { samples, across } => {
                let below = samples[*across..].chunks_exact(*across);
                let rows = black_box(samples).chunks_exact(*across).zip(below);
                for ((own, near), out) in rows.zip(output.chunks_exact_mut(across * 2)) {
                    double_both_ways(isa, own, near, out);
                }
            }
            Job::YccToRgb { planes: [y, cb, cr] } => ycc_to_rgb(isa, [black_box(y), cb, cr], output),
        }
    }

    /// Runs the step and compares the result with the oracle's answer.
    ///
    /// # Panics
    /// If a level differs by more than rounding explains.
    pub(crate) fn check(&mut self, name: &str, isa: Isa) {
        self.output.fill(0x55);
        self.run(isa);
        for (&got, expected) in self.output.iter().zip(&self.expected) {
            assert!((f64::from(got) - expected).abs() < TOLERANCE, "{name} is wrong: {got} for {expected}");
        }
    }
}
