//! The order of a head's layers, and what may stand between them.
//!
//! A state dict has the layers with weights and nothing else: no order, no activation. In a `Sequential` the numbers give the
//! order, and the numbers that are missing are the layers without weights: dropout, flatten, an activation. Elsewhere the
//! sizes tell the order, if only one order fits.
//!
//! ```text
//! classifier.1 (1280 -> 256), classifier.4 (256 -> 3)     two places between: an activation may stand there
//! classifier.0 (1280 -> 256), classifier.1 (256 -> 3)     no place between: none does
//! ```

use super::modules::{Layer, Module};
use crate::shown::shown;

/// The most layers whose orders are tried.
const MAX_LAYERS: usize = 12;

/// What is computed at one place of a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Layer(Module),
    /// An activation that the file leaves room for and does not name.
    Activation,
}

/// A head in the order of its computation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The places of the activations, in words.
    pub(super) places: Vec<String>,
}

/// Puts layers on so many pooled features into their order.
///
/// # Errors
/// A sentence that names the layer that does not fit, or the layers that leave more than one order.
pub(super) fn plan(modules: Vec<Module>, features: usize) -> Result<Plan, String> {
    let ordered = ordered(modules, features)?;
    let mut plan = Plan::default();
    let mut rest = ordered.into_iter().peekable();
    let mut dense: Option<Module> = None;
    while let Some(module) = rest.next() {
        let Layer::Norm { .. } = module.layer else {
            if let Some(before) = dense.replace(module.clone()) {
                plan.activation(&before, &module)?;
            }
            plan.steps.push(Step::Layer(module));
            continue;
        };
        let next = rest.peek();
        match (&dense, next.map(|next| &next.layer)) {
            (Some(_), Some(Layer::Norm { .. })) => {
                return Err(format!(
                    "'{}' is a second normalization behind one layer, and what stands between is not told",
                    shown(next.map_or("", |next| &next.name))
                ));
            }
            (Some(_), Some(Layer::Dense { .. })) => {
                let (before, behind) = (dense.take(), rest.next());
                if let (Some(before), Some(behind)) = (before, behind) {
                    plan.around(&before, module, behind.clone())?;
                    dense = Some(behind);
                }
            }
            _ => plan.steps.push(Step::Layer(module)),
        }
    }
    Ok(plan)
}

impl Plan {
    /// Adds the activation between two dense layers where there is a place for one.
    fn activation(&mut self, before: &Module, behind: &Module) -> Result<(), String> {
        if free(&before.name, &behind.name) != Some(0) {
            self.places.push(between(before, behind));
            self.steps.push(Step::Activation);
        }
        Ok(())
    }

    /// Adds a normalization between two dense layers, the activation, and the second of these.
    fn around(&mut self, before: &Module, norm: Module, behind: Module) -> Result<(), String> {
        let (first, second) = (free(&before.name, &norm.name), free(&norm.name, &behind.name));
        match (first, second) {
            (Some(0), Some(0)) => self.steps.push(Step::Layer(norm)),
            // Behind it, as in `Linear, BatchNorm1d, ReLU, Linear`, and where nothing tells.
            (Some(0) | None, _) | (_, None) => {
                self.places.push(between(&norm, &behind));
                self.steps.extend([Step::Layer(norm), Step::Activation]);
            }
            // Before it, as in `Linear, ReLU, BatchNorm1d, Dropout, Linear`.
            (Some(_), Some(0 | 1)) => {
                self.places.push(between(before, &norm));
                self.steps.extend([Step::Activation, Step::Layer(norm)]);
            }
            (Some(_), Some(_)) => {
                return Err(format!(
                    "an activation may stand before or behind the normalization '{}', which the file does not tell",
                    shown(&norm.name)
                ));
            }
        }
        self.steps.push(Step::Layer(behind));
        Ok(())
    }
}

fn between(before: &Module, behind: &Module) -> String {
    format!("between '{}' and '{}'", shown(&before.name), shown(&behind.name))
}

/// How many places are free between two modules of one sequence; `None` if they are not right in one.
fn free(before: &str, behind: &str) -> Option<u32> {
    let split = |name: &'_ str| {
        let (sequence, index) = name.rsplit_once('.').unwrap_or(("", name));
        Some((sequence.to_owned(), index.parse::<u32>().ok()?))
    };
    let ((sequence, first), (other, second)) = (split(before)?, split(behind)?);
    (sequence == other).then(|| second.checked_sub(first + 1)).flatten()
}

