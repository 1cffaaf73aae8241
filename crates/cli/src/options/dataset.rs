//! Options that say which photos of a dataset are used, and in which order its classes are numbered.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::{self, Exclusions, Inventory, Labeled, ListedFiles, Survey, read_classes};

use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain, plain_path};

/// Which photos are left out.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExcludeOptions {
    /// File of photos to leave out: a path a line, relative to the dataset or to the working directory, or a CSV with a
    /// column `path`, as skipped.csv
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude: Option<PathBuf>,
}

/// How the paths in a CSV file are read.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListedOptions {
    /// Folder that the paths in a .csv file are relative to [default: the file's own, or one in it that has the photos]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// What is put behind the paths in a .csv file that have no ending, as in jpg [default: that of the file that is there]
    #[arg(long, value_name = "EXT", value_parser = extension)]
    pub(crate) extension: Option<String>,
}

fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"))
}

fn extension(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('.').unwrap_or(text);
    let is_one = !bare.is_empty() && bare.chars().all(|letter| letter.is_ascii_alphanumeric());
    if is_one { Ok(bare.to_owned()) } else { Err("name an ending, as in jpg".to_owned()) }
}

impl ListedOptions {
    /// Returns what was asked for of the .csv files among `inputs`, of which there has to be one.
    pub(crate) fn of<'a>(&self, mut inputs: impl Iterator<Item = &'a Path>) -> Result<ListedFiles, Failure> {
        let Self { root, extension } = self.clone();
        if (root.is_some() || extension.is_some()) && !inputs.any(is_list) {
            let message = "--root and --extension are about the paths in a .csv file, and none is named";
            return Err(Failure::new(Code::Arguments, message));
        }
        match &root {
            Some(folder) if !data::is_folder(folder) => {
                let missing = if data::is_there(folder) { "is no folder" } else { "no such folder" };
                Err(Failure::new(Code::Path, format!("--root: {}: {missing}", plain_path(folder))))
            }
            _ => Ok(ListedFiles { root, extension }),
        }
    }
}

/// Refuses a list of photos none of which is there: they are elsewhere, or are called otherwise. One that is missing among
/// others is told when it is read.
pub(crate) fn check_listed<'a>(
    list: &Path,
    paths: impl Iterator<Item = &'a Path> + Clone,
) -> Result<(), Failure> {
    let Some(first) = paths.clone().next() else { return Ok(()) };
    if !data::is_file(list) || paths.clone().any(data::is_there) {
        return Ok(());
    }
    let message = format!(
        "{}: none of its {} is there, as {}; name their folder with --root, and the ending that the names lack with \
         --extension",
        plain_path(list),
        counted(paths.count(), "photo"),
        plain_path(first)
    );
    Err(Failure::new(Code::Content, message))
}

/// Finds the photos of `inputs` with the classes that folders and lists name, and tells of a folder whose classes lie
/// further down.
pub(crate) fn labeled(inputs: &[PathBuf], listed: &ListedOptions) -> Result<Labeled, Failure> {
    let found = data::scan_labeled_listed(inputs, &listed.of(inputs.iter().map(PathBuf::as_path))?)?;
    if let [list] = inputs
        && is_list(list)
    {
        check_listed(list, found.photos.iter().map(|(path, _)| path.as_path()))?;
    }
    for (folder, inside) in &found.too_high {
        let (folder, inside) = (plain_path(folder), plain_path(inside));
        note(&format!("note: {folder}: the class folders lie further down; name {inside} for their classes"));
    }
    Ok(found)
}

/// Which photos and classes.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatasetOptions {
    #[command(flatten)]
    pub(crate) excluded: ExcludeOptions,
    /// File with the names of the classes, one a line, in the order in which they are numbered [default: natural order]
    #[arg(long, value_name = "FILE")]
    pub(crate) classes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) listed: ListedOptions,
}

impl ExcludeOptions {
    /// Lets `exclude` work with the list, if there is one, then tells what it left out and which lines name no photo.
    pub(crate) fn apply<T>(
        &self,
        exclude: impl FnOnce(&mut Exclusions) -> Result<T, data::Error>,
    ) -> Result<Option<T>, Failure> {
        let Some(file) = &self.exclude else { return Ok(None) };
        let mut list = Exclusions::read(file)?;
        let result = exclude(&mut list)?;
        note(&format!("excluded {} by {}", counted(list.excluded(), "photo"), plain_path(file)));
        let mut lines = Lines::default();
        for (line, text) in list.unmatched() {
            lines.tell(|| {
                format!("warning: {}: line {line}: no photo is '{}'", plain_path(file), plain(text))
            });
        }
        lines.end("such lines");
        Ok(Some(result))
    }
}

impl DatasetOptions {
    /// Scans a dataset as a training does.
    pub(crate) fn scan(&self, folder: &Path, val: Option<&Path>) -> Result<Inventory, Failure> {
        let listed = self.listed.of([Some(folder), val].into_iter().flatten())?;
        let inventory = data::scan_listed(folder, val, &listed)?;
        check_listed(folder, inventory.train.iter().map(|sample| sample.path.as_path()))?;
        self.over(inventory, &data::dataset_roots(folder, val))
    }

    /// Returns `inventory`, whose photos lie in `roots`, without what is left out, its classes in the order that is asked for.
    pub(crate) fn over(&self, mut inventory: Inventory, roots: &[PathBuf]) -> Result<Inventory, Failure> {
        self.excluded
            .apply(|list| inventory.exclude(list, &roots.iter().map(PathBuf::as_path).collect::<Vec<_>>()))?;
        if let Some(file) = &self.classes {
            inventory.order_classes(file, &read_classes(file)?)?;
        }
        Ok(inventory)
    }

    /// Looks at a dataset, whatever is wrong with it.
    pub(crate) fn survey(&self, folder: &Path, val: Option<&Path>) -> Result<Survey, Failure> {
        let listed = self.listed.of([Some(folder), val].into_iter().flatten())?;
        let mut survey = data::survey_listed(folder, val, &listed)?;
        check_listed(folder, survey.photos.iter().map(|(_, sample)| sample.path.as_path()))?;
        self.excluded.apply(|list| {
            let roots = data::dataset_roots(folder, val);
            survey.exclude(list, &roots.iter().map(PathBuf::as_path).collect::<Vec<_>>());
            Ok(())
        })?;
        if let Some(file) = &self.classes {
            survey.order_classes(file, &read_classes(file)?)?;
        }
        Ok(survey)
    }
}
