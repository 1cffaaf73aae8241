//! Galleries of photos: the worst errors, and labels that look wrong.

use icecap::Source;
use icecap::advanced::data::Part;

use super::escape::{escape, name};
use super::figure::percent;
use super::photo_files;
use super::thumbnail::Thumbnails;
use crate::run::Run;
use crate::run::predictions::Seen;
use crate::wording::counted;

/// The most photos in a gallery.
const SHOWN: usize = 24;

/// Draws a picture to stand beside a photo, as a JPEG of the same proportions: what spoke for a class. Returns
/// `None` if there is no such picture.
pub type Overlay<'a> = &'a mut dyn FnMut(Source<'_>, usize) -> Option<Vec<u8>>;

/// Validation photos that were taken for another class, those first that the model was surest of.
pub(super) fn errors(run: &Run) -> Vec<&Seen> {
    let mut wrong: Vec<&Seen> = run.part(Part::Val).filter(|seen| !seen.is_right()).collect();
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    wrong
}

/// Training photos that the model takes for another class although it has learned from them, the least likely labels
/// first.
pub(super) fn mislabels(run: &Run) -> Vec<&Seen> {
    let mut odd: Vec<&Seen> = run.part(Part::Train).filter(|seen| !seen.is_right()).collect();
    odd.sort_by(|a, b| a.true_probability.total_cmp(&b.true_probability));
    odd
}

/// The words in place of a heatmap.
const LOOKED: &str = "where the model looked";
/// What a heatmap shows.
const HEAT: &str = "Beside each photo stands the same in gray, with a color where a place had a say: orange places spoke for \
                    the class that the photo was taken for, blue ones against it. The place that said most has the full color.";
/// What else is to be said of one behind several layers.
const BY_GRADIENT: &str =
    " Behind a hidden layer that is weighted by the gradient: a place’s share depends on the others.";

/// Returns the words and the scale of colors that explain heatmaps.
fn heat_legend(run: &Run) -> String {
    let by = if run.argument("hidden").is_some() { BY_GRADIENT } else { "" };
    format!(
        "<p class=\"lead\">{HEAT}{by}</p><p class=\"heat\"><span>spoke against it</span><span class=\"ramp\" role=\"img\" \
         aria-label=\"blue over gray to orange\"></span><span>spoke for it</span></p>"
    )
}

/// Returns the photos of a gallery that the page has room for.
pub(super) fn shown<'a, 'b>(photos: &'b [&'a Seen]) -> &'b [&'a Seen] {
    &photos[..photos.len().min(SHOWN)]
}

/// Returns a gallery of what [`shown`] leaves of `photos`, or the sentence `none` if there are no photos.
pub(super) fn gallery(
    run: &Run,
    photos: &[&Seen],
    thumbnails: &mut Thumbnails<'_>,
    overlay: Overlay<'_>,
    none: &str,
) -> String {
    if photos.is_empty() {
        return format!("<p class=\"lead\">{none}</p>");
    }
    let mut cards = String::new();
    for seen in shown(photos) {
        cards += &card(run, seen, thumbnails, overlay);
    }
    let more = match photos.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("<p class=\"small\">and {} more, in predictions.csv</p>", counted(more, "photo")),
    };
    match cards.contains(LOOKED) {
        true => format!("{}<div class=\"gallery pairs\">{cards}</div>{more}", heat_legend(run)),
        false => format!("<div class=\"gallery\">{cards}</div>{more}"),
    }
}

fn card(run: &Run, seen: &Seen, thumbnails: &mut Thumbnails<'_>, overlay: Overlay<'_>) -> String {
    let words = format!("photo labeled {}", escape(&run.classes[seen.class]));
    let photo = picture(thumbnails.get(seen), &words);
    let heat = thumbnails.source(seen).and_then(|source| overlay(source, seen.predicted));
    let heat = heat.and_then(|jpeg| thumbnails.admit(&jpeg));
    let (heat, wide) = match heat {
        Some(address) => (picture(Some(&address), LOOKED), " pair"),
        None => (String::new(), ""),
    };
    let path = photo_files::shown(run, &seen.path);
    let frame = match thumbnails.are_known() {
        true => format!("<div class=\"frame\">{photo}{heat}</div>"),
        false => String::new(),
    };
    format!(
        "<figure class=\"photo{wide}\">{frame}<figcaption>{}<p class=\"path\" \
         title=\"{path}\">{path}</p></figcaption></figure>",
        verdict(run, seen)
    )
}

