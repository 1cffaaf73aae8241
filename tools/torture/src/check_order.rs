//! The order in which files come to be: written, synced, renamed into their place, and the folder synced. A kill does not
//! show what is missing of it, only a power cut would; so the calls of the system are read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::product::last_line;
use crate::stage::{Stage, no_strace, strace};
use crate::{Plan, Report};

/// Checks each command that leaves a file.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    if let Some(why) = no_strace() {
        return Err(format!("check-order: {why}"));
    }
    let mut report = Report::new("check-order", plan);
    let commands = commands(&stage);
    for case in plan.cases(commands.len() as u64) {
        let (name, words) = &commands[case as usize % commands.len()];
        match checked(&stage, words)? {
            Ok(files) => {
                report.ran(format!("{name}: every file in order"));
                report.count("files", files as u64);
            }
            Err(broken) => report.broke(case, format!("{name}: {broken}")),
        }
    }
    report.finish()
}

/// Commands that leave files in `place`, by name.
fn commands(stage: &Stage) -> Vec<(String, Vec<String>)> {
    let place = stage.folder.join("place").join("new");
    let at = |name: &str| place.join(name).to_string_lossy().into_owned();
    let reference = stage.folder.join("reference-0");
    let (run, model) = (reference.clone(), reference.join("model.safetensors"));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (run, model, photos) = (text(&run), text(&model), text(&stage.folder.join("photos")));
    let mut commands: Vec<(String, Vec<String>)> =
        stage.works.iter().map(|work| (work.name.to_owned(), work.words(&place))).collect();
    let (onnx, rows, html) = (at("net.onnx"), at("rows.csv"), at("page.html"));
    let (program, list, maps, demo) = (at("program"), at("exclude.csv"), at("maps"), at("demo"));
    let more: [(&str, &[&str]); 8] = [
        ("train with a page", &["train", &photos, "--epochs", "2", "-q", "--out", &demo]),
        ("export", &["export", &model, "--onnx", &onnx]),
        ("bundle", &["bundle", &model, "-o", &program]),
        ("predict", &["predict", &model, &photos, "--format", "csv", "-o", &rows]),
        ("heatmaps", &["predict", &model, &photos, "--heatmap", &maps]),
        ("report", &["report", &run, "-o", &html]),
        ("check", &["check", &photos, "--write-exclude", &list]),
        ("man", &["man", "-o", &maps]),
    ];
    commands.extend(
        more.map(|(name, words)| (name.to_owned(), words.iter().map(|word| (*word).to_owned()).collect())),
    );
    commands
}

/// Runs a command, and holds its calls against the files that it leaves; how many these are.
fn checked(stage: &Stage, words: &[String]) -> Result<Result<usize, String>, String> {
    let place = stage.folder.join("place");
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(|e| e.to_string())?;
    }
    std::fs::create_dir_all(place.join("new")).map_err(|e| e.to_string())?;
    // A training makes its folder itself.
    if words[0] == "train" || words[0] == "man" {
        std::fs::remove_dir(place.join("new")).map_err(|e| e.to_string())?;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let calls = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat";
    let log = stage.folder.join("log");
    let options = ["-y", "-s", "0", "-e", calls].map(str::to_owned);
    let output =
        strace(&stage.product("cold").command(&words), &options, &log).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("{words:?}: {}, \"{}\"", output.status, last_line(&output)));
    }
    let log = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
    let mut order = Order::default();
    for event in events(&log) {
        if let Err(broken) = order.take(event, &place) {
            return Ok(Err(broken));
        }
    }
    Ok(order.end(&files(&place)))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// A call that has come to its end.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Written(PathBuf),
    Synced(PathBuf),
    Renamed(PathBuf, PathBuf),
    Made(PathBuf),
}

/// The calls in a log of strace that succeeded, in the order of their ends.
fn events(log: &str) -> Vec<Event> {
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    let mut events = Vec::new();
    for line in log.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix("<unfinished ...>") {
            begun.insert(process, first.to_owned());
            continue;
        }
        let whole = match call.split_once("resumed>") {
            Some((_, rest)) if call.starts_with("<...") => begun.remove(process).unwrap_or_default() + rest,
            _ => call.to_owned(),
        };
        events.extend(event(&whole));
    }
    events
}

