//! Convolutions in integers: drawn shapes and values, the extremes among them, equal to the oracle in every bit.
//!
//! `ICECAP_KERNEL_CASES` says how many cases each kernel computes; without it, 300.

use icecap_kernels::int8::{
    IntegerDepthwise, IntegerExpand, IntegerProject, IntegerStem, IntegerWeights, PackedIntegerDepthwise,
    PackedIntegerStem, PackedIntegers, Projected, Quads, Reading, depthwise_integers, eighths_len,
    expand_integers, group_len, last_integers, pad_image, padded_image_len, project_integers, stem_eighths,
    stem_integers,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    BLOCK, Blocked, BlockedMut, ConvGeometry, Layout, Pads, Rescale, Task, Threads, integer_oracle,
};

use crate::arrays::SEED;
use crate::subject::Subject;

/// What is in bytes that nobody may read or write.
const GUARD: u8 = 0xA5;

fn cases() -> usize {
    std::env::var("ICECAP_KERNEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

/// Numbers for one case.
struct Draw<'a>(&'a mut Stream);

impl Draw<'_> {
    fn below(&mut self, end: usize) -> usize {
        self.0.below(end as u32) as usize
    }

    /// From 1 to `most`, small ones as often as large ones.
    fn size(&mut self, most: usize) -> usize {
        let top = [4, 16, 40, most][self.below(4)].min(most);
        1 + self.below(top)
    }

    fn chance(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Bytes: drawn, or all of them the smallest or the largest.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        match self.below(8) {
            0 => vec![255; len],
            1 => vec![0; len],
            _ => (0..len).map(|_| self.below(256) as u8).collect(),
        }
    }

    fn weights(&mut self, len: usize) -> Vec<i8> {
        match self.below(8) {
            0 => vec![127; len],
            1 => vec![-127; len],
            _ => (0..len).map(|_| self.below(255) as i32 - 127).map(|weight| weight as i8).collect(),
        }
    }

    /// Biases: small ones, and the largest that there are.
    fn biases(&mut self, len: usize) -> Vec<i32> {
        let most = [1 << 8, 1 << 20, 1 << 28][self.below(3)];
        (0..len)
            .map(|_| match self.below(8) {
                0 => most,
                1 => -most,
                _ => self.below(2 * most as usize) as i32 - most,
            })
            .collect()
    }

    fn rescales(&mut self, len: usize) -> Vec<Rescale> {
        let one = |draw: &mut Self| {
            let multiplier = [1 << 10, 1 << 13, 1 << 15][draw.below(3)];
            Rescale::new(draw.below(14) as u8, draw.below(multiplier) as i16)
        };
        (0..len).map(|_| one(self).unwrap()).collect()
    }

    fn eighths(&mut self, len: usize) -> Vec<i16> {
        match self.below(8) {
            0 => vec![i16::MAX; len],
            1 => vec![i16::MIN; len],
            2 => (0..len).map(|_| self.below(1 << 16) as u16 as i16).collect(),
            _ => (0..len).map(|_| self.below(2048) as i16).collect(),
        }
    }

    /// A depthwise convolution's sizes.
    fn geometry(&mut self, stride: usize, sides: (usize, usize)) -> ConvGeometry {
        loop {
            let pads =
                Pads { top: self.below(2), bottom: self.below(2), left: self.below(2), right: self.below(2) };
            let (height, width) = (self.size(sides.0), self.size(sides.1));
            if let Ok(geometry) = ConvGeometry::new(height, width, stride, pads) {
                return geometry;
            }
        }
    }
}

/// An image [pixels, channels] in groups; what is between the pixels and the groups' ends is a guard.
fn groups(channels: usize, image: &[u8]) -> Vec<u8> {
    let pixels = image.len() / channels;
    let group = group_len(pixels);
    let mut to = vec![GUARD; channels.div_ceil(BLOCK) * group];
    for (pixel, values) in image.chunks_exact(channels).enumerate() {
        for (c, &value) in values.iter().enumerate() {
            to[c / BLOCK * group + pixel * BLOCK + c % BLOCK] = value;
        }
    }
    to
}

/// Bytes of an image that a convolution reads: as groups, and as the oracle takes them, with the weights that they meet.
struct Read {
    reading: Reading,
    groups: Vec<u8>,
    planes: Vec<Vec<u8>>,
}

