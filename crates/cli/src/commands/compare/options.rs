//! The arguments in which runs differ.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::run::Run;

/// What differs between any two trainings and says nothing about what they learned.
const LEFT_OUT: [&str; 2] = ["command", "out"];

/// An argument and its value in each run; `None` for a run without such an argument.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Differing {
    pub(super) option: String,
    pub(super) values: Vec<Option<String>>,
}

/// Returns the arguments whose values are not the same in all runs, sorted by their names.
pub(super) fn differing(runs: &[Run]) -> Vec<Differing> {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.arguments.keys()).collect();
    let of = |name: &String| Differing {
        option: name.clone(),
        values: runs.iter().map(|run| run.argument(name)).collect(),
    };
    let differs = |option: &Differing| option.values.iter().any(|value| *value != option.values[0]);
    names.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str())).map(of).filter(differs).collect()
}
