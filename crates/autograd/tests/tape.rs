//! The tape: gradients through several ops, variables used twice, what is not computed, buffers used again.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod oracle;

use std::cell::Cell;
use std::rc::Rc;

use icecap_autograd::optim::Adam;
use icecap_autograd::{
    CrossEntropy, Dense, Dropout, Error, GlobalAveragePool, Loss, Op, Optimizer, Recorded, Tape, Workspace,
    glorot_uniform,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor, TensorMut, TensorRef};
use proptest::prelude::*;

/// `y = a * b`, value by value; counts the gradients asked of it.
struct Product(Rc<Cell<usize>>);

impl Op for Product {
    fn name(&self) -> &'static str {
        "product"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        Ok(inputs[0])
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        let [a, b] = [inputs[0].data(), inputs[1].data()];
        for (y, (a, b)) in output.data_mut().iter_mut().zip(a.iter().zip(b)) {
            *y = a * b;
        }
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        for (index, d_input) in d_inputs.iter_mut().enumerate() {
            let Some(d_input) = d_input else { continue };
            self.0.set(self.0.get() + 1);
            let other = recorded.inputs[1 - index].data();
            for (d_x, (d_y, x)) in d_input.data_mut().iter_mut().zip(d_output.data().iter().zip(other)) {
                *d_x += d_y * x;
            }
        }
    }
}

fn scalar(value: f32) -> Tensor {
    Tensor::from_slice(Shape::of([]), &[value]).unwrap()
}

#[test]
fn a_variable_used_twice_gets_the_sum_and_a_constant_gets_nothing() {
    let asked = Rc::new(Cell::new(0));
    let product = || Product(asked.clone());
    let (leaves, two) = ([scalar(3.0), scalar(5.0), scalar(7.0)], scalar(2.0));
    let mut workspace = Workspace::new();
    let mut tape = Tape::new(&mut workspace);
    let [x, y, unused] = tape.parameters(&leaves);
    let two = tape.constant(two.view());
    let square = tape.apply(product(), &[x, x]).unwrap();
    let four = tape.apply(product(), &[two, two]).unwrap();
    let scaled = tape.apply(product(), &[square, four]).unwrap();
    let beside = tape.apply(product(), &[unused, unused]).unwrap();
    let cube = tape.apply(product(), &[scaled, x]).unwrap();
    let all = tape.apply(product(), &[cube, y]).unwrap();
    assert_eq!(tape.value(all).unwrap().data(), [4.0 * 27.0 * 5.0]);
    assert_eq!(tape.value(beside).unwrap().data(), [49.0]);
    let gradients = tape.backward(all).unwrap();
    // d(4 x^3 y) by x and y; the parameter beside it has none.
    let values: Vec<f32> = gradients.iter().map(|gradient| gradient.data()[0]).collect();
    assert_eq!(values, [4.0 * 27.0 * 5.0, 4.0 * 27.0, 0.0]);
    // Two for x * x, one for its product with the constant four, two each for the cube and the last.
    assert_eq!(asked.get(), 7);
}

#[test]
fn a_backward_pass_starts_from_one_value_of_its_own_tape() {
    let (pair, mut workspace, mut other) =
        (Tensor::zeros(Shape::of([2])), Workspace::new(), Workspace::new());
    let mut tape = Tape::new(&mut workspace);
    let var = tape.parameter(pair.view());
    assert!(matches!(tape.backward(var), Err(Error::NotScalar { .. })));
    let mut tape = Tape::new(&mut workspace);
    assert!(matches!(tape.value(var), Err(Error::ForeignVar)));
    assert!(matches!(tape.apply(Dropout::inference(), &[var]), Err(Error::ForeignVar)));
    assert!(matches!(tape.backward(var), Err(Error::ForeignVar)));
    assert!(matches!(Tape::new(&mut other).value(var), Err(Error::ForeignVar)));
    // A loss that no parameter leads to has no gradients to give.
    let one = scalar(1.0);
    let mut tape = Tape::new(&mut workspace);
    let loss = tape.constant(one.view());
    assert!(tape.backward(loss).unwrap().is_empty());
}

#[test]
fn a_batch_is_the_rows_asked_for() {
    let matrix = Tensor::from_slice(Shape::of([3, 2]), &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0]).unwrap();
    let mut workspace = Workspace::new();
    let mut tape = Tape::new(&mut workspace);
    let batch = tape.gather(matrix.view(), &[2, 0, 2]).unwrap();
    let batch = tape.value(batch).unwrap();
    assert_eq!((batch.shape().dims(), batch.data()), (&[3, 2][..], &[20.0, 21.0, 0.0, 1.0, 20.0, 21.0][..]));
    assert!(matches!(tape.gather(matrix.view(), &[3]), Err(Error::Row { row: 3, rows: 3 })));
    assert!(matches!(tape.gather(scalar(0.0).view(), &[0]), Err(Error::InputShape { .. })));
    let empty = tape.gather(matrix.view(), &[]).unwrap();
    assert_eq!(tape.value(empty).unwrap().shape().dims(), [0, 2]);
}

/// Features of two classes: separated by a direction, with noise.
fn clusters(samples: u32, width: usize) -> (Tensor, Vec<u32>) {
    let mut features = Tensor::zeros(Shape::of([samples as usize, width]));
    let labels: Vec<u32> = (0..samples).map(|sample| sample % 2).collect();
    for (sample, row) in features.data_mut().chunks_exact_mut(width).enumerate() {
        let mut stream = Stream::new(9, Purpose::Test, 0, sample as u32);
        for (index, value) in row.iter_mut().enumerate() {
            let center = if (index as u32 + labels[sample]).is_multiple_of(2) { 0.1 } else { 0.0 };
            *value = (center + stream.range(-0.5, 0.5)).max(0.0);
        }
    }
    (features, labels)
}