/// Returns what a photo is and what it was taken for, with the probabilities.
fn verdict(run: &Run, seen: &Seen) -> String {
    let (truth, taken) = (name(&run.classes[seen.class]), name(&run.classes[seen.predicted]));
    let (classes, kind, second) = match seen.is_right() {
        true => (format!("<span class=\"true\">{truth}</span>"), " right", String::new()),
        false => (
            format!(
                "<span class=\"true\">{truth}</span><span class=\"arrow\">taken for</span><span class=\"taken\">{taken}\
                 </span>"
            ),
            "",
            format!("<span>{} for the truth</span>", percent(f64::from(seen.true_probability))),
        ),
    };
    format!(
        "<p class=\"verdict\">{classes}</p><p class=\"odds{kind}\"><span class=\"bar\" style=\"--w:{:.1}%\"></span>\
         <span>{} sure</span>{second}</p>",
        100.0 * seen.probability,
        percent(f64::from(seen.probability)),
    )
}

/// Returns a picture, or what stands in its place.
pub(super) fn picture(address: Option<&str>, words: &str) -> String {
    match address {
        Some(address) => format!("<img loading=\"lazy\" alt=\"{words}\" src=\"{address}\">"),
        None => "<span class=\"gone\">photo not found here, or unreadable</span>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use icecap::advanced::data::{ExifPolicy, Limits, Loader};
    use icecap::advanced::kernels::{Isa, Threads};

    use super::super::material::Photos;
    use super::super::photo_files::PhotoFiles;
    use super::super::reading::Reading;
    use super::*;
    use crate::run::metrics::Metrics;

    fn run() -> Run {
        let seen = |part, predicted, probability, path: &str| Seen {
            part,
            path: path.into(),
            class: 0,
            predicted,
            probability,
            true_probability: 1.0 - probability,
            place: None,
        };
        Run {
            folder: "run".into(),
            metrics: Metrics::default(),
            arguments: "folder = 'photos'".parse().unwrap(),
            classes: vec!["<a>".to_owned(), "b".to_owned()],
            photos: vec![
                seen(Part::Val, 1, 0.6, "photos/a/1.jpg"),
                seen(Part::Val, 1, 0.9, "photos/a/2.jpg"),
                seen(Part::Val, 0, 0.9, "photos/a/3.jpg"),
                seen(Part::Train, 1, 0.7, "elsewhere/4.jpg"),
            ],
        }
    }

    #[test]
    fn the_surest_mistake_comes_first_and_a_map_of_where_the_model_looked_stands_beside_it() {
        let run = run();
        let (errors, mislabels) = (errors(&run), mislabels(&run));
        let paths: Vec<_> = errors.iter().map(|seen| seen.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["photos/a/2.jpg", "photos/a/1.jpg"]);
        assert_eq!(mislabels.len(), 1);
        let threads = Threads::new(1).unwrap();
        let none = Photos::Files(Vec::new());
        let loader = || Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply);
        let flow = || ControlFlow::Continue(());
        let reading = Reading { threads: &threads, isa: Isa::best(), flow: &flow };
        let none = Thumbnails::of(&[], PhotoFiles::of(&none, &[]), &loader, reading);
        let mut none = none.unwrap_or_else(|failure| panic!("{failure:?}"));
        let mut overlay = |photo: Source<'_>, class: usize| match photo {
            Source::Path(file) => (class == 1 && file.ends_with("2.jpg")).then(|| vec![1, 2, 3]),
            _ => None,
        };
        let html = gallery(&run, &errors, &mut none, &mut overlay, "none");
        assert_eq!(html.matches("<figure class=\"photo pair\">").count(), 1);
        assert_eq!(html.matches("data:image/jpeg;base64,AQID").count(), 1);
        assert!(html.contains("orange places spoke for the class"), "{html}");
        assert!(
            html.contains(">photos/a/2.jpg</p>") && html.contains("&lt;a&gt;") && !html.contains("<a>"),
            "{html}"
        );
        // A photo that is right has one name.
        let right = verdict(&run, &run.photos[2]);
        assert!(right.contains("odds right") && !right.contains("taken for"), "{right}");
        let alone = gallery(&run, &mislabels, &mut none, &mut |_, _| None, "none");
        assert!(alone.contains(">elsewhere/4.jpg</p>") && !alone.contains("orange"), "{alone}");
        assert_eq!(gallery(&run, &[], &mut none, &mut |_, _| None, "none"), "<p class=\"lead\">none</p>");
    }
}
