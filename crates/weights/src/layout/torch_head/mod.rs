//! The head of a classifier of PyTorch's: whatever layers a state dict has beside the net's.
//!
//! `modules` tells what layers the tensors are of, `plan` in which order they compute and where an activation may stand; here
//! they become a head. What a state dict does not tell is taken as most nets have it, and told, or refused where nothing is
//! usual.

mod modules;
mod plan;

use std::collections::BTreeMap;

use icecap_kernels::{Shape, Tensor};

use self::modules::{Layer, Module, modules};
use self::plan::{Plan, Step, plan};
use super::order::AxisOrder;
use crate::container::Container;
use crate::shown::shown;
use crate::{
    Activation, BatchNormValues, FileHead, HeadBuilder, HeadOutput, NOTE_OF_ACTIVATION, NOTE_OF_CHOICE,
};

/// The epsilon of `BatchNorm1d` where nobody sets another; a state dict does not tell it.
const EPSILON: f64 = 1e-5;

/// A head as it was read.
pub(super) struct Head {
    pub(super) head: FileHead,
    /// The module of [`FileHead::Top`], and whether it has a bias.
    pub(super) top: Option<(String, bool)>,
    pub(super) notes: Vec<String>,
}

impl Head {
    /// A head that cannot be read for this reason.
    pub(super) fn unreadable(reason: String) -> Self {
        Self { head: FileHead::Unreadable { reason }, top: None, notes: Vec::new() }
    }
}

/// The tensors that a head is made of, the features that it reads, and the activation that was chosen for it.
pub(super) struct Given<'f> {
    pub(super) file: &'f Container<'f>,
    pub(super) tensors: BTreeMap<String, Shape>,
    pub(super) features: usize,
    pub(super) activation: Option<Activation>,
}

impl Given<'_> {
    /// Reads the head.
    pub(super) fn read(&self) -> Head {
        self.planned().unwrap_or_else(Head::unreadable)
    }

    fn planned(&self) -> Result<Head, String> {
        let modules = modules(&self.tensors)?;
        if let [Module { name, layer: Layer::Dense { inputs, bias, .. } }] = &modules[..]
            && *inputs == self.features
        {
            return Ok(Head { head: FileHead::Top, top: Some((name.clone(), *bias)), notes: Vec::new() });
        }
        if modules.is_empty() {
            return Ok(Head { head: FileHead::None, top: None, notes: Vec::new() });
        }
        let plan = plan(modules, self.features)?;
        Ok(Head { head: FileHead::Layers(self.folded(&plan)?), top: None, notes: self.told(&plan) })
    }

    /// What the file does not tell, and what is taken.
    fn told(&self, plan: &Plan) -> Vec<String> {
        let places = plan.places.join(", ");
        match (self.activation, &plan.places[..]) {
            (_, []) => Vec::new(),
            (None, _) => vec![format!(
                "{NOTE_OF_ACTIVATION} {places} of its head; {} is taken, as most have it",
                Activation::Relu
            )],
            (Some(chosen), _) => vec![format!("{chosen} {NOTE_OF_CHOICE} {places} of the head")],
        }
    }

    fn folded(&self, plan: &Plan) -> Result<crate::DenseHead, String> {
        let mut builder = HeadBuilder::new(self.features);
        for step in &plan.steps {
            match step {
                Step::Activation => match self.activation.unwrap_or(Activation::Relu) {
                    Activation::None => {}
                    Activation::Relu => builder.relu()?,
                    Activation::Relu6 => builder.relu6()?,
                },
                Step::Layer(module) => {
                    self.add(&mut builder, module)
                        .map_err(|reason| format!("'{}' is {reason}", shown(&module.name)))?;
                }
            }
        }
        builder.end(HeadOutput::Logits)
    }

    fn add(&self, builder: &mut HeadBuilder, module: &Module) -> Result<(), String> {
        let name = |variable: &str| match &*module.name {
            "" => variable.to_owned(),
            module => format!("{module}.{variable}"),
        };
        let vector = |variable: &str| {
            let tensor = self.file.tensor(&name(variable)).map_err(|error| error.to_string())?;
            Ok::<Vec<f32>, String>(tensor.data().to_vec())
        };
        match module.layer {
            Layer::Dense { bias, .. } => {
                let (shape, floats) = self.file.values(&name("weight")).map_err(|error| error.to_string())?;
                let mut kernel = Tensor::zeros(AxisOrder::Dense.shape(shape));
                AxisOrder::Dense.copy(shape, &floats.singles(), kernel.data_mut());
                let bias = if bias { Some(vector("bias")?) } else { None };
                builder.dense(&kernel, bias.as_deref())
            }
            Layer::Norm { trained, .. } => {
                let own = |variable: &str| trained.then(|| vector(variable)).transpose();
                let (gamma, beta) = (own("weight")?, own("bias")?);
                builder.batch_norm(BatchNormValues {
                    gamma: gamma.as_deref(),
                    beta: beta.as_deref(),
                    mean: &vector("running_mean")?,
                    variance: &vector("running_var")?,
                    epsilon: EPSILON,
                })
            }
        }
    }
}
