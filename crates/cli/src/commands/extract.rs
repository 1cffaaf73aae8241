//! `icecap extract`: the features of photos as a file, for whatever else can be done with them.

mod about;
mod finished;
mod options;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use icecap::advanced::data::{Labeled, dataset_roots, table_place};
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::kernels::Shape;
use icecap::model::{Extractor, Preprocessing};
use icecap_records::{Description, FeatureRow, Format, begin};

use crate::options::dataset::labeled;
use crate::photos::batches::for_each_photo;
use crate::photos::skipped;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::table::narrate;
use crate::terminal::wording::{counted, plain_path};

use about::metadata;
use finished::finished;

pub(crate) use options::Options;

/// What was written.
struct Written {
    /// Photos that have features.
    rows: usize,
    cached: usize,
    row: Shape,
    seconds: f64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let (format, start) = (format(options)?, SystemTime::now());
    let found = find(options, format)?;
    if options.output.is_dir() {
        return Err(Failure::path(&options.output, "is a folder; name a file to write"));
    }
    if options.shard.is_none() {
        options.overwrite.check(&options.output)?;
    }
    let backbone = options.backbone.open_for(&options.input)?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    let metadata = metadata(options, &backbone, preprocessing, &found.classes);
    let photos: Vec<PathBuf> = found.photos.iter().map(|(path, _)| path.clone()).collect();
    if options.shard.is_some()
        && let Some(told) = finished(options, format, &metadata, &found)?
    {
        return narrate(&told);
    }
    // Maps are fifty times as large as what is pooled of them, too large to be kept for a later run.
    let cache = if options.maps || options.no_cache { None } else { cache_folder::open() };
    let extractor = Extractor::new(&backbone, preprocessing, options.tap())?.with_cache(cache.clone());
    let extractor = if format.has_sides() { extractor.describing() } else { extractor };
    let description = Description { metadata, classes: found.classes.clone(), row: extractor.row_shape() };
    let threads = backbone.threads().count();
    let extraction = Extraction { options, found: &found, photos: &photos, format, description, threads };

    // A failure of ours goes past the error that keeps the half-written file from being put in place.
    let mut failure = None;
    let replaced = replace_file(&options.output, |out| {
        write(extraction, extractor, out).map_err(|own| {
            failure = Some(own);
            std::io::Error::other("given up")
        })
    });
    cache_folder::tell(cache.as_ref());
    let written = match failure {
        Some(failure) => return Err(failure),
        None => replaced?,
    };
    if options.shard.is_some() {
        finished::began(&options.output, start);
    }
    tell(options, &found, &written)
}

/// Returns the format that the name of the output asks for.
fn format(options: &Options) -> Result<Format, Failure> {
    let format = Format::of(&options.output).map_err(|error| {
        let message = format!("{}: {error}; name the output so", plain_path(&options.output));
        Failure::new(Code::Arguments, message)
    })?;
    if options.maps && !format.takes_maps() {
        let message = format!(
            "--maps: a .{} file holds a row of numbers for each photo; name a .safetensors or .npy file",
            format.ending()
        );
        return Err(Failure::new(Code::Arguments, message));
    }
    Ok(format)
}

/// Tells what was written.
fn tell(options: &Options, found: &Labeled, written: &Written) -> Result<(), Failure> {
    let &Written { rows, cached, row, seconds } = written;
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
fn find(options: &Options, format: Format) -> Result<Labeled, Failure> {
    let mut found = labeled(&options.photos, &options.listed)?;
    let of_inputs: Vec<PathBuf> = options.photos.iter().flat_map(|path| dataset_roots(path, None)).collect();
    options.excluded.apply(|list| {
        let roots: Vec<&Path> = of_inputs.iter().map(PathBuf::as_path).collect();
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
        let Some(reason) = format.refuse(path) else { return true };
        lines.tell(|| format!("skipped {reason}"));
        refused.get_or_insert(reason);
        false
    });
    lines.end("skipped photos");
    match refused {
        Some(reason) if options.strict => Err(Failure::new(Code::Content, reason)),
        _ if found.photos.is_empty() => Err(Failure::new(Code::Content, "no photo found")),
        _ => {
            if let Some(shard) = options.shard {
                // The root that is named counts before the folder of the list, which may lie elsewhere on each machine.
                let roots: Vec<PathBuf> = options.listed.root.iter().cloned().chain(of_inputs).collect();
                found.photos.retain(|(path, _)| shard.holds(path, &roots));
            }
            // A page of a table has photos of any class: each is unpacked once.
            found.photos.sort_by_cached_key(|(path, _)| table_place(path));
            Ok(found)
        }
    }
}

/// What is written.
struct Extraction<'a> {
    options: &'a Options,
    found: &'a Labeled,
    photos: &'a [PathBuf],
    format: Format,
    /// What the file says of itself.
    description: Description,
    /// Photos that are read at once.
    threads: usize,
}

/// Makes the features and writes them as they come.
fn write(
    extraction: Extraction<'_>,
    mut extractor: Extractor,
    out: &mut BufWriter<&mut File>,
) -> Result<Written, Failure> {
    let Extraction { options, found, photos, format, description, threads } = extraction;
    let started = Instant::now();
    let failed = |error: std::io::Error| Failure::path(&options.output, error);
    let row = extractor.row_shape();
    let names: Vec<String> = photos.iter().map(|path| path.to_str().unwrap_or_default().to_owned()).collect();
    let mut file = begin(format, out, description, &names).map_err(failed)?;
    let (mut rows, mut cached) = (0, 0);
    let (mut warnings, mut left_out) = (Lines::default(), Lines::default());
    for_each_photo(&mut extractor, threads, photos, |index, outcome| {
        let of = FeatureRow {
            path: &names[index],
            class: found.photos[index].1,
            sha256: None,
            sides: None,
            features: Err(""),
        };
        match outcome {
            Ok((features, photo)) => {
                for warning in &photo.warnings {
                    warnings.tell(|| format!("warning: {}: {warning}", names[index]));
                }
                rows += 1;
                cached += usize::from(photo.cached);
                let sides = photo.about.map(|about| [about.width, about.height]);
                let row = FeatureRow { sha256: Some(photo.sha256), sides, features: Ok(features), ..of };
                file.push(&row).map_err(failed)
            }
            Err(error) if options.strict => Err(Failure::new(Code::Content, error.to_string())),
            Err(error) => {
                left_out.tell(|| format!("skipped {error}"));
                file.push(&FeatureRow { features: Err(&error.reason()), ..of }).map_err(failed)
            }
        }
    })?;
    warnings.end("such warnings");
    left_out.end("skipped photos");
    // A share may be of few photos, or of none; the others are in other shares.
    if rows == 0 && options.shard.is_none() {
        return Err(Failure::new(
            Code::Content,
            format!("none of {} could be used", counted(photos.len(), "photo")),
        ));
    }
    file.finish().map_err(failed)?;
    Ok(Written { rows, cached, row, seconds: started.elapsed().as_secs_f64() })
}
