//! Days and moments as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// Returns the day of a time as `YYYY-MM-DD`, in UTC; `None` before 1970.
#[must_use]
pub fn day_of(time: SystemTime) -> Option<String> {
    Some(date(time.duration_since(UNIX_EPOCH).ok()?.as_secs() / SECONDS_PER_DAY))
}

/// Returns a time as `YYYY-MM-DDThh:mm:ss.mmmZ`, in UTC, as RFC 3339 has it; `None` before 1970.
#[must_use]
pub fn moment_of(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let (day, second) = (since.as_secs() / SECONDS_PER_DAY, since.as_secs() % SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{}T{hour:02}:{minute:02}:{second:02}.{:03}Z", date(day), since.subsec_millis()))
}

/// Returns the Gregorian date of a day counted from 1970-01-01, found year by year and month by month.
fn date(mut day: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_has_its_milliseconds() {
        let at = |millis| moment_of(UNIX_EPOCH + Duration::from_millis(millis)).unwrap();
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_868_799_009), "2000-02-29T23:59:59.009Z");
        assert_eq!(moment_of(UNIX_EPOCH - Duration::from_secs(1)), None);
    }

    #[test]
    fn known_days() {
        let days = [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_453, "2025-12-31"),
            (47_541, "2100-03-01"),
        ];
        for (day, expected) in days {
            assert_eq!(date(day), expected);
        }
    }
}