/// The layers in the one order that their sizes allow; of several the one of their numbers in a sequence.
fn ordered(modules: Vec<Module>, features: usize) -> Result<Vec<Module>, String> {
    if modules.len() > MAX_LAYERS {
        return Err(format!("it has {} layers, above the limit of {MAX_LAYERS}", modules.len()));
    }
    let mut orders = Vec::new();
    try_orders(&modules, features, &mut Vec::new(), &mut orders);
    // The first one that is tried is that of the names.
    let natural: Vec<usize> = (0..modules.len()).collect();
    let numbered = modules.windows(2).all(|pair| free(&pair[0].name, &pair[1].name).is_some());
    let order = match &orders[..] {
        [] => return Err(misfit(&modules, features)),
        [only] => only.clone(),
        _ if numbered && orders.contains(&natural) => natural,
        _ => {
            let names: Vec<String> =
                modules.iter().map(|module| format!("'{}'", shown(&module.name))).collect();
            return Err(format!("its layers {} fit each other in more than one order", names.join(", ")));
        }
    };
    if let Some(pair) = beside(&order.iter().map(|&index| &modules[index]).collect::<Vec<_>>(), features) {
        let [last, first] = pair.map(|module| shown(&module.name));
        return Err(format!(
            "'{last}' gives as many values as the {features} pooled features, and '{first}' may read either: whether the one stands \
             before the other or beside it, as a gate does, is not told"
        ));
    }
    let mut modules: Vec<Option<Module>> = modules.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| modules[index].take()).collect())
}

/// Two layers of modules of different names, of which the second could read the features as well as what the first gives.
fn beside<'m>(ordered: &[&'m Module], features: usize) -> Option<[&'m Module; 2]> {
    let reads_features =
        |module: &Module| matches!(module.layer, Layer::Dense { inputs, .. } if inputs == features);
    let begins = |module: &Module| {
        reads_features(module) || matches!(module.layer, Layer::Norm { values, .. } if values == features)
    };
    let dense = ordered.iter().position(|module| reads_features(module))?;
    let pairs = ordered.windows(2).skip(dense);
    let mut apart = pairs.filter(|pair| begins(pair[1]) && stem(&pair[0].name) != stem(&pair[1].name));
    apart.next().map(|pair| [pair[0], pair[1]])
}

/// A module's name without the numbers at its end: `classifier` of `classifier.4.0`, `fc` of `fc2`.
fn stem(name: &str) -> &str {
    name.trim_end_matches(|end: char| end.is_ascii_digit() || end == '.' || end == '_')
}

/// Goes on with every layer that fits `width` values; two whole orders are enough to know.
fn try_orders(modules: &[Module], width: usize, begun: &mut Vec<usize>, orders: &mut Vec<Vec<usize>>) {
    if begun.len() == modules.len() {
        orders.push(begun.clone());
        return;
    }
    for (index, module) in modules.iter().enumerate() {
        let next = match module.layer {
            Layer::Dense { inputs, outputs, .. } => (inputs == width).then_some(outputs),
            Layer::Norm { values, .. } => (values == width).then_some(width),
        };
        let Some(next) = next.filter(|_| !begun.contains(&index) && orders.len() < 2) else { continue };
        begun.push(index);
        try_orders(modules, next, begun, orders);
        begun.pop();
    }
}

/// The layer that does not fit, in words.
fn misfit(modules: &[Module], features: usize) -> String {
    let takes = |module: &Module| match module.layer {
        Layer::Dense { inputs, .. } => inputs,
        Layer::Norm { values, .. } => values,
    };
    let starts: Vec<&Module> = modules.iter().filter(|module| takes(module) == features).collect();
    match (&starts[..], modules) {
        ([], [first, ..]) => {
            let given = takes(first);
            let also = match given
                .checked_div(features)
                .filter(|times| *times > 0 && times * features == given)
            {
                Some(times) => format!(
                    ", {times} times as many: is it on features that were not averaged, or pooled in two ways?"
                ),
                None => String::new(),
            };
            format!(
                "'{}' takes {given} values, and the net gives {features} pooled features{also}",
                shown(&first.name)
            )
        }
        _ => {
            let names: Vec<String> =
                modules.iter().map(|module| format!("'{}'", shown(&module.name))).collect();
            format!("its layers {} make no chain from {features} pooled features", names.join(", "))
        }
    }
}
