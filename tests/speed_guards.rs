//! What must not make the net slow: values too small for a normal f32, which some processors multiply a hundred times
//! slower.
//!
//! A process of its own: times are compared.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use icecap::advanced::graph::{Net, Params};
use icecap::advanced::kernels::{Isa, Threads};
use icecap_bench::{Pass, drawn_params, pixels};

const WIDTH: f32 = 0.35;
const SIZE: usize = 96;
/// Rounds of one pass each, the two nets in turn: the quickest of each is compared, so that a machine with other work
/// does not decide.
const ROUNDS: usize = 25;
const MOST: f64 = 2.0;

/// The drawn net with each tensor's values made by `change(layer, variable, value)`.
fn net(change: impl Fn(&str, &str, f32) -> f32) -> Arc<Net> {
    let params = drawn_params(WIDTH).unwrap();
    let tensors: BTreeMap<_, _> = params
        .tensors()
        .map(|(name, tensor)| {
            let mut tensor = tensor.clone();
            let (layer, variable) = name.rsplit_once('/').unwrap();
            tensor.data_mut().iter_mut().for_each(|value| *value = change(layer, variable, *value));
            (name.to_owned(), tensor)
        })
        .collect();
    Arc::new(Net::new(&Params::new(params.spec().clone(), *params.numerics(), tensors).unwrap()))
}

/// Holds the time of `net` against that of the net as it was drawn, and shows the pooled features that it gives.
fn holds(what: &str, net: &Arc<Net>, pooled: impl Fn(&[f32])) {
    let (plain, threads) = (self::net(|_, _, value| value), Threads::serial());
    let pixels = pixels(SIZE * SIZE * 3);
    for isa in Isa::available() {
        let mut passes = [&plain, net].map(|net| Pass::new(net, isa, &threads, SIZE, &pixels).unwrap());
        let mut quickest = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (pass, quickest) in passes.iter_mut().zip(&mut quickest) {
                let started = Instant::now();
                pass.run();
                *quickest = started.elapsed().min(*quickest);
            }
        }
        let ratio = quickest[1].as_secs_f64() / quickest[0].as_secs_f64();
        println!("{what}, {isa}: {ratio:.2} times the time of normal values");
        assert!(ratio < MOST, "{what}, {isa}: {ratio:.2} times the time of normal values");
        pooled(passes[1].pooled());
    }
}

#[test]
fn denormal_weights_cost_no_time() {
    // Folded kernels and biases of some 1e-39 in every layer. They are packed as zeros. Packed as they are, 630 of the
    // 1,280 features are denormal, and time tells only where the processor minds: on a Zen EPYC it is 1.0 to 1.2 times
    // that of normal values, so this looks at the features as well.
    let tiny =
        net(|_, variable, value| if matches!(variable, "gamma" | "beta") { value * 1e-39 } else { value });
    holds("denormal weights and biases", &tiny, |pooled| assert!(pooled.iter().all(|&value| value == 0.0)));
    // Denormal kernels over normal inputs, which the biases keep alive.
    let kernels = net(|_, variable, value| match variable {
        "gamma" => value * 1e-39,
        "beta" => value.abs() + 0.5,
        _ => value,
    });
    holds("denormal weights", &kernels, |pooled| assert!(pooled.iter().all(|&value| value >= 0.5)));
}

#[test]
fn denormal_activations_cost_no_time() {
    // Normal weights all along. Without a limit the first two layers bring values down to some 1e-40 and the others keep
    // them there: a Zen EPYC then takes 1.0 to 1.7 times as long, a Sapphire Rapids Xeon 60 to 90 times. Kernels write
    // zeros for what is so small.
    let tiny = net(|layer, variable, value| match variable {
        "gamma" if layer == "bn_Conv1" => value * 1e-36,
        "gamma" if layer == "expanded_conv_depthwise_BN" => value * 1e-4,
        "beta" | "moving_mean" => 0.0,
        // Drawn for a sum over all channels, where it is one over nine pixels.
        "kernel" if layer.ends_with("_depthwise") => value * 12.0,
        _ => value,
    });
    holds("denormal activations", &tiny, |pooled| assert!(pooled.iter().all(|&value| value == 0.0)));
    // Activations that stay above the limit, and what the kernels make of them, cost no time either.
    let small = net(|layer, variable, value| match variable {
        "gamma" if layer == "bn_Conv1" => value * 1e-20,
        "beta" | "moving_mean" => 0.0,
        "kernel" if layer.ends_with("_depthwise") => value * 12.0,
        _ => value,
    });
    holds("small activations", &small, |pooled| assert!(pooled.iter().any(|&value| value != 0.0)));
}
