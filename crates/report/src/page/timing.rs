//! Where the time went, as one bar.

use super::escape::escape;
use super::figure::seconds;
use crate::run::metrics::Photos;
use crate::run::seconds::Seconds;
use crate::wording::{counted, grouped};

/// Colors in `style.css`.
const COLORS: usize = 8;

/// Returns the section's content; `None` if no phase was timed.
pub(super) fn timing(times: &Seconds, photos: &Photos) -> Option<String> {
    let known = |time: Option<f64>| time.filter(|time| time.is_finite() && *time >= 0.0);
    // In the order in which they happen.
    let own = [
        ("finding the photos", times.scan),
        ("opening the weights", times.weights),
        ("quantizing", times.quantize),
        ("trying settings", times.tried),
        ("photos to features", times.features),
        ("cross-validating", times.folds),
        ("training the head", times.head),
        ("fine-tuning", times.tune),
        ("writing the run", times.save),
    ];
    let own = own.into_iter().map(|(what, time)| (what.to_owned(), time));
    let others = times.others.iter().map(|(key, time)| (escape(key), *time));
    let mut phases: Vec<(String, f64)> =
        own.chain(others).filter_map(|(what, time)| Some((what, known(time)?))).collect();
    if phases.is_empty() {
        return None;
    }
    let sum: f64 = phases.iter().map(|(_, time)| time).sum();
    let total = known(times.total).unwrap_or(sum).max(sum);
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
         {} of {} had features in the cache: photos that were seen before cost hardly any time, whatever else is \
         changed.</p></div>",
        bar.collect::<String>(),
        items.collect::<String>(),
        seconds(total),
        grouped(photos.cached),
        counted(photos.read as usize, "photo")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_that_are_new_or_missing_are_no_matter() {
        let photos = Photos { read: 9, ..Photos::default() };
        let mut times =
            Seconds { features: Some(3.0), head: Some(0.5), total: Some(5.0), ..Seconds::default() };
        times.others.insert("<tta>".to_owned(), Some(0.5));
        let bar = timing(&times, &photos).unwrap();
        assert!(bar.contains("width:60.00%") && bar.contains("&lt;tta&gt;"), "{bar}");
        assert!(bar.contains("everything else <b>1.00"), "{bar}");
        assert!(timing(&Seconds::default(), &photos).is_none());
        let none = Seconds { head: Some(0.0), ..Seconds::default() };
        assert!(!timing(&none, &photos).unwrap().contains("NaN"));
    }
}
