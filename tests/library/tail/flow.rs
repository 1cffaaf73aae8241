//! A tail with a dense layer on top, trained as a program would: the tail's own passes, and a tape for the head.

use std::sync::Arc;

use icecap_autograd::{CrossEntropy, Dense, Loss, Optimizer, Tape, Workspace, optim};
use icecap_graph::{Input, Net, Params, Plan, Tap};
use icecap_kernels::{Isa, Shape, Tensor, Threads};
use icecap_tune::{Compute, Norms, Tail, Tuner};

use crate::assets::Golden;

/// A golden file of fine-tuning, and the net that it starts from.
pub(super) struct Case {
    pub(super) golden: Golden,
    pub(super) params: Params,
    pub(super) size: [usize; 2],
    pub(super) labels: Vec<u32>,
}

impl Case {
    /// The net of `weights` with the betas that stand in the file under `{part}beta/`: they were moved until no input of a
    /// ReLU6 is near 0 or 6, where rounding would decide whether a gradient passes.
    pub(super) fn new(golden: Golden, weights: &std::path::Path, part: &str) -> Self {
        let params = icecap_weights::read(weights).unwrap_or_else(|error| panic!("{error}")).params;
        let betas = golden.names().into_iter().filter_map(|name| {
            let layer = name.strip_prefix(part)?.strip_prefix("beta/")?.to_owned();
            Some((format!("{layer}/beta"), tensor(&golden, &name)))
        });
        let betas: Vec<_> = betas.collect();
        assert!(betas.len() >= 5, "{}: {} betas", golden.name, betas.len());
        let params = params.without_top().with_tensors(betas).unwrap();
        let shape = golden.shape("images");
        let labels = golden.i64s("labels").into_iter().map(|label| label as u32).collect();
        Self { size: [shape[1], shape[2]], params, labels, golden }
    }

    /// What leaves `tap` for the file's images.
    pub(super) fn rows(&self, isa: Isa, tap: Tap) -> Vec<f32> {
        let images = self.golden.u8s("images");
        if tap == Tap::Image {
            return images.into_iter().map(f32::from).collect();
        }
        let plan = Plan::new(&Arc::new(Net::new(&self.params)), isa, self.size, Tap::Image..tap, 1).unwrap();
        let mut rows = vec![f32::NAN; self.labels.len() * plan.output_shape().elements()];
        plan.run(&Threads::serial(), Input::U8(&images), &mut [plan.arena()], &mut rows).unwrap();
        rows
    }

    /// The dense layer that the file starts from.
    pub(super) fn head(&self) -> [Tensor; 2] {
        ["head/kernel", "head/bias"].map(|name| tensor(&self.golden, name))
    }
}

pub(super) fn tensor(golden: &Golden, name: &str) -> Tensor {
    Tensor::from_slice(Shape::new(&golden.shape(name)).unwrap(), &golden.f32s(name)).unwrap()
}

/// What one step computes, by the names of the golden files.
pub(super) struct Step {
    pub(super) loss: f32,
    pub(super) logits: Tensor,
    /// Of the loss by the pooled features.
    pub(super) d_pooled: Tensor,
    /// Of the loss by the dense layer's kernel and bias.
    pub(super) d_head: [Tensor; 2],
}

/// A training: the tail, the dense layer, and their optimizers.
pub(super) struct Training<'a> {
    pub(super) tail: Tail,
    pub(super) tuner: Tuner,
    pub(super) head: [Tensor; 2],
    optimizer: Box<dyn Optimizer>,
    pub(super) compute: Compute<'a>,
}

impl<'a> Training<'a> {
    pub(super) fn new(tail: Tail, head: [Tensor; 2], optimizer: &str, compute: Compute<'a>) -> Self {
        let tuner = Tuner::new(&tail, optimizer).unwrap();
        Self { tail, tuner, head, optimizer: optim::named(optimizer).unwrap(), compute }
    }

    /// Loss and gradients of a batch; nothing moves.
    pub(super) fn gradients(&mut self, rows: &[f32], labels: &[u32]) -> Step {
        let pooled = self.tuner.forward(&self.tail, self.compute, rows).unwrap();
        let loss = if self.head[1].data().len() == 1 { Loss::Binary } else { Loss::SparseCategorical };
        let mut workspace = Workspace::new();
        let mut tape = Tape::new(&mut workspace);
        let [kernel, bias] = tape.parameters(&self.head);
        let pooled = tape.parameter(pooled.view());
        let logits = tape.apply(Dense, &[pooled, kernel, bias]).unwrap();
        let loss = tape.apply(CrossEntropy::new(loss, labels), &[logits]).unwrap();
        let value = tape.value(logits).unwrap();
        let logits = Tensor::from_slice(value.shape(), value.data()).unwrap();
        let mean = tape.value(loss).unwrap().data()[0];
        let [d_kernel, d_bias, d_pooled] = tape.backward(loss).unwrap().try_into().unwrap();
        self.tuner.backward(&self.tail, self.compute, &d_pooled).unwrap();
        Step { loss: mean, logits, d_pooled, d_head: [d_kernel, d_bias] }
    }

    /// One step of the optimizers. Returns the loss before it.
    pub(super) fn step(&mut self, rows: &[f32], labels: &[u32], rate: f32) -> f32 {
        let step = self.gradients(rows, labels);
        self.tuner.step(&mut self.tail, self.compute, rate).unwrap();
        self.optimizer.step(&mut self.head, &step.d_head, rate).unwrap();
        step.loss
    }
}

/// The values of a tensor as bits.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Checks that the net with the tail's tensors in place has the moving statistics that it had, and no other tensor than
/// those that the tail trains moved at all.
pub(super) fn statistics_stay(params: &Params, tail: &Tail, norms: Norms) {
    let tuned = params.clone().with_tensors(tail.tensors()).unwrap();
    let (mut statistics, mut moved) = (0, Vec::new());
    for ((name, before), (_, after)) in params.tensors().zip(tuned.tensors()) {
        let same = bits(before.data()) == bits(after.data());
        if name.contains("/moving_") {
            assert!(same, "{name} has moved");
            statistics += 1;
        }
        if !same {
            moved.push(name.to_owned());
        }
    }
    assert_eq!(statistics, 2 * 52);
    let trained = tail.tensors();
    assert!(moved.iter().all(|name| trained.iter().any(|(other, _)| other == name)), "{moved:?}");
    assert_eq!(moved.iter().any(|name| name.ends_with("/gamma")), norms == Norms::Trained);
}
