//! The settings that folds were asked to choose among, as a table.

use std::collections::BTreeSet;

use super::escape::escape;
use super::figure::{loss, percent_or_dash};
use crate::run::tried::{Tried, TriedRow};
use crate::wording::counted;

/// Returns the section's content; `None` if nothing was tried.
pub(super) fn tried(tried: Option<&Tried>) -> Option<String> {
    let tried = tried.filter(|tried| !tried.combinations.is_empty())?;
    let rows = &tried.combinations;
    let names: BTreeSet<&str> = rows.iter().flat_map(|row| row.settings.keys().map(String::as_str)).collect();
    let header = names.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name)));
    let body = rows.iter().map(|row| {
        let value = |name: &&str| {
            let value = row.settings.get(*name).map_or("–", String::as_str);
            format!("<td>{}</td>", mark(&escape(value), row))
        };
        format!("<tr>{}{}</tr>", names.iter().map(value).collect::<String>(), numbers(row))
    });
    Some(format!(
        "<p class=\"lead\">{} of settings, each judged by {} of {}; validation photos had no part in it. In bold what the run \
         was trained with: the first, unless another has a loss that is smaller by more than the standard error of the \
         difference.</p><div class=\"card scroll\"><table><thead><tr>{}<th class=\"num\" scope=\"col\">accuracy</th>\
         <th class=\"num\" scope=\"col\">loss</th><th class=\"num\" scope=\"col\">against the first</th></tr></thead><tbody>{}</tbody></table></div>",
        counted(rows.len(), "combination"),
        counted(tried.folds as usize, "fold"),
        counted(tried.photos as usize, "training photo"),
        header.collect::<String>(),
        body.collect::<String>()
    ))
}

fn mark(text: &str, row: &TriedRow) -> String {
    if row.chosen { format!("<b>{text}</b>") } else { text.to_owned() }
}

fn numbers(row: &TriedRow) -> String {
    let accuracy = match (row.loss, row.spread) {
        (None, _) => "diverged".to_owned(),
        (_, None) => percent_or_dash(row.accuracy),
        (_, Some(spread)) => format!("{} ± {:.1}", percent_or_dash(row.accuracy), 100.0 * spread),
    };
    let against = match (row.gain, row.gain_error) {
        (Some(gain), Some(error)) if error > 0.0 => format!("{:+.4} ± {error:.4}", -gain),
        _ => "–".to_owned(),
    };
    let cells = [accuracy, row.loss.map_or_else(|| "–".to_owned(), loss), against];
    cells.iter().map(|cell| format!("<td class=\"num\">{}</td>", mark(cell, row))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_combination_is_a_row_and_what_has_no_say_a_dash() {
        let row = |names: &[(&str, &str)], loss, chosen| TriedRow {
            settings: names
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            accuracy: Some(0.75),
            spread: Some(0.015),
            loss,
            gain: Some(0.1),
            gain_error: Some(0.02),
            chosen,
            ..TriedRow::default()
        };
        let all = Tried {
            folds: 5,
            photos: 245,
            combinations: vec![
                row(&[("lr", "<1>"), ("optimizer", "adam")], None, false),
                row(&[("optimizer", "lbfgs")], Some(0.25), true),
            ],
        };
        let page = tried(Some(&all)).unwrap();
        assert_eq!(page.matches("<tr>").count(), 3);
        for part in
            ["5 folds of 245 training photos", "<td>&lt;1&gt;</td>", "diverged", "<b>0.2500</b>", "<b>–</b>"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.contains("<b>-0.1000 ± 0.0200</b>") && page.contains("75.0\u{a0}% ± 1.5"), "{page}");
        assert!(tried(None).is_none() && tried(Some(&Tried::default())).is_none());
    }
}
