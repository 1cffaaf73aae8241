//! Loops over tile registers at every number of pixels and of bytes of a pixel that makes another configuration of the
//! registers: a part that does not fit is a panic of the tile machine, and an illegal instruction of a processor.

use icecap_kernels::int8::{
    IntegerExpand, IntegerProject, IntegerWeights, PackedIntegers, Projected, Quads, Reading, eighths_len,
    expand_integers, last_integers, project_integers,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{BLOCK, BlockedMut, ConvGeometry, Isa, Layout, Pads, Rescale, Threads};

use super::draw::{Grouped, Place, Read, clamped, quad_at, rescaled};
use crate::arrays::SEED;
use crate::drawn::Draw;

/// The instruction sets with tiles that run here; the tile machine does everywhere.
fn sets() -> Vec<Isa> {
    let own = Isa::available().into_iter().filter(|isa| isa.name() == "amx");
    own.chain([Isa::tile_machine()]).collect()
}

/// A convolution, and what goes through it.
struct Case {
    pixels: usize,
    outputs: usize,
    read: Read,
    weights: Vec<i8>,
    bias: Vec<i32>,
    rescale: Vec<Rescale>,
}

impl Case {
    fn draw(draw: &mut Draw<'_>, pixels: usize, channels: usize) -> Self {
        let outputs = [8, 16, 40, 80][draw.below(4)];
        Self {
            pixels,
            outputs,
            read: Read::draw(draw, pixels, channels),
            weights: draw.weights(channels * outputs),
            bias: draw.biases(outputs),
            rescale: draw.rescales(outputs),
        }
    }

    fn integers(&self) -> IntegerWeights<'_> {
        IntegerWeights { weights: &self.weights, bias: &self.bias, reading: self.read.reading }
    }

    fn expand(&self, isa: Isa, case: &str) {
        let packed = PackedIntegers::rescaled(self.integers(), &self.rescale);
        let expected = clamped(&self.read.sums(&self.weights, &self.bias), &self.rescale);
        // Rows of three pixels and a row of what is left, so that quads and tiles part everywhere.
        for width in [3, self.pixels].into_iter().filter(|width| self.pixels.is_multiple_of(*width)) {
            let pads = Pads { top: 1, bottom: 1, left: 1, right: 1 };
            let Ok(geometry) = ConvGeometry::new(self.pixels / width, width, 1, pads) else { continue };
            let quads = Quads::new(&geometry);
            let mut output = vec![0; packed.blocks() * quads.block_len()];
            let step = IntegerExpand {
                weights: &packed,
                blocks: 0..packed.blocks(),
                rows: 0..self.pixels / width,
                quads: &quads,
                at: 0,
            };
            expand_integers(isa, &step, &self.read.groups(isa), &mut output);
            for (at, &value) in expected.iter().enumerate() {
                let (pixel, channel) = (at / self.outputs, at % self.outputs);
                let place = Place { row: pixel / width, column: pixel % width, channel };
                assert_eq!(
                    output[quad_at(&quads, pads, place)],
                    value,
                    "{case}: pixel {pixel}, channel {channel}"
                );
            }
        }
    }

    fn project(&self, isa: Isa, case: &str) {
        let packed = PackedIntegers::rescaled(self.integers(), &self.rescale);
        let expected = rescaled(&self.read.sums(&self.weights, &self.bias), &self.rescale);
        let grouped = Grouped::new(isa, self.outputs.div_ceil(BLOCK), self.pixels);
        let (mut groups, mut eighths) =
            (vec![0; grouped.len()], vec![0; packed.blocks() * eighths_len(self.pixels)]);
        let step = IntegerProject {
            weights: &packed,
            pixels: (0, self.pixels),
            zero: 0,
            added: None,
            writes: Reading::Bytes,
        };
        let mut output = Projected { groups: &mut groups, eighths: Some(&mut eighths) };
        project_integers(&Threads::serial(), isa, &step, &self.read.groups(isa), &mut output);
        for (at, &value) in expected.iter().enumerate() {
            let (pixel, c) = (at / self.outputs, at % self.outputs);
            let byte = (value.saturating_add(4) >> 3).clamp(0, 255) as u8;
            assert_eq!(
                groups[grouped.at(c / BLOCK, pixel, c % BLOCK)],
                byte,
                "{case}: pixel {pixel}, channel {c}"
            );
        }
    }

    fn last(&self, isa: Isa, case: &str) {
        let packed = PackedIntegers::real(self.integers(), &vec![1e-4; self.outputs]);
        let layout = Layout::compact(self.outputs, 1, self.pixels);
        let mut output = vec![f32::NAN; layout.len()];
        let mut image = BlockedMut::new(layout, &mut output);
        last_integers(&Threads::serial(), isa, &packed, &self.read.groups(isa), &mut image);
        for (at, sum) in self.read.sums(&self.weights, &self.bias).into_iter().enumerate() {
            let (pixel, c) = (at / self.outputs, at % self.outputs);
            let got = output[(c / BLOCK * self.pixels + pixel) * BLOCK + c % BLOCK];
            assert_eq!(got.to_bits(), (sum as f32 * 1e-4).clamp(0.0, 6.0).to_bits(), "{case}: {pixel} {c}");
        }
    }
}

#[test]
fn every_configuration_of_tiles_is_one_that_a_processor_takes() {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 18);
    let sets = sets();
    println!("tiles of {sets:?}");
    // Up to 16 pixels are one tile, others some of 9 to 16; up to four pieces of 16 bytes are one group, others some.
    for pixels in 1..=66 {
        for pieces in 1..=13 {
            let case = Case::draw(&mut Draw(&mut stream), pixels, pieces * 8);
            for &isa in &sets {
                let words = format!("{isa}, {pixels} pixels, {pieces} times 8 to {} channels", case.outputs);
                case.expand(isa, &words);
                case.project(isa, &words);
                case.last(isa, &words);
            }
        }
    }
}
