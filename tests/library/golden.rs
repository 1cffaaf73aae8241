//! Features, intermediates and class scores against what Keras computed, on every instruction set, with both plans.
//!
//! The files under `tests/golden` were made from the starter; those of `ICECAP_TEST_ASSETS` from ImageNet weights.

use std::path::Path;
use std::sync::Arc;

use icecap_graph::{Input, Net, Plan, ReferencePlan, Scaling, Tap};
use icecap_kernels::{Isa, Threads};

use crate::assets::{self, Difference, Golden};

/// What a comparison allows: the largest difference and, where it says something, the mean one.
struct Bound {
    max: f64,
    mean: f64,
}

fn net(weights: &Path) -> Arc<Net> {
    let weights = icecap_weights::read(weights).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Net::new(&weights.params))
}

/// Images of a golden file: their pixels, and their shape, N H W C.
struct Images<'a> {
    shape: Vec<usize>,
    input: Input<'a>,
}

fn run(net: &Arc<Net>, isa: Isa, images: &Images<'_>, to: Tap) -> Vec<f32> {
    let plan = Plan::new(net, isa, [images.shape[1], images.shape[2]], Tap::Image..to, 1).unwrap();
    let mut output = vec![f32::NAN; images.shape[0] * plan.output_shape().elements()];
    plan.run(&Threads::serial(), images.input, &mut [plan.arena()], &mut output).unwrap();
    output
}

/// Features and pooled features of the images of one file, by both plans on every instruction set.
fn check_features(net: &Arc<Net>, golden: &Golden, images: &str, bound: &Bound) {
    let (bytes, floats);
    let input = match golden.dtype(images) {
        "u8" => {
            bytes = golden.u8s(images);
            Input::U8(&bytes)
        }
        _ => {
            floats = golden.f32s(images);
            Input::F32(&floats)
        }
    };
    let images = Images { shape: golden.shape(images), input };
    let shape = &images.shape;
    let image_len = shape[1] * shape[2] * shape[3];
    for isa in Isa::available() {
        let name = format!("{} {isa}", golden.name);
        let features = run(net, isa, &images, Tap::Features);
        let difference = Difference::between(&features, &golden.f32s("features"));
        println!("{name}: features {difference}");
        assert!(difference.max <= bound.max && difference.mean <= bound.mean, "{name}: {difference}");
        let pooled = run(net, isa, &images, Tap::Pooled);
        let difference = Difference::between(&pooled, &golden.f32s("pooled"));
        assert!(difference.max <= bound.max && difference.mean <= bound.mean, "{name}: pooled {difference}");

        // The reference plan gives the same bits.
        let reference = ReferencePlan::new(net, isa, [shape[1], shape[2]]).unwrap();
        let image = match input {
            Input::U8(values) => Input::U8(&values[..image_len]),
            Input::F32(values) => Input::F32(&values[..image_len]),
        };
        let trace = reference.run(image).unwrap();
        let first = trace[&Tap::Features.to_string()].data();
        assert!(
            first.iter().zip(&features).all(|(a, b)| a.to_bits() == b.to_bits()),
            "{name}: the plans differ"
        );
    }
}

/// Every intermediate that the file has, and the outputs of all blocks by a plan that stops there.
fn check_trace(net: &Arc<Net>, golden: &Golden, images: &str, bound: &Bound) {
    let shape = golden.shape(images);
    let bytes = golden.u8s(images);
    let mut compared = 0;
    for isa in Isa::available() {
        let trace =
            ReferencePlan::new(net, isa, [shape[1], shape[2]]).unwrap().run(Input::U8(&bytes)).unwrap();
        for name in &golden.names() {
            if name == images {
                continue;
            }
            let tensor =
                trace.get(name.as_str()).unwrap_or_else(|| panic!("the reference plan has no '{name}'"));
            assert_eq!(tensor.shape().dims(), golden.shape(name), "{name}");
            let difference = Difference::between(tensor.data(), &golden.f32s(name));
            assert!(
                difference.max <= bound.max && difference.mean <= bound.mean,
                "{isa} {name}: {difference}"
            );
            compared += 1;
            if let Some(tap) = Tap::all().find(|tap| tap.layer(net.spec()) == *name) {
                let plan = Plan::new(net, isa, [shape[1], shape[2]], Tap::Image..tap, 1).unwrap();
                let mut output = vec![f32::NAN; plan.output_shape().elements()];
                plan.run(&Threads::serial(), Input::U8(&bytes), &mut [plan.arena()], &mut output).unwrap();
                assert_eq!(output, tensor.data(), "{isa} {name}: the plans differ");
            }
        }
    }
    println!("{}: {compared} intermediates compared", golden.name);
    assert!(compared >= 50 * Isa::available().len());
}

#[test]
fn the_starter_agrees_with_keras() {
    let net = net(&assets::project().join("weights/starter_0.35_96.safetensors"));
    let golden = Golden::committed("keras_starter");
    // f32 sums in another order: the starter's features differ by a few 1e-5 at most.
    let bound = Bound { max: 1e-3, mean: 1e-5 };
    for size in ["96x96", "64x80", "49x67", "33x32", "unrounded"] {
        let images = if size == "unrounded" { "pixels" } else { "images" };
        check_features(&net, &golden.part(size), images, &bound);
    }
    let golden = Golden::committed("keras_starter_trace");
    check_trace(&net, &golden, "images", &Bound { max: 1e-3, mean: 2e-5 });
}

