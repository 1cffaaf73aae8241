//! `icecap extract`: the features of photos as a file, for whatever else can be done with them.

mod feature_file;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use icecap::Backbone;
use icecap::advanced::data::{Labeled, dataset_roots};
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::graph::Tap;
use icecap::advanced::kernels::Shape;
use icecap::model::{Extractor, Preprocessing};

use crate::options::dataset::{ExcludeOptions, ListedOptions, labeled};
use crate::options::input::{BackboneOptions, InputOptions};
use crate::options::overwrite::OverwriteOption;
use crate::photos::batches::for_each_photo;
use crate::photos::skipped;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::table::narrate;
use crate::terminal::wording::{counted, plain_path};

use feature_file::FeatureFile;

#[derive(Args)]
pub(crate) struct Options {
    /// Folders of photos, .zip files of such, photos, or .csv files with columns path and label
    #[arg(required = true, value_name = "PATH")]
    photos: Vec<PathBuf>,
    /// The file to write, in the safetensors format
    #[arg(short, long = "out", alias = "output", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: OverwriteOption,
    /// Write whole feature maps [N, h, w, C] instead of pooled features [N, C]
    #[arg(long)]
    maps: bool,
    #[command(flatten)]
    excluded: ExcludeOptions,
    #[command(flatten)]
    listed: ListedOptions,
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    no_cache: bool,
}

impl Options {
    fn tap(&self) -> Tap {
        if self.maps { Tap::Features } else { Tap::Pooled }
    }
}

/// What was written.
struct Written {
    rows: usize,
    cached: usize,
    row: Shape,
    seconds: f64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let found = find(options)?;
    if options.output.is_dir() {
        return Err(Failure::path(&options.output, "is a folder; name a file to write"));
    }
    options.overwrite.check(&options.output)?;
    let backbone = options.backbone.open_for(&options.input)?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    // Maps are fifty times as large as what is pooled of them, too large to be kept for a later run.
    let cache = if options.maps || options.no_cache { None } else { cache_folder::open() };
    let extractor = Extractor::new(&backbone, preprocessing, options.tap())?.with_cache(cache.clone());
    let metadata = metadata(options, &backbone, preprocessing, &found.classes);
    let extraction = Extraction { options, found: &found, metadata, threads: backbone.threads().count() };

    // A failure of ours goes past the error that keeps the half-written file from being put in place.
    let mut failure = None;
    let replaced = replace_file(&options.output, |out| {
        write(extraction, extractor, out).map_err(|own| {
            failure = Some(own);
            std::io::Error::other("given up")
        })
    });
    cache_folder::tell(cache.as_ref());
    let Written { rows, cached, row, seconds } = match failure {
        Some(failure) => return Err(failure),
        None => replaced?,
    };
    let dims: Vec<String> = row.dims().iter().map(usize::to_string).collect();
    let skipped = found.photos.len() - rows;
    narrate(&format!(
        "{}: features [{rows}, {}], {}; {} from the cache, {skipped} skipped, {seconds:.1} s, {:.0} photos/s\n",
        plain_path(&options.output),
        dims.join(", "),
        match found.classes.len() {
            0 => "no classes".to_owned(),
            1 => "1 class".to_owned(),
            classes => counted(classes, "class"),
        },
        counted(cached, "photo"),
        rows as f64 / seconds.max(1e-9)
    ))
}

