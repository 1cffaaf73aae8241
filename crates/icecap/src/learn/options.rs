//! How a head is trained: the options, and the one list of them that is written down.
//!
//! There are two ways to train a head: in steps along the gradient, with all that belongs to steps, a hidden layer among it, or,
//! if it is one dense layer, at once to the minimum, which L-BFGS finds by itself. [`Solver`] says which, and a setting of the one
//! cannot be given beside the other.
//!
//! [`TrainOptions::describe`] lists every option by name. A model's metadata, a run's record and its page are made of that
//! list, and [`TrainOptions::read`] takes it back, so an option that is added there is everywhere.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::Error;
use crate::learn::class_weight::ClassWeight;
use crate::learn::steps::Steps;
use crate::learn::tuning::Tuning;
use crate::learn::value::{Texts, Value};

/// The name of the solver that takes no steps of a batch.
const AT_ONCE: &str = "lbfgs";

/// How the minimum of the loss is approached. As text: the name of an [`Optimizer`](crate::learn::Optimizer), or `lbfgs`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Solver {
    /// The head is trained in steps, each along the gradient of one batch, with dropout.
    Steps(Steps),
    /// L-BFGS finds the minimum on all photos by itself: there are no epochs, no learning rate, no batch and no dropout, and
    /// the L2 penalty is the only setting.
    Lbfgs {
        /// The strength of the L2 penalty on the kernel; `None` to have it chosen by folds of the training photos, see
        /// [`choose_l2`](crate::learn::choose_l2).
        l2: Option<f32>,
    },
}

impl Solver {
    /// The names of all solvers.
    pub const NAMES: [&str; 5] = ["adam", "adamw", "sgd", "rmsprop", AT_ONCE];

    /// Returns the solver's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Steps(steps) => steps.optimizer.name(),
            Self::Lbfgs { .. } => AT_ONCE,
        }
    }
}

impl Default for Solver {
    fn default() -> Self {
        Self::Steps(Steps::default())
    }
}

impl From<Steps> for Solver {
    fn from(steps: Steps) -> Self {
        Self::Steps(steps)
    }
}

/// The solver of a name, with default settings.
impl FromStr for Solver {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == AT_ONCE {
            return Ok(Self::Lbfgs { l2: None });
        }
        match text.parse() {
            Ok(optimizer) => Ok(Steps { optimizer, ..Steps::default() }.into()),
            Err(_) => Err(Error::Setting {
                what: "optimizer",
                reason: format!("'{text}' is not one; use one of {}", Self::NAMES.join(", ")),
            }),
        }
    }
}

/// How a head is trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainOptions {
    /// The solver, with its settings.
    pub solver: Solver,
    /// The share of each label that is spread over all classes, in [0, 1).
    pub label_smoothing: f32,
    /// How much the photos of a rare class count.
    pub class_weight: ClassWeight,
    /// The seed from which the head's first weights, the order of photos and dropout are drawn.
    pub seed: u64,
    /// How the last blocks of the net learn after the head; `None` to leave the net as it is.
    pub tuning: Option<Tuning>,
}

impl From<Solver> for TrainOptions {
    fn from(solver: Solver) -> Self {
        Self { solver, ..Self::default() }
    }
}

impl From<Steps> for TrainOptions {
    fn from(steps: Steps) -> Self {
        Solver::Steps(steps).into()
    }
}

impl TrainOptions {
    /// Returns the settings of the steps; `None` if the solver takes none.
    #[must_use]
    pub fn steps(&self) -> Option<&Steps> {
        match &self.solver {
            Solver::Steps(steps) => Some(steps),
            Solver::Lbfgs { .. } => None,
        }
    }

    /// Returns the strength of the L2 penalty; `None` if it is left to the photos.
    #[must_use]
    pub fn l2(&self) -> Option<f32> {
        match &self.solver {
            Solver::Steps(Steps { l2, .. }) | Solver::Lbfgs { l2 } => *l2,
        }
    }

    /// Returns the options with their steps changed; a solver without steps stays as it is.
    #[must_use]
    pub fn with_steps(mut self, change: impl FnOnce(&mut Steps)) -> Self {
        if let Solver::Steps(steps) = &mut self.solver {
            change(steps);
        }
        self
    }