#[test]
fn imagenet_weights_agree_with_keras() {
    let Some(assets) = assets::folder() else { return };
    let net = net(&assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors"));
    for size in ["160x160", "224x224", "128x128", "192x192", "97x131", "33x32"] {
        let golden = Golden::asset(&assets, &format!("keras_imagenet_{size}"));
        let mean = if size == "33x32" { f64::INFINITY } else { 1e-5 };
        check_features(&net, &golden, "images", &Bound { max: 1e-3, mean });
    }
    let golden = Golden::asset(&assets, "keras_imagenet_160_unrounded");
    check_features(&net, &golden, "pixels", &Bound { max: 1e-3, mean: f64::INFINITY });
    let golden = Golden::asset(&assets, "keras_imagenet_96_trace");
    let images = golden.names().into_iter().find(|name| golden.dtype(name) == "u8").unwrap();
    check_trace(&net, &golden, &images, &Bound { max: 1e-3, mean: 2e-5 });
}

#[test]
fn class_probabilities_agree_with_keras() {
    let Some(assets) = assets::folder() else { return };
    let net = net(&assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors"));
    let golden = Golden::asset(&assets, "keras_imagenet_224x224");
    let bytes = golden.u8s("images_top");
    let images = Images { shape: golden.shape("images_top"), input: Input::U8(&bytes) };
    for isa in Isa::available() {
        let scores = run(&net, isa, &images, Tap::Classes);
        let probabilities: Vec<f32> = scores.chunks_exact(1000).flat_map(assets::softmax).collect();
        let difference = Difference::between(&probabilities, &golden.f32s("probabilities_top"));
        println!("{isa}: probabilities {difference}");
        assert!(difference.max <= 1e-4, "{isa}: {difference}");
    }
}

#[test]
fn other_widths_agree_with_keras() {
    let Some(assets) = assets::folder() else { return };
    for width in ["0.35", "0.5"] {
        let net =
            net(&assets.join(format!("weights/keras_mobilenet_v2_{width}_scrambled_no_top.safetensors")));
        let golden = Golden::asset(&assets, &format!("keras_scrambled_{width}_96x96"));
        check_features(&net, &golden, "images", &Bound { max: 2e-3, mean: 1e-4 });
    }
}

/// Each image's values in PyTorch's order [C, H, W] as [H, W, C].
fn nhwc(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let &[n, c, h, w] = shape else { panic!("{shape:?}") };
    let at = |i: usize, y, x, ch| values[((i * c + ch) * h + y) * w + x];
    let mut moved = Vec::with_capacity(values.len());
    for i in 0..n {
        for y in 0..h {
            for x in 0..w {
                moved.extend((0..c).map(|ch| at(i, y, x, ch)));
            }
        }
    }
    moved
}

/// Features, pooled features and class scores of PyTorch's nets, whose golden files hold pixels that are scaled already.
#[test]
fn the_nets_of_pytorch_agree_with_it() {
    let Some(assets) = assets::folder() else { return };
    const FILES: [(&str, &str); 4] = [
        ("torchvision", "torchvision_mobilenet_v2_0.35_scrambled.safetensors"),
        ("torchvision", "torchvision_mobilenet_v2_0.35_scrambled.pth"),
        ("torchvision", "torchvision_mobilenet_v2_0.35_scrambled_legacy.pth"),
        ("timm", "timm_mobilenet_v2_0.35_scrambled.safetensors"),
    ];
    for (layout, file) in FILES {
        let weights = icecap_weights::read(assets.join("weights").join(file)).unwrap();
        assert_eq!(weights.record.layout.name(), layout);
        let as_they_are = Scaling { scale: [1.0; 3], shift: [0.0; 3] };
        let net = Arc::new(Net::new(&weights.with_scaling(as_they_are).unwrap().params));
        let golden = Golden::asset(&assets, &format!("{layout}_scrambled_0.35_96x96"));
        let shape = golden.shape("input_nchw");
        let pixels = nhwc(&golden.f32s("input_nchw"), &shape);
        let features = nhwc(&golden.f32s("features_nchw"), &golden.shape("features_nchw"));
        for isa in Isa::available() {
            for (to, expected) in [
                (Tap::Features, features.clone()),
                (Tap::Pooled, golden.f32s("pooled")),
                (Tap::Classes, golden.f32s("logits")),
            ] {
                let plan = Plan::new(&net, isa, [shape[2], shape[3]], Tap::Image..to, 1).unwrap();
                let mut output = vec![f32::NAN; expected.len()];
                let input = Input::F32(&pixels);
                plan.run(&Threads::serial(), input, &mut [plan.arena()], &mut output).unwrap();
                let difference = Difference::between(&output, &expected);
                let largest = expected.iter().fold(0.0f32, |max, value| max.max(value.abs()));
                println!("{file} {isa} {to}: {difference} of {largest:.2}");
                assert!(difference.max <= 2e-4 * f64::from(largest), "{file} {isa} {to}: {difference}");
            }
        }
    }
}

/// One net in several containers has one hash, and features of the same bits.
#[test]
fn one_net_in_several_files_is_one_net() {
    let Some(assets) = assets::folder() else { return };
    for (files, pixels) in [
        (
            &[
                "keras_mobilenet_v2_1.0_imagenet.safetensors",
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5",
            ][..],
            "keras_imagenet_160x160",
        ),
        (
            &[
                "keras_mobilenet_v2_0.35_scrambled_no_top.safetensors",
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
            ],
            "keras_scrambled_0.35_96x96",
        ),
        (
            &[
                "torchvision_mobilenet_v2_0.35_scrambled.safetensors",
                "torchvision_mobilenet_v2_0.35_scrambled.pth",
                "torchvision_mobilenet_v2_0.35_scrambled_legacy.pth",
            ],
            "keras_scrambled_0.35_96x96",
        ),
    ] {
        let golden = Golden::asset(&assets, pixels);
        let bytes = golden.u8s("images");
        let images = Images { shape: golden.shape("images"), input: Input::U8(&bytes) };
        let of = |file: &&str| {
            let weights = icecap_weights::read(assets.join("weights").join(file)).unwrap();
            let net = Arc::new(Net::new(&weights.params));
            let features =
                Isa::available().into_iter().flat_map(|isa| run(&net, isa, &images, Tap::Features));
            let bits: Vec<u32> = features.map(f32::to_bits).collect();
            (weights.record.params_sha256, bits)
        };
        let first = of(&files[0]);
        println!("{}: params {}", files[0], first.0);
        for file in &files[1..] {
            let other = of(file);
            assert_eq!(other.0, first.0, "{file}");
            assert!(other.1 == first.1, "{file}: other features");
        }
    }
}

/// Features of a plan that starts where another one stopped have the bits of one that runs through.
#[test]
fn a_plan_can_be_cut_at_any_block() {
    let net = net(&assets::project().join("weights/starter_0.35_96.safetensors"));
    let size = [64, 80];
    let golden = Golden::committed("keras_starter").part("64x80");
    let images = golden.u8s("images");
    let image = &images[..size[0] * size[1] * 3];
    let threads = Threads::serial();
    for isa in Isa::available() {
        let trace = ReferencePlan::new(&net, isa, size).unwrap().run(Input::U8(image)).unwrap();
        let mut cuts = 0;
        for tap in Tap::all().filter(|tap| (Tap::Stem..Tap::Pooled).contains(tap)) {
            let tensor = &trace[&tap.layer(net.spec())];
            let plan = Plan::new(&net, isa, size, tap..Tap::Pooled, 1).unwrap();
            let mut output = vec![f32::NAN; plan.output_shape().elements()];
            plan.run(&threads, Input::F32(tensor.data()), &mut [plan.arena()], &mut output).unwrap();
            assert_eq!(output, trace[&Tap::Pooled.to_string()].data(), "{isa}: cut at {tap}");
            cuts += 1;
        }
        assert_eq!(cuts, 19, "the stem, seventeen blocks and the features");
    }
}

/// Features kept in a cache are taken for those that would be computed. Where a decoder, a resize or a kernel changes
/// their bits, `NUMERIC_VERSION` in `crates/icecap/src/model/extractor.rs` has to change with them, and then this hash.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_bits_of_a_photo_are_those_of_the_numeric_version() {
    use icecap::advanced::data::Digest;
    let folder = assets::project().join("tests/golden/tf_decode");
    for isa in Isa::available() {
        let settings = icecap::Settings { threads: 1, isa: Some(isa), ..icecap::Settings::default() };
        let backbone = icecap::Backbone::starter(settings).unwrap();
        let preprocessing = icecap::model::Preprocessing::for_training(&backbone).unwrap();
        let mut extractor = icecap::model::Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap();
        let files = ["rgb_420.jpg", "rgb_progressive.jpg", "palette.png"].map(|name| folder.join(name));
        let sources = [0, 1, 2].map(|index| icecap::Source::Path(&files[index]));
        let mut rows = vec![0.0; sources.len() * extractor.row_len()];
        for outcome in
            extractor.extract(&sources, &mut rows, &|_| std::ops::ControlFlow::Continue(())).unwrap()
        {
            outcome.unwrap();
        }
        let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = if isa.name() == "portable" { PORTABLE } else { FUSED };
        assert_eq!(Digest::of(&bytes).to_string(), expected, "{isa}: bump NUMERIC_VERSION, then this hash");
    }
}
/// Without and with fused multiply-add.
#[cfg(target_arch = "x86_64")]
const PORTABLE: &str = "3fe991140fd5cb38e0eb5a691a3ea53bc612b8d9c5f10c3b340fdcc8b132cc82";
#[cfg(target_arch = "x86_64")]
const FUSED: &str = "78da32b0718cc33fa32f75802c2bf60d3637b2ef22a6b5a5b6e4384d30110c59";
