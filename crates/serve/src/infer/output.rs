//! The outputs of an answer: which are wanted, and how they are written.

use bytes::Bytes;
use icecap::Prediction;
use serde_json::{Value, json};

use crate::infer::names;
use crate::refusal::Refusal;

/// An output that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    of: Output,
    is_binary: bool,
    /// Instead of numbers so many texts `probability:class:name`, the most probable first.
    most: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Probabilities,
    Labels,
    Logits,
    Features,
}

/// The values of an output.
enum Values {
    Numbers(Vec<f32>),
    Texts(Vec<String>),
}

impl Wanted {
    /// Returns the output of a name.
    ///
    /// # Errors
    /// 400 if there is none, and for classes of an output that has no probabilities.
    pub(crate) fn new(name: &str, is_binary: bool, most: Option<usize>) -> Result<Self, Refusal> {
        let of = match name {
            names::PROBABILITIES => Output::Probabilities,
            names::LABELS => Output::Labels,
            names::LOGITS => Output::Logits,
            names::FEATURES => Output::Features,
            _ => {
                let known = [names::PROBABILITIES, names::LABELS, names::LOGITS, names::FEATURES].join(", ");
                return Err(Refusal::bad(format!("no output '{name}'; there are {known}")));
            }
        };
        if most.is_some() && of != Output::Probabilities {
            let message = format!("the output '{name}': classification goes with '{}'", names::PROBABILITIES);
            return Err(Refusal::bad(message));
        }
        Ok(Self { of, is_binary, most })
    }

    /// Returns the outputs of a request that names none.
    pub(crate) fn usual(is_binary: bool) -> Vec<Self> {
        let all = [Output::Probabilities, Output::Labels, Output::Logits];
        all.into_iter().map(|of| Self { of, is_binary, most: None }).collect()
    }

    /// Returns the output as the answer's JSON has it, and puts what stands behind that at the end of `binary`.
    pub(crate) fn write(
        &self,
        outcomes: &[(Vec<f32>, Prediction)],
        classes: &[String],
        binary: &mut Vec<u8>,
    ) -> Value {
        let values = self.values(outcomes, classes);
        let (len, datatype) = match &values {
            Values::Numbers(numbers) => (numbers.len(), "FP32"),
            Values::Texts(texts) => (texts.len(), "BYTES"),
        };
        let photos = outcomes.len();
        let shape = match self.of {
            Output::Labels => vec![photos],
            _ => vec![photos, len / photos.max(1)],
        };
        let mut output = json!({ "name": self.name(), "datatype": datatype, "shape": shape });
        if !self.is_binary {
            output["data"] = match values {
                Values::Numbers(numbers) => json!(numbers),
                Values::Texts(texts) => json!(texts),
            };
            return output;
        }
        let before = binary.len();
        match values {
            Values::Numbers(numbers) => binary.extend(numbers.iter().flat_map(|number| number.to_le_bytes())),
            Values::Texts(texts) => {
                for text in &texts {
                    binary.extend((text.len() as u32).to_le_bytes());
                    binary.extend(text.as_bytes());
                }
            }
        }
        output["parameters"] = json!({ "binary_data_size": binary.len() - before });
        output
    }

    fn name(&self) -> &'static str {
        match self.of {
            Output::Probabilities => names::PROBABILITIES,
            Output::Labels => names::LABELS,
            Output::Logits => names::LOGITS,
            Output::Features => names::FEATURES,
        }
    }

    fn values(&self, outcomes: &[(Vec<f32>, Prediction)], classes: &[String]) -> Values {
        let predictions = outcomes.iter().map(|(_, prediction)| prediction);
        let numbers = |of: fn(&Prediction) -> &[f32]| {
            Values::Numbers(
                predictions.clone().flat_map(|prediction| of(prediction).iter().copied()).collect(),
            )
        };
        match (self.of, self.most) {
            (Output::Probabilities, Some(most)) => {
                let text =
                    |(class, probability): (usize, f32)| format!("{probability}:{class}:{}", classes[class]);
                Values::Texts(predictions.flat_map(|prediction| prediction.ranked(most)).map(text).collect())
            }
            (Output::Probabilities, None) => numbers(|prediction| &prediction.probabilities),
            (Output::Logits, _) => numbers(|prediction| &prediction.logits),
            (Output::Labels, _) => {
                Values::Texts(predictions.map(|prediction| prediction.label.clone()).collect())
            }
            (Output::Features, _) => {
                Values::Numbers(outcomes.iter().flat_map(|(features, _)| features.iter().copied()).collect())
            }
        }
    }
}

/// Returns the answer's JSON and the bytes behind it.
pub(crate) fn write(
    head: Value,
    wanted: &[Wanted],
    outcomes: &[(Vec<f32>, Prediction)],
    classes: &[String],
) -> (String, Bytes) {
    let (mut head, mut binary) = (head, Vec::new());
    let outputs: Vec<Value> =
        wanted.iter().map(|wanted| wanted.write(outcomes, classes, &mut binary)).collect();
    head["outputs"] = outputs.into();
    (head.to_string(), binary.into())
}
