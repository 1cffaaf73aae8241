//! Convolutions with a window: depthwise ones and the first, with any zeros around the image.

use icecap_kernels::int8::{
    IntegerDepthwise, IntegerStem, PackedIntegerDepthwise, PackedIntegerStem, Quads, depthwise_integers,
    eighths_len, pad_image, padded_image_len, stem_eighths, stem_integers,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{BLOCK, ConvGeometry, Pads, Task, Threads, integer_oracle};

use super::draw::{GUARD, Grouped, clamped, eighth_at, quads_of};
use crate::arrays::SEED;
use crate::drawn::{Draw, each};
use crate::subject::Subject;

pub(crate) fn check_depthwise(rows: &[Subject], stride: usize) {
    each(rows, 12, |draw, subject| {
        let geometry = draw.geometry(stride, (12, 40));
        let ((height, width), channels) = (geometry.input(), draw.size(70));
        let image = draw.bytes(height * width * channels);
        let (weights, bias) = (draw.weights(9 * channels), draw.biases(channels));
        let rescale = draw.rescales(channels);
        let packed = PackedIntegerDepthwise::pack(&weights, &bias, &rescale);
        let sums = integer_oracle::depthwise(&geometry, &image, &weights, &bias);
        let expected = clamped(&sums, &rescale);
        let first_pixel = draw.below(9);
        let words = format!("{geometry:?} {channels} channels from pixel {first_pixel}");
        subject.case(Task::IntegerDepthwise(geometry), &words, |isa, case| {
            let pixels = geometry.output().0 * geometry.output().1;
            let grouped = Grouped::new(isa, packed.blocks(), first_pixel + pixels);
            let mut output = vec![GUARD; grouped.len()];
            let step = IntegerDepthwise {
                geometry: &geometry,
                weights: &packed,
                blocks: 0..packed.blocks(),
                first_pixel,
            };
            depthwise_integers(isa, &step, &quads_of(&geometry, channels, &image), &mut output);
            for (at, &value) in expected.iter().enumerate() {
                let (pixel, c) = (at / channels, at % channels);
                let place = grouped.at(c / BLOCK, first_pixel + pixel, c % BLOCK);
                assert_eq!(output[place], value, "{case}: pixel {pixel}, channel {c}");
            }
            grouped.check_outside(&output, first_pixel..first_pixel + pixels, case);
        });
    });
}

pub(crate) fn check_stem(rows: &[Subject]) {
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    each(rows, 15, |draw, subject| {
        let geometry = loop {
            let geometry = draw.geometry(2, (14, 60));
            // No window lies over two borders of one axis, as in images that a net can run.
            if geometry.input().0 > 3 && geometry.input().1 > 3 {
                break geometry;
            }
        };
        let next = loop {
            let pads =
                Pads { top: draw.below(2), bottom: draw.below(2), left: draw.below(2), right: draw.below(2) };
            let (height, width) = geometry.output();
            if let Ok(next) = ConvGeometry::new(height, width, 1, pads) {
                break next;
            } else if height + 2 < 3 || width + 2 < 3 {
                panic!("no depthwise convolution reads {height}x{width}");
            }
        };
        let ((height, width), outputs) = (geometry.input(), draw.size(70));
        let image = draw.bytes(height * width * 3);
        let (weights, bias) = (draw.weights(27 * outputs), draw.biases(9 * outputs));
        let rescale = draw.rescales(outputs);
        let packed = PackedIntegerStem::pack(&weights, &bias, &rescale);
        let sums = integer_oracle::conv3x3(&geometry, &image, &weights, &bias);
        let expected = clamped(&sums, &rescale);
        let threads = &threads[draw.below(2)];
        let words = format!("{geometry:?} to {outputs} channels, then {next:?}, {} threads", threads.count());
        subject.case(Task::IntegerStem(packed.blocks() * BLOCK), &words, |isa, case| {
            let quads = Quads::new(&next);
            let mut padded = vec![GUARD; padded_image_len(&geometry)];
            pad_image(&geometry, |row, to| to.copy_from_slice(&image[row]), &mut padded);
            let mut output = vec![GUARD; packed.blocks() * quads.block_len()];
            let step = IntegerStem {
                geometry: &geometry,
                weights: &packed,
                rows: 0..geometry.output().0,
                quads: &quads,
                at: 0,
            };
            stem_integers(threads, isa, &step, &padded, &mut output);
            quads.clear_around(&mut output);
            let lanes = |value: &mut Vec<u8>| {
                for (lane, byte) in value.iter_mut().enumerate() {
                    let channel = lane / quads.block_len() * BLOCK + lane % 64 / 4;
                    // Lanes that no channel has are never read.
                    *byte = if channel < outputs { *byte } else { 0 };
                }
            };
            lanes(&mut output);
            assert!(output == quads_of(&next, outputs, &expected), "{case}");
        });
    });
}

#[test]
fn what_a_first_block_adds_is_what_the_first_convolution_gave() {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 17);
    for _ in 0..50 {
        let mut draw = Draw(&mut stream);
        let geometry = draw.geometry(1, (9, 20));
        let ((height, width), channels) = (geometry.input(), draw.size(40));
        let image = draw.bytes(height * width * channels);
        let shift = draw.below(4) as u32;
        let block = eighths_len(height * width);
        let mut eighths = vec![GUARD; channels.div_ceil(BLOCK) * block];
        stem_eighths(&Quads::new(&geometry), shift, &quads_of(&geometry, channels, &image), &mut eighths);
        for (at, &byte) in image.iter().enumerate() {
            let place = eighth_at(block, at / channels, at % channels);
            let got = i16::from_ne_bytes([eighths[place], eighths[place + 1]]);
            assert_eq!(got, (i16::from(byte) * 8) >> shift);
        }
    }
}
