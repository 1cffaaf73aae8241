//! What the campaigns on whole commands have in common: photos, commands that leave a file, and what that file holds
//! where nothing goes wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::photos;
use crate::product::Product;

/// A command that leaves a file, and the file's content.
pub(crate) struct Work {
    /// The command, for a person.
    pub(crate) name: &'static str,
    /// Its words but for the place of what it leaves.
    words: Vec<String>,
    /// The option that says where; for a training, the folder.
    out: &'static str,
    /// The file in the folder that is given.
    pub(crate) file: &'static str,
    /// What it holds at the end.
    pub(crate) whole: Vec<u8>,
    /// How long it takes, first with nothing in the cache, then with features there.
    pub(crate) takes: [Duration; 2],
}

impl Work {
    /// Whether what is broken off is gone on with, and not begun again.
    pub(crate) fn is_training(&self) -> bool {
        self.name != "extract"
    }

    /// The words that leave the file in `folder`.
    pub(crate) fn words(&self, folder: &Path) -> Vec<String> {
        let place = if self.is_training() { folder.to_owned() } else { folder.join(self.file) };
        let mut words = self.words.clone();
        words.extend([self.out.to_owned(), place.to_string_lossy().into_owned()]);
        words
    }
}

/// Photos, commands on them, and a finished run of other options, which new ones may replace.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) binary: PathBuf,
    pub(crate) works: Vec<Work>,
    /// What stands where a new file is put, for each work.
    pub(crate) earlier: Vec<Vec<u8>>,
}

impl Stage {
    /// Sets up photos in `folder`, and runs each command once.
    pub(crate) fn set(binary: &Path, folder: &Path) -> Result<Self, String> {
        let data = folder.join("photos");
        photos::folder(&data, &["cat", "dog"], 6, 1)?;
        let data = data.to_string_lossy().into_owned();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        // One thread, so that calls of the system come in one order.
        let train = ["train", &data, "-q", "--threads", "1", "--no-report"];
        let head = words(&[&train[..], &["--epochs", "3", "--seed", "5"]].concat());
        let tune = words(&[&train[..], &["--epochs", "2", "--unfreeze", "block_16"]].concat());
        let extract = words(&["extract", &data, "-q", "--threads", "1"]);
        let work = |name, words, out, file| Work {
            name,
            words,
            out,
            file,
            whole: Vec::new(),
            takes: [Duration::ZERO; 2],
        };
        let works = vec![
            work("train", head, "--out", "model.safetensors"),
            work("extract", extract, "-o", "features.safetensors"),
            work("fine-tuning", tune, "--out", "model.safetensors"),
        ];
        let mut stage =
            Self { folder: folder.to_owned(), binary: binary.to_owned(), works, earlier: Vec::new() };
        for index in 0..stage.works.len() {
            let product = stage.product(&format!("reference-cache-{index}"));
            let place = folder.join(format!("reference-{index}"));
            std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
            let started = Instant::now();
            stage.works[index].whole = stage.left(&product, index, &place, &[])?;
            stage.works[index].takes[0] = started.elapsed();
            let more: &[&str] =
                if stage.works[index].is_training() { &["--seed", "6", "--force"] } else { &["--force"] };
            let started = Instant::now();
            let earlier = stage.left(&product, index, &place, more)?;
            stage.works[index].takes[1] = started.elapsed();
            stage.earlier.push(earlier);
        }
        Ok(stage)
    }

    /// The product with a cache of this name.
    pub(crate) fn product(&self, cache: &str) -> Product {
        Product::new(&self.binary, &self.folder.join(cache))
    }

    fn left(&self, product: &Product, work: usize, place: &Path, more: &[&str]) -> Result<Vec<u8>, String> {
        let work = &self.works[work];
        let mut words = work.words(place);
        if more.contains(&"--seed") {
            words.retain(|word| word != "--seed" && word != "5");
        }
        let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        product.succeed(&words)?;
        let file = place.join(work.file);
        std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))
    }
}

/// The files in and below `folders` that should not stand there once a command has ended well.
pub(crate) fn leftovers(folders: &[&Path]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(leftovers(&[&path]));
            } else if name.ends_with(".part") || name.ends_with(".lock") || name.contains("unfinished") {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// `command` under strace, which does what `options` say to the calls of the system and traces nothing else.
pub(crate) fn strace(command: &Command, options: &[String], log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o"]).arg(log).args(options);
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced.stdin(std::process::Stdio::null());
    traced.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    traced
}

/// Why calls of the system cannot be traced and changed here; `None` where they can.
#[must_use]
pub fn no_strace() -> Option<String> {
    let mut try_it = Command::new("strace");
    try_it.args(["-f", "-qq", "-o", "/dev/null"]);
    try_it.args(["-e", "trace=write", "-e", "inject=write:error=ENOSPC:when=60000", "true"]);
    reason(try_it, "strace")
}

/// Why no file system of a limited size can be had here; `None` where one can.
#[must_use]
pub fn no_small_disk() -> Option<String> {
    let mut try_it = Command::new("unshare");
    try_it.args(["-rm", "sh", "-c", "mount -t tmpfs -o size=64k t /mnt"]);
    reason(try_it, "unshare")
}

fn reason(mut command: Command, name: &str) -> Option<String> {
    match command.output() {
        Err(error) => Some(format!("{name}: {error}")),
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim_end())),
    }
}
