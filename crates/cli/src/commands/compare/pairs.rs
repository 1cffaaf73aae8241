//! Two runs on the photos that both were validated on: which one is right where the other is wrong.

use std::collections::HashMap;
use std::path::Path;

use icecap::advanced::data::Part;
use icecap::judge::mcnemar;
use serde::Serialize;

use crate::run::Run;
use crate::terminal::wording::{chance, counted, plain};

/// The probability from which on a difference is called chance.
const CHANCE: f64 = 0.05;

/// A run against the first one.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Pair {
    run: String,
    /// Validation photos of both, of the same path and class.
    photos: usize,
    both_right: usize,
    /// Only the first run is right.
    only_first: usize,
    /// Only this run is right.
    only_this: usize,
    both_wrong: usize,
    /// The probability of McNemar's exact test, two-sided; `None` without photos.
    p: Option<f64>,
}

impl Pair {
    pub(super) fn of(first: &Run, other: &Run) -> Self {
        let known: HashMap<&Path, (&str, bool)> = first
            .part(Part::Val)
            .map(|seen| (seen.path.as_path(), (first.classes[seen.class].as_str(), seen.is_right())))
            .collect();
        let mut counts = [[0; 2]; 2];
        for seen in other.part(Part::Val) {
            match known.get(seen.path.as_path()) {
                Some((class, right)) if *class == other.classes[seen.class] => {
                    counts[usize::from(*right)][usize::from(seen.is_right())] += 1;
                }
                _ => {}
            }
        }
        let [[both_wrong, only_this], [only_first, both_right]] = counts;
        let photos = both_wrong + only_this + only_first + both_right;
        let p = (photos > 0).then(|| mcnemar(only_first as u64, only_this as u64));
        let run = other.folder.to_string_lossy().into_owned();
        Self { run, photos, both_right, only_first, only_this, both_wrong, p }
    }

    pub(super) fn text(&self, first: &str) -> String {
        let (first, this) = (plain(first), plain(&self.run));
        let Some(p) = self.p else {
            return format!(
                "{this} and {first} share no validation photo of the same path; nothing is paired\n"
            );
        };
        let verdict = if p < CHANCE { "more than chance explains" } else { "within chance" };
        format!(
            "{} in both {first} and {this}: both right {}, only {first} {}, only {this} {}, neither {}; \
             McNemar's exact {}, {verdict}\n",
            counted(self.photos, "validation photo"),
            self.both_right,
            self.only_first,
            self.only_this,
            self.both_wrong,
            chance(p)
        )
    }
}
