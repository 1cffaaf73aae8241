//! Expansions: any rows and blocks of an image, zeros in the quads beside it.

use icecap_kernels::int8::{IntegerExpand, IntegerWeights, PackedIntegers, Quads, expand_integers};
use icecap_kernels::{BLOCK, Task};

use super::draw::{GUARD, Place, Read, clamped, quad_at};
use crate::drawn::each;
use crate::subject::Subject;

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
            let step = IntegerExpand {
                weights: &packed,
                blocks: blocks.clone(),
                rows: taken.clone(),
                quads: &quads,
                at: taken.start,
            };
            expand_integers(isa, &step, &read.groups(isa), &mut output);
            quads.clear_around(&mut output);
            let pads = geometry.pads();
            for (row, column, c) in
                cells(taken.clone(), width, first * BLOCK..outputs.min(blocks.end * BLOCK))
            {
                let at = quad_at(&quads, pads, Place { row, column, channel: c - first * BLOCK });
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
