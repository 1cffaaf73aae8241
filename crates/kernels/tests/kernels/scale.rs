//! Pixels scaled, from bytes and from f32, to the bit.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{ConvGeometry, Scale, Task, scale_pixels, scaled_len};

use crate::arrays::{GUARDS, SEED, around, bits, check_guards, guarded, pads, threads};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::{geometries, square};
use crate::subject::{Subject, finish};

/// The scaled image by the formula, product and sum rounded one after the other.
fn expected(step: &Scale<'_>, pixels: &[u8]) -> Vec<f32> {
    let ((height, width), pads) = (step.geometry.input(), step.geometry.pads());
    let row = (pads.left + width + pads.right) * 3;
    let mut scaled = vec![0.0; scaled_len(step.geometry)];
    for (index, &pixel) in pixels.iter().enumerate() {
        let (y, x, c) = (index / (width * 3), index / 3 % width, index % 3);
        let value = f32::from(pixel) * step.scale[c] + step.shift[c];
        scaled[(pads.top + y) * row + (pads.left + x) * 3 + c] = value;
    }
    assert_eq!(scaled.len(), (pads.top + height + pads.bottom) * row);
    scaled
}

/// Both doors, for bytes and for f32, on one and on three threads.
fn scale_agrees(subject: &Subject, stream: &mut Stream, geometry: &ConvGeometry) {
    let (height, width) = geometry.input();
    let pixels: Vec<u8> = (0..height * width * 3).map(|_| stream.below(256) as u8).collect();
    let floats: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    let step = Scale { geometry, scale: [0.017, 1.0 / 127.5, 2.0], shift: [-1.0, 3.3, -0.001] };
    let expected = bits(&expected(&step, &pixels));
    let (pixels, floats) = (Fenced::new(&pixels), Fenced::new(&floats));
    for threads in threads() {
        let words = format!("{height}x{width} {:?} {threads:?}", geometry.pads());
        subject.case(Task::Scale, &words, |isa, case| {
            let mut outputs = [guarded(expected.len()), guarded(expected.len())];
            let len = outputs[0].len() - GUARDS;
            scale_pixels(threads, isa, &step, &pixels, &mut outputs[0][..len]);
            scale_pixels(threads, isa, &step, &floats, &mut outputs[1][..len]);
            for (output, door) in outputs.iter().zip(["u8", "f32"]) {
                check_guards(output, case);
                let wrong = bits(&output[..len]).iter().zip(&expected).position(|(got, want)| got != want);
                assert_eq!(wrong, None, "{case}: a value of the door for {door}");
            }
        });
    }
}

/// Forces rows through drawn images, through widths around their run of sixteen pixels, and through the net's images.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 3, 1);
    each(rows, 33, |draw, row| {
        let geometry = draw.geometry(2, (20, 80));
        scale_agrees(row, draw.0, &geometry);
    });
    for row in rows {
        for width in around(16) {
            for pad in [pads(0, 1, 0, 1), pads(1, 1, 1, 1), pads(2, 1, 0, 3)] {
                if let Ok(geometry) = ConvGeometry::new(3, width, 2, pad) {
                    scale_agrees(row, &mut stream, &geometry);
                }
            }
        }
        for (side, _) in geometries().stem {
            scale_agrees(row, &mut stream, &square(side, 2));
        }
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_formula() {
    let choices = Subject::choices();
    for choice in &choices {
        let mut stream = Stream::new(SEED, Purpose::Test, 3, 0);
        for (height, width) in [(2, 2), (3, 5), (8, 9), (33, 32), (7, 61)] {
            for pad in [pads(0, 1, 0, 1), pads(1, 1, 1, 1), pads(2, 1, 0, 3)] {
                scale_agrees(choice, &mut stream, &ConvGeometry::new(height, width, 2, pad).unwrap());
            }
        }
    }
    finish(&choices, 30);
}
