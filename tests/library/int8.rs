//! The net in integers: how near its numbers are to those of f32, with published weights.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use icecap_graph::int8::{IntegerNet, Listening, Photos, calibrate, feature_error};
use icecap_graph::{Input, Net, Params};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Threads};

use crate::assets::{self, Golden};

/// Nobody stops a calibration here.
pub(crate) const GO_ON: Listening<'_> = &|_| ControlFlow::Continue(());

/// The same weights off the grid on which they were published: each of the backbone with noise of this deviation.
pub(crate) fn noisy(params: &Params, share: f32) -> Params {
    let mut stream = Stream::new(12, Purpose::Test, 0, 0);
    let tensors: Vec<_> = params
        .backbone_tensors()
        .filter(|(name, _)| name.ends_with("/kernel"))
        .map(|(name, tensor)| {
            let mut tensor = tensor.clone();
            tensor.data_mut().iter_mut().for_each(|value| *value *= 1.0 + share * stream.range(-1.73, 1.73));
            (name.to_owned(), tensor)
        })
        .collect();
    params.clone().with_tensors(tensors).unwrap()
}

fn read(folder: &Path, name: &str) -> Params {
    icecap_weights::read(folder.join("weights").join(name)).unwrap().params.without_top()
}

/// The images of a golden file and their size.
fn images(golden: &Golden) -> (Vec<Vec<u8>>, [usize; 2]) {
    let shape = golden.shape("images");
    let images = golden.u8s("images");
    (images.chunks_exact(shape[1] * shape[2] * 3).map(<[u8]>::to_vec).collect(), [shape[1], shape[2]])
}

/// The mean relative error of pooled features, of the net from its weights alone and with photos: with those of the golden
/// file, so that it is no promise for others.
fn errors(params: &Params, golden: &Golden) -> [f64; 2] {
    let (images, size) = images(golden);
    let images: Vec<Input<'_>> = images.iter().map(|image| Input::U8(image)).collect();
    let threads = Threads::new(2).unwrap();
    let nets = [Arc::new(Net::new(params)), Arc::new(Net::int8(params).unwrap())];
    let alone = feature_error(&nets, Isa::best(), size, &images, &threads).unwrap();
    let photos = Photos { size, seen: &images, judged: &[] };
    [alone, calibrate(params, &photos, Isa::best(), &threads, GO_ON).unwrap().error]
}

#[test]
fn integers_are_near_f32_at_every_size_also_with_weights_off_the_grid() {
    let Some(folder) = assets::folder() else { return };
    let params = read(&folder, "keras_mobilenet_v2_1.0_imagenet.safetensors");
    for size in ["128x128", "160x160", "224x224", "97x131"] {
        let golden = Golden::asset(&folder, &format!("keras_imagenet_{size}"));
        let ([alone, with_photos], [noisy_alone, noisy_photos]) =
            (errors(&params, &golden), errors(&noisy(&params, 0.01), &golden));
        println!(
            "{size}: {alone:.4}, with photos {with_photos:.4}; noisy {noisy_alone:.4}, with photos {noisy_photos:.4}"
        );
        assert!(alone < 0.09 && with_photos < 0.05, "{size}: {alone} {with_photos}");
        assert!(noisy_alone < 0.14 && noisy_photos < 0.06, "{size}: {noisy_alone} {noisy_photos}");
        assert!(noisy_photos < noisy_alone, "{size}: photos are of use");
    }
}

#[test]
fn weights_of_other_frameworks_and_widths_have_integers_too() {
    let Some(folder) = assets::folder() else { return };
    let golden = Golden::asset(&folder, "keras_scrambled_0.35_96x96");
    for name in [
        "starter_0.35_96.safetensors",
        "keras_mobilenet_v2_0.35_scrambled_no_top.safetensors",
        "keras_mobilenet_v2_0.5_scrambled_no_top.safetensors",
        "torchvision_mobilenet_v2_0.35_scrambled.safetensors",
        "timm_mobilenet_v2_0.35_scrambled.safetensors",
    ] {
        let [alone, with_photos] = errors(&read(&folder, name), &golden);
        println!("{name}: {alone:.4}, with photos {with_photos:.4}");
        // Scrambled nets magnify what is changed in them, and their BatchNorm tells of no photos.
        let most = if name.contains("scrambled") { 0.3 } else { 0.03 };
        assert!(with_photos < most, "{name}: {with_photos}");
        assert!(alone < 2.0 * most, "{name}: {alone}");
    }
}

#[test]
fn a_calibrated_net_is_the_same_from_bytes_and_from_real_numbers_that_are_bytes() {
    let Some(folder) = assets::folder() else { return };
    let params = read(&folder, "starter_0.35_96.safetensors");
    let (images, size) = images(&Golden::asset(&folder, "keras_scrambled_0.35_96x96"));
    let real: Vec<Vec<f32>> =
        images.iter().map(|image| image.iter().map(|&v| f32::from(v)).collect()).collect();
    let bytes: Vec<Input<'_>> = images.iter().map(|image| Input::U8(image)).collect();
    let real: Vec<Input<'_>> = real.iter().map(|image| Input::F32(image)).collect();
    let threads = Threads::new(3).unwrap();
    let of = |seen: &[Input<'_>]| {
        let photos = Photos { size, seen, judged: seen };
        calibrate(&params, &photos, Isa::best(), &threads, GO_ON).unwrap()
    };
    let one: IntegerNet = of(&bytes).net;
    assert!(one == of(&real).net);
    assert!(one != IntegerNet::from_weights(&params).unwrap(), "photos change something");
}
