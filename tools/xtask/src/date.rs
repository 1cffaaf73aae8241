//! Today's date, for the name of a record.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// Today as `YYYY-MM-DD`, in UTC.
pub(crate) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    civil(since.as_secs() / SECONDS_PER_DAY)
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// A year is taken to begin in March, so that the leap day is its last; 719,468 days lie between 0000-03-01 and
/// 1970-01-01, and every 400 years have 146,097.
///
/// # Source
/// Hinnant: "chrono-compatible low-level date algorithms", `civil_from_days`.
fn civil(day: u64) -> String {
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn known_days() {
        for (day, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_453, "2025-12-31"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(civil(day), date);
        }
    }

    /// Walks 200 years: each day follows the one before it.
    #[test]
    fn days_follow_each_other() {
        let mut before = civil(0);
        for day in 1..73_000 {
            let now = civil(day);
            assert!(now > before, "{now} after {before}");
            before = now;
        }
    }
}
