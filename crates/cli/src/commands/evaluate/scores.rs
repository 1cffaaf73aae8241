//! What `evaluate` tells of probabilities beside the classes that they lead to.

use icecap::judge::{Coverage, Ranking};

use crate::terminal::table::table;

/// Returns lines on how well the probabilities put the photos in order.
pub(super) fn ranking(of: &Ranking) -> String {
    let mut text = String::new();
    let macro_mean = if of.classes.len() > 2 { ", the mean of each class against the rest" } else { "" };
    if let Some(auc) = of.roc_auc() {
        text += &format!("ROC-AUC   {auc:.4}{macro_mean}\n");
    }
    if let Some(precision) = of.average_precision() {
        text += &format!("AP        {precision:.4}, the mean of the classes' average precisions\n");
    }
    if let Some((top, accuracy)) = of.top.zip(of.top_accuracy) {
        text += &format!("top {top}     {accuracy:.4} have their class among the {top} most probable\n");
    }
    text
}

/// Returns what is won by leaving out the answers that are least sure, as a table.
pub(super) fn coverage(curve: &[Coverage]) -> String {
    let rows = curve.iter().map(|point| {
        vec![
            format!("{:.4}", point.reject_below),
            format!("{:.3}", point.coverage),
            point.photos.to_string(),
            share(point.accuracy()),
            (point.photos - point.right).to_string(),
        ]
    });
    table(&["--reject-below", "answered", "photos", "accuracy", "wrong"], &[0, 1, 2, 3, 4], rows) + "\n"
}

/// Returns a share as it is told.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{share:.4}"))
}
