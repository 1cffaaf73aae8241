//! Gradients of everything that trains, and of what leaves each block, against Keras, on every instruction set.

use std::collections::BTreeSet;

use icecap_graph::Tap;
use icecap_kernels::{Isa, Tensor, Threads};
use icecap_tune::{Compute, Norms, Tail};

use super::flow::{Case, Step, Training};
use crate::assets::{self, Golden};

/// What may differ, as a share of the largest value and of the L2 norm.
struct Allowed {
    loss: f64,
    logits: f64,
    gradients: f64,
    /// Gradients of what leaves a block.
    blocks: f64,
}

/// The larger of two distances: the largest difference over the largest value, and L2 over L2.
fn distance(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        // A NaN must not hide in a maximum.
        values.fold(0.0f64, |max, value| if value.abs() > max || value.is_nan() { value.abs() } else { max })
    };
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let apart = || got.iter().zip(expected).map(|(&a, &b)| f64::from(a) - f64::from(b));
    let expected = || expected.iter().map(|&value| f64::from(value));
    let max = largest(&mut apart()) / largest(&mut expected());
    max.max(norm(&mut apart()) / norm(&mut expected()))
}

/// Every fourth output channel, which is the last axis.
fn every_fourth(tensor: &Tensor) -> Vec<f32> {
    let channels = *tensor.shape().dims().last().unwrap();
    tensor.data().chunks_exact(channels).flat_map(|row| row.iter().step_by(4).copied()).collect()
}

/// Compares; keeps the worst of each kind and the names that were looked at.
struct Comparison<'a> {
    golden: &'a Golden,
    isa: Isa,
    seen: BTreeSet<String>,
    worst: f64,
}

impl Comparison<'_> {
    fn values(&mut self, name: &str, got: &[f32], allowed: f64) {
        let apart = distance(got, &self.golden.f32s(name));
        assert!(
            apart <= allowed,
            "{} {} {name}: {apart:.2e} apart, {allowed:.0e} allowed",
            self.golden.name,
            self.isa
        );
        self.worst = self.worst.max(apart / allowed);
        self.seen.insert(name.to_owned());
    }

    /// A gradient, in whole or every fourth channel of it, and the norm of the whole.
    fn gradient(&mut self, name: &str, got: &Tensor, allowed: f64) {
        let whole = format!("grad/{name}");
        if self.golden.names().contains(&whole) {
            assert_eq!(got.shape().dims(), self.golden.shape(&whole), "{name}");
            self.values(&whole, got.data(), allowed);
        } else {
            self.values(&format!("grad4/{name}"), &every_fourth(got), allowed);
        }
        let name = format!("norm/{name}");
        let norm = got.data().iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        let expected = self.golden.f64s(&name)[0];
        assert!(((norm - expected) / expected).abs() <= allowed, "{name}: {norm} for {expected}");
        self.seen.insert(name);
    }

    fn step(&mut self, step: &Step, allowed: &Allowed) {
        self.values("loss", &[step.loss], allowed.loss);
        self.values("logits", step.logits.data(), allowed.logits);
        for (name, gradient) in ["head/kernel", "head/bias"].into_iter().zip(&step.d_head) {
            self.gradient(name, gradient, allowed.gradients);
        }
    }

    /// The gradient of the last features, where the file has it: each pixel has its share of that of their mean.
    fn features(&mut self, step: &Step, allowed: f64) {
        let name = "actgrad/out_relu";
        if self.golden.names().iter().any(|other| other == name) {
            let &[_, height, width, channels] = self.golden.shape(name).as_slice() else { panic!("{name}") };
            let pixels = height * width;
            let rows = step.d_pooled.data().chunks_exact(channels);
            let shares = rows.flat_map(|row| row.repeat(pixels)).map(|value| value / pixels as f32);
            self.values(name, &shares.collect::<Vec<_>>(), allowed);
        }
    }

    /// Every gradient and norm of the file was compared.
    fn is_complete(&self) {
        let asked = |name: &String| ["grad/", "grad4/", "norm/"].iter().any(|part| name.starts_with(part));
        let names: BTreeSet<String> = self.golden.names().into_iter().filter(asked).collect();
        assert!(names.len() > 50);
        let missed: Vec<_> = names.difference(&self.seen).collect();
        assert!(missed.is_empty(), "{}: not compared: {missed:?}", self.golden.name);
    }
}

fn check(case: &Case, from: Tap, allowed: &Allowed) {
    for isa in Isa::available() {
        let threads = Threads::serial();
        let compute = Compute { threads: &threads, isa };
        let training = |tap| {
            let tail = Tail::new(&case.params, tap, case.size, Norms::Trained).unwrap();
            Training::new(tail, case.head(), "sgd", compute)
        };
        let mut comparison = Comparison { golden: &case.golden, isa, seen: BTreeSet::new(), worst: 0.0 };
        let mut whole = training(from);
        let step = whole.gradients(&case.rows(isa, from), &case.labels);
        comparison.step(&step, allowed);
        for (name, gradient) in whole.tuner.gradients(&whole.tail) {
            comparison.gradient(&name, &gradient, allowed.gradients);
        }
        comparison.is_complete();
        comparison.features(&step, allowed.blocks);

        // A tail that starts at a tap gives the gradient of what leaves there.
        let mut blocks = 0;
        for tap in Tap::all().filter(|tap| matches!(tap, Tap::Block(_))) {
            let name = format!("actgrad/{}", tap.layer(case.params.spec()));
            if !case.golden.names().contains(&name) {
                continue;
            }
            let mut behind = training(tap);
            behind.gradients(&case.rows(isa, tap), &case.labels);
            let gradient = behind.tuner.input_gradient(&behind.tail, compute).unwrap();
            assert_eq!(gradient.shape().dims(), case.golden.shape(&name), "{name}");
            comparison.values(&name, gradient.data(), allowed.blocks);
            blocks += 1;
        }
        println!(
            "{} {isa}: {blocks} blocks, at worst {:.0} % of what is allowed",
            case.golden.name,
            100.0 * comparison.worst
        );
        assert!(blocks >= 5);
    }
}

#[test]
fn gradients_of_the_whole_net_agree_with_keras() {
    let Some(assets) = assets::folder() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_0.35_scrambled_no_top.safetensors");
    let case = Case::new(Golden::asset(&assets, "finetune_grad_035_96"), &weights, "");
    let allowed = Allowed { loss: 1e-5, logits: 3e-5, gradients: 4e-5, blocks: 2e-5 };
    check(&case, Tap::Image, &allowed);
}

#[test]
fn gradients_of_imagenet_weights_from_block_13_agree_with_keras() {
    let Some(assets) = assets::folder() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let case = Case::new(Golden::asset(&assets, "finetune_grad_100_160_from13"), &weights, "");
    let allowed = Allowed { loss: 2e-5, logits: 2e-5, gradients: 2e-5, blocks: 2e-5 };
    check(&case, Tap::Block(12), &allowed);
}
