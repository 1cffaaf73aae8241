//! Precision, recall and F1 of each class, as a table that can be sorted.

use super::escape::{escape, name};
use super::figure::percent_or_dash;
use crate::run::Run;
use crate::run::confusion::Confusion;

/// Returns the section's content.
pub(super) fn scores(confusion: &Confusion, run: &Run) -> String {
    let classes = &run.classes;
    let ranked = |index: usize| {
        let class = run.metrics.classes.get(index);
        [class.and_then(|class| class.roc_auc), class.and_then(|class| class.average_precision)]
    };
    // Runs of older builds know neither.
    let is_ranked = (0..classes.len()).any(|index| ranked(index).iter().any(Option::is_some));
    let mut header = vec!["precision", "recall", "F1", "photos"];
    header.extend(is_ranked.then_some(["ROC-AUC", "AP"]).into_iter().flatten());
    let number = |title: &&str| format!("<th class=\"num\" scope=\"col\" data-sort>{title}</th>");
    let header: String = std::iter::once("<th class=\"\" scope=\"col\" data-sort>class</th>".to_owned())
        .chain(header.iter().map(number))
        .collect();
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
            "<tr><td data-value=\"{}\">{}</td>{}{}{}<td class=\"num\" data-value=\"{photos}\">{photos}</td>{}</tr>",
            escape(class),
            name(class),
            share(confusion.precision(index)),
            share(confusion.recall(index)),
            share(confusion.f1(index)),
            ranks(is_ranked.then(|| ranked(index)))
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
         <td class=\"num\">{}</td><td class=\"num\">{}</td>{}</tr></tfoot></table></div></div>\
         <p class=\"note\"><b>Precision</b>: of the photos taken for the class, the share that shows it. \
         <b>Recall</b>: of the photos that show it, the share that was found. <b>F1</b>: their harmonic mean. The mean of \
         the recalls is the balanced accuracy.{}</p>",
        header,
        mean(&|class| confusion.precision(class)),
        mean(&|class| confusion.recall(class)),
        mean(&|class| confusion.f1(class)),
        confusion.photos(),
        ranks(is_ranked.then_some([run.metrics.roc_auc, run.metrics.average_precision])),
        if is_ranked { RANKS } else { "" }
    )
}

const RANKS: &str = " <b>ROC-AUC</b>: how often a photo of the class has a higher probability of it than a photo of another. \
                     <b>AP</b>, the average precision: the precision, averaged over all thresholds by the photos that each finds.";

/// Returns the cells of ROC-AUC and average precision; none of a run that knows neither.
fn ranks(known: Option<[Option<f64>; 2]>) -> String {
    let cell = |value: Option<f64>| {
        let text = value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        format!("<td class=\"num\" data-value=\"{:.6}\">{text}</td>", value.unwrap_or(-1.0))
    };
    known.map_or(String::new(), |of| of.map(cell).concat())
}
