//! `icecap similar`: the photos of a folder that look most like an image.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::{Labeled, csv_record, real_path};
use icecap::advanced::graph::Tap;
use icecap::explain::{Nearest, Similar};
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Source};
use serde::Serialize;

use crate::options::dataset::{ListedOptions, labeled};
use crate::options::input::{BackboneOptions, InputOptions};
use crate::options::model::ModelOptions;
use crate::options::row_format::Format;
use crate::photos::batches::for_each_photo;
use crate::photos::skipped;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::lines::Lines;
use crate::terminal::stderr::note;
use crate::terminal::table::{print, print_csv, print_json, table};
use crate::terminal::wording::{counted, plain, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Images to look for
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Folder of photos to look through, photos in folders of their class or not, a .zip, .tar or .parquet file of such, or a .csv
    /// file that lists some; may be given several times
    #[arg(long = "in", value_name = "DIR|ARCHIVE|CSV", required = true)]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    listed: ListedOptions,
    /// Photos to list for each image, the most similar first
    #[arg(long, value_name = "K", allow_negative_numbers = true, default_value_t = 10, value_parser = crate::options::count::at_least_one)]
    top: u16,
    /// Model whose backbone and preprocessing are used, instead of weights
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["scaling", "size", "resize", "exif", "dct"])]
    model: Option<PathBuf>,
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    /// How rows are written
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Print one JSON object
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    no_cache: bool,
}

#[derive(Serialize)]
struct Report {
    images: Vec<Image>,
    /// Photos that were looked at, the images themselves among them.
    photos: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct Image {
    image: String,
    similar: Vec<Row>,
    /// Photos that are the image, byte for byte.
    copies: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    similarity: f32,
    path: String,
    class: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let found = labeled(&options.folders, &options.listed)?;
    skipped::clutter(&found.skipped);
    if let Some(failure) = skipped::unreadable(&found.skipped).filter(|_| options.strict) {
        return Err(failure);
    }
    if found.photos.is_empty() {
        let folders: Vec<String> = options.folders.iter().map(|folder| plain_path(folder)).collect();
        let message =
            format!("{}: no photo found; name a folder that holds some with --in", folders.join(", "));
        return Err(Failure::new(Code::Content, message));
    }
    let (backbone, preprocessing) = options.open()?;
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let mut extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled)?.with_cache(cache.clone());
    let mut nearest = Nearest::new(usize::from(options.top));
    add_images(&mut nearest, &mut extractor, &options.images)?;
    let skipped = look(options, &backbone, &mut extractor, &found, &mut nearest)?;
    cache_folder::tell(cache.as_ref());
    let photos = found.photos.len() - skipped;
    if photos == 0 {
        let message = format!("none of {} could be used", counted(skipped, "photo"));
        return Err(Failure::new(Code::Content, message));
    }
    let images = options.images.iter().zip(nearest.finish());
    let images =
        images.map(|(image, similar)| named(image.to_string_lossy().into(), similar, &found)).collect();
    show(options, &Report { images, photos, skipped })
}

impl Options {
    /// Returns the backbone and what stands in front of it: those of the model, or those of the weights.
    fn open(&self) -> Result<(Backbone, Preprocessing), Failure> {
        if let Some(model) = &self.model {
            let options =
                ModelOptions::of(model.clone(), self.backbone.weights.clone(), self.backbone.runner);
            let classifier = options.within(self.input.limits()).open()?;
            return Ok((classifier.backbone().clone(), classifier.preprocessing()));
        }
        let backbone = self.backbone.open_for(&self.input)?;
        let preprocessing = self.input.over(Preprocessing::for_training(&backbone)?);
        Ok((backbone, preprocessing))
    }
}

fn add_images(nearest: &mut Nearest, extractor: &mut Extractor, images: &[PathBuf]) -> Result<(), Failure> {
    let sources: Vec<Source<'_>> = images.iter().map(|path| Source::Path(path)).collect();
    let len = extractor.row_len();
    let mut rows = vec![0.0; len * sources.len()];
    let outcomes = extractor.extract(&sources, &mut rows, &|_| interrupt::flow())?;
    for (outcome, row) in outcomes.into_iter().zip(rows.chunks_exact(len)) {
        nearest.add_image(outcome?.sha256, row);
    }
    Ok(())
}

/// Looks at every photo; gives how many could not be read.
fn look(
    options: &Options,
    backbone: &Backbone,
    extractor: &mut Extractor,
    found: &Labeled,
    nearest: &mut Nearest,
) -> Result<usize, Failure> {
    let photos: Vec<PathBuf> = found.photos.iter().map(|(path, _)| path.clone()).collect();
    let (mut skipped, mut left_out) = (0, Lines::default());
    for_each_photo(extractor, backbone.threads().count(), &photos, |index, outcome| {
        match outcome {
            Ok((features, photo)) => nearest.offer(index, photo.sha256, features),
            Err(error) if options.strict => return Err(error.into()),
            Err(error) => {
                skipped += 1;
                left_out.tell(|| format!("skipped {error}"));
            }
        }
        Ok(())
    })?;
    left_out.end("skipped photos");
    Ok(skipped)
}

fn named(image: String, similar: Similar, found: &Labeled) -> Image {
    let path = |index: usize| found.photos[index].0.to_string_lossy().into_owned();
    let class = |index: usize| found.photos[index].1.map(|class| found.classes[class].clone());
    let row = |index, similarity| Row { similarity, path: path(index), class: class(index) };
    Image {
        image,
        similar: similar.nearest.iter().map(|near| row(near.index, near.similarity)).collect(),
        copies: similar.copies.into_iter().map(path).collect(),
    }
}

fn show(options: &Options, report: &Report) -> Result<(), Failure> {
    if options.json {
        return print_json(report);
    }
    match options.format {
        Format::Json => print_json(&report.images),
        Format::Jsonl => report.images.iter().try_for_each(print_json),
        Format::Csv => print_csv(&csv_text(report)),
        Format::Table => {
            for image in &report.images {
                tell_copies(image);
            }
            print(&table_text(report))
        }
    }
}

/// Tells of copies, which are not among the similar photos; the image itself in the folder is no surprise.
fn tell_copies(image: &Image) {
    let own = real_path(Path::new(&image.image));
    let is_other = |copy: &&String| own.is_none() || real_path(Path::new(copy)) != own;
    let others: Vec<&String> = image.copies.iter().filter(is_other).collect();
    if let [first, more @ ..] = &others[..] {
        let and = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        note(&format!("{}: left out as the same file: {}{and}", plain(&image.image), plain(first)));
    }
}

fn csv_text(report: &Report) -> String {
    let mut text = csv_record(["image", "rank", "similarity", "path", "class"]);
    for image in &report.images {
        for (place, row) in image.similar.iter().enumerate() {
            let (rank, similarity) = ((place + 1).to_string(), row.similarity.to_string());
            let class = row.class.as_deref().unwrap_or_default();
            text += &csv_record([image.image.as_str(), &rank, &similarity, &row.path, class]);
        }
    }
    text
}

fn table_text(report: &Report) -> String {
    let rows = report.images.iter().flat_map(|image| {
        image.similar.iter().enumerate().map(|(place, row)| {
            let name = if place == 0 { plain(&image.image).into_owned() } else { String::new() };
            let class = row.class.as_deref().map_or(String::new(), |class| plain(class).into_owned());
            let path = plain_path(row.path.as_ref());
            vec![name, format!("{:.4}", row.similarity), path, class]
        })
    });
    format!("{}\n", table(&["image", "similarity", "photo", "class"], &[1], rows))
}
