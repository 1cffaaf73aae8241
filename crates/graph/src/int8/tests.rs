//! Nets drawn at random in integers and in f32: widths, channels, sizes and weights that no published net has.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::Mutex;

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Shape, Tensor, Threads};

use super::{
    calibrate::{Listening, Photos, calibrate, feature_error},
    correct::correct,
    integers::IntegerNet,
    observe::{Observed, Team},
};
use crate::{
    BATCH_NORM, ConvLayer, Error, Input, Net, Numerics, Padding, Params, Part, ReferencePlan, Scaling, Spec,
    tensor_shapes,
};

const GO_ON: Listening<'_> = &|_| ControlFlow::Continue(());

const TORCH: fn() -> Numerics = || Numerics {
    epsilon: 1e-5,
    padding: Padding::Symmetric,
    scaling: Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
};

/// Photos of a kind: a wave across each, in a color of its own, and a little noise.
pub(super) fn photos(count: u32, [height, width]: [usize; 2]) -> Vec<Vec<u8>> {
    let photo = |number| {
        let mut stream = Stream::new(21, Purpose::Test, 0, number);
        let mut draw = |low, high| stream.range(low, high);
        let (down, across, turn) = (draw(0.02, 0.5), draw(0.02, 0.5), draw(0.0, 6.0));
        let colors: [[f32; 2]; 3] = std::array::from_fn(|_| [draw(40.0, 200.0), draw(10.0, 120.0)]);
        let mut pixels = Vec::with_capacity(height * width * 3);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let wave = (y as f32 * down + x as f32 * across + turn).sin();
            pixels.extend(colors.map(|[light, swing]| (light + swing * wave + draw(-9.0, 9.0)) as u8));
        }
        pixels
    };
    (0..count).map(photo).collect()
}

fn inputs(photos: &[Vec<u8>]) -> Vec<Input<'_>> {
    photos.iter().map(|photo| Input::U8(photo)).collect()
}

fn filled(shape: Shape, mut value: impl FnMut() -> f32) -> Tensor {
    let mut tensor = Tensor::zeros(shape);
    tensor.data_mut().iter_mut().for_each(|place| *place = value());
    tensor
}

/// A net of drawn weights, BatchNorm without statistics.
fn drawn(spec: Spec, numerics: Numerics, seed: u64) -> Params {
    let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
    let tensors = tensor_shapes(&spec, None).into_iter().map(|(name, shape)| {
        let fan_in = match name.contains("depthwise") {
            true => 9.0,
            false => (shape.elements() / shape.dims().last().unwrap_or(&1)) as f32,
        };
        let (low, high) = match name.rsplit('/').next() {
            Some("moving_mean") => (0.0, 0.0),
            Some("moving_variance") => (1.0, 1.0),
            Some("gamma") => (0.5, 1.5),
            Some("beta") => (0.5, 3.0),
            _ => (-1.7 / fan_in.sqrt(), 1.7 / fan_in.sqrt()),
        };
        (name, filled(shape, || stream.range(low, high)))
    });
    Params::new(spec.clone(), numerics, tensors.collect()).unwrap()
}

/// The same net with the statistics that its layers have on these photos, as training leaves them.
fn honest(mut params: Params, photos: &[Vec<u8>], size: [usize; 2]) -> Params {
    for layer in ConvLayer::all() {
        let net = Arc::new(Net::new(&params));
        let plan = ReferencePlan::new(&net, Isa::best(), size).unwrap();
        let [gamma, beta, ..] = BATCH_NORM.map(|variable| params.values(&layer.vector(variable)).to_vec());
        let (mut sums, mut pixels) = (vec![[0.0f64; 2]; gamma.len()], 0.0);
        for photo in photos {
            let trace = plan.run(Input::U8(photo)).unwrap();
            for pixel in trace[&layer.norm()].data().chunks_exact(gamma.len()) {
                pixels += 1.0;
                for (c, &value) in pixel.iter().enumerate() {
                    // So far mean 0 and variance 1, epsilon aside.
                    let value = f64::from((value - beta[c]) / gamma[c]);
                    sums[c] = [sums[c][0] + value, sums[c][1] + value * value];
                }
            }
        }
        let mut of = sums.iter().map(|[sum, _]| (sum / pixels) as f32);
        let mean = filled(Shape::of([gamma.len()]), || of.next().unwrap());
        let mut of = sums.iter().map(|[sum, squares]| (squares / pixels - (sum / pixels).powi(2)) as f32);
        let variance = filled(Shape::of([gamma.len()]), || of.next().unwrap().max(1e-6));
        let vectors = [("moving_mean", mean), ("moving_variance", variance)];
        params = params.with_tensors(vectors.map(|(name, tensor)| (layer.vector(name), tensor))).unwrap();
    }
    params
}