impl Read {
    fn draw(draw: &mut Draw<'_>, pixels: usize, channels: usize) -> Self {
        if draw.chance() {
            let image = draw.bytes(pixels * channels);
            return Self { reading: Reading::Bytes, groups: groups(channels, &image), planes: vec![image] };
        }
        let (upper, mut lower) = (draw.bytes(pixels * channels), draw.bytes(pixels * channels));
        lower.iter_mut().for_each(|value| *value %= 8);
        let group = group_len(pixels);
        let mut to = vec![GUARD; Reading::Fine.groups(channels) * group];
        for at in 0..pixels * channels {
            let (pixel, c) = (at / channels, at % channels);
            let place = c / 8 * group + pixel * BLOCK + c % 8;
            (to[place], to[place + 8]) = (upper[at], lower[at]);
        }
        Self { reading: Reading::Fine, groups: to, planes: vec![upper, lower] }
    }

    fn sums(&self, weights: &[i8], bias: &[i32]) -> Vec<i32> {
        let mut sums = integer_oracle::pointwise(&self.planes[0], weights, bias);
        if let Some(lower) = self.planes.get(1) {
            let eighth: Vec<i8> =
                weights.iter().map(|&weight| ((i32::from(weight) + 4) >> 3) as i8).collect();
            let rest = integer_oracle::pointwise(lower, &eighth, &vec![0; bias.len()]);
            sums.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += rest);
        }
        sums
    }
}

fn rescaled(sums: &[i32], rescale: &[Rescale]) -> Vec<i16> {
    sums.iter().zip(rescale.iter().cycle()).map(|(&sum, rescale)| rescale.apply(sum)).collect()
}

fn clamped(sums: &[i32], rescale: &[Rescale]) -> Vec<u8> {
    rescaled(sums, rescale).iter().map(|value| (*value).clamp(0, 255) as u8).collect()
}

/// The byte of a column, counted from the zeros on, of a row of the image and a channel.
fn quad_at(quads: &Quads, left: usize, (row, column, channel): (usize, usize, usize), top: usize) -> usize {
    let column = column + left;
    channel / BLOCK * quads.block_len()
        + (top + row) * quads.row_len()
        + column / 4 * 64
        + channel % BLOCK * 4
        + column % 4
}

/// An image [H, W, C] in quads, with zeros around it and in the lanes that no channel has.
fn quads_of(geometry: &ConvGeometry, channels: usize, image: &[u8]) -> Vec<u8> {
    let (quads, pads, width) = (Quads::new(geometry), geometry.pads(), geometry.input().1);
    let mut to = vec![0; channels.div_ceil(BLOCK) * quads.block_len()];
    for (at, &value) in image.iter().enumerate() {
        let (pixel, c) = (at / channels, at % channels);
        to[quad_at(&quads, pads.left, (pixel / width, pixel % width, c), pads.top)] = value;
    }
    to
}

/// What is computed, without the subject: each function draws a case and gives what it takes to check it.
pub(crate) fn check_expand(rows: &[Subject]) {
    each(rows, 11, |draw, subject| {
        let stride = 1 + draw.below(2);
        let geometry = draw.geometry(stride, (4, 40));
        let ((height, width), channels, outputs) = (geometry.input(), draw.size(200), draw.size(100));
        let read = Read::draw(draw, height * width, channels);
        let (weights, bias) = (draw.weights(channels * outputs), draw.biases(outputs));
        let rescale = draw.rescales(outputs);
        let integers = IntegerWeights { weights: &weights, bias: &bias, reading: read.reading };
        let packed = PackedIntegers::rescaled(integers, &rescale);
        let expected = clamped(&read.sums(&weights, &bias), &rescale);
        let first = draw.below(packed.blocks());
        let blocks = first..first + 1 + draw.below(packed.blocks() - first);
        let from = draw.below(height);
        let taken = from..from + 1 + draw.below(height - from);
        let quads = Quads::new(&geometry);
        let words =
            format!("{geometry:?} {channels}->{outputs} {:?} blocks {blocks:?} rows {taken:?}", read.reading);
        let task = Task::IntegerExpand(blocks.len() * BLOCK, width);
        subject.case(task, &words, |isa, case| {
            let mut output = vec![GUARD; blocks.len() * quads.block_len()];
            let step = IntegerExpand { weights: &packed, blocks: blocks.clone(), rows: taken.clone() };
            expand_integers(isa, &step, &read.groups, (&quads, taken.start), &mut output);
            quads.clear_around(&mut output);
            let pads = geometry.pads();
            for (row, column, c) in
                cells(taken.clone(), width, first * BLOCK..outputs.min(blocks.end * BLOCK))
            {
                let at = quad_at(&quads, pads.left, (row, column, c - first * BLOCK), pads.top);
                assert_eq!(
                    output[at],
                    expected[(row * width + column) * outputs + c],
                    "{case}: {row} {column} {c}"
                );
            }
            // What is read around the image is 0.
            for row in taken.clone() {
                let line = &output[(pads.top + row) * quads.row_len()..][..quads.row_len()];
                let outside = (0..quads.row_len() / 16)
                    .filter(|column| !(pads.left..pads.left + width).contains(column));
                for column in outside {
                    assert_eq!(line[column / 4 * 64 + column % 4], 0, "{case}: column {column} of row {row}");
                }
            }
        });
    });
}

