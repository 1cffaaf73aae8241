//! The map of features as a drawing: a mark for each photo, its class by color and shape.

use icecap::advanced::data::Part;

use super::escape::{name, short};
use super::figure::percent;
use super::photo_files::plain_name;
use super::svg::{Scale, drawing, unit};
use crate::run::Run;
use crate::run::predictions::Seen;
use crate::wording::{counted, grouped};

/// The most photos on the map; of more, evenly spaced ones.
const MARKS: usize = 1200;
/// The most letters of a path.
const LETTERS: usize = 80;
/// The most letters of a class under the pointer.
const NAME: usize = 40;
/// Colors in `style.css`.
const COLORS: usize = 8;
/// Shapes: classes beyond the colors take the next one.
const SHAPES: usize = 4;
/// The most classes that the legend names one by one.
const NAMED: usize = COLORS * SHAPES;
const SIDE: [f64; 2] = [720.0, 500.0];
const MARGIN: f64 = 14.0;

/// Returns the section's content; `None` if no photo has a place.
pub(super) fn projection(run: &Run) -> Option<String> {
    let parts = [Part::Train, Part::Test, Part::Val];
    let placed = |part: Part| run.part(part).filter(|seen| seen.place.is_some());
    let all: usize = parts.iter().map(|part| placed(*part).count()).sum();
    if all == 0 {
        return None;
    }
    let mut shown: Vec<&Seen> = Vec::new();
    for part in parts {
        let count = placed(part).count();
        let kept = if all <= MARKS { count } else { (count * MARKS / all).max(1).min(count) };
        let photos: Vec<&Seen> = placed(part).collect();
        shown.extend((0..kept).map(|index| photos[index * count / kept]));
    }
    // What is wrong lies on top.
    shown.sort_by_key(|seen| !seen.is_right());
    let words = "map of the features: photos that look alike to the backbone lie together";
    let svg = drawing(SIDE[0], SIDE[1], words, "map", &marks(run, &shown));
    let bound = match all > shown.len() {
        true => {
            format!(" Shown are {} of {}, evenly spaced.", grouped(shown.len() as u64), counted(all, "photo"))
        }
        false => String::new(),
    };
    let net = match run.metrics.tuned.as_ref().and_then(|tuned| tuned.from.as_ref()) {
        Some(_) => {
            "of the tuned net differ most. It has learned from the labels of the training photos, which therefore lie \
             further apart than new ones do; a mark"
        }
        None => {
            "of the frozen backbone differ most; the head and the labels had no say. Classes that lie apart here are easy; \
             a mark"
        }
    };
    Some(format!(
        "<figure class=\"card\">{svg}{}<figcaption>Each mark is a photo, placed by the two directions in which the features \
         {net} deep inside another class’s cloud is worth a look. Filled: validation. Outlined: training. \
         Ringed: taken for another class.{bound}</figcaption></figure>",
        legend(run, &shown)
    ))
}

fn marks(run: &Run, shown: &[&Seen]) -> String {
    let extent = |axis: usize| {
        let values = shown.iter().filter_map(|seen| seen.place).map(|place| f64::from(place[axis]));
        let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        [low, high]
    };
    let x = Scale::new(extent(0), [MARGIN, SIDE[0] - MARGIN]);
    let y = Scale::new(extent(1), [SIDE[1] - MARGIN, MARGIN]);
    let mut out = String::new();
    for seen in shown {
        let Some([across, up]) = seen.place else { continue };
        let (x, y) = (x.at(f64::from(across)), y.at(f64::from(up)));
        let ring = match seen.is_right() {
            true => String::new(),
            false => format!("<circle class=\"ring\" cx=\"{}\" cy=\"{}\" r=\"9\"/>", unit(x), unit(y)),
        };
        let part = if seen.part == Part::Train { "open" } else { "full" };
        let wrong = match seen.is_right() {
            true => String::new(),
            false => format!("\nwrong: {} is the truth", short(&run.classes[seen.class], NAME)),
        };
        out += &format!(
            "<g data-class=\"{}\">{ring}<path class=\"k{} {part}\" d=\"{}\"/><title>{}\n{}, predicted {} with {}{wrong}</title></g>",
            seen.class,
            seen.class % COLORS,
            shape(seen.class, x, y),
            short(&plain_name(run, &seen.path), LETTERS),
            seen.part.name(),
            short(&run.classes[seen.predicted], NAME),
            percent(f64::from(seen.probability)),
        );
    }
    out
}

/// Returns a disc, a square, a triangle or a diamond.
fn shape(class: usize, x: f64, y: f64) -> String {
    let (x, y, at) = (unit(x), unit(y), format!("M{} {}", unit(x), unit(y)));
    match class / COLORS % SHAPES {
        0 => format!("M{x} {y}m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0"),
        1 => at + "m-4-4h8v8h-8z",
        2 => at + "m0-5l5 9h-10z",
        _ => at + "m0-5.5l5.5 5.5l-5.5 5.5l-5.5-5.5z",
    }
}

fn legend(run: &Run, shown: &[&Seen]) -> String {
    if run.classes.len() > NAMED {
        return "<p class=\"small\">There are more classes than colors and shapes; hover over a mark for its class.</p>"
            .to_owned();
    }
    let items = run.classes.iter().enumerate().map(|(class, title)| {
        let photos = shown.iter().filter(|seen| seen.class == class).count();
        format!(
            "<li data-class=\"{class}\"><svg class=\"key\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"k{} full\" \
             d=\"{}\"/></svg>{} <span class=\"small\">{photos}</span></li>",
            class % COLORS,
            shape(class, 7.0, 7.0),
            name(title)
        )
    });
    format!("<ul class=\"legend\">{}</ul>", items.collect::<String>())
}