/// The error against f32 on photos that were not seen, of the net from its weights alone and with photos.
fn errors(params: &Params, size: [usize; 2]) -> [f64; 2] {
    let all = photos(12, size);
    let (seen, judged) = (inputs(&all[..8]), inputs(&all[8..]));
    let threads = Threads::new(2).unwrap();
    let alone = [Arc::new(Net::new(params)), Arc::new(Net::int8(params).unwrap())];
    let alone = feature_error(&alone, Isa::best(), size, &judged, &threads).unwrap();
    let photos = Photos { size, seen: &seen, judged: &judged };
    [alone, calibrate(params, &photos, Isa::best(), &threads, GO_ON).unwrap().error]
}

fn odd_channels() -> Spec {
    let outputs = [5, 7, 7, 11, 11, 11, 19, 19, 19, 19, 30, 30, 30, 45, 45, 45, 83];
    Spec::from_channels(13, &outputs, 101).unwrap()
}

#[test]
fn nets_of_any_width_size_and_padding_are_near_f32() {
    let width = |width| Spec::with_width(width).unwrap();
    let cases = [
        // Their first blocks add their input.
        (width(0.1), Numerics::KERAS, [64, 64]),
        (width(0.25), TORCH(), [97, 131]),
        (width(0.35), TORCH(), [33, 32]),
        (width(1.0), Numerics::KERAS, [33, 32]),
        (width(1.4), TORCH(), [40, 32]),
        (odd_channels(), TORCH(), [97, 131]),
        (odd_channels(), Numerics::KERAS, [65, 50]),
    ];
    for (at, (spec, numerics, size)) in cases.into_iter().enumerate() {
        let params = honest(drawn(spec, numerics, at as u64), &photos(6, size), size);
        let [alone, with_photos] = errors(&params, size);
        println!("case {at}, {size:?}: alone {alone:.4}, with photos {with_photos:.4}");
        assert!(alone < 0.12 && with_photos < 0.1, "case {at}: {alone} and {with_photos}");
    }
}

/// Small nets of all kinds, each with a size: a first block that adds, odd channels, either padding, stride 2 at odd sides.
pub(super) fn nets() -> Vec<(Params, [usize; 2])> {
    let cases = [
        (Spec::with_width(0.1).unwrap(), Numerics::KERAS, [64, 64]),
        (odd_channels(), TORCH(), [51, 83]),
        (odd_channels(), Numerics::KERAS, [65, 50]),
    ];
    let drawn = |(spec, numerics, size)| (honest(drawn(spec, numerics, 7), &photos(2, size), size), size);
    cases.into_iter().map(drawn).collect()
}

const SIZE: [usize; 2] = [64, 48];

/// A small net, and photos of its size.
fn small() -> (Params, Vec<Vec<u8>>) {
    let all = photos(8, SIZE);
    (honest(drawn(odd_channels(), Numerics::KERAS, 3), &all[..6], SIZE), all)
}

/// The same net with other values in a tensor.
fn with(params: &Params, name: &str, change: impl Fn(usize, &mut f32)) -> Params {
    let mut tensor = params.tensors().find(|(own, _)| *own == name).unwrap().1.clone();
    tensor.data_mut().iter_mut().enumerate().for_each(|(at, value)| change(at, value));
    params.clone().with_tensors([(name.to_owned(), tensor)]).unwrap()
}

