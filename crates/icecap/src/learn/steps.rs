//! The settings of a training that goes down the gradient step by step.

use crate::error::Error;
use crate::learn::decay::Decay;
use crate::learn::epochs::Epochs;
use crate::learn::optimizer::Optimizer;
use crate::learn::value::{Texts, Value};

/// The most units of a hidden layer: of more, the photos that a head is trained on would have to be many.
pub(crate) const MOST_HIDDEN: u32 = 4096;

/// A learning rate, or the wish to have one found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// This one.
    Fixed(f32),
    /// The one that a range test on the training photos finds; see [`find_rate`](crate::learn::find_rate).
    Find,
}

/// The settings of a training in steps, each along the gradient of one batch of photos.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// The optimizer, which turns a gradient into a step.
    pub optimizer: Optimizer,
    /// The learning rate at the start.
    pub rate: Rate,
    /// Passes over the training photos. With early stopping they are the most there can be; left to
    /// [`Epochs::Auto`], they are then ten times as many as without.
    pub epochs: Epochs,
    /// How many photos a step is made from.
    pub batch: usize,
    /// The share of what the last layer reads that dropout sets to zero in a step, in [0, 1): of the features, or of what
    /// leaves the hidden layer.
    pub dropout: f32,
    /// The units of a hidden layer with a ReLU between features and logits; `None` for a head of one dense layer.
    pub hidden: Option<u32>,
    /// How the learning rate changes over the epochs.
    pub schedule: Decay,
    /// Epochs over which the learning rate rises from next to nothing.
    pub warmup: u32,
    /// Epochs without a better one after which the training ends and the best epoch's head is kept; `None` to go through
    /// all epochs. Which epoch is best is told by the loss on a slice of the training photos (15 % of each class) that is
    /// then not learned from.
    pub early_stopping: Option<u32>,
    /// The strength of the L2 penalty on each kernel: `l2 / 2` times the sum of its squares is added to the mean loss.
    /// `None` leaves it to the photos: one by their number if the epochs are automatic too, else 0.
    pub l2: Option<f32>,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::Adam,
            rate: Rate::Fixed(1e-3),
            epochs: Epochs::Auto,
            batch: 32,
            dropout: 0.2,
            hidden: None,
            schedule: Decay::Constant,
            warmup: 0,
            early_stopping: None,
            l2: None,
        }
    }
}

impl Steps {
    /// Returns the learning rate at the start: 0 as long as one is to be found.
    #[must_use]
    pub fn learning_rate(&self) -> f32 {
        match self.rate {
            Rate::Fixed(rate) => rate,
            Rate::Find => 0.0,
        }
    }

    /// Lists the settings by name. `solver` and `l2`, which every solver has, stand at their place among them.
    pub(crate) fn describe(&self, solver: &str, l2: Option<f32>) -> Vec<(&'static str, Value)> {
        let rate = if let Rate::Fixed(rate) = self.rate { Some(rate) } else { None };
        let count = |count: u32| Value::Count(count.into());
        let epochs = match self.epochs {
            Epochs::Fixed(epochs) => count(epochs),
            open @ Epochs::Auto => Value::Text(open.to_string()),
        };
        let mut all = vec![
            ("epochs", epochs),
            ("learning_rate", Value::number_or(rate, "find")),
            ("l2", Value::number_or(l2, "auto")),
            ("batch", Value::Count(self.batch as u64)),
            ("dropout", Value::Number(self.dropout)),
            ("optimizer", Value::Text(solver.to_owned())),
            ("schedule", Value::Text(self.schedule.to_string())),
            ("warmup", count(self.warmup)),
            ("early_stopping", self.early_stopping.map_or(Value::Off, count)),
        ];
        // Not told where there is none, so that such a model is the bytes that it was before there were hidden layers.
        if let Some(units) = self.hidden {
            all.insert(5, ("hidden", count(units)));
        }
        all
    }

    /// Reads the settings that [`Steps::describe`] lists; what is missing has its default.
    pub(crate) fn read(optimizer: Optimizer, texts: &Texts<'_>) -> Result<Self, Error> {
        let default = Self::default();
        let epochs = texts.open("epochs", "auto")?;
        let rate = texts.open("learning_rate", "find")?;
        Ok(Self {
            optimizer,
            hidden: texts.open("hidden", "none")?.flatten(),
            rate: rate.map_or(default.rate, |rate| rate.map_or(Rate::Find, Rate::Fixed)),
            epochs: epochs.map_or(default.epochs, |epochs| epochs.map_or(Epochs::Auto, Epochs::Fixed)),
            batch: texts.value("batch", str::parse)?.unwrap_or(default.batch),
            dropout: texts.value("dropout", str::parse)?.unwrap_or(default.dropout),
            schedule: texts.value("schedule", str::parse)?.unwrap_or(default.schedule),
            warmup: texts.value("warmup", str::parse)?.unwrap_or(default.warmup),
            early_stopping: texts.open("early_stopping", "none")?.flatten(),
            l2: texts.open("l2", "auto")?.flatten(),
        })
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if self.batch == 0 {
            return refuse("batch", "a step needs at least one photo");
        }
        if !(self.learning_rate() >= 0.0 && self.learning_rate().is_finite()) {
            return refuse("learning rate", "use a number from 0 up, 0.001 for a start");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", "use a share from 0 up to, not including, 1");
        }
        if self.hidden.is_some_and(|units| !(1..=MOST_HIDDEN).contains(&units)) {
            return refuse("hidden layer", "use 1 to 4096 units, 100 for a start");
        }
        if self.early_stopping == Some(0) {
            return refuse("early stopping", "use a patience of one epoch or more");
        }
        Ok(())
    }
}

#[cfg(test)]
impl Steps {
    /// Settings drawn at random, whatever can be said among them.
    pub(crate) fn drawn(draw: &mut icecap_kernels::rng::Stream) -> Self {
        Self {
            optimizer: Optimizer::ALL[draw.below(4) as usize],
            rate: if draw.below(3) == 0 { Rate::Find } else { Rate::Fixed(draw.uniform()) },
            epochs: if draw.below(2) == 0 { Epochs::Auto } else { Epochs::Fixed(1 + draw.below(500)) },
            batch: 1 + draw.below(100) as usize,
            dropout: draw.range(0.0, 0.99),
            hidden: (draw.below(2) == 1).then(|| 1 + draw.below(MOST_HIDDEN)),
            schedule: match draw.below(3) {
                0 => Decay::Constant,
                1 => Decay::Cosine,
                _ => Decay::Step { epochs: 1 + draw.below(9), factor: 0.25 },
            },
            warmup: draw.below(9),
            early_stopping: (draw.below(2) == 1).then(|| 1 + draw.below(9)),
            l2: (draw.below(2) == 1).then(|| draw.uniform()),
        }
    }
}
