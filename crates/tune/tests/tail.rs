//! A tail computes what a plan computes, its gradients are those of its loss, and threads change no bit of either.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_graph::{
    ConvLayer, Folded, Input, Net, Numerics, Padding, Params, Plan, Spec, Tap, fold, tensor_shapes,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Shape, Tensor, Threads};
use icecap_tune::{Compute, Error, GROUP, Norms, Tail, Tuner};

/// Params drawn at random, small enough that most values lie between 0 and 6.
fn drawn(width: f32, padding: Padding) -> Params {
    let spec = Spec::with_width(width).unwrap();
    let mut stream = Stream::new(5, Purpose::Test, 0, 0);
    let tensors: BTreeMap<String, Tensor> = tensor_shapes(&spec, None)
        .into_iter()
        .map(|(name, shape)| {
            let mut tensor = Tensor::zeros(shape);
            let inputs = shape.elements() / shape.dims().iter().rev().find(|n| **n > 1).unwrap();
            let most = 2.5 / (inputs as f32).sqrt();
            let (low, high) = match name.rsplit('/').next() {
                Some("gamma" | "moving_variance") => (0.5, 1.5),
                Some("kernel") => (-most, most),
                _ => (-0.5, 1.0),
            };
            tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
            (name, tensor)
        })
        .collect();
    Params::new(spec, Numerics { padding, ..Numerics::KERAS }, tensors).unwrap()
}

fn values(len: usize, low: f32, high: f32) -> Vec<f32> {
    let mut stream = Stream::new(9, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.range(low, high)).collect()
}

/// Rows that enter at a tap.
fn rows(tail: &Tail, from: Tap, photos: usize) -> Vec<f32> {
    let len = photos * tail.input_shape().elements();
    match from {
        Tap::Image => values(len, 0.0, 255.0),
        Tap::Stem => values(len, 0.0, 4.0),
        _ => values(len, -2.0, 2.0),
    }
}

