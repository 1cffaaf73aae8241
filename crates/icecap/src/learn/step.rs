//! One step of a training: forward, loss, backward, and the optimizer's move.

use icecap_autograd::{CrossEntropy, Dropout, Loss, Optimizer, Tape, Targets, Workspace, optim};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::course::Step;
use crate::learn::feature_set::FeatureSet;
use crate::learn::head_on_tape::HeadOnTape;
use crate::learn::options::TrainOptions;
use crate::learn::steps::Steps;
use crate::model::head::Head;

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
        let layers = HeadOnTape::put(&mut tape, head);
        let stored = train.stored();
        let rows: Vec<u32> = step.rows.iter().map(|&row| stored.number(row as usize)).collect();
        let features = tape.gather(stored.matrix().view(), &rows)?;
        let dropout = Dropout::training(self.steps.dropout, self.seed, step.epoch, step.rows)?;
        let values = layers.logits(&mut tape, features, dropout)?;
        let metrics = Metrics::of(tape.value(values)?.data(), &labels, classes)?;
        let loss = CrossEntropy::new(Loss::for_classes(classes), &labels).targets(self.targets);
        let mean = layers.loss(&mut tape, values, loss, self.steps.l2.unwrap_or(0.0))?;
        let gradients = tape.backward(mean)?;
        self.optimizer.step(head.parameters_mut(), &gradients, step.rate)?;
        self.workspace.recycle(gradients);
        Ok(metrics)
    }
}
