//! `report.html`: a run as one page that a person can show to a colleague.
//!
//! The page stands alone: style, script and pictures are in it, and its Content-Security-Policy lets nothing else in, so
//! it can be mailed, and opened without a network. It is made of what stands in the run's files and of its photos, never
//! of what a training alone knows; so `icecap report` makes again what `icecap train` has made, and another program makes
//! the same. Charts are SVG and read without the script, which only adds a box under the pointer and sorts the table.
//! Everything that came from outside goes through `escape`.
//!
//! A room holds one section: it takes the [`Run`] and gives its content, or `None` if the run lacks what it shows.

mod base64;
mod coverage;
mod curves;
mod data;
mod doubts;
mod escape;
mod figure;
mod findings;
mod gallery;
mod headline;
mod heat;
mod material;
mod matrix;
mod photo_files;
mod projection;
mod reading;
mod reliability;
mod repeat;
mod scores;
mod svg;
mod thumbnail;
mod timing;
mod tried;
mod tuning;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use icecap::advanced::data::{Decoding, ExifPolicy, Limits, Loader, Part};
use icecap::{Classifier, Error};

use crate::run::Run;
use crate::run::confusion::Confusion;
use crate::run::labels::Doubt;
use crate::run::predictions::Seen;
use doubts::Doubted;
use escape::escape;
use photo_files::PhotoFiles;
use thumbnail::Thumbnails;
use tuning::Changed;

pub use gallery::Overlay;
pub use heat::Heat;
pub use material::{Material, Photos};
pub use reading::Reading;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// The browser's orders: load nothing from outside, send nothing there.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// A section: its anchor, its title, its name in the list of sections, its content.
struct Section {
    id: &'static str,
    title: &'static str,
    nav: &'static str,
    content: String,
}

/// Returns the page of the run that has left `classifier`, on whose threads its photos are read. `flow` is asked before each of
/// them whether to go on.
///
/// # Errors
/// Those of [`html`].
pub fn of_trained(
    run: &Run,
    material: &Material<'_>,
    classifier: &Classifier,
    flow: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<String, Error> {
    let mut heat = Heat::of(Some(classifier));
    let backbone = classifier.backbone();
    let reading = Reading { threads: backbone.threads(), isa: backbone.isa(), flow };
    html(run, material, reading, &mut |photo, class| heat.jpeg(photo, class))
}

/// Returns the page of a run with what `material` adds to it. Photos are read as `reading` says; `overlay` draws where the model
/// looked on one of them.
///
/// # Errors
/// If the caller stops it.
pub fn html(
    run: &Run,
    material: &Material<'_>,
    reading: Reading<'_>,
    overlay: Overlay<'_>,
) -> Result<String, Error> {
    let chosen = Chosen::of(run, material.doubts.as_deref(), material.photos.are_known());
    let exif = run.argument("exif").and_then(|text| text.parse().ok()).unwrap_or(ExifPolicy::Apply);
    let most = run.argument("max_pixels").and_then(|text| text.parse().ok());
    let limits = most.map_or_else(Limits::default, Limits::of_pixels);
    let dct = run.argument("dct").and_then(|text| text.parse().ok()).unwrap_or_default();
    let loader = || Loader::new(reading.isa, limits, Decoding { exif, dct });
    let photos = chosen.photos();
    let files = PhotoFiles::of(&material.photos, &photos);
    let mut thumbnails = Thumbnails::of(&photos, files, &loader, reading)?;
    let confusion = run.confusion(Part::Val);
    let sections = sections(run, confusion.as_ref(), &chosen, &mut thumbnails, overlay);
    let headline = headline::headline(run, confusion.as_ref(), material.model_bytes);
    Ok(page(run, &headline, &sections))
}

/// Returns the names of the photos that the page of a run shows, of whose training `doubts` are the labels that folds doubt.
#[must_use]
pub fn shown(run: &Run, doubts: Option<&[Doubt]>) -> HashSet<PathBuf> {
    let chosen = Chosen::of(run, doubts, true);
    chosen.photos().into_iter().map(|seen| seen.path.clone()).collect()
}

/// The photos that the page shows.
struct Chosen<'a> {
    errors: Vec<&'a Seen>,
    doubted: Doubted,
    samples: Vec<Vec<&'a Seen>>,
    changed: Changed<'a>,
}

