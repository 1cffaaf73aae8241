//! A dataset listed in a CSV file: a photo a line, its class, and where that is said its part and its group.
//!
//! ```text
//! path,label,split,group        the header; any order, `split` and `group` may be left out, others are passed over
//! a/1.jpg,ants,train,nest 7     paths are relative to the file's folder, see `listed_files.rs`
//! ```
//!
//! Columns go by the names that other programs give them, too, as `filename`, `image`, `id` and `category`.
//!
//! The `split.csv` of a run is such a file, too; its columns are called `part,class,path`, and its paths are as that
//! run was given them, relative to the working directory. A file that is listed and not there is found when it is read,
//! as any photo that cannot be.

use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use icecap_foundation::did_you_mean::nearest;
use icecap_foundation::shown::shown;

use crate::csv::CsvRecords;
use crate::inventory::{Inventory, PART_NAMES, Part, Sample};
use crate::listed_files::{ListedFiles, Places};
use crate::natural::natural;
use crate::split_file::SPLIT_COLUMNS;
use crate::text_file::{read_text, wrong};
use crate::tree::{entries, first_bytes, is_file};
use crate::{Error, Result};

/// A line of the file.
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) path: PathBuf,
    pub(crate) class: String,
    /// The part that the photo belongs to; training if the file does not say.
    pub(crate) part: Part,
    pub(crate) group: Option<String>,
}

/// What a file lists.
pub(crate) struct Listing {
    pub(crate) rows: Vec<Row>,
    /// Whether it says which part a photo is in.
    pub(crate) has_parts: bool,
}

/// Whether `path` is a file that lists a dataset, and no folder of photos.
pub(crate) fn is_listing(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) && is_file(path)
}

/// A `.csv` file in `folder` whose header names a path and a class, the first by its name; `None` where there is none.
pub(crate) fn listing_in(folder: &Path) -> Option<PathBuf> {
    let entries = entries(folder).ok()?.into_iter().map(|entry| entry.path);
    let mut lists: Vec<PathBuf> = entries.filter(|path| is_listing(path)).collect();
    lists.sort_by(|a, b| natural(a, b));
    lists.into_iter().find(|list| lists_photos(list).is_some())
}

/// Whether the first line of a file is a header that names a path and a class.
fn lists_photos(file: &Path) -> Option<()> {
    let mut line = String::new();
    let start = first_bytes(file, &mut [0; HEADER_BYTES]).ok()?;
    start.as_slice().read_line(&mut line).ok()?;
    let (_, header) = CsvRecords::of_spreadsheet(&line).next()?.ok()?;
    Columns::of(file, &header).ok().map(|_| ())
}

/// The columns that are read, with the other names that they go by.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("path", &["path"]),
    ("label", &["label", "class"]),
    ("split", &["split", "part"]),
    ("group", &["group"]),
];

/// What a column is called elsewhere, where none has its own name. The last name of a path counts where no other does: an
/// `id` beside a `filename` is only a number.
const ELSEWHERE: [(usize, &[&str]); 3] = [
    (
        0,
        &[
            "filename",
            "file_name",
            "filepath",
            "file_path",
            "image",
            "image_path",
            "image_name",
            "image_file",
            "img",
            "img_path",
            "img_name",
            "file",
            "photo",
            "path_to_image",
        ],
    ),
    (0, &["id", "image_id", "img_id"]),
    (
        1,
        &[
            "labels",
            "classes",
            "class_name",
            "classname",
            "label_name",
            "category",
            "categories",
            "target",
            "species",
            "breed",
            "tag",
            "tags",
        ],
    ),
];

/// The most bytes of a file that are read to find its header.
const HEADER_BYTES: usize = 1 << 16;
/// Letters of a header that a message shows.
const HEADER: usize = 60;

/// Where the columns stand.
struct Columns {
    count: usize,
    path: usize,
    label: usize,
    split: Option<usize>,
    group: Option<usize>,
}

