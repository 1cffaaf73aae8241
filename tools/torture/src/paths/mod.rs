//! Folders and archives as they should not be: links in circles and out of the tree, pipes, sockets, devices, names of 255
//! bytes or with controls in them, folders without end, archives whose names lead out of them.
//!
//! Every command ends soon with one of its exit codes, nothing that a terminal obeys is printed, nothing is changed outside
//! of what it was told to write, and a prediction has a row for each photo and each broken file, and no other.

mod tree;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::product::{Product, raw};
use crate::zip_writer::{Packed, Writing, archive};
use crate::{Plan, Report, photos};
use tree::{Tree, inventory};

/// The longest that a command on a handful of photos takes.
const SLOWEST: Duration = Duration::from_secs(20);
/// Names in an archive, and whether an archive with such a name is read.
const ENTRIES: [(&str, bool); 10] = [
    ("cat/1.bmp", true),
    ("cat/\u{1b}[2J\u{202e}.bmp", true),
    ("-rf/=1+1.bmp", true),
    ("../evil.bmp", false),
    ("cat/../../evil.bmp", false),
    ("/tmp/evil.bmp", false),
    ("cat\\..\\..\\evil.bmp", false),
    ("C:evil.bmp", false),
    ("./evil.bmp", false),
    ("cat/nul\0.bmp", false),
];

/// A command that ended, with what it printed.
struct Ended {
    status: ExitStatus,
    out: String,
    err: String,
}

/// A model, and folders that are drawn anew for each case.
struct Stage {
    product: Product,
    model: String,
    folder: PathBuf,
}

/// Runs commands on trees and archives: 300 where `plan` says nothing else.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("torture paths", plan);
    for case in plan.cases(300) {
        let outcome = match case % 6 {
            5 => stage.archive(&mut plan.random(case))?,
            _ => stage.tree(&mut plan.random(case))?,
        };
        report.hear(case, outcome);
    }
    report.finish()
}

impl Stage {
    fn set(binary: &Path, folder: &Path) -> Result<Self, String> {
        // Links and mounts on the way would be links of the tree.
        let folder = folder.canonicalize().map_err(|e| e.to_string())?;
        let data = folder.join("photos");
        photos::folder(&data, &["cat", "dog"], 4, 1)?;
        let product = Product::new(binary, &folder.join("cache"));
        let model = product.model(&text(&data), &text(&folder.join("run")))?;
        Ok(Self { product, model, folder })
    }

    /// An empty folder for a case, with one for what a command writes and one with what the tree must not reach to
    /// write.
    fn place(&self) -> Result<[PathBuf; 3], String> {
        let places = ["tree", "written", "outside"].map(|name| self.folder.join(name));
        for place in &places {
            if place.exists() {
                std::fs::remove_dir_all(place).map_err(|e| format!("{}: {e}", place.display()))?;
            }
            std::fs::create_dir(place).map_err(|e| format!("{}: {e}", place.display()))?;
        }
        photos::folder(&places[2], &["far"], 1, 2)?;
        Ok(places)
    }

    fn tree(&self, random: &mut fastrand::Rng) -> Result<Result<String, String>, String> {
        let [root, written, outside] = self.place()?;
        let tree = Tree::draw(&root, &outside, random)?;
        let (before, root) = (self.surroundings(), text(&root));
        let predicted = self.ended(&["predict", &self.model, &root, "--json"]);
        let rows = match predicted.and_then(|ended| fitting(&tree, &ended)) {
            Ok(rows) => rows,
            Err(broken) => return Ok(Err(format!("predict of {:?}: {broken}", tree.odd))),
        };
        let out = text(&written.join("out"));
        let file = text(&written.join("out.parquet"));
        let wrong = format!("{}x", text(tree.photos.first().unwrap_or(&tree.root)));
        let commands: [&[&str]; 6] = [
            &["train", &root, "--epochs", "1", "--out", &out],
            &["extract", &root, "-o", &file],
            &["check", &root],
            &["evaluate", &self.model, &root],
            &["similar", &wrong, "--in", &root],
            &["predict", &self.model, &wrong, "--heatmap", &out],
        ];
        let command = commands[random.usize(..commands.len())];
        if let Err(broken) = self.ended(command) {
            return Ok(Err(format!("{} of {:?}: {broken}", command[0], tree.odd)));
        }
        if let Some(change) = before.symmetric_difference(&self.surroundings()).next() {
            return Ok(Err(format!("{} of {:?} changes {change}", command[0], tree.odd)));
        }
        Ok(Ok(format!("a tree, {rows}")))
    }

