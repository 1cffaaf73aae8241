//! When to try again.

use std::time::Duration;

/// Why a transfer ended before the file was whole.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// The reason, in words.
    pub(super) reason: String,
    /// Whether it may pass by itself.
    pub(super) passing: Passing,
    /// How long the server asks to wait.
    pub(super) wait: Option<Duration>,
}

/// Whether trouble may pass by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// A cut, a stall, an overloaded server.
    Likely,
    /// No way to the server at all: more often a machine without a network than a moment without one.
    Hardly,
    /// The answer will be the same.
    No,
}

/// What is waited before the first new try; doubled for each later one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A transfer that got so many bytes further was worth it, and the tries are counted anew.
const WORTH: u64 = 1 << 20;

/// The tries that are left.
pub(super) struct Retries {
    allowed: u32,
    used: u32,
}

impl Retries {
    pub(super) fn new(allowed: u32) -> Self {
        Self { allowed, used: 0 }
    }

    /// The time to wait before the next try, after one that got `gained` bytes further; `None` if there is no next try.
    pub(super) fn after(&mut self, trouble: &Trouble, gained: u64) -> Option<Duration> {
        if gained >= WORTH {
            self.used = 0;
        }
        let allowed = match trouble.passing {
            Passing::Likely => self.allowed,
            Passing::Hardly => self.allowed.min(1),
            Passing::No => 0,
        };
        if self.used >= allowed {
            return None;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.used.min(10));
        self.used += 1;
        Some(wait.max(trouble.wait.unwrap_or_default()).min(LONGEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(passing: Passing, received: u64, allowed: u32) -> Vec<u128> {
        let trouble = Trouble { reason: String::new(), passing, wait: None };
        let mut retries = Retries::new(allowed);
        let waits = std::iter::from_fn(|| retries.after(&trouble, received));
        waits.take(20).map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn tries_are_few_and_waits_double_unless_something_comes() {
        assert_eq!(waits(Passing::Likely, 0, 3), [500, 1000, 2000]);
        assert_eq!(waits(Passing::Likely, WORTH - 1, 3), [500, 1000, 2000]);
        assert_eq!(waits(Passing::Hardly, 0, 3), [500]);
        assert!(waits(Passing::No, WORTH, 3).is_empty() && waits(Passing::Likely, 0, 0).is_empty());
        assert_eq!(waits(Passing::Likely, WORTH, 3), [500; 20]);
        assert_eq!(waits(Passing::Likely, 0, 19).last(), Some(&LONGEST_WAIT.as_millis()));
    }

    #[test]
    fn a_server_may_ask_for_more_time_but_not_for_hours() {
        let asked = |seconds| {
            let wait = Some(Duration::from_secs(seconds));
            let trouble = Trouble { reason: String::new(), passing: Passing::Likely, wait };
            Retries::new(1).after(&trouble, 0)
        };
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(7200), Some(LONGEST_WAIT));
    }
}
