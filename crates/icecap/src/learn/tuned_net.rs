//! A tuned net in the place of the frozen one: the backbone, the features that it gives the photos, and what has changed.

use std::ops::ControlFlow;

use icecap_graph::Params;
use icecap_kernels::Tensor;
use icecap_tune::Tail;

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::metrics::predicted;
use crate::learn::course::Epoch;
use crate::learn::feature_set::FeatureSet;
use crate::learn::fine_tuned::{Moved, Paired};
use crate::learn::tail_learner::Learns;
use crate::learn::trained::Event;
use crate::learn::tuning_phase::{Made, Phase};
use crate::learn::unfreeze::Unfreeze;
use crate::model::backbone::Backbone;
use crate::model::head::Head;

/// A tuned net and what came with it.
pub(crate) struct TunedNet {
    pub(crate) backbone: Backbone,
    pub(crate) head: Head,
    /// Training, validation and test photos with the net's features.
    pub(crate) sets: [FeatureSet; 3],
    pub(crate) history: Vec<Epoch>,
    pub(crate) calibration: Calibration,
    pub(crate) moved: Vec<Moved>,
    pub(crate) paired: Option<Paired>,
    pub(crate) trainable: usize,
    /// Whether BatchNorm was folded into the kernels before.
    pub(crate) folded: bool,
}

impl TunedNet {
    /// Makes it of what the second phase has left; `alone` is the head that it began with.
    pub(crate) fn new(phase: &Phase<'_>, alone: &Head, from: Unfreeze, made: Made) -> Result<Self, Error> {
        let Made { learns: Learns { tail, head }, history, calibration } = made;
        let behind = phase.rows_of(from)?;
        let on = phase.on(behind.as_ref().unwrap_or(phase.rows));
        let go_on = || (phase.event)(Event::Pulse);
        let of = |part: usize, set: &FeatureSet| {
            set.with_features(on.pooled(&tail, &phase.numbered(part), &go_on)?)
        };
        let photos = phase.photos;
        let sets =
            [of(0, &photos.train.features)?, of(1, &photos.val.features)?, of(2, &photos.test.features)?];
        let said = |head: &Head, set: &FeatureSet| -> Vec<usize> {
            head.logits_of(on.isa, set).chunks_exact(head.logits()).map(predicted).collect()
        };
        let before = said(alone, &photos.val.features);
        let paired = (!before.is_empty())
            .then(|| Paired::of(&before, &said(&head, &sets[1]), photos.val.features.labels()));
        let params = phase.backbone.params()?;
        let moved = moved(&params, &tail);
        let trainable = tail.trainable();
        let folded = tail.has_folded();
        let backbone = phase.backbone.tuned(tail.tensors(), &from.to_string(), phase.tuning.freeze_norms)?;
        if go_on() == ControlFlow::Break(()) {
            return Err(Error::Stopped);
        }
        Ok(Self { backbone, head, sets, history, calibration, moved, paired, trainable, folded })
    }
}

/// How far each tensor of the tail is from what it was.
fn moved(params: &Params, tail: &Tail) -> Vec<Moved> {
    let length =
        |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let distance = |name: String, now: Tensor| {
        let before = params.tensor(&name)?;
        let pairs = before.data().iter().zip(now.data());
        let apart = length(&mut pairs.map(|(&before, &now)| f64::from(now) - f64::from(before)));
        let whole = length(&mut before.data().iter().map(|&value| f64::from(value)));
        let relative = if whole > 0.0 { apart / whole } else { apart };
        Some(Moved { name, relative })
    };
    tail.tensors().into_iter().filter_map(|(name, now)| distance(name, now)).collect()
}