    fn archive(&self, random: &mut fastrand::Rng) -> Result<Result<String, String>, String> {
        let [root, written, _] = self.place()?;
        let good = ENTRIES.iter().filter(|(_, good)| *good).map(|(name, _)| *name);
        let mut names: Vec<&str> = good.collect();
        let (odd, is_good) = ENTRIES[random.usize(..ENTRIES.len())];
        if !is_good {
            names.insert(random.usize(..=names.len()), odd);
        }
        let files: Vec<Packed> =
            names.iter().map(|name| Packed::new(name, &photos::bitmap(random, 0, 24))).collect();
        let how = Writing { wide: random.bool(), behind: random.bool() };
        let path = root.join("photos.zip");
        std::fs::write(&path, archive(&files, how)).map_err(|e| e.to_string())?;
        let (before, path) = (self.surroundings(), text(&path));
        let out = text(&written.join("out"));
        let outcome = self.ended(&["predict", &self.model, &path, "--json", "--heatmap", &out]);
        let about = format!("an archive with {odd:?}");
        if before != self.surroundings() {
            return Ok(Err(format!("{about}: something is written beside the heatmaps")));
        }
        Ok(match outcome {
            Err(broken) => Err(format!("{about}: {broken}")),
            Ok(ended) => match (ended.status.code(), rows(&ended.out).map(|rows| rows.len())) {
                (Some(0), Ok(rows)) if is_good && rows == names.len() => {
                    Ok("an archive, all of it".to_owned())
                }
                (Some(3), _) if !is_good => Ok("an archive, refused".to_owned()),
                (code, _) => Err(format!("{about}: exit {code:?}, {}", ended.err.trim_end())),
            },
        })
    }

    /// All that no command may change: the folder of the campaign but for the cache and what is written.
    fn surroundings(&self) -> std::collections::BTreeSet<String> {
        let all = inventory(&self.folder);
        let own = ["cache", "written"].map(|name| text(&self.folder.join(name)));
        all.into_iter().filter(|line| !own.iter().any(|own| line[1..].starts_with(own.as_str()))).collect()
    }

    /// Runs a command to its end, or says what it does that none may.
    fn ended(&self, words: &[&str]) -> Result<Ended, String> {
        let mut child = self.product.command(words).spawn().map_err(|e| e.to_string())?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = (reading(out), reading(err));
        let status = within(&mut child, SLOWEST)?;
        let text = |pipe: std::thread::JoinHandle<Vec<u8>>| {
            String::from_utf8(pipe.join().unwrap_or_default())
                .map_err(|_| "it prints what is no UTF-8".to_owned())
        };
        let ended = Ended { status, out: text(out)?, err: text(err)? };
        match (status.code(), status.signal()) {
            (Some(0 | 3 | 4 | 5), _) => {}
            (code, signal) => {
                return Err(format!("exit {code:?}, signal {signal:?}: {}", ended.err.trim_end()));
            }
        }
        if ended.err.contains("bug of ours") || ended.err.contains("panicked") {
            return Err(format!("it says \"{}\"", ended.err.trim_end()));
        }
        match raw(&ended.out).or_else(|| raw(&ended.err)) {
            Some(line) => Err(format!("it prints {line:?}")),
            None => Ok(ended),
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Reads a pipe to its end, beside what else is done.
fn reading(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until an error is what there is.
            drop(pipe.read_to_end(&mut bytes));
        }
        bytes
    })
}

/// Waits for a process, and ends it where it takes longer.
fn within(child: &mut Child, longest: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > longest {
            child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
            return Err(format!("it still runs after {} s", longest.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The rows of a prediction: each path, and whether it is told as broken.
fn rows(json: &str) -> Result<BTreeMap<PathBuf, bool>, String> {
    let rows: Vec<Value> = serde_json::from_str(json).map_err(|e| format!("no JSON: {e}"))?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let path = PathBuf::from(row["path"].as_str().ok_or("a row without a path")?);
        if let Some(path) = found.insert(path, !row["error"].is_null()).and(row["path"].as_str()) {
            return Err(format!("two rows of {path:?}"));
        }
    }
    Ok(found)
}

/// Whether a prediction has the rows that the tree has, and how many.
fn fitting(tree: &Tree, ended: &Ended) -> Result<&'static str, String> {
    // Where there is not one photo, there is no row.
    if ended.out.is_empty() {
        return match (ended.status.code(), tree.photos.is_empty()) {
            (Some(3), true) => Ok("nothing in it"),
            (code, _) => Err(format!("exit {code:?} and no row: {}", ended.err.trim_end())),
        };
    }
    let rows = rows(&ended.out)?;
    for (expected, is_broken) in [(&tree.photos, false), (&tree.broken, true)] {
        if let Some(path) = expected.iter().find(|path| rows.get(*path) != Some(&is_broken)) {
            return Err(format!("{:?} for {path:?}, broken: {is_broken}", rows.get(path)));
        }
    }
    let is_known = |path: &Path| tree.perhaps.iter().any(|way| path.starts_with(way));
    let more = rows
        .keys()
        .find(|path| !tree.photos.contains(*path) && !tree.broken.contains(*path) && !is_known(path));
    match more {
        Some(path) => Err(format!("a row of {path:?}")),
        None if tree.broken.is_empty() => Ok("all photos"),
        None => Ok("all photos, broken ones told"),
    }
}
