//! Which photos there are, of which class, in which part of the data.
//!
//! ```text
//! DIR/ants/*.jpg DIR/bees/*.jpg             a folder for each class
//! DIR/train/ants/… DIR/val/ants/…           parts inside it; `test/` as well, `valid` and `validation` are `val`
//! FILE.csv                                  a photo a line, see `listed.rs`
//! FILE.zip FILE.tar                         in the place of a folder, see `archive`; DIR/*.tar as well, see `shards.rs`
//! ```
//!
//! Names are sorted naturally (`img_2` before `img_10`), so that a folder gives the same samples in the same order on
//! every machine. What a file is shows when it is decoded; here only files with the extension of something else (`.txt`, `.zip`)
//! are opened, and passed over unless they start as a photo does.

use std::path::{Path, PathBuf};

use icecap_foundation::did_you_mean::nearest;

use crate::archive::is_shard_of;
use crate::inventory::{Inventory, Part, Sample, SkipReason, Skipped};
use crate::listed::{inventory_of, is_listing, known_samples, listing_in};
use crate::listed_files::ListedFiles;
use crate::natural::natural;
use crate::parts::{Parts, parts_of, patterns};
use crate::too_high::{dataset_folder, dataset_in};
use crate::tree::{is_folder, look_at};
use crate::walk::{photos_below, visible_folders};
use crate::{Error, Result};

/// Finds the samples of `folder`, with those of `val` as its validation part if it is given. Either may be a `.csv` file
/// that lists photos: columns `path` and `label`, and if wanted `split` (train, val, test) and `group`. The paths in it are
/// relative to the folder of the file; those in a run's `split.csv`, which is such a file, to the working directory.
///
/// # Errors
/// [`Error::MissingFolder`], [`Error::NoClasses`], [`Error::OneClass`], [`Error::EmptyClass`], [`Error::UnknownClass`],
/// [`Error::PathNotText`] for a class folder, [`Error::Io`] for a folder that cannot be listed, [`Error::Listing`] with
/// the line of a file.
pub fn scan(folder: &Path, val: Option<&Path>) -> Result<Inventory> {
    scan_listed(folder, val, &ListedFiles::default())
}

/// Finds the samples of `folder` as [`scan`] does, the paths in `.csv` files read as `listed` says.
///
/// # Errors
/// Those of [`scan`].
pub fn scan_listed(folder: &Path, val: Option<&Path>, listed: &ListedFiles) -> Result<Inventory> {
    if is_listing(folder) {
        let mut inventory = inventory_of(folder, listed)?;
        if let Some(val) = val {
            inventory.missing.retain(|missing| missing.part != Part::Val);
            inventory.val = Some(other_samples(val, Part::Val, listed, &mut inventory)?);
        }
        return Ok(inventory);
    }
    let folder = dataset_folder(folder);
    let parts = parts_of(&folder)?;
    let mut inventory = Inventory::default();
    let train = parts.as_ref().map_or(&folder, |parts| &parts.train);
    inventory.train = training_samples(train, &mut inventory)?;
    if let Some(val) = val.or(parts.as_ref().and_then(|parts| parts.val.as_deref())) {
        inventory.val = Some(other_samples(val, Part::Val, listed, &mut inventory)?);
    }
    if let Some(test) = parts.as_ref().and_then(|parts| parts.test.as_deref()) {
        inventory.test = Some(other_samples(test, Part::Test, listed, &mut inventory)?);
    }
    Ok(inventory)
}

/// Finds the samples of a folder by the classes of a trained model, to evaluate it. Of a folder with parts the photos
/// are those in `test/`, else in `val/`, else in `train/`; likewise of a CSV file that [`scan`] takes.
///
/// # Errors
/// Those of [`scan`], and [`Error::NoPhotos`].
pub fn scan_known(folder: &Path, classes: &[String]) -> Result<(Vec<Sample>, Inventory)> {
    scan_known_listed(folder, classes, &ListedFiles::default())
}

/// Finds samples as [`scan_known`] does, the paths in `.csv` files read as `listed` says.
///
/// # Errors
/// Those of [`scan_known`].
pub fn scan_known_listed(
    folder: &Path,
    classes: &[String],
    listed: &ListedFiles,
) -> Result<(Vec<Sample>, Inventory)> {
    let mut inventory = Inventory { classes: classes.to_vec(), ..Inventory::default() };
    if is_listing(folder) {
        let (samples, part) = known_samples(folder, listed, classes, Part::Test)?;
        inventory.tell_missing(part, &samples);
        return Ok((samples, inventory));
    }
    let folder = dataset_folder(folder);
    let (folder, part) = match parts_of(&folder)? {
        Some(Parts { test: Some(test), .. }) => (test, Part::Test),
        Some(Parts { val: Some(val), .. }) => (val, Part::Val),
        // Photos of the model's class `train`, of vehicles, say, may lie in folders of their own.
        Some(Parts { train, .. }) if !classes.iter().any(|class| class == "train") => (train, Part::Train),
        _ => (folder, Part::Test),
    };
    let samples = other_samples(&folder, part, listed, &mut inventory)?;
    Ok((samples, inventory))
}