/// Reads a listing.
///
/// # Errors
/// [`Error::Io`], [`Error::Limit`], [`Error::Listing`] with the line.
pub(crate) fn read_listing(file: &Path, listed: &ListedFiles) -> Result<Listing> {
    let text = read_text(file)?;
    let mut records = CsvRecords::of_spreadsheet(&text)
        .map(|record| record.map_err(|open| wrong(file, open.0, "a quote that is not closed")));
    let header = records.next().transpose()?.map(|(_, fields)| fields).unwrap_or_default();
    let columns = Columns::of(file, &header)?;
    let own = header == SPLIT_COLUMNS;
    let folder = if own { Path::new("") } else { file.parent().unwrap_or(Path::new("")) };
    let usual = ListedFiles::default();
    let mut places = Places::new(if own { &usual } else { listed }, folder);
    let mut rows = Vec::new();
    let mut lines: HashMap<PathBuf, usize> = HashMap::new();
    for record in records {
        let (line, fields) = record?;
        // An empty line, as editors leave at the end.
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        // In files of others a space behind a comma is no part of a name.
        let fields = if own { fields } else { trimmed(fields) };
        let row = columns.row(file, line, &fields, &mut places)?;
        if let Some(first) = lines.insert(row.path.clone(), line) {
            let reason = format!("{} is on line {first} already; keep one of them", row.path.display());
            return Err(wrong(file, line, reason));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(wrong(file, 1, "no photo is listed below the header"));
    }
    Ok(Listing { rows, has_parts: columns.split.is_some() })
}

fn trimmed(fields: Vec<String>) -> Vec<String> {
    let trim = |field: String| match field.trim() {
        bare if bare.len() == field.len() => field,
        bare => bare.to_owned(),
    };
    fields.into_iter().map(trim).collect()
}

impl Columns {
    fn of(file: &Path, header: &[String]) -> Result<Self> {
        let named =
            |header: &str, names: &[&str]| names.iter().any(|name| header.trim().eq_ignore_ascii_case(name));
        let mut places = [None; COLUMNS.len()];
        for (at, field) in header.iter().enumerate() {
            if let Some(column) = COLUMNS.iter().position(|(_, names)| named(field, names))
                && places[column].replace(at).is_some()
            {
                return Err(wrong(file, 1, format!("two columns are called {}", COLUMNS[column].0)));
            }
        }
        elsewhere(file, header, &mut places)?;
        // A mistyped name would be passed over in silence.
        let left =
            COLUMNS.iter().zip(places).filter(|(_, place)| place.is_none()).map(|((name, _), _)| *name);
        let left: Vec<&str> = left.collect();
        for field in header.iter().filter(|field| !is_known(field)) {
            if let Some(meant) = nearest(field, left.iter().copied()) {
                return Err(wrong(
                    file,
                    1,
                    format!("no column is called '{}'; did you mean '{meant}'?", shown(field)),
                ));
            }
        }
        let needed = |column: usize| {
            places[column].ok_or_else(|| {
                let text: String = header.join(",").chars().take(HEADER).collect();
                let name = COLUMNS[column].0;
                wrong(
                    file,
                    1,
                    format!(
                        "the header '{text}' names no column '{name}'; as in 'path,label' or 'path,label,split,group'"
                    ),
                )
            })
        };
        Ok(Self {
            count: header.len(),
            path: needed(0)?,
            label: needed(1)?,
            split: places[2],
            group: places[3],
        })
    }

    fn row(&self, file: &Path, line: usize, fields: &[String], places: &mut Places<'_>) -> Result<Row> {
        if fields.len() != self.count {
            let reason = format!("{} fields where the header has {}", fields.len(), self.count);
            return Err(wrong(file, line, reason));
        }
        let filled = |at: usize, what: &str| match fields[at].as_str() {
            "" => Err(wrong(file, line, format!("no {what}"))),
            text => Ok(text),
        };
        let part = match self.split.map(|at| fields[at].as_str()) {
            None => Part::Train,
            Some(text) => part_of(text).ok_or_else(|| {
                let meant = nearest(text, PART_NAMES);
                let meant = meant.map_or(String::new(), |meant| format!("; did you mean '{meant}'?"));
                wrong(file, line, format!("the split '{}' is not train, val or test{meant}", shown(text)))
            })?,
        };
        let group = self.group.map(|at| fields[at].clone()).filter(|group| !group.is_empty());
        let path = places.file(filled(self.path, "path")?);
        Ok(Row { line, path, class: filled(self.label, "label")?.to_owned(), part, group })
    }
}

/// Whether a column is one that is read, whatever it is called.
fn is_known(field: &str) -> bool {
    let names = COLUMNS.iter().map(|(_, names)| *names).chain(ELSEWHERE.iter().map(|(_, names)| *names));
    names.flatten().any(|name| field.trim().eq_ignore_ascii_case(name))
}

/// Finds the columns of paths and of labels by the names that they have elsewhere, where they are not found yet.
fn elsewhere(file: &Path, header: &[String], places: &mut [Option<usize>; COLUMNS.len()]) -> Result<()> {
    for (column, names) in ELSEWHERE {
        if places[column].is_some() {
            continue;
        }
        let named = |field: &String| names.iter().any(|name| field.trim().eq_ignore_ascii_case(name));
        let found: Vec<usize> = (0..header.len()).filter(|&at| named(&header[at])).collect();
        if let [first, second, ..] = found[..] {
            let what = COLUMNS[column].0;
            let reason = format!(
                "'{}' and '{}' may both be the {what}; call the one that is '{what}'",
                header[first].trim(),
                header[second].trim()
            );
            return Err(wrong(file, 1, reason));
        }
        places[column] = found.first().copied();
    }
    Ok(())
}

/// The part of a name, in the ways in which people write it.
fn part_of(text: &str) -> Option<Part> {
    match text.trim().to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" => Some(Part::Val),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

impl Listing {
    /// The classes of a part, naturally sorted.
    pub(crate) fn classes(&self, of: impl Fn(&Row) -> bool) -> Vec<String> {
        let names: BTreeSet<&str> =
            self.rows.iter().filter(|row| of(row)).map(|row| row.class.as_str()).collect();
        let mut classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
        classes.sort_by(|a, b| natural(Path::new(a), Path::new(b)));
        classes
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.rows.iter().any(|row| row.part == part)
    }

    /// The rows of a part with the index of each one's class, by class and then naturally by path, so that the order
    /// of lines means nothing.
    pub(crate) fn of_part(&self, file: &Path, part: Part, classes: &[String]) -> Result<Vec<(usize, &Row)>> {
        let index: HashMap<&str, usize> =
            classes.iter().enumerate().map(|(index, class)| (class.as_str(), index)).collect();
        let mut rows = Vec::new();
        for row in self.rows.iter().filter(|row| row.part == part) {
            let Some(&class) = index.get(row.class.as_str()) else {
                let meant = nearest(&row.class, classes.iter().map(String::as_str));
                let meant = meant.map_or(String::new(), |meant| format!("; did you mean '{meant}'?"));
                let known = classes.join(", ");
                let reason = format!("'{}' is none of the classes ({known}){meant}", shown(&row.class));
                return Err(wrong(file, row.line, reason));
            };
            rows.push((class, row));
        }
        rows.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| natural(&left.path, &right.path)));
        Ok(rows)
    }
}