/// Returns the photos to use, those whose names cannot be written down left out.
fn find(options: &Options) -> Result<Labeled, Failure> {
    let mut found = labeled(&options.photos, &options.listed)?;
    options.excluded.apply(|list| {
        let roots: Vec<PathBuf> = options.photos.iter().flat_map(|path| dataset_roots(path, None)).collect();
        let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
        found.photos.retain(|(path, _)| !list.covers(path, &roots));
        Ok(())
    })?;
    skipped::clutter(&found.skipped);
    if let Some(failure) = skipped::unreadable(&found.skipped).filter(|_| options.strict) {
        return Err(failure);
    }
    let mut refused = None;
    let mut lines = Lines::default();
    found.photos.retain(|(path, _)| {
        let Some(reason) = feature_file::refuse(path) else { return true };
        lines.tell(|| format!("skipped {reason}"));
        refused.get_or_insert(reason);
        false
    });
    lines.end("skipped photos");
    match refused {
        Some(reason) if options.strict => Err(Failure::new(Code::Content, reason)),
        _ if found.photos.is_empty() => Err(Failure::new(Code::Content, "no photo found")),
        _ => Ok(found),
    }
}

/// Returns what a reader must know to make such features again.
fn metadata(
    options: &Options,
    backbone: &Backbone,
    preprocessing: Preprocessing,
    classes: &[String],
) -> BTreeMap<String, String> {
    let record = backbone.record();
    let file = options.backbone.file();
    let stem = file.as_deref().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy());
    let weights = record.name.clone().or(stem.map(|stem| stem.into_owned())).unwrap_or_default();
    let texts = [
        ("features_format", feature_file::FORMAT.to_owned()),
        ("weights", weights),
        ("params_sha256", record.params_sha256.to_string()),
        ("preprocessing", preprocessing.to_string()),
        ("tap", options.tap().to_string()),
        ("isa", backbone.isa().to_string()),
        ("classes", serde_json::json!(classes).to_string()),
        ("tool_version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let integers = backbone.quantization().map(|_| {
        [
            ("precision", backbone.precision().to_string()),
            ("integers_sha256", backbone.net_sha256().to_string()),
        ]
    });
    let texts = texts.into_iter().chain(integers.into_iter().flatten());
    texts.map(|(key, text)| (key.to_owned(), text)).collect()
}

/// What is written.
struct Extraction<'a> {
    options: &'a Options,
    found: &'a Labeled,
    /// What the file says of itself.
    metadata: BTreeMap<String, String>,
    /// Photos that are read at once.
    threads: usize,
}

/// Makes the features and writes them as they come.
fn write(
    extraction: Extraction<'_>,
    mut extractor: Extractor,
    out: &mut BufWriter<&mut File>,
) -> Result<Written, Failure> {
    let Extraction { options, found, metadata, threads } = extraction;
    let started = Instant::now();
    let failed = |error: std::io::Error| Failure::path(&options.output, error);
    let photos: Vec<PathBuf> = found.photos.iter().map(|(path, _)| path.clone()).collect();
    let name = |path: &'_ PathBuf| path.to_str().unwrap_or_default().to_owned();
    let row = extractor.row_shape();
    let names: Vec<String> = photos.iter().map(name).collect();
    let mut file =
        FeatureFile::begin(out, metadata, row, names.iter().map(String::as_str)).map_err(failed)?;
    let mut cached = 0;
    let (mut warnings, mut left_out) = (Lines::default(), Lines::default());
    for_each_photo(&mut extractor, threads, &photos, |index, outcome| match outcome {
        Ok((features, photo)) => {
            for warning in &photo.warnings {
                warnings.tell(|| format!("warning: {}: {warning}", names[index]));
            }
            cached += usize::from(photo.cached);
            file.push(&names[index], found.photos[index].1, features).map_err(failed)
        }
        Err(error) if options.strict => Err(Failure::new(Code::Content, error.to_string())),
        Err(error) => {
            left_out.tell(|| format!("skipped {error}"));
            Ok(())
        }
    })?;
    warnings.end("such warnings");
    left_out.end("skipped photos");
    let rows = file.rows();
    if rows == 0 {
        return Err(Failure::new(
            Code::Content,
            format!("none of {} could be used", counted(photos.len(), "photo")),
        ));
    }
    file.finish().map_err(failed)?;
    Ok(Written { rows, cached, row, seconds: started.elapsed().as_secs_f64() })
}
