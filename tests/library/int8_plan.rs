//! Plans of nets in integers have the bits of the naive reference: on every instruction set, with any threads and batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_graph::int8::{IntegerNet, IntegerReference, Intermediate};
use icecap_graph::{Input, Net, Numerics, Padding, Params, Plan, Scaling, Spec, Tap, tensor_shapes};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Tensor, Threads};

/// A net of drawn weights whose values neither die nor explode.
fn drawn(spec: Spec, numerics: Numerics) -> Params {
    let mut stream = Stream::new(7, Purpose::Test, 0, 0);
    let tensors: BTreeMap<String, Tensor> = tensor_shapes(&spec, None)
        .into_iter()
        .map(|(name, shape)| {
            let mut tensor = Tensor::zeros(shape);
            let inputs = shape.elements() / shape.dims().last().copied().unwrap_or(1).max(1);
            let (low, high) = match name.rsplit('/').next() {
                Some("gamma" | "moving_variance") => (0.5, 1.5),
                Some("kernel") if name.contains("depthwise") => (-1.0, 1.0),
                Some("kernel") => (-2.0 / (inputs as f32).sqrt(), 2.0 / (inputs as f32).sqrt()),
                _ => (-0.5, 0.5),
            };
            tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
            (name, tensor)
        })
        .collect();
    Params::new(spec, numerics, tensors).unwrap()
}

fn pixels(len: usize) -> Vec<u8> {
    let mut stream = Stream::new(8, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.next_u32() as u8).collect()
}

/// What the naive reference gives for each image of a batch: features and their means.
fn expected(integers: &IntegerNet, size: [usize; 2], images: &[u8]) -> [Vec<f32>; 2] {
    let reference = IntegerReference::new(integers, size).unwrap();
    let (mut features, mut means) = (Vec::new(), Vec::new());
    for image in images.chunks_exact(size[0] * size[1] * 3) {
        let trace = reference.run(Input::U8(image)).unwrap();
        for (tap, all) in [(Tap::Features, &mut features), (Tap::Pooled, &mut means)] {
            let Intermediate::Real(real) = &trace[&tap.to_string()] else { panic!("{tap} is real") };
            all.extend_from_slice(&real.values);
        }
    }
    [features, means]
}

/// Checks plans of a net against the reference.
fn check(params: &Params, size: [usize; 2], batch: usize, isas: &[Isa]) {
    let net = Arc::new(Net::int8(params).unwrap());
    let images = pixels(batch * size[0] * size[1] * 3);
    let expected = expected(net.integers().unwrap(), size, &images);
    let channels = params.spec().blocks().iter().map(|block| block.output).collect::<Vec<_>>();
    for (tap, expected) in [Tap::Features, Tap::Pooled].into_iter().zip(expected) {
        for isa in isas {
            for count in [1, 2, 3, 8] {
                let threads = Threads::new(count).unwrap();
                let plan = Plan::new(&net, *isa, size, Tap::Image..tap, count).unwrap();
                let mut arenas: Vec<_> = (0..count).map(|_| plan.arena()).collect();
                let mut got = vec![f32::NAN; expected.len()];
                plan.run(&threads, Input::U8(&images), &mut arenas, &mut got).unwrap();
                let wrong = got.iter().zip(&expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
                assert_eq!(
                    wrong, 0,
                    "{isa}, {count} threads, batch {batch}, {size:?} to {tap}, {channels:?}"
                );
            }
        }
    }
}

#[test]
fn plans_have_the_bits_of_the_reference_at_any_size_width_and_padding() {
    let torch = Numerics {
        epsilon: 1e-5,
        padding: Padding::Symmetric,
        scaling: Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    };
    // Those of this processor, and the loops over tiles, which it may lack.
    let all: Vec<_> = Isa::available().into_iter().chain([Isa::tile_machine()]).collect();
    for (width, numerics) in [(0.1, torch), (0.25, Numerics::KERAS), (0.35, torch), (0.35, Numerics::KERAS)] {
        let params = drawn(Spec::with_width(width).unwrap(), numerics);
        for size in [[32, 32], [33, 47], [64, 96]] {
            check(&params, size, 1, &all);
        }
    }
    // Channel counts that are no multiples of eight.
    let odd: Vec<usize> = (0..17).map(|block| 5 + 3 * block).collect();
    let params = drawn(Spec::from_channels(13, &odd, 1001).unwrap(), Numerics::KERAS);
    check(&params, [65, 40], 2, &all);
    let params = drawn(Spec::with_width(1.0).unwrap(), Numerics::KERAS);
    for size in [[96, 96], [160, 160]] {
        check(&params, size, 1, &[Isa::best(), Isa::tile_machine()]);
    }
    check(&params, [64, 224], 5, &all);
}

#[test]
fn pixels_of_f32_are_rounded_and_no_number_is_refused() {
    let params = drawn(Spec::with_width(0.35).unwrap(), Numerics::KERAS);
    let net = Arc::new(Net::int8(&params).unwrap());
    let plan = Plan::new(&net, Isa::best(), [32, 32], Tap::Image..Tap::Pooled, 1).unwrap();
    let run = |input: Input<'_>| {
        let mut output = vec![0.0; 1280];
        plan.run(&Threads::serial(), input, &mut [plan.arena()], &mut output).map(|()| output)
    };
    let bytes = pixels(32 * 32 * 3);
    let floats: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
    assert_eq!(run(Input::F32(&floats)).unwrap(), run(Input::U8(&bytes)).unwrap());
    // Halves go to the even byte, and what is beyond a byte to its end.
    let (mut rounded, mut unrounded) = (bytes.clone(), floats.clone());
    for (at, value, byte) in
        [(5, 10.5, 10), (6, 11.5, 12), (7, -3.0, 0), (8, 300.0, 255), (9, f32::INFINITY, 255)]
    {
        (rounded[at], unrounded[at]) = (byte, value);
    }
    assert_eq!(run(Input::F32(&unrounded)).unwrap(), run(Input::U8(&rounded)).unwrap());
    unrounded[77] = f32::NAN;
    assert_eq!(run(Input::F32(&unrounded)), Err(icecap_graph::Error::Pixel { index: 77 }));
}

#[test]
fn a_net_in_int8_has_no_plans_inside_it() {
    let net = Arc::new(Net::int8(&drawn(Spec::with_width(0.35).unwrap(), Numerics::KERAS)).unwrap());
    for taps in [Tap::Image..Tap::Stem, Tap::Image..Tap::Block(3), Tap::Block(3)..Tap::Pooled] {
        let refused = Plan::new(&net, Isa::best(), [64, 64], taps.clone(), 1);
        assert!(matches!(refused, Err(icecap_graph::Error::Precision { .. })), "{taps:?}");
    }
}
