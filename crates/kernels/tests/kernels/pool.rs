//! Global average pooling: channels around a block, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Blocked, Layout, Task, oracle, pool};

use crate::arrays::{Expected, SEED, Values, absolute, around, blocked, check_guards, draw, guarded};
use crate::drawn::each;
use crate::geometries::geometries;
use crate::subject::{Subject, finish};

fn pool_agrees(subjects: &[Subject], stream: &mut Stream, pixels: usize, channels: usize) {
    let image = draw(stream, Values::Reals, pixels * channels);
    let layout = Layout::compact(channels, pixels, 1);
    let data = blocked(layout, &image);
    let (exact, magnitude) = (oracle::pool(&image, channels), oracle::pool(&absolute(&image), channels));
    for subject in subjects {
        subject.case(Task::Pool, &format!("{pixels} pixels, {channels} channels"), |isa, case| {
            let mut output = guarded(channels);
            pool(isa, Blocked::new(layout, &data), &mut output[..channels]);
            check_guards(&output, case);
            let expected = Expected { exact: &exact, magnitude: &magnitude, terms: pixels };
            expected.compare(&output[..channels], Values::Reals, case);
        });
    }
}

/// Forces rows through channels around a block, and through the net's.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 4, 1);
    for (pixels, channels) in
        [1, 2, 7].into_iter().flat_map(|pixels| around(16).into_iter().map(move |c| (pixels, c)))
    {
        pool_agrees(rows, &mut stream, pixels, channels);
    }
    each(rows, 31, |draw, row| {
        let (pixels, channels) = (draw.size(100), draw.size(100));
        pool_agrees(std::slice::from_ref(row), draw.0, pixels, channels);
    });
    for (pixels, channels) in geometries().pool {
        pool_agrees(rows, &mut stream, pixels, channels);
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 4, 0);
    for (pixels, channels) in [(1, 1), (25, 40), (49, 1280), (7, 16), (4, 33)] {
        pool_agrees(&choices, &mut stream, pixels, channels);
    }
    finish(&choices, 5);
}
