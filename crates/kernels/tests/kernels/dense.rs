//! Dense layers: shapes around the chains and panels, and the net's tops.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{PackedDense, Task, dense, oracle};

use crate::arrays::{Expected, SEED, Values, absolute, around, bits, check_guards, draw, guarded};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::geometries;
use crate::subject::{Subject, finish};

fn dense_agrees(subjects: &[Subject], stream: &mut Stream, batch: usize, k: usize, n: usize) {
    for values in [Values::Integers, Values::Reals] {
        let input = draw(stream, values, batch * k);
        let (weights, bias) = (draw(stream, values, k * n), draw(stream, values, n));
        let input = Fenced::new(&input);
        let packed = PackedDense::pack(&weights, &bias, k, n);
        let exact = oracle::pointwise(&input, &weights, &bias);
        let magnitude = oracle::pointwise(&absolute(&input), &absolute(&weights), &absolute(&bias));
        for subject in subjects {
            subject.case(Task::Dense, &format!("{batch} rows, {k}->{n} {values:?}"), |isa, case| {
                let mut output = guarded(batch * n);
                dense(isa, &input, &packed, &mut output[..batch * n]);
                check_guards(&output, case);
                let expected = Expected { exact: &exact, magnitude: &magnitude, terms: k + 1 };
                expected.compare(&output[..batch * n], values, case);
                // A row's logits do not depend on the batch that it is in.
                for row in 0..batch {
                    let mut alone = vec![f32::NAN; n];
                    dense(isa, &input[row * k..][..k], &packed, &mut alone);
                    assert_eq!(bits(&alone), bits(&output[row * n..][..n]), "{case}: row {row}");
                }
            });
        }
    }
}

/// Forces rows through inputs around their four chains, outputs around a panel, and the net's tops.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 4, 3);
    for (k, n) in around(4).into_iter().flat_map(|k| around(16).into_iter().map(move |n| (k, n))) {
        // Some rows together, and some that are left.
        dense_agrees(rows, &mut stream, 8, k, n);
    }
    each(rows, 30, |draw, row| {
        let (batch, k, n) = (draw.size(16), draw.size(300), draw.size(60));
        dense_agrees(std::slice::from_ref(row), draw.0, batch, k, n);
    });
    for (_, channels) in geometries().pool {
        dense_agrees(rows, &mut stream, 1, channels, 1);
        dense_agrees(rows, &mut stream, 1, channels, 1000);
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 4, 2);
    for (batch, k, n) in
        [(1, 1, 1), (3, 7, 1), (5, 1280, 1), (2, 1280, 1000), (4, 33, 17), (1, 16, 16), (13, 65, 100)]
    {
        dense_agrees(&choices, &mut stream, batch, k, n);
    }
    finish(&choices, 14);
}
