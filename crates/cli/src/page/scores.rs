//! Precision, recall and F1 of each class, as a table that can be sorted.

use super::escape::{escape, name};
use super::figure::percent_or_dash;
use crate::run::confusion::Confusion;

/// Returns the section's content.
pub(super) fn scores(confusion: &Confusion, classes: &[String]) -> String {
    let header = [("class", ""), ("precision", "num"), ("recall", "num"), ("F1", "num"), ("photos", "num")];
    let header =
        header.map(|(title, class)| format!("<th class=\"{class}\" scope=\"col\" data-sort>{title}</th>"));
    let rows = classes.iter().enumerate().map(|(index, class)| {
        let share = |value: Option<f64>| {
            let width = 100.0 * value.unwrap_or(0.0);
            format!(
                "<td class=\"num\" data-value=\"{:.6}\"><span class=\"bar\" style=\"--w:{width:.1}%\"></span><span class=\"share\">{}</span></td>",
                value.unwrap_or(-1.0),
                percent_or_dash(value)
            )
        };
        let photos = confusion.of_class(index);
        format!(
            "<tr><td data-value=\"{}\">{}</td>{}{}{}<td class=\"num\" data-value=\"{photos}\">{photos}</td></tr>",
            escape(class),
            name(class),
            share(confusion.precision(index)),
            share(confusion.recall(index)),
            share(confusion.f1(index))
        )
    });
    let rows: String = rows.collect();
    let mean = |of: &dyn Fn(usize) -> Option<f64>| {
        let known: Vec<f64> = (0..classes.len()).filter_map(of).collect();
        percent_or_dash((!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64))
    };
    format!(
        "<div class=\"card\"><div class=\"scroll tall\"><table class=\"scores\"><thead><tr>{}</tr></thead><tbody>{rows}</tbody>\
         <tfoot><tr><td>mean</td><td class=\"num\">{}</td><td class=\"num\">{}</td>\
         <td class=\"num\">{}</td><td class=\"num\">{}</td></tr></tfoot></table></div></div>\
         <p class=\"note\"><b>Precision</b>: of the photos taken for the class, the share that shows it. \
         <b>Recall</b>: of the photos that show it, the share that was found. <b>F1</b>: their harmonic mean. The mean of \
         the recalls is the balanced accuracy.</p>",
        header.concat(),
        mean(&|class| confusion.precision(class)),
        mean(&|class| confusion.recall(class)),
        mean(&|class| confusion.f1(class)),
        confusion.photos()
    )
}
