//! The outputs of an answer: which are wanted, and how they are written.

use bytes::Bytes;
use icecap::Prediction;
use icecap::advanced::foundation::shown::shown;
use serde::Serialize;

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
#[derive(Serialize)]
#[serde(untagged)]
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
                return Err(Refusal::bad(format!("no output '{}'; there are {known}", shown(name))));
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
    fn write(&self, outcomes: &[(Vec<f32>, Prediction)], classes: &[String], binary: &mut Vec<u8>) -> Tensor {
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
        let name = self.name();
        if !self.is_binary {
            return Tensor { name, datatype, shape, parameters: None, data: Some(values) };
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
        let parameters = Some(Behind { binary_data_size: binary.len() - before });
        Tensor { name, datatype, shape, parameters, data: None }
    }

    /// Returns the output's name.
    pub(crate) fn name(&self) -> &'static str {
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

/// What an answer begins with.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) model_name: String,
    pub(crate) model_version: &'static str,
    /// What the client calls its request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

/// An answer as its JSON is. Numbers are written as they are, and none becomes a JSON value first.
#[derive(Serialize)]
struct Written {
    #[serde(flatten)]
    head: Head,
    outputs: Vec<Tensor>,
}

/// An output.
#[derive(Serialize)]
struct Tensor {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Behind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Values>,
}

/// Where an output's values stand behind the JSON.
#[derive(Serialize)]
struct Behind {
    binary_data_size: usize,
}

/// Returns the answer's JSON and the bytes behind it; `None` where it cannot be written.
pub(crate) fn write(
    head: Head,
    wanted: &[Wanted],
    outcomes: &[(Vec<f32>, Prediction)],
    classes: &[String],
) -> Option<(String, Bytes)> {
    let mut binary = Vec::new();
    let outputs = wanted.iter().map(|wanted| wanted.write(outcomes, classes, &mut binary)).collect();
    let json = serde_json::to_string(&Written { head, outputs }).ok()?;
    Some((json, binary.into()))
}
