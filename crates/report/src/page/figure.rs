//! Numbers as the page writes them.

/// `95.4 %`, its space one that does not break.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * share)
}

/// Returns a share in percent, or a dash if it is not known.
pub(super) fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), percent)
}

/// Returns a loss: four digits behind the point.
pub(super) fn loss(loss: f64) -> String {
    format!("{loss:.4}")
}

/// Returns a time: `74 ms`, `1.23 s`, `2 min 5 s`.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 0.9995 {
        format!("{:.0}\u{a0}ms", seconds * 1e3)
    } else if seconds < 100.0 {
        format!("{seconds:.2}\u{a0}s")
    } else {
        let whole = seconds.round() as u64;
        format!("{}\u{a0}min {}\u{a0}s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_one_reads() {
        assert_eq!(percent(0.954_24), "95.4\u{a0}%");
        assert_eq!(percent_or_dash(None), "–");
        let times = [0.0741, 0.9994, 1.234, 125.2].map(seconds);
        assert_eq!(times, ["74\u{a0}ms", "999\u{a0}ms", "1.23\u{a0}s", "2\u{a0}min 5\u{a0}s"]);
    }
}
