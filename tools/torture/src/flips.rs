//! Models and bundles of which one bit is flipped: refused, or the same answer.
//!
//! Of a bundle the bit is one of what was put behind the program: a program of which a bit is flipped is another program,
//! and what it says of itself proves nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::photos;
use crate::product::{Product, last_line};
use crate::{Plan, Report};

/// Flips a bit of a model or a bundle and asks for a prediction: 2,000 times where `plan` says nothing else.
///
/// # Errors
/// The report, where an answer changed; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let subjects = Subject::all(binary, folder.path())?;
    let mut report = Report::new("torture flips", plan);
    for case in plan.cases(2000) {
        let mut random = plan.random(case);
        let subject = &subjects[random.usize(..subjects.len())];
        let outcome = subject.flip(&mut random)?;
        report.hear(case, outcome.map(|outcome| format!("{}: {outcome}", subject.name)));
    }
    report.finish()
}

/// A file that answers.
struct Subject {
    name: &'static str,
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where what is flipped starts.
    from: usize,
    /// What runs it, and with which words.
    product: Product,
    words: Vec<String>,
    answer: Vec<u8>,
}

impl Subject {
    fn all(binary: &Path, folder: &Path) -> Result<Vec<Self>, String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let photos = folder.join("photos");
        photos::folder(&photos, &["cat", "dog"], 6, 1)?;
        let (photos, cache) = (text(&photos), folder.join("cache"));
        let product = Product::new(binary, &cache);
        let mut subjects = Vec::new();
        for (name, more) in [
            ("model", &[][..]),
            ("model without its backbone", &["--head-only"]),
            ("model in int8", &["--precision", "int8"]),
        ] {
            let out = text(&folder.join(name));
            let train = ["train", &photos, "--out", &out, "--epochs", "3", "-q"];
            product.succeed(&[&train[..], more].concat())?;
            let path = folder.join(name).join("model.safetensors");
            let words = ["predict", &text(&path), &photos, "--json"].map(str::to_owned).to_vec();
            subjects.push(Self::new(name, path, 0, (product.clone(), words))?);
        }
        let path = folder.join("bundle");
        product.succeed(&["bundle", &text(&subjects[0].path), "--out", &text(&path)])?;
        let program = std::fs::metadata(binary).map_err(|e| e.to_string())?.len();
        let words = ["--json".to_owned(), photos].to_vec();
        subjects.push(Self::new(
            "bundle",
            path.clone(),
            program as usize,
            (Product::new(&path, &cache), words),
        )?);
        Ok(subjects)
    }

    fn new(
        name: &'static str,
        path: PathBuf,
        from: usize,
        (product, words): (Product, Vec<String>),
    ) -> Result<Self, String> {
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut subject = Self { name, path, bytes, from, product, words, answer: Vec::new() };
        // The first time packs the net.
        for _ in 0..2 {
            subject.answer = subject.product.succeed(&subject.arguments())?.stdout;
        }
        Ok(subject)
    }

    fn arguments(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Flips a bit, half of the times near the start, where headers are, and says what came of it, or what broke.
    fn flip(&self, random: &mut fastrand::Rng) -> Result<Result<String, String>, String> {
        let len = self.bytes.len();
        let end = if random.bool() { (self.from + 8192).min(len) } else { len };
        let (at, bit) = (random.usize(self.from..end), random.u8(..8));
        let mut bytes = self.bytes.clone();
        bytes[at] ^= 1 << bit;
        self.write(&bytes)?;
        let output = self.product.run(&self.arguments())?;
        let about = format!("{}, bit {bit} of byte {at} of {len}", self.name);
        Ok(match output.status.code() {
            Some(0) if output.stdout == self.answer => Ok("the same answer".to_owned()),
            Some(0) => Err(format!("another answer: {about}")),
            Some(code @ (3..=5)) if !output.stderr.is_empty() => Ok(format!("refused, exit {code}")),
            code => Err(format!("exit {code:?}, {}: {about}", last_line(&output))),
        })
    }

    /// Writes the file anew, so that no file is written that is being run.
    fn write(&self, bytes: &[u8]) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.path.display());
        std::fs::remove_file(&self.path).map_err(failed)?;
        std::fs::write(&self.path, bytes).map_err(failed)?;
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o755)).map_err(failed)
    }
}