/// Finds every photo in and below `folder`, whatever its class. If `folder` is a file, it is the only photo.
///
/// # Errors
/// [`Error::MissingFolder`], [`Error::Io`].
pub fn scan_photos(folder: &Path) -> Result<(Vec<PathBuf>, Vec<Skipped>)> {
    if !is_folder(folder) {
        look_at(folder)?;
        return Ok((vec![folder.to_owned()], Vec::new()));
    }
    let mut skipped = Vec::new();
    let mut photos = photos_below(folder, &mut skipped)?;
    for pattern in patterns(folder)? {
        skipped.retain(|file| !is_shard_of(&file.path, &pattern));
        photos.extend(photos_below(&pattern, &mut skipped)?);
    }
    photos.sort_by(|a, b| natural(a, b));
    Ok((photos, skipped))
}

/// The training samples; fills in the classes.
fn training_samples(folder: &Path, inventory: &mut Inventory) -> Result<Vec<Sample>> {
    let folders = class_folders(folder, &mut inventory.skipped)?;
    match &folders[..] {
        [] => {
            let list = listing_in(folder);
            return Err(Error::NoClasses { path: folder.to_owned(), list });
        }
        [(class, only)] => {
            let (path, class) = (folder.to_owned(), class.clone());
            return Err(match dataset_in(only) {
                Some(inside) => Error::TooHigh { path, inside },
                None => {
                    let list = listing_in(&path);
                    Error::OneClass { path, class, list }
                }
            });
        }
        _ => {}
    }
    let mut samples = Vec::new();
    for (index, (class, path)) in folders.into_iter().enumerate() {
        let photos = photos_below(&path, &mut inventory.skipped)?;
        if photos.is_empty() {
            return Err(Error::EmptyClass { path });
        }
        samples.extend(photos.into_iter().map(|path| Sample { path, class: index }));
        inventory.classes.push(class);
    }
    Ok(samples)
}

/// The samples of another part, their classes mapped by name.
fn other_samples(
    folder: &Path,
    part: Part,
    listed: &ListedFiles,
    inventory: &mut Inventory,
) -> Result<Vec<Sample>> {
    let samples = match is_listing(folder) {
        true => known_samples(folder, listed, &inventory.classes, part)?.0,
        false => samples_below(&dataset_folder(folder), inventory)?,
    };
    inventory.tell_missing(part, &samples);
    Ok(samples)
}

/// The samples in the class folders of a part, their classes mapped by name.
fn samples_below(folder: &Path, inventory: &mut Inventory) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    let folders = class_folders(folder, &mut inventory.skipped)?;
    if let [(class, only)] = &folders[..]
        && !inventory.classes.contains(class)
        && let Some(inside) = dataset_in(only)
    {
        return Err(Error::TooHigh { path: folder.to_owned(), inside });
    }
    for (class, path) in folders {
        let photos = photos_below(&path, &mut inventory.skipped)?;
        let Some(index) = inventory.classes.iter().position(|known| *known == class) else {
            let meant = nearest(&class, inventory.classes.iter().map(String::as_str)).map(str::to_owned);
            return Err(Error::UnknownClass { path, class, known: inventory.classes.join(", "), meant });
        };
        samples.extend(photos.into_iter().map(|path| Sample { path, class: index }));
    }
    if samples.is_empty() {
        return Err(Error::NoPhotos { path: folder.to_owned() });
    }
    samples.sort_by_key(|sample| sample.class);
    Ok(samples)
}

/// The class folders in `folder` with their names, naturally sorted. Photos that lie beside them are passed over;
/// other files there (a README, a list of labels) belong there and are not reported.
fn class_folders(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<(String, PathBuf)>> {
    let mut folders = Vec::new();
    let mut beside = Vec::new();
    let found = visible_folders(folder, &mut beside)?;
    skipped.extend(beside.into_iter().filter(|file| file.reason == SkipReason::NoClass));
    for path in found {
        folders.push(class_folder(path)?);
    }
    folders.sort_by(|a, b| natural(&a.1, &b.1));
    Ok(folders)
}

/// A class folder with its name.
pub(crate) fn class_folder(path: PathBuf) -> Result<(String, PathBuf)> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok((name.to_owned(), path)),
        None => Err(Error::PathNotText { path }),
    }
}
