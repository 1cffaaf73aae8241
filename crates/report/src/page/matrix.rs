//! The confusion matrix as a drawing, or, if it has too many cells to be read, its worst cells as a list.

use super::escape::{name, short};
use super::svg::{drawing, unit};
use crate::run::confusion::Confusion;
use crate::wording::counted;

/// The most classes whose matrix is drawn.
const DRAWN: usize = 50;
/// The most classes with which each cell shows its number.
const NUMBERED: usize = 20;
/// The most confusions that are listed alone, and beside a matrix.
const LISTED: usize = 24;
const LISTED_BESIDE: usize = 10;
/// Letters of a class name under the pointer.
const TOLD: usize = 40;
/// Letters of a class name beside the matrix.
const LETTERS: usize = 16;

/// Returns the section's content.
pub(super) fn matrix(confusion: &Confusion, classes: &[String]) -> String {
    let listed = list(confusion, classes, if classes.len() > DRAWN { LISTED } else { LISTED_BESIDE });
    if classes.len() > DRAWN {
        return format!(
            "<p class=\"lead\">{} classes make a matrix that nobody reads, so here are the pairs that are confused most \
             often.</p>{listed}",
            classes.len()
        );
    }
    let figure = format!(
        "<figure class=\"card matrix\">{}<figcaption>Rows are what a photo shows, columns what it was taken for. A cell \
         is as dark as its share of its row: <span class=\"swatch right\"></span> right, \
         <span class=\"swatch wrong\"></span> confused.</figcaption></figure>",
        draw(confusion, classes)
    );
    format!("<div class=\"beside\">{figure}{listed}</div>")
}

fn draw(confusion: &Confusion, classes: &[String]) -> String {
    let count = classes.len();
    let cell = match count {
        ..=3 => 84.0,
        4..=6 => 62.0,
        7..=12 => 44.0,
        13..=NUMBERED => 32.0,
        _ => 16.0,
    };
    let size = if count > NUMBERED { 11.0 } else { 13.0 };
    let longest = classes.iter().map(|name| name.chars().count().min(LETTERS)).max().unwrap_or(0) as f64;
    let left = longest * size * 0.62 + 14.0;
    // Few and short names stand upright above their columns; others are turned.
    let upright = longest * size * 0.62 < cell - 4.0;
    let top = if upright { 26.0 } else { longest * size * 0.62 + 14.0 };
    let side = cell * count as f64;
    let mut out = String::new();
    for (index, class) in classes.iter().enumerate() {
        let middle = cell * (index as f64 + 0.5);
        let label = short(class, LETTERS);
        out += &format!(
            "<text class=\"label end\" font-size=\"{size}\" x=\"{}\" y=\"{}\">{label}</text>",
            unit(left - 8.0),
            unit(top + middle + size * 0.35)
        );
        let (x, y) = (unit(left + middle + if upright { 0.0 } else { size * 0.35 }), unit(top - 8.0));
        out += &match upright {
            true => {
                format!("<text class=\"label mid\" font-size=\"{size}\" x=\"{x}\" y=\"{y}\">{label}</text>")
            }
            false => format!(
                "<text class=\"label\" font-size=\"{size}\" transform=\"translate({x} {y}) rotate(-90)\">{label}</text>"
            ),
        };
    }
    // Many cells are empty, and one ground does for all of these.
    let every = count <= NUMBERED;
    if !every {
        out += &format!(
            "<rect class=\"empty\" x=\"{}\" y=\"{}\" width=\"{side}\" height=\"{side}\"/>",
            unit(left),
            unit(top)
        );
    }
    for of in 0..count {
        for taken_for in (0..count).filter(|&taken_for| every || confusion.cell(of, taken_for) > 0) {
            let corner = [left + cell * taken_for as f64, top + cell * of as f64];
            out += &one(confusion, classes, [of, taken_for], corner, cell);
        }
    }
    let (width, height) = (left + side + 4.0, top + side + 4.0);
    let shown = (width * if count <= 6 { 1.0 } else { 0.95 }).clamp(240.0, 760.0);
    let words = "confusion matrix: a row for each true class, a column for each predicted one";
    let svg = drawing(width, height, words, "cells", &out);
    format!("<div style=\"max-width:{}px\">{svg}</div>", unit(shown))
}

