//! What became of the cases of a campaign.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

use crate::Plan;

/// The failures that are shown; more are only counted.
const SHOWN: usize = 20;

/// The counts and failures of a campaign.
#[derive(Debug)]
pub struct Report {
    campaign: &'static str,
    plan: Plan,
    started: Instant,
    ran: u64,
    outcomes: BTreeMap<String, u64>,
    failures: Vec<String>,
}

impl Report {
    /// An empty report of the campaign that `cargo run -p xtask -- CAMPAIGN` runs, such as `torture images`.
    #[must_use]
    pub fn new(campaign: &'static str, plan: &Plan) -> Self {
        Self {
            campaign,
            plan: plan.clone(),
            started: Instant::now(),
            ran: 0,
            outcomes: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// A case ran to its end, and this became of it.
    pub fn ran(&mut self, outcome: impl Into<String>) {
        self.ran += 1;
        self.count(outcome, 1);
    }

    /// Counts something beside the cases, such as kills.
    pub fn count(&mut self, what: impl Into<String>, times: u64) {
        *self.outcomes.entry(what.into()).or_default() += times;
    }

    /// Takes in what became of a case: how it ended, or which promise it broke.
    pub fn hear(&mut self, case: u64, outcome: Result<String, String>) {
        match outcome {
            Ok(outcome) => self.ran(outcome),
            Err(broken) => self.broke(case, broken),
        }
    }

    /// A case ran and broke a promise: `what` says which, with figures.
    pub fn broke(&mut self, case: u64, what: impl std::fmt::Display) {
        self.ran("a promise broke");
        self.fail(case, what);
    }

    /// A case broke a promise: `what` says which, with figures.
    pub fn fail(&mut self, case: u64, what: impl std::fmt::Display) {
        self.failures.push(format!(
            "case {case}: {what}\n    again: cargo run --release -p xtask -- {} --seed {} --only {case}",
            self.campaign, self.plan.seed
        ));
    }

    /// A promise broke that belongs to no case: `what` says which, with figures.
    pub fn fail_whole(&mut self, what: impl std::fmt::Display) {
        self.failures.push(format!(
            "{what}\n    again: cargo run --release -p xtask -- {} --seed {}",
            self.campaign, self.plan.seed
        ));
    }

    /// The report as text.
    ///
    /// # Errors
    /// The same text, where a case broke a promise or where none ran.
    pub fn finish(self) -> Result<String, String> {
        let mut text = format!(
            "{}: seed {}, {} cases in {:.1} s",
            self.campaign,
            self.plan.seed,
            self.ran,
            self.started.elapsed().as_secs_f64()
        );
        let width = self.outcomes.keys().map(|outcome| outcome.chars().count()).max().unwrap_or(0);
        for (outcome, count) in &self.outcomes {
            let _ = write!(text, "\n  {outcome:width$}  {count:>9}");
        }
        for failure in self.failures.iter().take(SHOWN) {
            let _ = write!(text, "\n{failure}");
        }
        if self.failures.len() > SHOWN {
            let _ = write!(text, "\nand {} more failures", self.failures.len() - SHOWN);
        }
        match (self.ran, self.failures.len()) {
            (0, _) => Err(text + "\nfailed: no case ran"),
            (_, 0) => Ok(text),
            (_, failures) => Err(format!("{text}\nfailed: a promise broke {failures} times")),
        }
    }
}

/// The outcome of a case on a file, whose name stands before the promise that broke.
pub(crate) fn of_file(name: &str, outcome: Result<String, String>) -> Result<String, String> {
    outcome.map_err(|broken| format!("{name}: {broken}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_fails_where_nothing_ran_and_where_a_promise_broke() {
        let plan = Plan::of(7, 1);
        assert!(Report::new("kill", &plan).finish().is_err_and(|text| text.contains("no case ran")));
        let mut good = Report::new("kill", &plan);
        good.ran("loads");
        assert!(good.finish().is_ok_and(|text| text.contains("seed 7, 1 cases") && text.contains("loads")));
        let mut bad = Report::new("torture images", &plan);
        bad.ran("panics");
        bad.fail(0, "a panic");
        let text = bad.finish().expect_err("a failure");
        assert!(text.contains("cargo run --release -p xtask -- torture images --seed 7 --only 0"), "{text}");
    }

    #[test]
    fn a_case_is_drawn_from_its_seed_and_number_alone() {
        let plan = Plan::of(3, 10);
        assert_eq!(plan.random(4).u64(..), plan.random(4).u64(..));
        assert_ne!(plan.random(4).u64(..), plan.random(5).u64(..));
        assert_ne!(plan.random(4).u64(..), Plan::of(4, 10).random(4).u64(..));
        assert_eq!(plan.cases(99), 0..10);
        assert_eq!(Plan { only: Some(5), ..plan }.cases(99), 5..6);
    }
}
