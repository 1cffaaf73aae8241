//! Where the time went, as one bar.

use std::collections::BTreeMap;

use super::escape::escape;
use super::figure::seconds;

/// The phases in the order in which they happen, and what they are; phases that are not among them follow.
const PHASES: [(&str, &str); 6] = [
    ("scan", "finding the photos"),
    ("weights", "opening the weights"),
    ("features", "photos to features"),
    ("folds", "cross-validating"),
    ("head", "training the head"),
    ("save", "writing the run"),
];
/// Colors in `style.css`.
const COLORS: usize = 8;

/// The section's content; none where no phase was timed.
pub(super) fn timing(times: &BTreeMap<String, Option<f64>>, photos: u64, cached: u64) -> Option<String> {
    let known = |key: &str| times.get(key).copied().flatten().filter(|time| time.is_finite() && *time >= 0.0);
    let mut phases: Vec<(String, f64)> =
        PHASES.iter().filter_map(|(key, what)| Some(((*what).to_owned(), known(key)?))).collect();
    let others = times.keys().filter(|key| *key != "total" && PHASES.iter().all(|(phase, _)| phase != key));
    phases.extend(others.filter_map(|key| Some((escape(key), known(key)?))));
    if phases.is_empty() {
        return None;
    }
    let sum: f64 = phases.iter().map(|(_, time)| time).sum();
    let total = known("total").unwrap_or(sum).max(sum);
    if total - sum > 0.01 * total {
        phases.push(("everything else".to_owned(), total - sum));
    }
    let share = |time: f64| 100.0 * time / total.max(f64::MIN_POSITIVE);
    let bar = phases.iter().enumerate().map(|(index, (what, time))| {
        let text = format!("{what}: {}", seconds(*time));
        format!(
            "<span class=\"b{}\" style=\"width:{:.2}%\" title=\"{text}\"></span>",
            index % COLORS,
            share(*time)
        )
    });
    let items = phases.iter().enumerate().map(|(index, (what, time))| {
        format!(
            "<li><span class=\"swatch b{}\"></span>{what} <b>{}</b> <span class=\"small\">{:.0}&nbsp;%</span></li>",
            index % COLORS,
            seconds(*time),
            share(*time)
        )
    });
    Some(format!(
        "<div class=\"card\"><div class=\"stack long\">{}</div><ul class=\"legend\">{}</ul><p class=\"small\">{} in all. \
         Of {photos} photos {cached} had their features in the cache: photos that were seen before cost hardly \
         any time, whatever else is changed.</p></div>",
        bar.collect::<String>(),
        items.collect::<String>(),
        seconds(total)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_that_are_new_or_missing_are_no_matter() {
        let times = |pairs: &[(&str, f64)]| {
            pairs.iter().map(|(key, time)| ((*key).to_owned(), Some(*time))).collect::<BTreeMap<_, _>>()
        };
        let bar = timing(&times(&[("features", 3.0), ("head", 0.5), ("<tta>", 0.5), ("total", 5.0)]), 9, 0)
            .unwrap();
        assert!(bar.contains("width:60.00%") && bar.contains("&lt;tta&gt;"), "{bar}");
        assert!(bar.contains("everything else <b>1.00"), "{bar}");
        assert!(timing(&times(&[]), 0, 0).is_none());
        assert!(!timing(&times(&[("head", 0.0)]), 0, 0).unwrap().contains("NaN"));
    }
}