fn event(call: &str) -> Option<Event> {
    let (name, rest) = call.split_once('(')?;
    // The result stands in a column of its own.
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let open = || Some(PathBuf::from(arguments.split_once('<')?.1.split_once('>')?.0));
    let named = || arguments.split('"').skip(1).step_by(2).map(PathBuf::from).collect::<Vec<_>>();
    Some(match name {
        "write" | "writev" | "pwrite64" | "pwritev" => Event::Written(open()?),
        "fsync" | "fdatasync" => Event::Synced(open()?),
        "rename" | "renameat" | "renameat2" => {
            let [from, to] = named().try_into().ok()?;
            Event::Renamed(from, to)
        }
        "mkdir" | "mkdirat" => Event::Made(named().into_iter().next()?),
        _ => return None,
    })
}

/// What is known of the files in a folder so far.
#[derive(Default)]
struct Order {
    /// Files with something in them that may not be on the disk.
    unsynced: BTreeSet<PathBuf>,
    /// Files that were written, and are on the disk.
    synced: BTreeSet<PathBuf>,
    /// What stands in a folder that has not been synced since.
    unsettled: BTreeSet<PathBuf>,
    placed: BTreeSet<PathBuf>,
}

impl Order {
    /// Takes the next call, where it is about something in `place`.
    fn take(&mut self, event: Event, place: &Path) -> Result<(), String> {
        match event {
            Event::Written(path) if path.starts_with(place) => {
                self.synced.remove(&path);
                self.unsynced.insert(path);
            }
            Event::Synced(path) => {
                self.unsettled.retain(|entry| entry.parent() != Some(&path));
                if self.unsynced.remove(&path) {
                    self.synced.insert(path);
                }
            }
            Event::Renamed(from, to) if to.starts_with(place) => {
                if !self.synced.remove(&from) {
                    return Err(format!("{} was renamed to {} unsynced", from.display(), to.display()));
                }
                self.unsettled.insert(to.clone());
                self.placed.insert(to);
            }
            Event::Made(path) if path.starts_with(place) => {
                self.unsettled.insert(path);
            }
            _ => {}
        }
        Ok(())
    }

    /// Holds the end against the files that are there: how many these are.
    fn end(&self, files: &[PathBuf]) -> Result<usize, String> {
        let named = |paths: Vec<&PathBuf>| {
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        let unsettled: Vec<_> = self.unsettled.iter().filter(|path| path.exists()).collect();
        if !unsettled.is_empty() {
            return Err(format!("the folder of {} was not synced afterwards", named(unsettled)));
        }
        let unplaced: Vec<_> = files.iter().filter(|file| !self.placed.contains(*file)).collect();
        match (files.len(), unplaced.is_empty()) {
            (0, _) => Err("it leaves no file".to_owned()),
            (_, false) => Err(format!("{} was not put in place by a rename", named(unplaced))),
            (count, true) => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 5] = [
        r#"1 mkdir("/p/run", 0777) = 0"#,
        r#"1 fsync(3</p>)      = 0"#,
        r#"1 write(4</p/run/.a.part>, ""..., 10) = 10"#,
        r#"1 fsync(4</p/run/.a.part> <unfinished ...>"#,
        r#"1 <... fsync resumed>) = 0"#,
    ];
    const PLACED: [&str; 2] = [r#"1 rename("/p/run/.a.part", "/p/run/a") = 0"#, r#"1 fsync(5</p/run>) = 0"#];

    fn outcome(lines: &[&str]) -> Result<usize, String> {
        let mut order = Order::default();
        for event in events(&lines.join("\n")) {
            order.take(event, Path::new("/p"))?;
        }
        order.end(&["/p/run/a".into()])
    }

    /// Without any one of the calls, or with one that fails, the order is broken.
    #[test]
    fn each_call_that_is_missing_is_found() {
        let whole = [&GOOD[..], &PLACED].concat();
        assert_eq!(outcome(&whole), Ok(1));
        for missing in [[3, 4], [5, 5]] {
            let less: Vec<&str> = whole
                .iter()
                .enumerate()
                .filter(|(at, _)| !missing.contains(at))
                .map(|(_, line)| *line)
                .collect();
            assert!(outcome(&less).is_err(), "{less:?}");
        }
        let failed =
            whole.iter().map(|line| line.replace("resumed>) = 0", "resumed>) = -1 EIO")).collect::<Vec<_>>();
        let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
        assert!(outcome(&failed).is_err());
        // Written again after it was synced.
        let mut late = whole.clone();
        late.insert(5, GOOD[2]);
        assert!(outcome(&late).is_err());
    }
}
