//! One step of a training: forward, loss, backward, and the optimizer's move.

use icecap_autograd::{
    CrossEntropy, Dense, Dropout, L2Penalty, Loss, Optimizer, Relu, Tape, Targets, Workspace, optim,
};
use icecap_weights::Activation;

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::TrainOptions;
use crate::learn::steps::Steps;
use crate::model::head::Head;

/// Which photos a step is about, and how far it goes.
pub(crate) struct Step<'a> {
    pub(crate) epoch: u32,
    /// The photos, by their row in the training set.
    pub(crate) rows: &'a [u32],
    pub(crate) rate: f32,
}

/// Takes steps, one after the other: the optimizer's memory and the buffers go from each to the next.
pub(crate) struct Stepper<'a> {
    train: &'a FeatureSet,
    steps: &'a Steps,
    seed: u64,
    targets: Targets<'a>,
    optimizer: Box<dyn Optimizer>,
    workspace: Workspace,
}

impl<'a> Stepper<'a> {
    /// A stepper that has taken none yet. `steps` are those of `options`.
    pub(crate) fn new(
        train: &'a FeatureSet,
        options: &'a TrainOptions,
        steps: &'a Steps,
        targets: Targets<'a>,
    ) -> Result<Self, Error> {
        let optimizer = optim::named(steps.optimizer.name())?;
        Ok(Self { train, steps, seed: options.seed, targets, optimizer, workspace: Workspace::new() })
    }

    /// Photos in a step.
    pub(crate) fn batch(&self) -> usize {
        self.steps.batch.max(1)
    }

    /// Takes a step; returns the batch's metrics as they were before it, dropout on: the plain cross-entropy, whatever was
    /// added to it for the gradient.
    pub(crate) fn take(&mut self, head: &mut Head, step: &Step<'_>) -> Result<Metrics, Error> {
        let (classes, train) = (head.classes(), self.train);
        let labels: Vec<u32> = step.rows.iter().map(|&row| train.labels()[row as usize]).collect();
        let mut tape = Tape::new(&mut self.workspace);
        let layers: Vec<_> = head
            .layers()
            .map(|layer| {
                (tape.parameter(layer.kernel.view()), tape.parameter(layer.bias.view()), layer.activation)
            })
            .collect();
        let mut values = tape.gather(train.features().view(), step.rows)?;
        for (index, &(kernel, bias, activation)) in layers.iter().enumerate() {
            // What the last layer reads: the features, or what has left the hidden one.
            if index + 1 == layers.len() {
                let dropout = Dropout::training(self.steps.dropout, self.seed, step.epoch, step.rows)?;
                values = tape.apply(dropout, &[values])?;
            }
            values = tape.apply(Dense, &[values, kernel, bias])?;
            match activation {
                Activation::None => {}
                Activation::Relu => values = tape.apply(Relu, &[values])?,
                Activation::Relu6 => {
                    let reason = "a layer with a ReLU6 is not trained".to_owned();
                    return Err(Error::Setting { what: "head", reason });
                }
            }
        }
        let metrics = Metrics::of(tape.value(values)?.data(), &labels, classes)?;
        let loss = CrossEntropy::new(Loss::for_classes(classes), &labels).targets(self.targets);
        let mut mean = tape.apply(loss, &[values])?;
        if let Some(l2) = self.steps.l2.filter(|l2| *l2 > 0.0) {
            for (kernel, ..) in &layers {
                mean = tape.apply(L2Penalty::new(l2)?, &[mean, *kernel])?;
            }
        }
        let gradients = tape.backward(mean)?;
        self.optimizer.step(head.parameters_mut(), &gradients, step.rate)?;
        self.workspace.recycle(gradients);
        Ok(metrics)
    }
}
