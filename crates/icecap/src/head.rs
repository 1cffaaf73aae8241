//! The cap: dropout and a dense layer on pooled features, and the loop that trains it.

use std::ops::ControlFlow;

use icecap_autograd::{
    CrossEntropy, Dense, Dropout, Loss, Optimiser, Schedule, Tape, Workspace, glorot_uniform, optim,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, PackedDense, Shape, Tensor, dense};

use crate::{Decay, Error, Metrics, TrainOptions};

/// Pooled features of some photos with their classes.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    features: Tensor,
    labels: Vec<u32>,
}

impl FeatureSet {
    /// `features` [N, F] with the class of each row.
    ///
    /// # Errors
    /// [`Error::Kernel`] where they are not one row a label.
    pub fn new(features: Tensor, labels: Vec<u32>) -> Result<Self, Error> {
        if features.shape().rank() != 2 || features.shape().dims()[0] != labels.len() {
            let shape = Shape::of([labels.len(), features.shape().dims().last().copied().unwrap_or(0)]);
            return Err(icecap_kernels::Error::ElementCount { shape, got: features.data().len() }.into());
        }
        Ok(Self { features, labels })
    }

    /// How many photos.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The features, [N, F].
    #[must_use]
    pub fn features(&self) -> &Tensor {
        &self.features
    }

    /// The class of each row.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

/// The metrics of one epoch, and why they differ.
///
/// The running numbers are averages over the epoch's steps: with dropout on, and mostly from before the head was as
/// good as at the epoch's end. That is why validation can look better than running training numbers; the training
/// numbers with dropout off, taken at the end of the epoch as validation is, can be compared with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: u32,
    /// The learning rate of its last step.
    pub learning_rate: f32,
    /// Over the epoch's steps as they went, dropout on.
    pub running: Metrics,
    /// On the training photos at the end of the epoch, dropout off.
    pub train: Metrics,
    /// On the validation photos at the end of the epoch.
    pub validation: Metrics,
}

/// The cap itself: a dense layer from pooled features to logits.
#[derive(Clone, Debug)]
pub struct Head {
    /// The kernel [F, logits] and the bias [logits].
    parameters: [Tensor; 2],
    classes: usize,
}

impl Head {
    /// A head from its weights: `kernel` [F, logits], `bias` [logits].
    pub(crate) fn from_parts(kernel: Tensor, bias: Tensor, classes: usize) -> Self {
        Self { parameters: [kernel, bias], classes }
    }

    /// An untrained head: Glorot uniform kernel, zero bias.
    ///
    /// # Errors
    /// [`Error::Autograd`] for sizes that make no layer.
    pub fn untrained(features: usize, classes: usize, seed: u64) -> Result<Self, Error> {
        let logits = Loss::for_classes(classes).logits(classes);
        let kernel = glorot_uniform(features, logits, seed, 0)?;
        Ok(Self { parameters: [kernel, Tensor::zeros(Shape::of([logits]))], classes })
    }

    /// The kernel, [F, logits].
    #[must_use]
    pub fn kernel(&self) -> &Tensor {
        &self.parameters[0]
    }

    /// The bias, `[logits]`.
    #[must_use]
    pub fn bias(&self) -> &Tensor {
        &self.parameters[1]
    }

