//! The cap: dropout and a dense layer on pooled features, and the loop that trains it.

use std::ops::ControlFlow;
use std::str::FromStr;

use icecap_autograd::{
    CrossEntropy, Dense, Dropout, Loss, Optimiser, Schedule, Tape, Workspace, glorot_uniform, optim,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, PackedDense, Shape, Tensor, dense};

use crate::{Error, Metrics};

/// How the learning rate changes over the epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decay {
    /// It does not.
    Constant,
    /// Down to zero along a cosine.
    Cosine,
    /// Times `factor` after every `epochs`.
    Step {
        /// Epochs between two multiplications.
        epochs: u32,
        /// The factor.
        factor: f64,
    },
}

impl Decay {
    /// A step without numbers: halved after every five epochs.
    const STEP: Self = Self::Step { epochs: 5, factor: 0.5 };
}

/// As text `constant`, `cosine`, `step`, `step:EPOCHS` or `step:EPOCHS:FACTOR`.
impl FromStr for Decay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Setting {
            what: "schedule",
            reason: format!(
                "'{text}' is none; use constant, cosine or step:EPOCHS:FACTOR, as in step:5:0.5 (epochs from 1, \
                 factor above 0 and up to 1)"
            ),
        };
        let mut words = text.split(':');
        let decay = match (words.next(), words.next(), words.next()) {
            (Some("constant"), None, None) => Self::Constant,
            (Some("cosine"), None, None) => Self::Cosine,
            (Some("step"), None, None) => Self::STEP,
            (Some("step"), Some(epochs), factor) => {
                let epochs = epochs.parse().ok().filter(|epochs| *epochs >= 1).ok_or_else(wrong)?;
                let factor: f64 = factor.unwrap_or("0.5").parse().map_err(|_| wrong())?;
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(wrong());
                }
                Self::Step { epochs, factor }
            }
            _ => return Err(wrong()),
        };
        if words.next().is_some() { Err(wrong()) } else { Ok(decay) }
    }
}

impl std::fmt::Display for Decay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { epochs, factor } => write!(f, "step:{epochs}:{factor}"),
        }
    }
}

/// How a head is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Passes over the training photos.
    pub epochs: u32,
    /// The learning rate at the start.
    pub learning_rate: f32,
    /// Photos in a step.
    pub batch: usize,
    /// The share of features that dropout sets to zero, in [0, 1).
    pub dropout: f32,
    /// `adam`, `adamw`, `sgd` or `rmsprop`.
    pub optimizer: String,
    /// How the learning rate changes.
    pub decay: Decay,
    /// What the head's first weights, the order of photos and dropout are drawn from.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 10,
            learning_rate: 1e-3,
            batch: 32,
            dropout: 0.2,
            optimizer: "adam".to_owned(),
            decay: Decay::Constant,
            seed: 0,
        }
    }
}

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

    /// The bias, [logits].
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
    /// [`Error::Autograd`] for settings out of range or an optimiser of no name; [`Error::Stopped`] where `report`
    /// breaks.
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
        let mut history = Vec::with_capacity(options.epochs as usize);
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

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        let step = |epochs, factor| Decay::Step { epochs, factor };
        for decay in [Decay::Constant, Decay::Cosine, step(3, 0.1), step(1, 1.0)] {
            assert_eq!(decay.to_string().parse::<Decay>().unwrap(), decay);
        }
        assert_eq!("step".parse::<Decay>().unwrap(), step(5, 0.5));
        assert_eq!("step:2".parse::<Decay>().unwrap(), step(2, 0.5));
        for wrong in ["", "linear", "cosine:3", "step:0", "step:2:0", "step:2:1.5", "step:2:nan", "step:2:0.5:1"]
        {
            assert!(wrong.parse::<Decay>().is_err(), "{wrong}");
        }
    }
}