impl<'a> Chosen<'a> {
    fn of(run: &'a Run, doubts: Option<&[Doubt]>, has_photos: bool) -> Self {
        let samples = if has_photos { data::samples(run) } else { Vec::new() };
        Self {
            errors: gallery::errors(run),
            doubted: Doubted::of(run, doubts),
            samples,
            changed: Changed::of(run),
        }
    }

    /// All of them, the galleries first: they matter most, should the page's room for pictures end.
    fn photos(&self) -> Vec<&Seen> {
        let doubted: Vec<&Seen> = self.doubted.photos.iter().collect();
        let shown = gallery::shown(&self.errors).iter().chain(gallery::shown(&doubted)).copied();
        let changed = gallery::shown(&self.changed.won).iter().chain(gallery::shown(&self.changed.lost));
        let others = changed.chain(self.samples.iter().flatten()).copied();
        shown.chain(others).collect()
    }
}

/// All that the run has something for, in the page's order.
fn sections(
    run: &Run,
    confusion: Option<&Confusion>,
    chosen: &Chosen<'_>,
    thumbnails: &mut Thumbnails<'_>,
    overlay: Overlay<'_>,
) -> Vec<Section> {
    let Chosen { errors, doubted, samples, changed } = chosen;
    let mut sections = Vec::new();
    let mut add = |id, nav, title, content: Option<String>| {
        sections.extend(content.map(|content| Section { id, title, nav, content }));
    };
    let found = findings::findings(run, confusion, errors.len(), doubted.finding());
    add("findings", "Findings", "What stands out", found);
    let photos = (!run.classes.is_empty()).then(|| data::data(run, samples, thumbnails));
    add("data", "Photos", "The photos", photos);
    add("curves", "Learning", "How it learned", curves::curves(&run.metrics));
    let tuned = tuning::tuning(run, changed, thumbnails, overlay);
    add("tuning", "Fine-tuning", "What fine-tuning changed", tuned);
    let matrix = confusion.map(|c| matrix::matrix(c, &run.classes));
    add("confusion", "Confusion", "What is taken for what", matrix);
    add("scores", "Classes", "Class by class", confusion.map(|c| scores::scores(c, run)));
    add("reliability", "Confidence", "Does confidence mean something?", reliability::reliability(run));
    add("coverage", "Coverage", "Accuracy where unsure answers are left out", coverage::coverage(run));
    if confusion.is_some() {
        let none = "No validation photo was taken for another class.";
        let shown = gallery::gallery(run, errors, thumbnails, overlay, none);
        add("errors", "Errors", "The worst errors", Some(format!("<p class=\"lead\">{ERRORS}</p>{shown}")));
    }
    if run.part(Part::Train).next().is_some() {
        let content = doubted.section(run, thumbnails, overlay);
        add("mislabels", "Labels", "Labels worth a second look", Some(content));
    }
    add("map", "Map", "The photos as the backbone sees them", projection::projection(run));
    let metrics = &run.metrics;
    add("tried", "Settings", "Settings that were tried", tried::tried(metrics.tried.as_ref()));
    add("timing", "Time", "Where the time went", timing::timing(&metrics.seconds, &metrics.photos));
    add("repeat", "Repeat", "To do it again", Some(repeat::repeat(run)));
    sections
}

const ERRORS: &str =
    "Validation photos that were taken for another class, those first that the model was surest of.";

fn page(run: &Run, headline: &str, sections: &[Section]) -> String {
    let links = sections.iter().map(|Section { id, nav, .. }| format!("<a href=\"#{id}\">{nav}</a>"));
    let body = sections.iter().map(|Section { id, title, content, .. }| {
        format!("<section id=\"{id}\"><h2>{title}</h2>{content}</section>\n")
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{} · icecap report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <main>\n{headline}\n<nav aria-label=\"sections\">{}</nav>\n{}<footer>Written by icecap {}.</footer>\n</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&run.folder.file_name().unwrap_or(run.folder.as_os_str()).to_string_lossy()),
        links.collect::<String>(),
        body.collect::<String>(),
        escape(&run.metrics.version),
    )
}
