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
            "5e2abbe0c0b38c4ba7b295b0883e487cb19e7389852f9cf1d5dc8a0f5bacfadb",
            "e7c6b0f311980b28b408690b913723157ec0fc547fae010080701efa0be36b21",
        ],
        [
            "4b339c48a8b7cf3888d616614a72960d802b97e25e0c5e036d2aeef9e165cf91",
            "7076e1bdd10e233062aec93902d46384d7af8aa11f3d9b445d268ed80fe47d2a",
        ],
        [
            "d16bb56b22bb57ae07a39fa1d2417e8e7e9c984b853d3d4299bafc165fb65019",
            "142668f176a48fa8d871ec8e9ebac295e225c1c533e94dec303a0b5cde2334b7",
        ],
    ],
};
const IMAGENET: Expected = Expected {
    net: "ImageNet",
    sums: [
        [
            "eb72fa9144daccff68e6b3133e98857a59cc33ae5654fcd65a418508bbc8d204",
            "396babcfc8d9f2ec0bb68df3576ce0c36a227c61e668ab5b7c7fdee201983b7b",
        ],
        [
            "9eb25ec6bb760352a8b64e9e2435c7993a273864c01a487dc189f9ac0f9b6dc5",
            "1679d65c11d9a367e9e228d8fd5626861487342d1ff92d16e12e8c2b14441795",
        ],
        [
            "6296fe066f979104681b1d0ca44eb0d72a3bdf7bbebfb54851847f7ee1d893d0",
            "88c07ab056446b1aa47948112f3d4fd141170b88f7d261df45eab13200303965",
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
    ([96, 96], "4680d46bb6c5208066918132936334bfd2a8ec10a9528f29d57d2658d3c4bc4e"),
    ([97, 131], "0333ef2abf008c4c90362b38707bad2979d8a380feae64ce966b91ee39923172"),
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
