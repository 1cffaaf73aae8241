//! How long a benchmark measures.

use std::time::Duration;

/// The longest measurement: nobody waits for more.
const MOST_SECONDS: f64 = 3600.0;

/// Reads the seconds that an option gives: above 0, at most an hour.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && *seconds <= MOST_SECONDS);
    let seconds = seconds.ok_or_else(|| format!("use a number above 0, up to {MOST_SECONDS}"))?;
    Ok(Duration::from_secs_f64(seconds))
}