    /// Classes that it tells apart; two share one logit.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Logits for one row of features.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.bias().data().len()
    }

    /// The layer packed for inference.
    #[must_use]
    pub fn packed(&self) -> PackedDense {
        let logits = self.logits();
        let features = self.kernel().data().len() / logits;
        PackedDense::pack(self.kernel().data(), self.bias().data(), features, logits)
    }

    /// Loss and accuracy on some photos, dropout off.
    ///
    /// # Errors
    /// [`Error::Autograd`] where features or labels do not fit the head.
    pub fn evaluate(&self, isa: Isa, set: &FeatureSet) -> Result<Metrics, Error> {
        let mut logits = vec![0.0; set.len() * self.logits()];
        dense(isa, set.features.data(), &self.packed(), &mut logits);
        Metrics::of(&logits, &set.labels, self.classes)
    }

    /// Trains the head on `train`, epoch by epoch, each handed to `report`, which can stop the training.
    ///
    /// Every sum has a fixed order and every random number is a function of (seed, epoch, photo): the same seed gives
    /// the same bits.
    ///
    /// # Errors
    /// [`Error::Autograd`] for settings out of range or an optimiser of no name; [`Error::Diverged`] where the loss is no
    /// number any more; [`Error::Stopped`] where `report` breaks.
    pub fn train(
        &mut self,
        isa: Isa,
        train: &FeatureSet,
        validation: &FeatureSet,
        options: &TrainOptions,
        mut report: impl FnMut(&Epoch) -> ControlFlow<()>,
    ) -> Result<Vec<Epoch>, Error> {
        let mut optimiser = optim::named(&options.optimizer)?;
        let mut workspace = Workspace::new();
        let steps_per_epoch = train.len().div_ceil(options.batch.max(1)) as u64;
        let schedule = match options.decay {
            Decay::Constant => Schedule::Constant,
            Decay::Cosine => Schedule::Cosine { steps: steps_per_epoch * u64::from(options.epochs) },
            Decay::Step { epochs, factor } => {
                Schedule::Step { every: steps_per_epoch * u64::from(epochs), factor }
            }
        };
        let mut history = Vec::new();
        for epoch in 0..options.epochs {
            let first = u64::from(epoch) * steps_per_epoch;
            let rate = |step: u64| schedule.learning_rate(options.learning_rate, first + step);
            let running = self.epoch(train, options, epoch, optimiser.as_mut(), &mut workspace, rate)?;
            let report_of = Epoch {
                epoch: epoch + 1,
                learning_rate: rate(steps_per_epoch.saturating_sub(1)),
                running,
                train: self.evaluate(isa, train)?,
                validation: self.evaluate(isa, validation)?,
            };
            let losses = [running.loss, report_of.train.loss, report_of.validation.loss];
            if let Some(&loss) = losses.iter().find(|loss| !loss.is_finite()) {
                return Err(Error::Diverged { epoch: epoch + 1, loss });
            }
            history.push(report_of);
            if report(&report_of).is_break() {
                return Err(Error::Stopped);
            }
        }
        Ok(history)
    }

    fn epoch(
        &mut self,
        train: &FeatureSet,
        options: &TrainOptions,
        epoch: u32,
        optimiser: &mut dyn Optimiser,
        workspace: &mut Workspace,
        rate: impl Fn(u64) -> f32,
    ) -> Result<Metrics, Error> {
        let loss = Loss::for_classes(self.classes);
        let mut order: Vec<u32> = (0..train.len() as u32).collect();
        Stream::new(options.seed, Purpose::Shuffle, epoch, 0).shuffle(&mut order);
        let (mut loss_sum, mut right) = (0.0, 0.0);
        for (step, rows) in order.chunks(options.batch.max(1)).enumerate() {
            let labels: Vec<u32> = rows.iter().map(|&row| train.labels[row as usize]).collect();
            let mut tape = Tape::new(workspace);
            let [kernel, bias] = tape.parameters(&self.parameters);
            let pooled = tape.gather(train.features.view(), rows)?;
            let dropout = Dropout::training(options.dropout, options.seed, epoch, rows)?;
            let dropped = tape.apply(dropout, &[pooled])?;
            let logits = tape.apply(Dense, &[dropped, kernel, bias])?;
            let metrics = Metrics::of(tape.value(logits)?.data(), &labels, self.classes)?;
            let mean = tape.apply(CrossEntropy::new(loss, &labels), &[logits])?;
            let gradients = tape.backward(mean)?;
            optimiser.step(&mut self.parameters, &gradients, rate(step as u64))?;
            workspace.recycle(gradients);
            // A short last step counts by its photos.
            loss_sum += f64::from(metrics.loss) * rows.len() as f64;
            right += f64::from(metrics.accuracy) * rows.len() as f64;
        }
        let photos = train.len().max(1) as f64;
        Ok(Metrics { loss: (loss_sum / photos) as f32, accuracy: (right / photos) as f32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clouds of features, apart by a little.
    fn clouds(photos: u32, shift: f32) -> FeatureSet {
        const FEATURES: usize = 20;
        let mut values = Vec::new();
        for photo in 0..photos {
            let mut stream = Stream::new(4, Purpose::Test, 0, photo);
            let side = if photo % 2 == 0 { shift } else { -shift };
            values.extend((0..FEATURES).map(|_| stream.range(-1.0, 1.0) + side));
        }
        let shape = Shape::of([photos as usize, FEATURES]);
        let features = Tensor::from_slice(shape, &values).unwrap();
        FeatureSet::new(features, (0..photos).map(|photo| photo % 2).collect()).unwrap()
    }

    #[test]
    fn training_learns_and_reports_each_epoch() {
        let (train, validation) = (clouds(64, 0.3), clouds(40, 0.3));
        let isa = Isa::best();
        for (classes, optimizer) in [(2, "adam"), (3, "sgd"), (2, "rmsprop"), (2, "adamw")] {
            let options = TrainOptions {
                epochs: 30,
                learning_rate: 1e-2,
                optimizer: optimizer.into(),
                ..Default::default()
            };
            let mut head = Head::untrained(20, classes, 0).unwrap();
            let before = head.evaluate(isa, &validation).unwrap();
            let mut seen = 0;
            let history = head.train(isa, &train, &validation, &options, |epoch| {
                seen += 1;
                assert_eq!(epoch.epoch, seen);
                ControlFlow::Continue(())
            });
            let history = history.unwrap();
            let last = history[29];
            assert!(
                last.validation.accuracy > 0.9 && last.validation.loss < before.loss,
                "{optimizer}: {last:?}"
            );
            assert_eq!(last.validation, head.evaluate(isa, &validation).unwrap());
        }
    }

    #[test]
    fn a_diverging_training_is_an_error() {
        let set = clouds(64, 0.1);
        let options = TrainOptions { learning_rate: 3e38, optimizer: "sgd".into(), ..Default::default() };
        let mut head = Head::untrained(20, 3, 0).unwrap();
        let result = head.train(Isa::best(), &set, &set, &options, |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(Error::Diverged { .. })), "{result:?}");
    }

    #[test]
    fn the_learning_rate_follows_its_schedule() {
        let set = clouds(10, 0.1);
        let rates = |decay| {
            let options = TrainOptions { epochs: 4, batch: 5, decay, ..Default::default() };
            let mut head = Head::untrained(20, 2, 0).unwrap();
            let history =
                head.train(Isa::best(), &set, &set, &options, |_| ControlFlow::Continue(())).unwrap();
            history.iter().map(|epoch| epoch.learning_rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(Decay::Constant), [1e-3; 4]);
        assert_eq!(rates(Decay::Step { epochs: 2, factor: 0.5 }), [1e-3, 1e-3, 5e-4, 5e-4]);
        let cosine = rates(Decay::Cosine);
        assert!(cosine.windows(2).all(|pair| pair[1] < pair[0]) && cosine[3] < 1e-4, "{cosine:?}");
    }
}
