//! Every op and both losses against their formulas: values, gradients by f64 finite differences, the adjoint law,
//! and the contract of an op.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod oracle;

use icecap_autograd::gradcheck::{Report, gradcheck};
use icecap_autograd::{
    CrossEntropy, Dense, Dropout, Error, GlobalAveragePool, L2Penalty, Loss, Op, Recorded, Relu, Targets,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor, TensorMut, TensorRef};
use proptest::prelude::*;

/// f32 sums of at most 64 terms against f64: 64 roundings of 6e-8, and cancellation.
const TOLERANCE: f64 = 1e-5;

fn stream(seed: u64) -> Stream {
    Stream::new(seed, Purpose::Test, 1, 0)
}

fn labels(stream: &mut Stream, rows: usize, classes: usize) -> Vec<u32> {
    (0..rows).map(|_| stream.below(classes as u32)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pooling_is_the_mean(
        (n, h, w, c, seed) in (1..4_usize, 1..5_usize, 1..5_usize, 1..8_usize, any::<u64>())
    ) {
        let input = oracle::random(&mut stream(seed), &[n, h, w, c], 3.0);
        let reference = |x: &[Vec<f64>]| oracle::pool(&x[0], [n, h, w, c]);
        let report = gradcheck(&GlobalAveragePool, &[input], &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn dense_is_the_product_and_the_bias((n, k, c, seed) in (1..7_usize, 1..24_usize, 1..12_usize, any::<u64>())) {
        let mut draw = stream(seed);
        let inputs = [&[n, k][..], &[k, c], &[c]].map(|dims| oracle::random(&mut draw, dims, 2.0));
        let reference = |x: &[Vec<f64>]| oracle::dense(&x[0], &x[1], &x[2], n);
        let report = gradcheck(&Dense, &inputs, &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn dropout_multiplies_with_the_mask_of_each_sample(
        (n, k, rate, seed, epoch) in (1..5_usize, 1..40_usize, 0.0..0.95_f32, any::<u64>(), any::<u32>())
    ) {
        let mut draw = stream(seed);
        let input = oracle::random(&mut draw, &[n, k], 2.0);
        let samples: Vec<u32> = (0..n).map(|_| draw.next_u32()).collect();
        let reference = |x: &[Vec<f64>]| {
            let masks = samples.iter().flat_map(|&s| oracle::dropout_mask(rate, seed, epoch, s, k));
            x[0].iter().zip(masks).map(|(x, mask)| x * mask).collect()
        };
        let op = Dropout::training(rate, seed, epoch, &samples).unwrap();
        let report = gradcheck(&op, &[input], &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn relu_cuts_off_what_is_below_zero((n, k, seed) in (1..6_usize, 1..40_usize, any::<u64>())) {
        let mut draw = stream(seed);
        // Away from 0 by more than the differences reach, to both sides.
        let mut input = oracle::random(&mut draw, &[n, k], 2.0);
        input.data_mut().iter_mut().for_each(|x| *x += if *x < 0.0 { -0.1 } else { 0.1 });
        let reference = |x: &[Vec<f64>]| x[0].iter().map(|x| x.max(0.0)).collect();
        let report = gradcheck(&Relu, &[input], &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn binary_cross_entropy_is_minus_ln_of_the_labels_probability((n, seed) in (1..40_usize, any::<u64>())) {
        let mut draw = stream(seed);
        let (logits, labels) = (oracle::random(&mut draw, &[n, 1], 8.0), labels(&mut draw, n, 2));
        let reference = |x: &[Vec<f64>]| vec![oracle::binary_cross_entropy(&x[0], &labels)];
        let op = CrossEntropy::new(Loss::Binary, &labels);
        let report = gradcheck(&op, &[logits], &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn sparse_categorical_cross_entropy_is_minus_ln_of_the_labels_softmax(
        (n, c, seed) in (1..20_usize, 1..9_usize, any::<u64>())
    ) {
        let mut draw = stream(seed);
        let (logits, labels) = (oracle::random(&mut draw, &[n, c], 8.0), labels(&mut draw, n, c));
        let reference = |x: &[Vec<f64>]| vec![oracle::sparse_categorical_cross_entropy(&x[0], &labels)];
        let op = CrossEntropy::new(Loss::SparseCategorical, &labels);
        let report = gradcheck(&op, &[logits], &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn weighted_and_smoothed_cross_entropy_is_the_weighted_mean_over_all_targets(
        (n, c, smoothing, seed) in (1..20_usize, 2..9_usize, 0.0..0.9_f32, any::<u64>())
    ) {
        let mut draw = stream(seed);
        let weights: Vec<f32> = (0..c).map(|_| draw.range(0.0, 3.0)).collect();
        let targets = Targets { class_weights: Some(&weights), smoothing };
        for loss in [Loss::Binary, Loss::SparseCategorical] {
            let classes = if loss == Loss::Binary { 2 } else { c };
            let targets = Targets { class_weights: Some(&weights[..classes]), ..targets };
            let (logits, labels) = (
                oracle::random(&mut draw, &[n, loss.logits(classes)], 8.0),
                labels(&mut draw, n, classes),
            );
            let reference = |x: &[Vec<f64>]| vec![oracle::smoothed(&x[0], &labels, &weights, smoothing, classes)];
            let op = CrossEntropy::new(loss, &labels).targets(targets);
            let report = gradcheck(&op, &[logits], &reference, seed).unwrap();
            prop_assert!(report.worst() < TOLERANCE, "{loss:?} {report:?}");
        }
    }

    #[test]
    fn an_l2_penalty_is_half_the_sum_of_squares((f, strength, seed) in (1..60_usize, 0.0..3.0_f32, any::<u64>())) {
        let mut draw = stream(seed);
        let inputs = [oracle::random(&mut draw, &[], 4.0), oracle::random(&mut draw, &[f, 2], 2.0)];
        let reference = |x: &[Vec<f64>]| {
            vec![x[0][0] + 0.5 * f64::from(strength) * x[1].iter().map(|w| w * w).sum::<f64>()]
        };
        let report = gradcheck(&L2Penalty::new(strength).unwrap(), &inputs, &reference, seed).unwrap();
        prop_assert!(report.worst() < TOLERANCE, "{report:?}");
    }

    #[test]
    fn a_mask_depends_on_the_sample_and_not_on_its_batch(
        (n, k, seed, first) in (2..9_usize, 1..50_usize, any::<u64>(), any::<u32>())
    ) {
        let input = oracle::random(&mut stream(seed), &[n, k], 2.0);
        let samples: Vec<u32> = (0..n as u32).map(|row| row.wrapping_add(first)).collect();
        let run = |rows: std::ops::Range<usize>| {
            let shape = Shape::of([rows.len(), k]);
            let part = TensorRef::new(shape, &input.data()[rows.start * k..rows.end * k]).unwrap();
            let mut output = Tensor::zeros(shape);
            let op = Dropout::training(0.5, seed, 3, &samples[rows]).unwrap();
            op.forward(&[part], output.view_mut(), &mut Vec::new());
            oracle::bits(output.data())
        };
        let apart: Vec<u32> = (0..n).flat_map(|row| run(row..row + 1)).collect();
        prop_assert_eq!(run(0..n), apart);
    }
}

#[test]
fn dropout_keeps_one_minus_rate_scales_by_its_inverse_and_its_masks_stay_for_ever() {
    let ones = Tensor::from_slice(Shape::of([100, 1000]), &[1.0; 100_000]).unwrap();
    let samples: Vec<u32> = (0..100).collect();
    let run = |op: Dropout<'_>| {
        let mut output = Tensor::zeros(ones.shape());
        op.forward(&[ones.view()], output.view_mut(), &mut Vec::new());
        output.data().to_vec()
    };
    let masks = run(Dropout::training(0.2, 42, 0, &samples).unwrap());
    assert!(masks.iter().all(|&mask| mask == 0.0 || mask == 1.25));
    let kept = masks.iter().filter(|&&mask| mask != 0.0).count();
    // 100,000 draws: a standard deviation of 126.
    assert!(kept.abs_diff(80_000) < 4 * 126, "{kept} kept");
    // Recorded once: a change here changes every model trained with a given seed.
    let first: String = masks[..40].iter().map(|&mask| if mask == 0.0 { '.' } else { 'x' }).collect();
    assert_eq!(first, FIRST_MASK);
    assert_ne!(masks, run(Dropout::training(0.2, 42, 1, &samples).unwrap()));
    assert_ne!(masks, run(Dropout::training(0.2, 43, 0, &samples).unwrap()));
    assert_eq!(run(Dropout::training(0.0, 42, 0, &samples).unwrap()), ones.data());
    assert_eq!(run(Dropout::inference()), ones.data());
}

const FIRST_MASK: &str = "xxxxxxxxxxxx.x.xxxxxxx.x....xxxxxxx.xxxx";

#[test]
fn losses_stay_finite_where_an_exponential_would_overflow() {
    let logits = |dims: [usize; 2], values: &[f32]| Tensor::from_slice(Shape::of(dims), values).unwrap();
    let mut gradient = [0.0; 4];
    let far = logits([4, 1], &[1e4, -1e4, 1e4, -1e4]);
    let mean = Loss::Binary.gradient(far.view(), &[1, 0, 0, 1], &mut gradient).unwrap();
    assert_eq!((mean, gradient), (5e3, [0.0, 0.0, 0.25, -0.25]));
    let far = logits([2, 2], &[1e4, -1e4, 1e4, -1e4]);
    let mean = Loss::SparseCategorical.gradient(far.view(), &[0, 1], &mut gradient).unwrap();
    assert_eq!((mean, gradient), (1e4, [0.0, 0.0, 0.5, -0.5]));
    // Near certainty the loss is exp(-20), not the zero that 1 - p would give.
    let sure = logits([1, 1], &[20.0]);
    let mean = Loss::Binary.mean(sure.view(), &[1]).unwrap();
    assert!((mean / 2.061_153_6e-9 - 1.0).abs() < 1e-6, "{mean}");
    let lost = logits([1, 1], &[f32::NAN]);
    assert!(Loss::Binary.mean(lost.view(), &[1]).unwrap().is_nan());
    let lost = logits([1, 2], &[0.0, f32::NAN]);
    assert!(Loss::SparseCategorical.mean(lost.view(), &[0]).unwrap().is_nan());
}

#[test]
fn two_classes_have_one_logit_and_more_have_a_softmax() {
    assert_eq!((Loss::for_classes(2), Loss::Binary.logits(2)), (Loss::Binary, 1));
    assert_eq!((Loss::for_classes(3), Loss::SparseCategorical.logits(3)), (Loss::SparseCategorical, 3));
}

#[test]
fn what_an_op_cannot_take_is_refused_by_name() {
    let shape = |dims: &[usize]| Shape::new(dims).unwrap();
    let message = |op: &dyn Op, shapes: &[&[usize]]| {
        let shapes: Vec<_> = shapes.iter().map(|dims| shape(dims)).collect();
        op.output_shape(&shapes).unwrap_err().to_string()
    };
    let samples = [1, 2, 3];
    let dropout = Dropout::training(0.2, 0, 0, &samples).unwrap();
    let binary = CrossEntropy::new(Loss::Binary, &[0, 2]);
    let sparse = CrossEntropy::new(Loss::SparseCategorical, &[0, 2]);
    let cases: [(&dyn Op, &[&[usize]], &str); 12] = [
        (&Dense, &[&[2, 3], &[3, 1]], "dense takes 3 inputs, not 2"),
        (&Dense, &[&[2], &[3, 1], &[1]], "dense: shape [2] for the input, expected [N, K]"),
        (&Dense, &[&[2, 3], &[4, 1], &[1]], "dense: shape [4, 1] for the kernel, expected [3, C] with"),
        (&Dense, &[&[2, 3], &[3, 5], &[1]], "dense: shape [1] for the bias, expected [5]"),
        (&GlobalAveragePool, &[&[2, 3]], "global average pooling: shape [2, 3] for the feature map"),
        (
            &GlobalAveragePool,
            &[&[2, 0, 4, 3]],
            "global average pooling: shape [2, 0, 4, 3] for the feature map",
        ),
        (&dropout, &[&[2, 3]], "dropout: 3 sample ids for a batch of 2"),
        (&binary, &[&[2, 1]], "label 2 at row 1 of the batch is not below 2"),
        (&binary, &[&[2, 2]], "binary cross-entropy: shape [2, 2] for the logits"),
        (&sparse, &[&[0, 3]], "sparse categorical cross-entropy: shape [0, 3] for the logits"),
        (&sparse, &[&[2, 2]], "label 2 at row 1 of the batch is not below 2"),
        (&sparse, &[&[3, 3]], "sparse categorical cross-entropy: 2 labels for a batch of 3"),
    ];
    for (op, shapes, expected) in cases {
        let message = message(op, shapes);
        assert!(message.starts_with(expected), "{message}");
    }
    for rate in [1.0, -0.1, f32::NAN] {
        assert!(matches!(Dropout::training(rate, 0, 0, &[]), Err(Error::Setting { .. })));
    }
    let logits = Tensor::zeros(shape(&[2, 1]));
    assert!(matches!(Loss::Binary.gradient(logits.view(), &[0, 1], &mut [0.0]), Err(Error::Kernels(_))));
}

/// `y = 3 x`, with one fault.
struct Faulty(Fault);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    WrongValue,
    WrongGradient,
    Stores,
    LeavesOutput,
}

impl Op for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        Ok(inputs[0])
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        let factor = if self.0 == Fault::WrongValue { 3.01 } else { 3.0 };
        let skipped = usize::from(self.0 == Fault::LeavesOutput);
        for (y, x) in output.data_mut().iter_mut().zip(inputs[0].data()).skip(skipped) {
            *y = factor * x;
        }
    }

    fn backward(&self, _: &Recorded<'_>, d_output: TensorRef<'_>, d_inputs: &mut [Option<TensorMut<'_>>]) {
        let factor = if self.0 == Fault::WrongGradient { 2.99 } else { 3.0 };
        if let Some(d_input) = &mut d_inputs[0] {
            for (d_x, d_y) in d_input.data_mut().iter_mut().zip(d_output.data()) {
                *d_x = factor * d_y + if self.0 == Fault::Stores { 0.0 } else { *d_x };
            }
        }
    }
}

#[test]
fn gradcheck_sees_each_fault_of_an_op() {
    let input = oracle::random(&mut stream(5), &[4, 3], 1.0);
    let check = |fault| {
        let reference = |x: &[Vec<f64>]| x[0].iter().map(|x| 3.0 * x).collect();
        gradcheck(&Faulty(fault), std::slice::from_ref(&input), &reference, 5)
    };
    let Report { forward, gradient, adjoint } = check(Fault::None).unwrap();
    assert!(forward < 1e-6 && gradient < 1e-6 && adjoint < 1e-6);
    assert!(check(Fault::WrongValue).unwrap().forward > 1e-3);
    let wrong = check(Fault::WrongGradient).unwrap();
    assert!(wrong.gradient > 1e-3 && wrong.adjoint > 1e-4, "{wrong:?}");
    assert!(matches!(check(Fault::Stores), Err(Error::Contract { op: "faulty", .. })));
    assert!(matches!(check(Fault::LeavesOutput), Err(Error::Contract { op: "faulty", .. })));
    let named: &dyn Op = &Dense;
    assert!(matches!(gradcheck(named, &[input], &|_| vec![], 0), Err(Error::InputCount { .. })));
}

#[test]
fn targets_that_are_none_are_refused() {
    let logits = Tensor::zeros(Shape::of([2, 3]));
    let mean = |class_weights: Option<&[f32]>, smoothing| {
        Loss::SparseCategorical.mean_of(logits.view(), &[0, 2], &Targets { class_weights, smoothing })
    };
    assert!(mean(Some(&[1.0, 0.0, 2.0]), 0.0).is_ok());
    assert!(matches!(mean(Some(&[1.0, 1.0]), 0.0), Err(Error::BatchCount { expected: 3, got: 2, .. })));
    for weight in [-1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(mean(Some(&[1.0, weight, 1.0]), 0.0), Err(Error::Setting { .. })));
    }
    for smoothing in [-0.1, 1.0, f32::NAN] {
        assert!(matches!(mean(None, smoothing), Err(Error::Setting { .. })));
    }
    assert!(matches!(L2Penalty::new(-1.0), Err(Error::Setting { .. })));
}