fn calibrated(params: &Params, all: &[Vec<u8>], threads: usize) -> Result<super::Calibrated, Error> {
    let (seen, judged) = (inputs(&all[..6]), inputs(&all[6..]));
    let photos = Photos { size: SIZE, seen: &seen, judged: &judged };
    calibrate(params, &photos, Isa::best(), &Threads::new(threads).unwrap(), GO_ON)
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (params, all) = small();
    let one = calibrated(&params, &all, 1).unwrap();
    assert_eq!(one.photos, 6);
    for threads in [2, 3, 8] {
        assert!(calibrated(&params, &all, threads).unwrap() == one, "{threads} threads");
    }
}

#[test]
fn corrected_biases_bring_the_means_to_those_of_f32() {
    let (params, all) = small();
    let (seen, threads) = (inputs(&all), Threads::serial());
    let net = Arc::new(Net::new(&params));
    let team = Team { isa: Isa::best(), threads: &threads, progress: &|_| ControlFlow::Continue(()) };
    let observed = Observed::of(&net, SIZE, &seen, team).unwrap();
    let plain = IntegerNet::from_observed(&params, &observed.ranges, &observed).unwrap();
    // Biases that are off, as those of rounded weights are, only more so.
    let mut off = plain;
    for (at, bias) in ConvLayer::all().enumerate() {
        let biases = &mut off.conv_mut(bias).bias;
        biases.iter_mut().enumerate().for_each(|(c, bias)| *bias += ((at + c) % 7) as i32 * 300 - 900);
    }
    let mut corrected = off.clone();
    correct(&mut corrected, &observed, SIZE, &seen, team).unwrap();
    let error = |integers: IntegerNet| {
        let nets = [Arc::clone(&net), Arc::new(Net::of_integers(integers))];
        feature_error(&nets, Isa::best(), SIZE, &seen, &threads).unwrap()
    };
    let (before, after) = (error(off), error(corrected));
    println!("{before:.4} to {after:.4}");
    assert!(after < 0.03 && after < 0.3 * before, "{before} to {after}");
}

#[test]
fn dead_channels_are_no_harm() {
    let (params, all) = small();
    let gone = with(&params, "block_3_expand/kernel", |at, value| {
        if at % 42 == 5 {
            *value = 0.0;
        }
    });
    let gone = with(&gone, "block_5_depthwise_BN/gamma", |at, value| {
        if at % 9 == 1 {
            *value = 0.0;
        }
    });
    let gone = with(&gone, "block_7_project_BN/gamma", |_, value| *value = 0.0);
    let gone = with(&gone, "block_7_project_BN/beta", |_, value| *value = 0.0);
    let net = calibrated(&gone, &all, 2).unwrap();
    assert!(net.error < 0.1, "{}", net.error);
    let silent = with(&params, "Conv_1_bn/gamma", |_, value| *value = 0.0);
    let silent = with(&silent, "Conv_1_bn/beta", |_, value| *value = -1.0);
    assert_eq!(calibrated(&silent, &all, 2).unwrap().error, 0.0, "no feature is ever above 0");
}