/// The samples that a file lists, as [`scan`](crate::scan) gives those of a folder.
pub(crate) fn inventory_of(file: &Path, listed: &ListedFiles) -> Result<Inventory> {
    let listing = read_listing(file, listed)?;
    let classes = listing.classes(|row| row.part == Part::Train);
    match &classes[..] {
        [] => return Err(wrong(file, 1, "no line is of the split 'train'")),
        [class] => {
            let (path, class) = (file.to_owned(), class.clone());
            return Err(Error::OneClass { path, class, list: None });
        }
        _ => {}
    }
    let samples = |rows: &[(usize, &Row)]| -> Vec<Sample> {
        rows.iter().map(|(class, row)| Sample { path: row.path.clone(), class: *class }).collect()
    };
    let mut inventory = Inventory { classes, ..Inventory::default() };
    let train = listing.of_part(file, Part::Train, &inventory.classes)?;
    let grouped = listing.rows.iter().filter_map(|row| Some((row.path.clone(), row.group.clone()?)));
    inventory.groups = grouped.collect();
    inventory.train = samples(&train);
    for part in [Part::Val, Part::Test] {
        if !listing.has(part) {
            continue;
        }
        let samples = samples(&listing.of_part(file, part, &inventory.classes)?);
        inventory.tell_missing(part, &samples);
        match part {
            Part::Val => inventory.val = Some(samples),
            _ => inventory.test = Some(samples),
        }
    }
    Ok(inventory)
}

/// The samples of one part of a file, of known classes: of the part `wanted` where it has some, else of the last of
/// training, validation, test that it has.
pub(crate) fn known_samples(
    file: &Path,
    listed: &ListedFiles,
    classes: &[String],
    wanted: Part,
) -> Result<(Vec<Sample>, Part)> {
    let listing = read_listing(file, listed)?;
    let parts = [wanted, Part::Test, Part::Val, Part::Train];
    let part = parts.into_iter().find(|part| listing.has(*part)).unwrap_or(wanted);
    let rows = listing.of_part(file, part, classes)?;
    let samples = rows.into_iter().map(|(class, row)| Sample { path: row.path.clone(), class });
    // Where the file does not say, its photos are what was asked for.
    Ok((samples.collect(), if listing.has_parts { part } else { wanted }))
}