fn cells(
    rows: std::ops::Range<usize>,
    width: usize,
    channels: std::ops::Range<usize>,
) -> impl Iterator<Item = (usize, usize, usize)> {
    rows.flat_map(move |row| {
        let channels = channels.clone();
        (0..width).flat_map(move |column| channels.clone().map(move |c| (row, column, c)))
    })
}

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
            let group = group_len(first_pixel + pixels);
            let mut output = vec![GUARD; packed.blocks() * group];
            let step = IntegerDepthwise {
                geometry: &geometry,
                weights: &packed,
                blocks: 0..packed.blocks(),
                first_pixel,
            };
            depthwise_integers(isa, &step, &quads_of(&geometry, channels, &image), &mut output);
            for (at, &value) in expected.iter().enumerate() {
                let (pixel, c) = (at / channels, at % channels);
                let place = c / BLOCK * group + (first_pixel + pixel) * BLOCK + c % BLOCK;
                assert_eq!(output[place], value, "{case}: pixel {pixel}, channel {c}");
            }
            for block in output.chunks_exact(group) {
                let after = (first_pixel + pixels) * BLOCK;
                let outside = block[..first_pixel * BLOCK].iter().chain(&block[after..]);
                assert!(outside.clone().all(|&byte| byte == GUARD), "{case}: wrote outside its pixels");
            }
        });
    });
}

/// Where an eighth of a pixel and a channel lies, in bytes.
fn eighth_at(block: usize, pixel: usize, channel: usize) -> usize {
    channel / BLOCK * block + pixel / 2 * 64 + (channel % BLOCK / 4 * 8 + pixel % 2 * 4 + channel % 4) * 2
}

fn packed_eighths(channels: usize, values: &[i16]) -> Vec<u8> {
    let block = eighths_len(values.len() / channels);
    let mut to = vec![GUARD; channels.div_ceil(BLOCK) * block];
    for (at, value) in values.iter().enumerate() {
        let place = eighth_at(block, at / channels, at % channels);
        to[place..place + 2].copy_from_slice(&value.to_ne_bytes());
    }
    to
}

pub(crate) fn check_project(rows: &[Subject]) {
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    each(rows, 13, |draw, subject| {
        let (pixels, channels, outputs) = (draw.size(90), draw.size(400), draw.size(100));
        let read = Read::draw(draw, pixels, channels);
        let (weights, bias) = (draw.weights(channels * outputs), draw.biases(outputs));
        let rescale = draw.rescales(outputs);
        let integers = IntegerWeights { weights: &weights, bias: &bias, reading: read.reading };
        let packed = PackedIntegers::rescaled(integers, &rescale);
        let zero = draw.below(256) as i16 * 8;
        let added = draw.chance().then(|| draw.eighths(pixels * outputs));
        let mut expected = rescaled(&read.sums(&weights, &bias), &rescale);
        expected.iter_mut().for_each(|value| *value = value.saturating_add(zero));
        if let Some(added) = &added {
            expected.iter_mut().zip(added).for_each(|(value, &added)| *value = value.saturating_add(added));
        }
        let writes = if draw.chance() { Reading::Fine } else { Reading::Bytes };
        let (keeps, threads) = (draw.chance(), &threads[draw.below(2)]);
        // In two calls, of which the second begins at a multiple of four.
        let middle = draw.below(pixels) / 4 * 4;
        let words = format!(
            "{pixels} pixels {channels}->{outputs} {:?} to {writes:?}, adds {}, keeps {keeps}, from {middle}, {} threads",
            read.reading,
            added.is_some(),
            threads.count()
        );
        let added = added.map(|added| packed_eighths(outputs, &added));
        subject.case(Task::IntegerProject(outputs), &words, |isa, case| {
            let (group, block) = (group_len(pixels), eighths_len(pixels));
            let mut output = vec![GUARD; writes.groups(outputs) * group];
            let mut eighths = vec![GUARD; packed.blocks() * block];
            for part in [(0, middle), (middle, pixels)].into_iter().filter(|part| part.0 < part.1) {
                let step =
                    IntegerProject { weights: &packed, pixels: part, zero, added: added.as_deref(), writes };
                let kept = keeps.then_some(&mut eighths[..]);
                let mut to = Projected { groups: &mut output, eighths: kept };
                project_integers(threads, isa, &step, &read.groups, &mut to);
            }
            for (at, &value) in expected.iter().enumerate() {
                let (pixel, c) = (at / outputs, at % outputs);
                let place = eighth_at(block, pixel, c);
                if keeps {
                    let got = i16::from_ne_bytes([eighths[place], eighths[place + 1]]);
                    assert_eq!(got, value, "{case}: eighths of pixel {pixel}, channel {c}");
                }
                let byte = |at: usize| output[at + pixel * BLOCK];
                if writes == Reading::Bytes {
                    let coarse = (value.saturating_add(4) >> 3).clamp(0, 255) as u8;
                    assert_eq!(
                        byte(c / BLOCK * group + c % BLOCK),
                        coarse,
                        "{case}: pixel {pixel}, channel {c}"
                    );
                } else {
                    let (all, at) = (value.clamp(0, 2047), c / 8 * group + c % 8);
                    let both = ((all >> 3) as u8, (all & 7) as u8);
                    assert_eq!((byte(at), byte(at + 8)), both, "{case}: pixel {pixel}, channel {c}");
                }
            }
            for group in output.chunks_exact(group) {
                assert!(
                    group[pixels * BLOCK..].iter().all(|&byte| byte == GUARD),
                    "{case}: wrote behind the pixels"
                );
            }
        });
    });
}

