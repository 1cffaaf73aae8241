//! The gradient of global average pooling: channels around a block, values at ReLU6's kinks, bands, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Blocked, Layout, Task, oracle, pool_gradient};

use crate::arrays::{
    Expected, SEED, Values, absolute, around, at_the_kinks, bits, blocked, check_guards, draw, guarded, hwc,
};
use crate::drawn::each;
use crate::geometries::geometries;
use crate::subject::{Subject, finish};

fn agrees(subjects: &[Subject], stream: &mut Stream, pixels: usize, channels: usize) {
    let (d_pooled, image) = (draw(stream, Values::Reals, channels), at_the_kinks(stream, pixels * channels));
    let layout = Layout::compact(channels, pixels, 1);
    let data = blocked(layout, &image);
    let exact = oracle::pool_gradient(&d_pooled, &image);
    let magnitude = oracle::pool_gradient(&absolute(&d_pooled), &vec![1.0; image.len()]);
    for subject in subjects {
        subject.case(Task::PoolGradient, &format!("{pixels} pixels, {channels} channels"), |isa, case| {
            let mut output = guarded(layout.len());
            pool_gradient(isa, &d_pooled, Blocked::new(layout, &data), &mut output[..layout.len()]);
            check_guards(&output, case);
            let expected = Expected { exact: &exact, magnitude: &magnitude, terms: 1 };
            expected.compare(&hwc(layout, &output), Values::Reals, case);
            let kept = exact.iter().zip(&magnitude).filter(|(exact, most)| exact.abs() == **most).count();
            let written = hwc(layout, &output).iter().filter(|value| **value != 0.0).count();
            assert_eq!(written, kept, "{case}: gradients that are not zero");
        });
    }
}

/// Forces rows through channels around a block, and through the net's.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 9, 1);
    for (pixels, channels) in
        [1, 2, 7].into_iter().flat_map(|pixels| around(16).into_iter().map(move |c| (pixels, c)))
    {
        agrees(rows, &mut stream, pixels, channels);
    }
    each(rows, 32, |draw, row| {
        let (pixels, channels) = (draw.size(100), draw.size(100));
        agrees(std::slice::from_ref(row), draw.0, pixels, channels);
    });
    for (pixels, channels) in geometries().pool {
        agrees(rows, &mut stream, pixels, channels);
    }
}

#[test]
fn a_photo_among_others_has_the_bits_that_it_has_alone() {
    let mut stream = Stream::new(SEED, Purpose::Test, 9, 2);
    for choice in Subject::choices() {
        for (photos, rows, width, channels) in [(3, 2, 5, 40), (2, 5, 5, 16), (4, 1, 3, 24)] {
            let tall = Layout::compact(channels, photos * rows, width);
            let alone = Layout::compact(channels, rows, width);
            let pixels = rows * width * channels;
            let image = at_the_kinks(&mut stream, photos * pixels);
            let data = blocked(tall, &image);
            let d_pooled = draw(&mut stream, Values::Reals, channels);
            choice.case(
                Task::PoolGradient,
                &format!("{photos} photos of {channels} channels"),
                |isa, case| {
                    let mut output = guarded(tall.len());
                    for photo in 0..photos {
                        let (band, offset) = tall.band(photo * rows..(photo + 1) * rows);
                        let features = Blocked::new(band, &data[offset..]);
                        pool_gradient(isa, &d_pooled, features, &mut output[offset..][..band.len()]);
                    }
                    check_guards(&output, case);
                    let together = hwc(tall, &output);
                    for photo in 0..photos {
                        let own = blocked(alone, &image[photo * pixels..][..pixels]);
                        let mut apart = vec![f32::NAN; alone.len()];
                        pool_gradient(isa, &d_pooled, Blocked::new(alone, &own), &mut apart);
                        let expected = &together[photo * pixels..][..pixels];
                        assert_eq!(bits(&hwc(alone, &apart)), bits(expected), "{case}: photo {photo}");
                    }
                },
            );
        }
        finish(&[choice], 3);
    }
}
