//! Bilinear resampling against the formula in f64, and the same bits on every instruction set.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, ResizeScratch, RgbView, Size, Task, resize_bilinear_rgb};
use proptest::prelude::*;

use crate::arrays::{around, bits};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::geometries;
use crate::subject::{Subject, finish};

/// The largest difference that the order of the two roundings makes.
const BOUND: f64 = 1e-4;

fn draw(from: Size, to: Size) -> Vec<u8> {
    let mut stream = Stream::new(from.width as u64, Purpose::Test, from.height as u32, to.width as u32);
    (0..from.height * from.width * 3).map(|_| stream.next_u32() as u8).collect()
}

fn resized(isa: Isa, image: RgbView<'_>, to: Size, scratch: &mut ResizeScratch) -> Vec<f32> {
    let mut out = vec![f32::NAN; to.height * to.width * 3];
    resize_bilinear_rgb(isa, image, to, &mut out, scratch);
    out
}

/// The largest difference from the formula. `f64::max` would drop a NaN, as of a value that was never written.
fn worst(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let off = got.iter().zip(expected).map(|(&got, want)| (f64::from(got) - want).abs());
    off.fold(0.0, |worst: f64, off| if off > worst || off.is_nan() { off } else { worst })
}

/// `scratch` may be left from images of other sizes, which must make no difference.
fn resize_agrees(subjects: &[Subject], from: Size, to: Size, scratch: &mut ResizeScratch) {
    let pixels = draw(from, to);
    let expected = oracle(&pixels, from, to);
    // Multiplication and addition stay apart, so every instruction set has the same bits.
    let fenced = Fenced::new(&pixels);
    let image = RgbView { pixels: &fenced, size: from };
    let portable = resized(Isa::named("portable").unwrap(), image, to, &mut ResizeScratch::default());
    for subject in subjects {
        subject.case(Task::Resize, &format!("{from:?} -> {to:?}"), |isa, case| {
            let out = resized(isa, image, to, scratch);
            let worst = worst(&out, &expected);
            assert!(worst < BOUND, "{case}: off by {worst}");
            let differs = bits(&out).iter().zip(bits(&portable)).position(|(got, want)| *got != want);
            assert_eq!(differs, None, "{case}: a value differs from the portable form's");
        });
    }
}

/// Forces rows through widths around the vectors of any instruction set, and through the net's inputs.
pub(crate) fn check(rows: &[Subject]) {
    let size = |height, width| Size { height, width };
    let mut scratch = ResizeScratch::default();
    for (from, to) in around(16).into_iter().flat_map(|from| around(16).into_iter().map(move |to| (from, to)))
    {
        resize_agrees(rows, size(3, from), size(5, to), &mut scratch);
    }
    each(rows, 34, |draw, row| {
        let (from, to) = (draw.image(90), draw.image(90));
        resize_agrees(std::slice::from_ref(row), from, to, &mut ResizeScratch::default());
    });
    for (side, _) in geometries().stem {
        for from in [size(375, 500), size(90, 61)] {
            resize_agrees(rows, from, size(side, side), &mut scratch);
        }
    }
}

/// The formula, pixel by pixel in f64. Positions are taken in f32, because TensorFlow does: where a position
/// falls on a whole number, f64 may choose another pair of pixels.
fn oracle(pixels: &[u8], from: Size, to: Size) -> Vec<f64> {
    let tap = |at: usize, from: usize, to: usize| {
        let position = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
        let floor = position.floor();
        let low = floor.max(0.0) as usize;
        let high = (position.ceil().max(0.0) as usize).min(from - 1);
        (low.min(from - 1), high, f64::from(position - floor))
    };
    let mut out = Vec::new();
    for y in 0..to.height {
        let (y0, y1, ty) = tap(y, from.height, to.height);
        for x in 0..to.width {
            let (x0, x1, tx) = tap(x, from.width, to.width);
            for c in 0..3 {
                let at = |y: usize, x: usize| f64::from(pixels[(y * from.width + x) * 3 + c]);
                let top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * tx;
                let bottom = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * tx;
                out.push(top + (bottom - top) * ty);
            }
        }
    }
    out
}

#[test]
fn agrees_with_the_formula_on_the_sizes_that_go_wrong() {
    let choices = Subject::choices();
    let mut scratch = ResizeScratch::default();
    let sides = [1, 2, 3, 7, 16, 33, 160, 251];
    for &height in &sides {
        for &width in &sides {
            let small = Size { height: 5, width: 9 };
            let size = Size { height, width };
            for (from, to) in [(size, small), (small, size), (size, size)] {
                resize_agrees(&choices, from, to, &mut scratch);
            }
        }
    }
    finish(&choices, 192);
}

proptest! {
    #[test]
    fn agrees_with_the_formula_on_any_sizes(h in 1usize..90, w in 1usize..90, oh in 1usize..90, ow in 1usize..90) {
        let (from, to) = (Size { height: h, width: w }, Size { height: oh, width: ow });
        let choices = Subject::choices();
        resize_agrees(&choices, from, to, &mut ResizeScratch::default());
        finish(&choices, 1);
    }
}

#[test]
#[should_panic(expected = "pixels of")]
fn refuses_pixels_that_are_not_of_the_size_stated() {
    let size = Size { height: 2, width: 2 };
    let mut out = [0.0; 12];
    let image = RgbView { pixels: &[0; 11], size };
    resize_bilinear_rgb(Isa::best(), image, size, &mut out, &mut ResizeScratch::default());
}
