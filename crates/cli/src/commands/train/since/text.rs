//! The comparison with an earlier run, for people.

use std::path::Path;

use super::compare::share;
use crate::run::since::{Changes, Comparison};
use crate::terminal::table::table;
use crate::terminal::wording::{agreeing, counted, plain, plain_path};

/// Returns the comparison as lines and a table for people.
pub(crate) fn text(comparison: &Comparison) -> String {
    let Changes { photos_then, photos_now, new, copies, gone, new_classes, gone_classes } =
        &comparison.changes;
    let copies = if *copies > 0 { format!(", {copies} there once more as copies") } else { String::new() };
    let mut text = format!(
        "since       {}: {} then, {photos_now} now; {gone} gone, {new} new{copies}\n",
        plain_path(Path::new(&comparison.run)),
        counted(*photos_then, "photo"),
    );
    for (what, classes) in [("new", new_classes), ("gone", gone_classes)] {
        if !classes.is_empty() {
            text += &format!("            {what}: {}\n", named(classes));
        }
    }
    let accuracy = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.4}"));
    let mut rows = vec![vec![
        "of classes that both know".to_owned(),
        comparison.photos.to_string(),
        accuracy(comparison.old_accuracy),
        accuracy(comparison.new_accuracy),
    ]];
    if comparison.unknown_photos > 0 {
        rows.push(vec![
            "of classes new since".to_owned(),
            comparison.unknown_photos.to_string(),
            "-".to_owned(),
            accuracy(share(comparison.unknown_new_right, comparison.unknown_photos)),
        ]);
    }
    text += &table(&["accuracy on validation photos", "photos", "old model", "new model"], &[1, 2, 3], rows);
    text += &format!(
        "\nonly right  {} with the old, {} with the new\n",
        comparison.only_old_right, comparison.only_new_right
    );
    if comparison.left_out > 0 {
        let photos = counted(comparison.left_out, "validation photo");
        text += &format!("left out    {photos} that the old model has learned from\n");
    }
    text + "\n"
}

fn named(classes: &[String]) -> String {
    /// Names that fit a line or two.
    const MOST: usize = 20;
    let mut names: Vec<String> = classes.iter().take(MOST).map(|class| plain(class).into_owned()).collect();
    if classes.len() > MOST {
        names.push(format!("{} more", classes.len() - MOST));
    }
    format!("{} {}", agreeing(classes.len(), "class", "classes"), names.join(", "))
}
