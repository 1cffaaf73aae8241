//! The layers that a head's tensors are of, told by their names and shapes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use icecap_kernels::Shape;

use crate::shown::shown;

/// A layer that a head may be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// `Linear`: `weight` [out, in], and `bias` if it has one.
    Dense { inputs: usize, outputs: usize, bias: bool },
    /// `BatchNorm1d`: the statistics, and `weight` and `bias` if they are trained.
    Norm { values: usize, trained: bool },
}

/// A layer and the name of its module, without the point behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) layer: Layer,
}

/// What the layers that are read call their tensors.
const VARIABLES: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Sorts tensors into modules, in the order of their names with numbers counted as numbers.
///
/// # Errors
/// A sentence that names the first tensor that is of no such layer.
pub(super) fn modules(tensors: &BTreeMap<String, Shape>) -> Result<Vec<Module>, String> {
    let mut parts: BTreeMap<&str, BTreeMap<&str, Shape>> = BTreeMap::new();
    for (name, shape) in tensors {
        let (module, variable) = name.rsplit_once('.').unwrap_or(("", name));
        parts.entry(module).or_default().insert(variable, *shape);
    }
    let (mut modules, mut others) = (Vec::new(), Vec::new());
    for (name, variables) in parts {
        match layer(&variables) {
            Some(layer) => modules.push(Module { name: name.to_owned(), layer }),
            None => others.extend(variables.into_iter().map(|(variable, shape)| (name, variable, shape))),
        }
    }
    // What no layer calls a tensor says more than what many do.
    let strange = others.iter().find(|(_, variable, _)| !VARIABLES.contains(variable));
    if let Some((name, variable, shape)) = strange.or(others.first()) {
        let tensor = if name.is_empty() { (*variable).to_owned() } else { format!("{name}.{variable}") };
        let tensor = shown(&tensor);
        return Err(format!("tensor '{tensor}' of shape {shape} is of no layer that is read in a head"));
    }
    modules.sort_by(|a, b| natural(&a.name, &b.name));
    Ok(modules)
}

/// The layer that has these variables.
fn layer(variables: &BTreeMap<&str, Shape>) -> Option<Layer> {
    let vector =
        |name: &str| variables.get(name).filter(|shape| shape.rank() == 1).map(|shape| shape.dims()[0]);
    let names: Vec<&str> = variables.keys().copied().collect();
    match names[..] {
        ["weight"] | ["bias", "weight"] => {
            let &[outputs, inputs] = variables.get("weight")?.dims() else { return None };
            let bias = vector("bias");
            let fits = names.len() == 1 || bias == Some(outputs);
            fits.then_some(Layer::Dense { inputs, outputs, bias: bias.is_some() })
        }
        ["running_mean", "running_var"] | ["bias", "running_mean", "running_var", "weight"] => {
            let values = vector("running_mean")?;
            let fits = names.iter().all(|name| vector(name) == Some(values));
            fits.then_some(Layer::Norm { values, trained: names.len() == 4 })
        }
        _ => None,
    }
}

/// Orders names part by part, numbers by their values.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let parts = a.split('.').zip(b.split('.'));
    let mut orders = parts.map(|(a, b)| match (a.parse::<u32>(), b.parse::<u32>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    });
    orders.find(|order| order.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}
