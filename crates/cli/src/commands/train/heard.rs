//! What a program that listens to a training hears of its epochs: the row of `metrics.csv` as it is measured.

use std::time::Instant;

use icecap::learn::Epoch;
use icecap_report::kept::metrics::history;
use serde::Serialize;

use crate::run::history::EpochRow;
use crate::terminal::progress::{Step, tell_program_measured};

/// What learns in an epoch.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// The head alone.
    Head,
    /// Head and blocks of the net.
    Tuning,
}

#[derive(Serialize)]
struct Measured {
    phase: Phase,
    #[serde(flatten)]
    row: Option<EpochRow>,
}

/// Tells of an epoch, counted through both phases, of which `of` are expected in all. Numbers that are not known are null.
pub(super) fn epoch(epoch: &Epoch, phase: Phase, of: Option<u32>, started: Instant) {
    let row = history(std::slice::from_ref(epoch)).pop();
    let step = Step { step: "epoch", done: epoch.epoch.into(), of: of.map(u64::from), started };
    tell_program_measured(step, &Measured { phase, row });
}
