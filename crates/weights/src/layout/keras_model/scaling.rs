//! Layers that multiply and add: rescaling, normalization, BatchNorm, operators of numbers.

use serde_json::Value;

use super::base::{CHANNELS, is_batch_norm, is_last_axis};
use super::config::{constants, flag, number};
use super::graph::{Graph, TRAINS};
use super::operator::{Affine, arithmetic};
use super::refusal::Refusal;
use super::stored::Stored;

/// What Keras puts in the place of a smaller standard deviation.
const LEAST_DEVIATION: f64 = 1e-7;

/// Returns what a layer does to the values that it reads where that is x · scale + offset; `None` if it does something else.
///
/// # Errors
/// A layer of that kind whose numbers cannot be had.
pub(super) fn scaling(
    graph: &Graph<'_>,
    stored: &Stored<'_, '_>,
    node: usize,
) -> Result<Option<Affine>, Refusal> {
    let config = graph.config(node);
    match graph.class(node) {
        "Rescaling" => {
            let numbers = |key: &str, absent: f64| match config.get(key) {
                None | Some(Value::Null) => Ok(vec![absent]),
                Some(value) => constants(value).ok_or_else(|| {
                    graph.refuse(node, format!("its '{key}' is neither a number nor one for each channel"))
                }),
            };
            Ok(Some(Affine { scale: numbers("scale", 1.0)?, offset: numbers("offset", 0.0)? }))
        }
        "Normalization" => normalization(graph, stored, node).map(Some),
        class if is_batch_norm(class) => batch_norm(graph, stored, node).map(Some),
        _ => arithmetic(graph, node),
    }
}

fn normalization(graph: &Graph<'_>, stored: &Stored<'_, '_>, node: usize) -> Result<Affine, Refusal> {
    let (config, layer) = (graph.config(node), graph.nodes[node].layer);
    // Without an axis it has one mean and one variance for all values.
    let is_for_all = match config.get("axis") {
        Some(Value::Array(axes)) => axes.is_empty(),
        Some(axis) => axis.is_null(),
        None => false,
    };
    if !is_for_all && !is_last_axis(config, &[1, 3]) {
        return Err(graph.refuse(node, "it normalizes along another axis than the channels"));
    }
    let numbers = |key: &str| match config.get(key) {
        None | Some(Value::Null) => Ok(stored.vector(layer, key)?.into_iter().map(f64::from).collect()),
        Some(value) => constants(value).ok_or_else(|| {
            graph.refuse(node, format!("its '{key}' is neither a number nor one for each channel"))
        }),
    };
    let (means, variances): (Vec<f64>, Vec<f64>) = (numbers("mean")?, numbers("variance")?);
    let deviations: Vec<f64> =
        variances.iter().map(|variance| variance.sqrt().max(LEAST_DEVIATION)).collect();
    if variances.iter().any(|variance| !(variance.is_finite() && *variance >= 0.0))
        || means.iter().any(|mean| !mean.is_finite())
    {
        return Err(graph.refuse(node, "its mean or variance is no number, or the variance is below 0"));
    }
    if flag(config, "invert", false) {
        return Ok(Affine { scale: deviations, offset: means });
    }
    let mean = |c: usize| means[if means.len() == 1 { 0 } else { c }];
    if means.len() != 1 && means.len() != deviations.len() {
        return Err(graph.refuse(node, "it has another count of means than of variances"));
    }
    Ok(Affine {
        scale: deviations.iter().map(|deviation| 1.0 / deviation).collect(),
        offset: deviations.iter().enumerate().map(|(c, deviation)| -mean(c) / deviation).collect(),
    })
}

/// A BatchNorm on pixels, as it is when the model predicts.
fn batch_norm(graph: &Graph<'_>, stored: &Stored<'_, '_>, node: usize) -> Result<Affine, Refusal> {
    let (config, layer) = (graph.config(node), graph.nodes[node].layer);
    if graph.nodes[node].trains {
        return Err(graph.refuse(node, TRAINS));
    }
    if !is_last_axis(config, &[1, 3]) {
        return Err(graph.refuse(node, CHANNELS));
    }
    let vector = |variable: &str| stored.vector(layer, variable);
    let (mean, variance) = (vector("moving_mean")?, vector("moving_variance")?);
    let optional = |key: &str, variable: &str, absent: f32| match flag(config, key, true) {
        true => vector(variable),
        false => Ok(vec![absent; mean.len()]),
    };
    let (gamma, beta) = (optional("scale", "gamma", 1.0)?, optional("center", "beta", 0.0)?);
    let epsilon = number(config, "epsilon").unwrap_or(1e-3);
    if [variance.len(), gamma.len(), beta.len()].iter().any(|length| *length != mean.len()) {
        return Err(graph.refuse(node, "its tensors are of different lengths"));
    }
    let scale: Vec<f64> = gamma
        .iter()
        .zip(&variance)
        .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt())
        .collect();
    let offset = beta
        .iter()
        .zip(&mean)
        .zip(&scale)
        .map(|((beta, mean), scale)| f64::from(*beta) - f64::from(*mean) * scale);
    Ok(Affine { offset: offset.collect(), scale })
}
