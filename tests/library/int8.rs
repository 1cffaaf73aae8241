//! The net in integers: how near its numbers are to those of f32.

use std::sync::Arc;

use icecap_graph::int8::{IntegerNet, IntegerReference, Intermediate};
use icecap_graph::{Input, Net, Params, Plan, Tap};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Threads};

use crate::assets::{self, Golden};

/// The length of the difference as a share of the length of what is expected.
fn relative(got: &[f32], expected: &[f32]) -> f64 {
    let square = |value: f64| value * value;
    let off: f64 = got.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    (off / expected.iter().map(|value| square(f64::from(*value))).sum::<f64>()).sqrt()
}

/// The mean relative error of pooled features over the images of a golden file.
fn error(params: &Params, golden: &Golden) -> f64 {
    let shape = golden.shape("images");
    let (images, size) = (golden.u8s("images"), [shape[1], shape[2]]);
    let integers = IntegerNet::from_weights(params).unwrap();
    let reference = IntegerReference::new(&integers, size).unwrap();
    let net = Arc::new(Net::new(params));
    let plan = Plan::new(&net, Isa::best(), size, Tap::Image..Tap::Pooled, 1).unwrap();
    let errors = images.chunks_exact(size[0] * size[1] * 3).map(|image| {
        let mut expected = vec![0.0; plan.output_shape().elements()];
        plan.run(&Threads::serial(), Input::U8(image), &mut [plan.arena()], &mut expected).unwrap();
        let trace = reference.run(Input::U8(image)).unwrap();
        let Intermediate::Real(pooled) = &trace["global_average_pooling2d"] else { panic!("means are real") };
        relative(&pooled.values, &expected)
    });
    errors.sum::<f64>() / shape[0] as f64
}

/// The same weights off the grid on which they were published: each with up to `share` of noise.
fn noisy(params: &Params, share: f32) -> Params {
    let mut stream = Stream::new(12, Purpose::Test, 0, 0);
    let tensors: Vec<_> = params
        .tensors()
        .filter(|(name, _)| name.ends_with("/kernel"))
        .map(|(name, tensor)| {
            let mut tensor = tensor.clone();
            tensor.data_mut().iter_mut().for_each(|value| *value *= 1.0 + share * stream.range(-1.73, 1.73));
            (name.to_owned(), tensor)
        })
        .collect();
    params.clone().with_tensors(tensors).unwrap()
}

#[test]
fn integers_from_the_weights_alone_are_near_f32() {
    let Some(folder) = assets::folder() else { return };
    let weights = folder.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let params = icecap_weights::read(&weights).unwrap().params.without_top();
    for size in ["128x128", "160x160", "224x224", "97x131"] {
        let golden = Golden::asset(&folder, &format!("keras_imagenet_{size}"));
        println!("{size}: {} {}", error(&params, &golden), error(&noisy(&params, 0.01), &golden));
    }
}
