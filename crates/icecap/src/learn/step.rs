//! One step of a training by steps: forward, loss, backward, and the optimizer's move.

use icecap_autograd::{CrossEntropy, Dense, Dropout, L2Penalty, Loss, Optimizer, Tape, Targets, Workspace};

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::feature_set::FeatureSet;
use crate::learn::options::TrainOptions;
use crate::model::head::Head;

/// One step of a batch.
pub(crate) struct Step<'a> {
    pub(crate) epoch: u32,
    /// The photos, by their row in the training set.
    pub(crate) rows: &'a [u32],
    pub(crate) rate: f32,
}

impl Step<'_> {
    /// Takes it; returns the batch's metrics as they were before it, dropout on: the plain cross-entropy, whatever was
    /// added to it for the gradient.
    pub(crate) fn take(
        &self,
        head: &mut Head,
        train: &FeatureSet,
        options: &TrainOptions,
        targets: &Targets<'_>,
        optimizer: &mut dyn Optimizer,
        workspace: &mut Workspace,
    ) -> Result<Metrics, Error> {
        let classes = head.classes();
        let labels: Vec<u32> = self.rows.iter().map(|&row| train.labels()[row as usize]).collect();
        let mut tape = Tape::new(workspace);
        let [kernel, bias] = tape.parameters(head.parameters());
        let pooled = tape.gather(train.features().view(), self.rows)?;
        let dropout = Dropout::training(options.dropout, options.seed, self.epoch, self.rows)?;
        let dropped = tape.apply(dropout, &[pooled])?;
        let logits = tape.apply(Dense, &[dropped, kernel, bias])?;
        let metrics = Metrics::of(tape.value(logits)?.data(), &labels, classes)?;
        let loss = CrossEntropy::new(Loss::for_classes(classes), &labels).targets(*targets);
        let mut mean = tape.apply(loss, &[logits])?;
        if let Some(l2) = options.l2.filter(|l2| *l2 > 0.0) {
            mean = tape.apply(L2Penalty::new(l2)?, &[mean, kernel])?;
        }
        let gradients = tape.backward(mean)?;
        optimizer.step(head.parameters_mut(), &gradients, self.rate)?;
        workspace.recycle(gradients);
        Ok(metrics)
    }
}