fn forward(tail: &Tail, threads: &Threads, isa: Isa, rows: &[f32]) -> Vec<f32> {
    let photos = rows.len() / tail.input_shape().elements();
    let mut pooled = vec![0.0; photos * tail.features()];
    tail.forward(Compute { threads, isa }, rows, &mut pooled).unwrap();
    pooled
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_tail_has_the_bits_of_a_plan_over_its_tensors() {
    let cases = [
        (0.35, Padding::Same, [64, 97], Tap::Block(12)),
        (0.35, Padding::Symmetric, [70, 65], Tap::Block(5)),
        (0.1, Padding::Same, [33, 64], Tap::Image),
        (0.35, Padding::Trailing, [97, 50], Tap::Image),
        (0.35, Padding::Same, [32, 32], Tap::Stem),
        (0.5, Padding::Same, [96, 64], Tap::Block(15)),
        (0.35, Padding::Same, [64, 64], Tap::Block(16)),
    ];
    for isa in Isa::available() {
        for (width, padding, size, from) in cases {
            let params = drawn(width, padding);
            let threads = Threads::new(2).unwrap();
            let mut tail = Tail::new(&params, from, size, Norms::Trained).unwrap();
            let rows = rows(&tail, from, GROUP + 3);
            // Two steps, so that gamma, beta and the kernels are not those that the net came with.
            let mut tuner = Tuner::new(&tail, "adam").unwrap();
            for _ in 0..2 {
                step(&mut tuner, &mut tail, &threads, isa, &rows);
            }
            let pooled = forward(&tail, &threads, isa, &rows);
            let params = params.with_tensors(tail.tensors()).unwrap();
            let plan = Plan::new(&Arc::new(Net::new(&params)), isa, size, from..Tap::Pooled, 1).unwrap();
            let mut expected = vec![0.0; pooled.len()];
            plan.run(&threads, Input::F32(&rows), &mut [plan.arena()], &mut expected).unwrap();
            assert!(expected.iter().any(|value| *value > 0.0));
            assert_eq!(bits(&pooled), bits(&expected), "{isa} {width} {padding:?} {size:?} {from}");
        }
    }
}

/// One step down the sum of the pooled features, each by a factor of its own.
fn step(tuner: &mut Tuner, tail: &mut Tail, threads: &Threads, isa: Isa, rows: &[f32]) {
    let compute = Compute { threads, isa };
    let shape = tuner.forward(tail, compute, rows).unwrap().shape();
    tuner.backward(tail, compute, &factors(shape)).unwrap();
    tuner.step(tail, compute, 1e-3).unwrap();
}

fn factors(shape: Shape) -> Tensor {
    Tensor::from_slice(shape, &values(shape.elements(), -1.0, 1.0)).unwrap()
}

#[test]
fn threads_change_no_bit_of_a_training() {
    let params = drawn(0.35, Padding::Same);
    let from = Tap::Block(12);
    let trained = |count| {
        let threads = Threads::new(count).unwrap();
        let mut tail = Tail::new(&params, from, [96, 96], Norms::Trained).unwrap();
        let mut tuner = Tuner::new(&tail, "adamw").unwrap();
        let rows = rows(&tail, from, 2 * GROUP + 5);
        let row = tail.input_shape().elements();
        // Batches of several sizes, the last group short.
        for photos in [2 * GROUP + 5, 3, GROUP, 1] {
            step(&mut tuner, &mut tail, &threads, Isa::best(), &rows[..photos * row]);
        }
        tail.tensors().into_iter().map(|(name, tensor)| (name, bits(tensor.data()))).collect::<Vec<_>>()
    };
    let expected = trained(1);
    for count in [2, 3, 8] {
        assert!(trained(count) == expected, "{count} threads");
    }
}

/// The loss of `params` with each of `moved` replaced: the pooled features weighted, summed in f64.
fn loss(params: &Params, moved: Vec<(String, Tensor)>, from: Tap, size: [usize; 2], rows: &[f32]) -> f64 {
    let params = params.clone().with_tensors(moved).unwrap();
    let tail = Tail::new(&params, from, size, Norms::Trained).unwrap();
    let pooled = forward(&tail, &Threads::serial(), Isa::best(), rows);
    let shape = Shape::of([pooled.len() / tail.features(), tail.features()]);
    pooled.iter().zip(factors(shape).data()).map(|(&p, &f)| f64::from(p) * f64::from(f)).sum()
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    for (width, padding, size, from) in [
        (0.35, Padding::Same, [65, 64], Tap::Block(11)),
        (0.35, Padding::Symmetric, [64, 64], Tap::Block(12)),
        (0.1, Padding::Same, [33, 32], Tap::Image),
        (1.4, Padding::Same, [64, 33], Tap::Block(14)),
    ] {
        let params = drawn(width, padding);
        let tail = Tail::new(&params, from, size, Norms::Trained).unwrap();
        let rows = rows(&tail, from, 3);
        let compute = Compute { threads: &Threads::serial(), isa: Isa::best() };
        let mut tuner = Tuner::new(&tail, "sgd").unwrap();
        let shape = tuner.forward(&tail, compute, &rows).unwrap().shape();
        tuner.backward(&tail, compute, &factors(shape)).unwrap();
        for (name, gradient) in tuner.gradients(&tail) {
            let square: f64 = gradient.data().iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            assert!(square > 0.0, "{width} {from}: nothing reaches {name}");
            // Along the gradient, just so far that the loss changes by more than its rounding: few kinks are passed.
            let length = 1e-2 / square;
            let start = params.tensor(&name).unwrap();
            let at = |way: f64| {
                let mut moved = start.clone();
                for (value, g) in moved.data_mut().iter_mut().zip(gradient.data()) {
                    *value += (way * length * f64::from(*g)) as f32;
                }
                loss(&params, vec![(name.clone(), moved)], from, size, &rows)
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * length);
            assert!((slope - square).abs() < 0.04 * square, "{width} {from} {name}: {slope} for {square}");
        }
    }
}

#[test]
fn frozen_norms_stay_and_kernels_move_as_they_do_beside_them() {
    let params = drawn(0.35, Padding::Same);
    let (from, size) = (Tap::Block(14), [64, 64]);
    let of = |norms| {
        let mut tail = Tail::new(&params, from, size, norms).unwrap();
        let rows = rows(&tail, from, 4);
        step(&mut Tuner::new(&tail, "adam").unwrap(), &mut tail, &Threads::serial(), Isa::best(), &rows);
        (tail.trainable(), tail.tensors())
    };
    let ((kernels, frozen), (all, trained)) = (of(Norms::Frozen), of(Norms::Trained));
    let count = |tensors: &[(String, Tensor)]| tensors.iter().map(|(_, t)| t.data().len()).sum::<usize>();
    assert_eq!((count(&frozen), count(&trained)), (kernels, all));
    assert!(frozen.iter().all(|(name, _)| name.ends_with("/kernel")));
    for (name, tensor) in &trained {
        let before = params.tensor(name).unwrap();
        assert_ne!(bits(tensor.data()), bits(before.data()), "{name} has moved");
        if let Some((_, kernel)) = frozen.iter().find(|(other, _)| other == name) {
            assert_eq!(bits(kernel.data()), bits(tensor.data()), "{name} after one step");
        }
    }
}

/// The same net as a file with folded BatchNorm gives it: kernels and biases, and a norm that only adds.
fn folded(params: &Params) -> Params {
    let epsilon = params.numerics().epsilon;
    let tensors = ConvLayer::all().flat_map(|layer| {
        let Folded { weights, bias } = fold(params, layer);
        let shape = params.tensor(&layer.kernel()).unwrap().shape();
        let constant = |variable, value| (layer.vector(variable), vec![value; bias.len()]);
        let vectors = [
            constant("gamma", 1.0),
            (layer.vector("beta"), bias.clone()),
            constant("moving_mean", 0.0),
            constant("moving_variance", 1.0 - epsilon),
        ];
        let tensor = |shape, values: &[f32]| Tensor::from_slice(shape, values).unwrap();
        let vectors = vectors.map(|(name, values)| (name, tensor(Shape::of([values.len()]), &values)));
        vectors.into_iter().chain([(layer.kernel(), tensor(shape, &weights))]).collect::<Vec<_>>()
    });
    params.clone().with_tensors(tensors).unwrap()
}

#[test]
fn of_a_net_with_folded_norms_kernels_and_biases_are_trained() {
    let params = folded(&drawn(0.35, Padding::Same));
    let (from, size) = (Tap::Block(14), [64, 64]);
    let mut tail = Tail::new(&params, from, size, Norms::Trained).unwrap();
    assert!(
        tail.has_folded()
            && !Tail::new(&drawn(0.35, Padding::Same), from, size, Norms::Trained).unwrap().has_folded()
    );
    let rows = rows(&tail, from, 4);
    step(&mut Tuner::new(&tail, "adam").unwrap(), &mut tail, &Threads::serial(), Isa::best(), &rows);
    let trained = tail.tensors();
    assert_eq!(trained.iter().map(|(_, tensor)| tensor.data().len()).sum::<usize>(), tail.trainable());
    for (name, tensor) in &trained {
        assert!(name.ends_with("/kernel") || name.ends_with("/beta"), "{name}");
        assert_ne!(bits(tensor.data()), bits(params.tensor(name).unwrap().data()), "{name} has moved");
    }
    // Seven convolutions: two blocks and the last.
    assert_eq!(trained.len(), 2 * 7);
}

#[test]
fn the_counts_of_width_one_are_those_of_keras() {
    // Without the dense layer of one output that Keras' counts include.
    let dense = 1281;
    for (block, norms, expected) in [
        (15, Norms::Trained, 887_361),
        (12, Norms::Trained, 1_682_625),
        (9, Norms::Trained, 1_985_793),
        (15, Norms::Frozen, 880_321),
        (12, Norms::Frozen, 1_664_641),
        (9, Norms::Frozen, 1_961_089),
    ] {
        let tail = Tail::new(&drawn(1.0, Padding::Same), Tap::Block(block), [160, 160], norms).unwrap();
        assert_eq!(tail.trainable() + dense, expected, "behind block {block}, {norms:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let params = drawn(0.35, Padding::Same);
    let new = |from, size| Tail::new(&params, from, size, Norms::Trained);
    for tap in [Tap::Features, Tap::Pooled, Tap::Classes, Tap::Block(17)] {
        assert!(matches!(new(tap, [64, 64]), Err(Error::NothingBehind { .. })), "{tap}");
    }
    assert!(matches!(new(Tap::Block(12), [16, 64]), Err(Error::Graph(_))));
    let mut tail = new(Tap::Block(12), [64, 64]).unwrap();
    assert!(matches!(Tuner::new(&tail, "lbfgs"), Err(Error::Autograd(_))));
    let compute = Compute { threads: &Threads::serial(), isa: Isa::best() };
    let mut tuner = Tuner::new(&tail, "adam").unwrap();
    let row = tail.input_shape().elements();
    assert!(matches!(tuner.forward(&tail, compute, &vec![0.0; row + 1]), Err(Error::Rows { .. })));
    tuner.forward(&tail, compute, &vec![0.5; 2 * row]).unwrap();
    let one = Tensor::zeros(Shape::of([1, tail.features()]));
    assert!(matches!(tuner.backward(&tail, compute, &one), Err(Error::Batch { .. })));
    assert!(matches!(tuner.step(&mut tail, compute, f32::NAN), Err(Error::Autograd(_))));
    // Nothing is no error.
    assert_eq!(tuner.forward(&tail, compute, &[]).unwrap().shape().dims()[0], 0);
}

#[test]
fn a_profile_has_every_section_once_and_the_gradients_of_a_step() {
    let params = drawn(0.35, Padding::Same);
    let (threads, isa) = (Threads::new(2).unwrap(), Isa::best());
    let compute = Compute { threads: &threads, isa };
    for from in [Tap::Image, Tap::Stem, Tap::Block(14), Tap::Block(16)] {
        let tail = Tail::new(&params, from, [32, 32], Norms::Trained).unwrap();
        let photos = GROUP + 1;
        let rows = rows(&tail, from, photos);
        let mut gradient = Tensor::zeros(Shape::of([photos, tail.features()]));
        gradient.data_mut().copy_from_slice(&values(photos * tail.features(), -1.0, 1.0));
        let (mut told, mut untold) = (Tuner::new(&tail, "sgd").unwrap(), Tuner::new(&tail, "sgd").unwrap());
        let profile = told.profile(&tail, compute, &rows, &gradient).unwrap();
        let taps = Tap::all().filter(|tap| *tap > from && *tap < Tap::Classes).collect::<Vec<_>>();
        let forward: Vec<Tap> = profile.forward.iter().map(|section| section.tap).collect();
        assert_eq!(forward, taps);
        let backward = profile.backward.iter().rev().map(|section| section.tap);
        assert!(backward.eq(taps.into_iter().filter(|tap| *tap != Tap::Stem)), "{from}");
        let sections = profile.forward.iter().chain(&profile.backward);
        assert!(sections.map(|section| section.took).all(|took| !took.is_zero()), "{profile:?}");

        untold.forward(&tail, compute, &rows).unwrap();
        untold.backward(&tail, compute, &gradient).unwrap();
        let all = |tuner: &Tuner| {
            tuner.gradients(&tail).iter().flat_map(|(_, t)| bits(t.data())).collect::<Vec<_>>()
        };
        assert!(all(&told) == all(&untold), "{from}");
    }
}