/// Trains as the facade does; returns the head and the loss of every step.
fn train(features: &Tensor, labels: &[u32], epochs: u32, fresh: bool) -> ([Tensor; 2], Vec<f32>) {
    let [samples, width] = [0, 1].map(|axis| features.shape().dims()[axis]);
    let seed = 1;
    let mut head = [glorot_uniform(width, 1, seed, 0).unwrap(), Tensor::zeros(Shape::of([1]))];
    let (mut optimizer, mut workspace, mut losses) = (Adam::default(), Workspace::new(), Vec::new());
    for epoch in 0..epochs {
        let mut order: Vec<u32> = (0..samples as u32).collect();
        Stream::new(seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        for rows in order.chunks(32) {
            if fresh {
                workspace = Workspace::new();
            }
            let labels: Vec<u32> = rows.iter().map(|&row| labels[row as usize]).collect();
            let mut tape = Tape::new(&mut workspace);
            let [kernel, bias] = tape.parameters(&head);
            let batch = tape.gather(features.view(), rows).unwrap();
            let dropped = tape.apply(Dropout::training(0.2, seed, epoch, rows).unwrap(), &[batch]).unwrap();
            let logits = tape.apply(Dense, &[dropped, kernel, bias]).unwrap();
            let loss = tape.apply(CrossEntropy::new(Loss::Binary, &labels), &[logits]).unwrap();
            losses.push(tape.value(loss).unwrap().data()[0]);
            let gradients = tape.backward(loss).unwrap();
            optimizer.step(&mut head, &gradients, 1e-3).unwrap();
            workspace.recycle(gradients);
        }
    }
    (head, losses)
}

#[test]
fn a_run_learns_and_has_the_same_bits_every_time_whatever_its_buffers_held() {
    let (features, labels) = clusters(245, 1280);
    let timed = |fresh| {
        let start = std::time::Instant::now();
        let result = train(&features, &labels, 10, fresh);
        println!("245x1280 features, 10 epochs in batches of 32: {:.1?}", start.elapsed());
        result
    };
    let (head, losses) = timed(false);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let (first, last) = (mean(&losses[..8]), mean(&losses[72..]));
    assert!(last < 0.5 * first, "loss from {first} to {last}");
    for fresh in [false, true, false] {
        let (again, losses_again) = timed(fresh);
        assert_eq!(oracle::bits(&losses), oracle::bits(&losses_again));
        for (tensor, tensor_again) in head.iter().zip(&again) {
            assert_eq!(oracle::bits(tensor.data()), oracle::bits(tensor_again.data()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pooling, dropout, dense and the loss as one function of every leaf, against its difference quotients.
    #[test]
    fn gradients_through_the_whole_head_are_those_of_the_formula(
        (n, side, k, c, seed) in (1..4_usize, 1..4_usize, 1..6_usize, 2..5_usize, any::<u64>())
    ) {
        let mut draw = Stream::new(seed, Purpose::Test, 2, 0);
        let leaves = [&[n, side, side, k][..], &[k, c], &[c]].map(|dims| oracle::random(&mut draw, dims, 1.0));
        let samples: Vec<u32> = (0..n as u32).collect();
        let labels: Vec<u32> = samples.iter().map(|_| draw.below(c as u32)).collect();
        let reference = |leaves: &[Vec<f64>]| {
            let pooled = oracle::pool(&leaves[0], [n, side, side, k]);
            let masks = samples.iter().flat_map(|&sample| oracle::dropout_mask(0.3, seed, 7, sample, k));
            let dropped: Vec<f64> = pooled.iter().zip(masks).map(|(x, mask)| x * mask).collect();
            let logits = oracle::dense(&dropped, &leaves[1], &leaves[2], n);
            oracle::sparse_categorical_cross_entropy(&logits, &labels)
        };
        let mut workspace = Workspace::new();
        let mut tape = Tape::new(&mut workspace);
        let [map, kernel, bias] = tape.parameters(&leaves);
        let pooled = tape.apply(GlobalAveragePool, &[map]).unwrap();
        let dropout = Dropout::training(0.3, seed, 7, &samples).unwrap();
        let dropped = tape.apply(dropout, &[pooled]).unwrap();
        let logits = tape.apply(Dense, &[dropped, kernel, bias]).unwrap();
        let loss = tape.apply(CrossEntropy::new(Loss::SparseCategorical, &labels), &[logits]).unwrap();
        let value = f64::from(tape.value(loss).unwrap().data()[0]);
        let gradients = tape.backward(loss).unwrap();

        let point: Vec<Vec<f64>> =
            leaves.iter().map(|leaf| leaf.data().iter().map(|&x| f64::from(x)).collect()).collect();
        prop_assert!((value - reference(&point)).abs() < 1e-6);
        for (leaf, gradient) in gradients.iter().enumerate() {
            for (at, &gradient) in gradient.data().iter().enumerate() {
                let moved = |by: f64| {
                    let mut moved = point.clone();
                    moved[leaf][at] += by;
                    reference(&moved)
                };
                let quotient = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                prop_assert!((f64::from(gradient) - quotient).abs() < 1e-6, "leaf {leaf}, value {at}");
            }
        }
    }
}