pub(crate) fn check_last(rows: &[Subject]) {
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    each(rows, 14, |draw, subject| {
        let (height, width, channels, outputs) = (draw.size(6), draw.size(9), draw.size(330), draw.size(100));
        let pixels = height * width;
        let read = Read::draw(draw, pixels, channels);
        let (weights, bias) = (draw.weights(channels * outputs), draw.biases(outputs));
        let factors: Vec<f32> = (0..outputs).map(|_| draw.0.range(0.0, 1e-4)).collect();
        let integers = IntegerWeights { weights: &weights, bias: &bias, reading: read.reading };
        let packed = PackedIntegers::real(integers, &factors);
        let real = |(&sum, factor): (&i32, &f32)| (sum as f32 * factor).clamp(0.0, 6.0);
        let expected: Vec<f32> =
            read.sums(&weights, &bias).iter().zip(factors.iter().cycle()).map(real).collect();
        let threads = &threads[draw.below(2)];
        let words =
            format!("{height}x{width} {channels}->{outputs} {:?}, {} threads", read.reading, threads.count());
        subject.case(Task::IntegerLast(outputs), &words, |isa, case| {
            let layout = Layout::compact(outputs, height, width);
            let mut output = vec![f32::NAN; layout.len()];
            last_integers(threads, isa, &packed, &read.groups, &mut BlockedMut::new(layout, &mut output));
            let mut plain = vec![f32::NAN; pixels * outputs];
            Blocked::new(layout, &output).write_hwc(&mut plain);
            let wrong =
                plain.iter().zip(&expected).position(|(got, expected)| got.to_bits() != expected.to_bits());
            assert_eq!(wrong, None, "{case}");
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
            let step = IntegerStem { geometry: &geometry, weights: &packed, rows: 0..geometry.output().0 };
            stem_integers(threads, isa, &step, &padded, (&quads, 0), &mut output);
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

/// Calls `check` for every subject with each of its cases.
fn each(rows: &[Subject], seed: u64, check: impl Fn(&mut Draw<'_>, &Subject)) {
    for (index, row) in rows.iter().enumerate() {
        // A kernel of many channels takes no part in cases of few.
        for case in 0..20 * cases() {
            if row.computed().is_none_or(|computed| computed >= cases()) {
                break;
            }
            let mut stream = Stream::new(SEED + seed, Purpose::Test, index as u32, case as u32);
            check(&mut Draw(&mut stream), row);
        }
    }
}

#[test]
fn a_rescaled_sum_is_the_nearest_value_but_for_one() {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 16);
    for _ in 0..100_000 {
        let mut draw = Draw(&mut stream);
        let rescale = draw.rescales(1)[0];
        let sum = draw.biases(1)[0];
        let got = f64::from(rescale.apply(sum.saturating_add(rescale.half())));
        let exact = f64::from(sum) * rescale.ratio();
        let most = 32767.0 * f64::from(rescale.multiplier()) / 32768.0;
        // The shift rounds, and the product rounds what the shift left.
        let bound = 0.51 + 0.5 * f64::from(rescale.multiplier()) / 32768.0;
        let kept = exact.clamp(-most - 1.0, most);
        assert!((got - kept).abs() <= bound + 1.0, "{rescale:?} of {sum}: {got}, not {exact}");
    }
    assert_eq!(Rescale::new(14, 0), None);
    assert_eq!(Rescale::new(0, -1), None);
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