#[test]
fn weights_that_int8_cannot_hold_are_refused_by_name() {
    let (params, all) = small();
    // An expansion whose channel gives next to nothing, made good by the depthwise weights behind it.
    let faint =
        with(&params, "block_4_expand_BN/gamma", |at, value| *value *= if at == 7 { 1e-6 } else { 1.0 });
    let faint =
        with(&faint, "block_4_expand_BN/beta", |at, value| *value *= if at == 7 { 1e-6 } else { 1.0 });
    let faint = with(&faint, "block_4_depthwise/kernel", |at, value| {
        *value *= if at % 66 == 7 { 1e6 } else { 1.0 };
    });
    let refused = calibrated(&faint, &all, 1).unwrap_err();
    let depthwise = ConvLayer { part: Part::Depthwise, block: 4 };
    assert!(
        matches!(&refused, Error::Int8Channel { layer, channel: 7, .. } if *layer == depthwise.name()),
        "{refused}"
    );
    assert_eq!(IntegerNet::from_weights(&faint).unwrap_err(), refused);
    // The same by a factor that still fits: worse, and told so.
    let ratio = |value: &mut f32, factor: f32| *value *= factor;
    let worse = with(&params, "block_4_expand_BN/gamma", |at, v| ratio(v, if at == 7 { 0.01 } else { 1.0 }));
    let worse = with(&worse, "block_4_expand_BN/beta", |at, v| ratio(v, if at == 7 { 0.01 } else { 1.0 }));
    let worse =
        with(&worse, "block_4_depthwise/kernel", |at, v| ratio(v, if at % 66 == 7 { 50.0 } else { 1.0 }));
    assert!(calibrated(&worse, &all, 1).unwrap().error < 0.2);
}

#[test]
fn what_is_no_number_is_refused_by_name() {
    let (params, all) = small();
    let large = with(&params, "block_2_project_BN/gamma", |_, value| *value = 3e38);
    let large = with(&large, "block_2_project/kernel", |_, value| *value = 3e3);
    let refused = calibrated(&large, &all, 2).unwrap_err();
    assert!(matches!(&refused, Error::NotFinite { layer } if layer == "block_2_project_BN"), "{refused}");
    let mut pixels = vec![9.0f32; SIZE[0] * SIZE[1] * 3];
    pixels[77] = f32::NAN;
    let (threads, good) = (Threads::serial(), inputs(&all));
    let of = |size, seen: &[Input<'_>]| {
        calibrate(&params, &Photos { size, seen, judged: &good }, Isa::best(), &threads, GO_ON).unwrap_err()
    };
    assert_eq!(of(SIZE, &[Input::F32(&pixels)]), Error::Pixel { index: 77 });
    assert_eq!(of(SIZE, &[]), Error::NoPhotos);
    assert!(matches!(of([64, 49], &good), Error::InputLength { .. }));
    assert!(matches!(of([31, 48], &good), Error::InputSize { .. }));
}

#[test]
fn a_net_without_statistics_needs_photos() {
    let all = photos(8, SIZE);
    let params = drawn(odd_channels(), TORCH(), 3);
    let folded = ConvLayer::all()
        .fold(params, |params, layer| with(&params, &layer.vector("gamma"), |_, value| *value = 1.0));
    assert_eq!(IntegerNet::from_weights(&folded).unwrap_err(), Error::NoStatistics);
    let net = calibrated(&folded, &all, 2).unwrap();
    println!("{}", net.error);
    assert!(net.error < 0.1, "{}", net.error);
    let one = inputs(&all[..1]);
    let photos = Photos { size: SIZE, seen: &one, judged: &[] };
    let one = calibrate(&folded, &photos, Isa::best(), &Threads::serial(), GO_ON).unwrap();
    assert!(one.photos == 1 && one.error < 0.1, "{}", one.error);
}

#[test]
fn a_calibration_tells_how_far_it_is_and_can_be_stopped_anywhere() {
    let (params, all) = small();
    let (seen, judged) = (inputs(&all[..6]), inputs(&all[6..]));
    let photos = Photos { size: SIZE, seen: &seen, judged: &judged };
    let threads = Threads::serial();
    let heard = Mutex::new(Vec::new());
    let whole = calibrate(&params, &photos, Isa::best(), &threads, &|share| {
        heard.lock().unwrap().push(share);
        ControlFlow::Continue(())
    });
    whole.unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(
        heard.len() > 20 && heard.is_sorted() && heard[0] == 0.0 && heard.iter().all(|share| *share < 1.0)
    );
    for most in heard {
        let stopped = calibrate(&params, &photos, Isa::best(), &threads, &|share| match share < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        });
        assert_eq!(stopped.unwrap_err(), Error::Stopped, "{most}");
    }
}