    /// Finds what is wrong with the options before any work is done.
    ///
    /// # Errors
    /// [`Error::Setting`] with the first option that is out of its range, and what can be used.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if let Some(steps) = self.steps() {
            steps.check()?;
        }
        if let Some(tuning) = &self.tuning {
            tuning.check()?;
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return refuse("label smoothing", "use a share from 0 up to, not including, 1");
        }
        if self.l2().is_some_and(|l2| !(l2 >= 0.0 && l2.is_finite())) {
            return refuse("l2", "use a number from 0 up, or leave it open");
        }
        Ok(())
    }

    /// Lists every option by name, in the order in which a run's record holds them. Options that the solver has no use for
    /// are listed with their defaults, so that every record has the same keys; only `hidden` is left out where there is no
    /// hidden layer, and what is about fine-tuning where there is none.
    ///
    /// What is left to the photos is listed as `auto` (epochs, L2) or `find` (learning rate); the options of
    /// [`Settled`](crate::learn::Settled) have numbers instead.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, Value)> {
        let idle = Steps::default();
        let mut all = self.steps().unwrap_or(&idle).describe(self.solver.name(), self.l2());
        let place = all.iter().position(|(key, _)| *key == "early_stopping").unwrap_or(all.len());
        let of_losses = [
            ("label_smoothing", Value::Number(self.label_smoothing)),
            ("class_weight", Value::Text(self.class_weight.to_string())),
        ];
        all.splice(place..place, of_losses);
        all.push(("seed", Value::Count(self.seed)));
        // Not told where the net stays as it is, so that such a model is the bytes that it was before nets were tuned.
        all.extend(self.tuning.iter().flat_map(Tuning::describe));
        all
    }

    /// Returns the list of [`describe`](Self::describe) as texts by name: what a model's metadata hold.
    #[must_use]
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.describe().into_iter().map(|(key, value)| (key.to_owned(), value.to_string())).collect()
    }

    /// Reads options from texts by name, as [`metadata`](Self::metadata) gives them and
    /// [`Classifier::training`](crate::Classifier::training) keeps them. An option that is missing has its default, and
    /// names that are no option's are passed over.
    ///
    /// # Errors
    /// [`Error::Setting`] with the option whose text cannot be read or is out of its range.
    pub fn read(texts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let texts = Texts(texts);
        let named: Solver = texts.value("optimizer", str::parse)?.unwrap_or_default();
        let solver = match named {
            Solver::Steps(Steps { optimizer, .. }) => Solver::Steps(Steps::read(optimizer, &texts)?),
            Solver::Lbfgs { .. } => Solver::Lbfgs { l2: texts.open("l2", "auto")?.flatten() },
        };
        let options = Self {
            solver,
            label_smoothing: texts.value("label_smoothing", str::parse)?.unwrap_or_default(),
            class_weight: texts.value("class_weight", str::parse)?.unwrap_or_default(),
            seed: texts.value("seed", str::parse)?.unwrap_or_default(),
            tuning: Tuning::read(&texts)?,
        };
        options.check()?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |options: TrainOptions| options.check().unwrap_err().to_string();
        let steps = Steps::default;
        assert!(TrainOptions::default().check().is_ok());
        assert!(refused(Steps { l2: Some(-1.0), ..steps() }.into()).starts_with("l2: "));
        assert!(refused(Solver::Lbfgs { l2: Some(f32::NAN) }.into()).starts_with("l2: "));
        let smoothed = TrainOptions { label_smoothing: 1.0, ..TrainOptions::default() };
        assert!(refused(smoothed).starts_with("label smoothing: "));
        assert!(refused(Steps { early_stopping: Some(0), ..steps() }.into()).starts_with("early stopping: "));
        assert!(refused(Steps { batch: 0, ..steps() }.into()).starts_with("batch: "));
        let error = "x".parse::<Solver>().unwrap_err().to_string();
        assert!(error.contains("adam, adamw") && error.contains("lbfgs"), "{error}");
        for name in Solver::NAMES {
            assert_eq!(name.parse::<Solver>().unwrap().name(), name);
        }
        for optimizer in crate::learn::optimizer::Optimizer::ALL {
            assert!(Solver::NAMES.contains(&optimizer.name()), "{optimizer}");
        }
    }

    /// Options drawn at random, whatever can be said among them.
    fn drawn(number: u32) -> TrainOptions {
        let mut draw = Stream::new(6, Purpose::Test, 0, number);
        let steps = Steps::drawn(&mut draw);
        let l2 = steps.l2;
        TrainOptions {
            solver: if draw.below(4) == 0 { Solver::Lbfgs { l2 } } else { Solver::Steps(steps) },
            label_smoothing: draw.range(0.0, 0.99),
            class_weight: [ClassWeight::None, ClassWeight::Sqrt, ClassWeight::Balanced]
                [draw.below(3) as usize],
            seed: draw.next_u32().into(),
            tuning: (draw.below(2) == 1).then(|| Tuning::drawn(&mut draw)),
        }
    }

    #[test]
    fn what_is_described_is_read_back_to_the_bit_and_has_the_same_keys() {
        let keys = |options: &TrainOptions| {
            let mut metadata = options.metadata();
            let hidden = options.steps().and_then(|steps| steps.hidden);
            assert_eq!(metadata.remove("hidden"), hidden.map(|units| units.to_string()));
            let tuning = options.tuning.iter().flat_map(Tuning::describe);
            tuning.for_each(|(key, value)| assert_eq!(metadata.remove(key), Some(value.to_string())));
            metadata.into_keys().collect::<Vec<_>>()
        };
        let of_default = keys(&TrainOptions::default());
        for number in 0..300 {
            let options = drawn(number);
            assert_eq!(TrainOptions::read(&options.metadata()).unwrap(), options, "number {number}");
            assert_eq!(keys(&options), of_default);
        }
        assert_eq!(TrainOptions::read(&BTreeMap::new()).unwrap(), TrainOptions::default());
    }

    #[test]
    fn texts_that_are_no_values_are_named() {
        for (key, text) in
            [("batch", "many"), ("epochs", "-1"), ("dropout", "1"), ("optimizer", "x"), ("l2", "nan")]
        {
            let error = TrainOptions::read(&BTreeMap::from([(key.to_owned(), text.to_owned())])).unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
        }
    }
}
