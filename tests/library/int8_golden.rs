//! One photo's int8 features, as one checksum for all processors: any instruction set, number of threads and batch.
//!
//! A checksum changes only with the numbers themselves: with what `docs/int8.md` says, or how weights are quantized.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap_graph::int8::{Photos, calibrate};
use icecap_graph::{Input, Net, Params, Plan, Tap};
use icecap_kernels::{Isa, Threads};
use icecap_weights::{Digest, integers_digest};

use crate::assets::{self, Golden};
use crate::int8::GO_ON;

/// SHA-256 of the features and of their means, for a photo of 96, 160 and 224 pixels a side.
struct Expected {
    net: &'static str,
    sums: [[&'static str; 2]; 3],
}

const STARTER: Expected = Expected {
    net: "starter",
    sums: [
        [
            "2fd42ffab0fa18a0b1f7ae3ea7d0adc2b330fbd5544f503bba9dddb7e796996e",
            "e04b3ee3aad5b99c9b6284a4fa593e6b97443c25d455968643973816bf6fee3f",
        ],
        [
            "761dd2f168cae1195f43e36d174d0952013e28c02f8178b83537341977338d48",
            "58ae47571ad8fc32d9d18e7f4aabf85b9499ca56f13d740f86b03a76c86a1363",
        ],
        [
            "564c8164b85de141e60f2a3d324cbf8da36733ba29e9ec5863e716672b0c94dc",
            "229cb4c3669ce28e64cf14aa31be9036942ba06e409bbfeaa8a0e566edf59cc1",
        ],
    ],
};
const IMAGENET: Expected = Expected {
    net: "ImageNet",
    sums: [
        [
            "6bc5dba5038414a44897e46f467ffd22ec1d6fc4533759482cbac1ab777385b7",
            "2db474187c028cf997fdeb2af4ef70c7596178dfb6cbb5288d0f91aa21b0dfe8",
        ],
        [
            "1852765fe9faec9600a006d0d0fe4691c89fc32850909c8b3197977e6cba6867",
            "d00ba08f68342529df13e5f2b9711196ca5233286ccfcfb934522cbe66c311a3",
        ],
        [
            "c1c9c3c1cb15816f8e0c316a9bfd0a0bfe3c2abe8ab7e1cec08d0db8b6203e43",
            "58e9b7e7c6886df3e5d5b4411faa01424035cc7470193799881ce5c99cc8d661",
        ],
    ],
};

const SIDES: [usize; 3] = [96, 160, 224];
const THREADS: [usize; 4] = [1, 2, 3, 8];

/// The first photo of the committed golden file, each pixel the nearest one of it.
fn photo(side: usize) -> Vec<u8> {
    let golden = Golden::committed("keras_starter");
    let (shape, images) = (golden.shape("images_96x96"), golden.u8s("images_96x96"));
    let (height, width) = (shape[1], shape[2]);
    let pixels = (0..side * side).flat_map(|pixel| {
        let (y, x) = (pixel / side * height / side, pixel % side * width / side);
        let at = (y * width + x) * 3;
        [images[at], images[at + 1], images[at + 2]]
    });
    pixels.collect()
}

fn sum(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Digest::of(&bytes).to_string()
}

/// Runs the photo in each place of batches of these sizes, with other photos beside it.
fn check(params: &Params, expected: &Expected, isas: &[Isa], batches: &[usize]) {
    let net = Arc::new(Net::int8(params).unwrap());
    let mut wrong = BTreeMap::new();
    for (side, sums) in SIDES.into_iter().zip(&expected.sums) {
        let photo = photo(side);
        // The others are the photo turned about, so that no two neighbors are alike.
        let turned: Vec<u8> = photo.iter().rev().copied().collect();
        for (tap, expected_sum) in [Tap::Features, Tap::Pooled].into_iter().zip(sums) {
            for (isa, count) in isas.iter().flat_map(|isa| THREADS.map(|count| (*isa, count))) {
                let threads = Threads::new(count).unwrap();
                let plan = Plan::new(&net, isa, [side, side], Tap::Image..tap, count).unwrap();
                let mut arenas: Vec<_> = (0..count).map(|_| plan.arena()).collect();
                // The whole features of a batch would be hashed for longer than they are computed.
                for &batch in batches.iter().filter(|&&batch| tap == Tap::Pooled || batch == 1) {
                    let images: Vec<u8> = (0..batch)
                        .flat_map(|index| if index % 2 == 0 { &photo } else { &turned })
                        .copied()
                        .collect();
                    let len = plan.output_shape().elements();
                    let mut output = vec![f32::NAN; batch * len];
                    plan.run(&threads, Input::U8(&images), &mut arenas, &mut output).unwrap();
                    for got in output.chunks_exact(len).step_by(2).map(sum) {
                        if got != *expected_sum {
                            let what = format!("{} at {side} to {tap}: {got}", expected.net);
                            wrong.entry(what).or_insert(format!("{isa}, {count} threads, batch {batch}"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "other checksums, and the first way to each: {wrong:#?}");
}

#[test]
fn the_starter_has_one_checksum_on_every_processor() {
    let params = icecap_weights::starter().unwrap().params;
    check(&params, &STARTER, &Isa::available(), &[1, 5, 32]);
}

#[test]
fn imagenet_weights_have_one_checksum_on_every_processor() {
    let Some(folder) = assets::folder() else { return };
    let weights = folder.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let params = icecap_weights::read(&weights).unwrap().params;
    check(&params, &IMAGENET, &Isa::available(), &[1]);
    check(&params, &IMAGENET, &[Isa::best()], &[5, 32]);
}

/// SHA-256 of the integers that photos give the starter at this size, with what f32 shows on the portable kernels, which
/// has the same bits on every processor.
const CALIBRATED: [([usize; 2], &str); 2] = [
    ([96, 96], "a9bfbdc839ee872c8fd711462aca075ff41dd7310c197c392e667a217d7985d5"),
    ([97, 131], "6d67f7c722b777739e75a7ad551fd3ecd5fea4f6de5b46f3671e046c4e63aec9"),
];

#[test]
fn a_net_that_photos_calibrate_has_one_checksum() {
    let params = icecap_weights::starter().unwrap().params;
    let portable = Isa::named("portable").unwrap();
    for (size, expected) in CALIBRATED {
        // The photo, its colors turned and its rows moved.
        let golden = photo(size[0].max(size[1]));
        let photos: Vec<Vec<u8>> = (0..6)
            .map(|number| {
                let len = size[0] * size[1] * 3;
                (0..len).map(|at| golden[(at * (1 + number % 3) + 37 * number) % golden.len()]).collect()
            })
            .collect();
        let inputs: Vec<Input<'_>> = photos.iter().map(|photo| Input::U8(photo)).collect();
        for count in [1, 2] {
            let photos = Photos { size, seen: &inputs[..5], judged: &inputs[5..] };
            let threads = Threads::new(count).unwrap();
            let net = calibrate(&params, &photos, portable, &threads, GO_ON).unwrap().net;
            let got = integers_digest(&net).to_string();
            assert_eq!(got, expected, "{size:?}, {count} threads");
        }
    }
}
