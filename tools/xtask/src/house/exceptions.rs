//! What may be over a limit, by name and with its reason. Kept short: an exception is a debt that somebody explained.

use super::finding::{Finding, Rule};

/// A place that may be over a limit, up to a count of its own.
pub(super) struct Exception {
    pub(super) rule: Rule,
    /// The path, and for a function a space and its name as a finding prints it.
    pub(super) at: &'static str,
    /// The most that is excused.
    pub(super) most: usize,
    /// Why it is better so; a person reads it.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by people, and by a test that there is one"))]
    pub(super) reason: &'static str,
}

/// Everything that is excused.
pub(super) const EXCEPTIONS: &[Exception] = &[];

impl Exception {
    pub(super) fn excuses(&self, finding: &Finding) -> bool {
        self.rule == finding.rule && self.at == finding.at() && finding.count <= self.most
    }
}
