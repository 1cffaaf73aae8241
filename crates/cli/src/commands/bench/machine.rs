//! What a record says about where and when it was measured.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the processor's name as the system tells it. On x86 Linux its family and model follow, because a virtual
/// machine's processor often has a bare maker's name.
pub(super) fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    described(&info).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn described(info: &str) -> Option<String> {
    let field = |key: &str| {
        let pairs = info.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(k, v)| (k.trim(), v.trim())).find_map(|(k, v)| (k == key).then_some(v))
    };
    Some(format!("{} f{} m{}", field("model name")?, field("cpu family")?, field("model")?))
}

/// Returns a name as a file's: lower case, a dash for whatever is no letter or digit.
pub(super) fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Today as `YYYY-MM-DD`, in UTC.
pub(super) fn today() -> String {
    const SECONDS_PER_DAY: u64 = 86_400;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / SECONDS_PER_DAY)
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
    use super::{date, described, slug};

    #[test]
    fn a_processor_becomes_a_file_name() {
        let info =
            "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) @ 2.70GHz\n";
        assert_eq!(slug(&described(info).unwrap()), "intel-r-xeon-r-2-70ghz-f6-m143");
        assert_eq!(described("processor : 0"), None);
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