fn one(
    confusion: &Confusion,
    classes: &[String],
    [of, taken_for]: [usize; 2],
    [x, y]: [f64; 2],
    cell: f64,
) -> String {
    let photos = confusion.cell(of, taken_for);
    let share = photos as f64 / confusion.of_class(of).max(1) as f64;
    let kind = if of == taken_for { "right" } else { "wrong" };
    // The smallest share that is not zero is still to be seen.
    let strength = if photos == 0 { 0.0 } else { 0.16 + 0.84 * share };
    if classes.len() > NUMBERED {
        // Of so many, each is kept short.
        return format!(
            "<rect class=\"{kind}\" fill-opacity=\"{strength:.2}\" x=\"{}\" y=\"{}\" width=\"{2}\" height=\"{2}\">{3}</rect>",
            unit(x + 0.5),
            unit(y + 0.5),
            unit(cell - 1.0),
            told(classes, [of, taken_for], photos, share)
        );
    }
    let gap = 1.5;
    let mut out = format!(
        "<g class=\"cell\"><rect class=\"empty\" x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{2}\" rx=\"{3}\"/>",
        unit(x + gap),
        unit(y + gap),
        unit(cell - 2.0 * gap),
        unit(gap * 2.0)
    );
    if photos > 0 {
        out += &format!(
            "<rect class=\"{kind}\" fill-opacity=\"{strength:.2}\" x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{2}\" rx=\"{3}\"/>",
            unit(x + gap),
            unit(y + gap),
            unit(cell - 2.0 * gap),
            unit(gap * 2.0)
        );
    }
    let ink = match (photos, strength > 0.55) {
        (0, _) => "none",
        (_, true) => "over",
        _ => "under",
    };
    let size = if cell > 60.0 { 18.0 } else { 13.0 };
    out += &format!(
        "<text class=\"mid {ink}\" font-size=\"{size}\" x=\"{}\" y=\"{}\">{photos}</text>",
        unit(x + cell / 2.0),
        unit(y + cell / 2.0 + size * 0.35)
    );
    out + &told(classes, [of, taken_for], photos, share) + "</g>"
}

/// Returns what is told of a cell under the pointer.
fn told(classes: &[String], [of, taken_for]: [usize; 2], photos: usize, share: f64) -> String {
    let [of, taken_for] = [of, taken_for].map(|class| short(&classes[class], TOLD));
    let (photos, share) = (counted(photos, "photo"), 100.0 * share);
    format!("<title>{of}, taken for {taken_for}\n{photos}, {share:.1} % of these</title>")
}

/// Returns the confusions, the most frequent first.
fn list(confusion: &Confusion, classes: &[String], most: usize) -> String {
    let worst = confusion.worst();
    if worst.is_empty() {
        return "<p class=\"card\">No photo was taken for another class.</p>".to_owned();
    }
    let rows = worst.iter().take(most).map(|&(of, taken_for, photos)| {
        let all = confusion.of_class(of);
        let share = 100.0 * photos as f64 / all.max(1) as f64;
        format!(
            "<tr><td>{}</td><td>{}</td><td class=\"num\">{photos}</td><td class=\"num\">{share:.1}&nbsp;%</td></tr>",
            name(&classes[of]),
            name(&classes[taken_for])
        )
    });
    let rows: String = rows.collect();
    let more = match worst.len().saturating_sub(most) {
        0 => String::new(),
        more => format!("<p class=\"small\">and {} more</p>", counted(more, "pair")),
    };
    format!(
        "<div class=\"card\"><h3>Confused most often</h3><div class=\"scroll\"><table><thead><tr><th scope=\"col\">shows</th>\
         <th scope=\"col\">taken for</th><th class=\"num\" scope=\"col\">photos</th><th class=\"num\" scope=\"col\">share</th></tr></thead><tbody>{rows}\
         </tbody></table></div>{more}</div>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(classes: usize) -> String {
        let mut confusion = Confusion::new(classes);
        for class in 0..classes {
            confusion.add(class, class);
            confusion.add(class, (class + 1) % classes);
        }
        let names: Vec<String> = (0..classes).map(|class| format!("<class> number {class}, long")).collect();
        matrix(&confusion, &names)
    }

    #[test]
    fn few_classes_have_cells_many_have_a_list() {
        for (classes, cells) in [(2, 4), (5, 25), (20, 400), (50, 100), (51, 0)] {
            let page = drawn(classes);
            assert_eq!(page.matches("<title>").count(), cells, "{classes} classes");
            assert!(page.contains("Confused most often"));
            assert!(!page.contains("<class>") && page.contains("&lt;class&gt;"));
        }
    }
}
