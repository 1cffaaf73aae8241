//! Files that change underneath: truncated, overwritten in place, replaced or removed while a prediction reads them.
//!
//! What may come of it is an error that says so, or the right answer. Never another answer, never a signal.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::photos;
use crate::product::{Product, last_line};
use crate::{Plan, Report};

/// The weights that models are trained on.
const STARTER: &[u8] = include_bytes!("../../../weights/starter_0.35_96.safetensors");

/// The files that predictions read, and what they answer.
struct Stage {
    product: Product,
    /// The words of a prediction by a model with its backbone, and of one that has its weights beside it.
    predictions: [Vec<String>; 2],
    answers: [Vec<u8>; 2],
    /// What can change, each with its content as it should be.
    targets: Vec<(PathBuf, Vec<u8>)>,
    /// How long a prediction takes.
    takes: Duration,
}

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Change {
    Truncate,
    Overwrite,
    Flip,
    Replace,
    Remove,
}

const CHANGES: [Change; 5] =
    [Change::Truncate, Change::Overwrite, Change::Flip, Change::Replace, Change::Remove];

/// Changes files while `binary` predicts: 400 times where `plan` says nothing else.
///
/// # Errors
/// The report, where a promise broke; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let stage = Stage::set(binary, folder.path())?;
    let mut report = Report::new("underneath", plan);
    for case in plan.cases(400) {
        stage.mend()?;
        report.hear(case, stage.act(&mut plan.random(case))?);
    }
    report.finish()
}

impl Stage {
    fn set(binary: &Path, folder: &Path) -> Result<Self, String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (data, weights) = (folder.join("photos"), folder.join("weights.safetensors"));
        photos::folder(&data, &["cat", "dog"], 6, 1)?;
        std::fs::write(&weights, STARTER).map_err(|e| e.to_string())?;
        let product = Product::new(binary, &folder.join("cache"));
        let (whole, head) = (folder.join("whole"), folder.join("head"));
        let (data, weights) = (text(&data), text(&weights));
        let train = ["train", &data, "--weights", &weights, "--epochs", "3", "-q", "--out"];
        product.succeed(&[&train[..], &[&text(&whole)]].concat())?;
        product.succeed(&[&train[..], &[&text(&head), "--head-only"]].concat())?;

        let (whole, head) = (whole.join("model.safetensors"), head.join("model.safetensors"));
        let words = |model: &Path, more: &[&str]| {
            let words = ["predict", &text(model), &data, "--json"];
            words.iter().chain(more).map(|word| (*word).to_owned()).collect::<Vec<_>>()
        };
        let predictions = [words(&whole, &[]), words(&head, &["--weights", &weights])];
        let mut stage = Self {
            product,
            predictions,
            answers: [Vec::new(), Vec::new()],
            targets: Vec::new(),
            takes: Duration::ZERO,
        };
        // The first time packs the net, the second is what all others are held to.
        for _ in 0..2 {
            for which in 0..2 {
                let started = Instant::now();
                stage.answers[which] = stage.product.succeed(&stage.words(which))?.stdout;
                stage.takes = started.elapsed();
            }
        }
        let packed = folder.join("cache/packed");
        let entries = std::fs::read_dir(&packed).map_err(|e| format!("{}: {e}", packed.display()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        if paths.is_empty() {
            return Err(format!("{}: no packed net", packed.display()));
        }
        paths.extend([weights.into(), whole, head]);
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            stage.targets.push((path, bytes));
        }
        Ok(stage)
    }

    fn words(&self, which: usize) -> Vec<&str> {
        self.predictions[which].iter().map(String::as_str).collect()
    }

    /// Puts every file back as it should be, each as a new file.
    fn mend(&self) -> Result<(), String> {
        for (path, bytes) in &self.targets {
            let failed = |e: std::io::Error| format!("{}: {e}", path.display());
            if path.exists() {
                std::fs::remove_file(path).map_err(failed)?;
            }
            std::fs::write(path, bytes).map_err(failed)?;
        }
        Ok(())
    }

    /// Starts a prediction, changes a file somewhere on its way, and holds the end against what is promised: says how
    /// it ended, or what broke.
    fn act(&self, random: &mut fastrand::Rng) -> Result<Result<String, String>, String> {
        let which = random.usize(..2);
        let (path, bytes) = &self.targets[random.usize(..self.targets.len())];
        let change = CHANGES[random.usize(..CHANGES.len())];
        // Half of them while the net is read, which is early; some before the start.
        let moment = self.takes.mul_f64(random.f64() * if random.bool() { 0.4 } else { 1.0 });
        let moment = if random.u8(..8) == 0 { Duration::ZERO } else { moment };
        let about = format!(
            "{change:?} of {} after {:.1} ms, model {}",
            path.file_name().unwrap_or_default().to_string_lossy(),
            moment.as_secs_f64() * 1e3,
            ["with its backbone", "with weights beside it"][which],
        );
        if moment.is_zero() {
            change.make(path, bytes, random)?;
        }
        let child = self.product.command(&self.words(which)).spawn().map_err(|e| e.to_string())?;
        if !moment.is_zero() {
            std::thread::sleep(moment);
            change.make(path, bytes, random)?;
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        Ok(match (output.status.code(), output.status.signal()) {
            (Some(0), _) if output.stdout == self.answers[which] => Ok("the right answer".to_owned()),
            (Some(0), _) => Err(format!("another answer: {about}")),
            (Some(code @ (3 | 5)), _) if !output.stderr.is_empty() => Ok(format!("an error, exit {code}")),
            (_, Some(signal)) => Err(format!("signal {signal}: {about}")),
            (code, _) => Err(format!("exit {code:?}, \"{}\": {about}", last_line(&output))),
        })
    }
}

impl Change {
    fn make(self, path: &Path, bytes: &[u8], random: &mut fastrand::Rng) -> Result<(), String> {
        let at = random.usize(..bytes.len());
        // A prediction may have put another file here in the meantime, or none yet.
        let in_place = || std::fs::OpenOptions::new().write(true).open(path);
        let made = match self {
            Self::Truncate => in_place().and_then(|file| file.set_len(at as u64)),
            Self::Overwrite => in_place().and_then(|mut file| {
                let noise: Vec<u8> = (at..bytes.len()).map(|_| random.u8(..)).collect();
                file.seek(SeekFrom::Start(at as u64))?;
                file.write_all(&noise)
            }),
            Self::Flip => in_place().and_then(|mut file| {
                file.seek(SeekFrom::Start(at as u64))?;
                file.write_all(&[bytes[at] ^ (1 << random.u8(..8))])
            }),
            Self::Replace => {
                let other = path.with_extension("other");
                std::fs::write(&other, &bytes[..at]).and_then(|()| std::fs::rename(&other, path))
            }
            Self::Remove => std::fs::remove_file(path),
        };
        made.map_err(|e| format!("{}: {e}", path.display()))
    }
}
