//! The same bits for any number of threads and any batch, and the same model from any number of threads, with the cache
//! and without.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use icecap::advanced::graph::{Input, Tap};
use icecap::advanced::kernels::Isa;
use icecap::model::Precision;
use icecap::{Backbone, Settings};

use crate::photos;
use crate::product::Product;
use crate::{Plan, Report};

const THREADS: [usize; 7] = [1, 2, 3, 4, 7, 8, 16];
/// The last one is all images.
const BATCHES: [usize; 9] = [1, 2, 3, 5, 8, 16, 32, 64, IMAGES];
const IMAGES: usize = 96;
const SIDE: usize = 96;

/// What a case computes.
#[derive(Clone, Debug)]
enum Setting {
    /// Features of all images.
    Features { isa: Isa, precision: Precision, threads: usize, batch: usize },
    /// A model by the binary.
    Training { precision: Precision, threads: usize, is_cached: bool },
}

/// Every instruction set and precision at every number of threads and batch; then trainings.
fn settings() -> Vec<Setting> {
    let mut settings = Vec::new();
    for isa in Isa::available() {
        for precision in [Precision::F32, Precision::Int8] {
            for (threads, batch) in THREADS.iter().flat_map(|&t| BATCHES.map(|batch| (t, batch))) {
                settings.push(Setting::Features { isa, precision, threads, batch });
            }
        }
    }
    for precision in [Precision::F32, Precision::Int8] {
        for (threads, is_cached) in THREADS.iter().flat_map(|&t| [false, true].map(|cached| (t, cached))) {
            settings.push(Setting::Training { precision, threads, is_cached });
        }
    }
    settings
}

/// Computes each setting, or as many as `plan` says, and holds its bits against those of one thread.
///
/// # Errors
/// The report, where bits differ; a sentence, where the campaign cannot be set up.
pub fn run(binary: &Path, plan: &Plan) -> Result<String, String> {
    let settings = settings();
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut random = plan.random(0);
    let pixels: Vec<u8> = (0..IMAGES * SIDE * SIDE * 3).map(|_| random.u8(..)).collect();
    photos::folder(&folder.path().join("photos"), &["cat", "dog", "owl"], 12, plan.seed)?;
    let stage = Stage { binary, folder: folder.path(), pixels };
    let mut report = Report::new("determinism", plan);
    let mut known: Vec<(String, u64)> = Vec::new();
    // Fewer than all are taken from all over the list.
    let cases = plan.cases(settings.len() as u64);
    let step = if plan.only.is_some() { 1 } else { (settings.len() as u64 / cases.end.max(1)).max(1) };
    for case in cases.map(|case| case * step).filter(|case| *case < settings.len() as u64) {
        let setting = &settings[case as usize];
        let kind = setting.kind();
        let expected = match known.iter().find(|(of, _)| *of == kind) {
            Some((_, hash)) => *hash,
            None => {
                let hash = stage.hash(&setting.plainest())?;
                known.push((kind.clone(), hash));
                hash
            }
        };
        if stage.hash(setting)? != expected {
            report.fail(case, format!("other bits: {setting:?}"));
        }
        report.ran(kind);
    }
    report.count("kinds, each with one hash", known.len() as u64);
    report.finish()
}

impl Setting {
    /// What has one hash.
    fn kind(&self) -> String {
        match self {
            Self::Features { isa, precision, .. } => format!("features in {precision} on {isa}"),
            Self::Training { precision, .. } => format!("models in {precision}"),
        }
    }

    /// The same with one thread, an image at a time, without a cache.
    fn plainest(&self) -> Self {
        match *self {
            Self::Features { isa, precision, .. } => Self::Features { isa, precision, threads: 1, batch: 1 },
            Self::Training { precision, .. } => Self::Training { precision, threads: 1, is_cached: false },
        }
    }
}

/// What all settings compute from.
struct Stage<'a> {
    binary: &'a Path,
    folder: &'a Path,
    pixels: Vec<u8>,
}

impl Stage<'_> {
    fn hash(&self, setting: &Setting) -> Result<u64, String> {
        match *setting {
            Setting::Features { isa, precision, threads, batch } => {
                let settings =
                    Settings { threads, isa: Some(isa), precision: Some(precision), ..Settings::default() };
                self.features(settings, batch).map_err(|e| e.to_string())
            }
            Setting::Training { precision, threads, is_cached } => {
                self.model(&precision.to_string(), threads, is_cached)
            }
        }
    }

    fn features(&self, settings: Settings, batch: usize) -> Result<u64, icecap::Error> {
        let backbone = Backbone::starter(settings)?;
        let mut session = backbone.session([SIDE, SIDE], Tap::Pooled)?;
        let row = session.output_len();
        let mut rows = vec![f32::NAN; IMAGES * row];
        let images = self.pixels.chunks(batch * SIDE * SIDE * 3);
        for (images, rows) in images.zip(rows.chunks_mut(batch * row)) {
            session.run(Input::U8(images), rows)?;
        }
        Ok(hash_of(&rows.iter().map(|value| value.to_bits()).collect::<Vec<_>>()))
    }

    /// Trains with a cache of its own, for a second time where it is to be found filled.
    fn model(&self, precision: &str, threads: usize, is_cached: bool) -> Result<u64, String> {
        let place = tempfile::tempdir_in(self.folder).map_err(|e| e.to_string())?;
        let product = Product::new(self.binary, &place.path().join("cache"));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (photos, out) = (text(&self.folder.join("photos")), text(&place.path().join("run")));
        let threads = threads.to_string();
        let train =
            ["train", &photos, "--out", &out, "--force", "-q", "--epochs", "4", "--threads", &threads];
        let mut words = train.to_vec();
        words.extend(["--precision", precision]);
        if !is_cached {
            words.push("--no-cache");
        }
        for _ in 0..1 + usize::from(is_cached) {
            product.succeed(&words)?;
        }
        let model = place.path().join("run/model.safetensors");
        let bytes = std::fs::read(&model).map_err(|e| format!("{}: {e}", model.display()))?;
        Ok(hash_of(&bytes))
    }
}

fn hash_of<T: Hash>(values: &[T]) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    hasher.finish()
}
