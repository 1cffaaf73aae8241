//! A model that is trained here, and photos that it was not trained on, all of them drawn.

use std::ops::ControlFlow::Continue;
use std::path::{Path, PathBuf};

use icecap::{Backbone, Classifier, Dataset, OwnedSource, SaveBackbone, Settings, Trainer};
use tempfile::TempDir;

/// The sides of the photos.
const SIDES: [u32; 2] = [72, 60];

/// A folder with `model.safetensors` and photos `0.png` … `4.png`.
pub(crate) struct Trained {
    folder: TempDir,
    pub(crate) classifier: Classifier,
}

/// Noise, in odd numbers with a bright square on it.
fn draw(number: u32) -> Vec<u8> {
    let [width, height] = SIDES;
    let level = |x: u32, y: u32| {
        let is_bright = number % 2 == 1 && x.abs_diff(20 + number % 20) < 12 && y.abs_diff(30) < 12;
        if is_bright { 230 } else { ((x * 31 + y * 57 + number * 91) * 7919 % 97) as u8 }
    };
    (0..width * height)
        .flat_map(|at| [level(at % width, at / width), 90, level(at / width, at % width)])
        .collect()
}

impl Trained {
    pub(crate) fn new() -> Self {
        let [width, height] = SIDES.map(|side| side as usize);
        let photo = |n: u32| (OwnedSource::Rgb { pixels: draw(n), width, height }, (n % 2) as usize);
        let classes = vec!["noise".to_owned(), "a square, \"bright\" \u{00e4}".to_owned()];
        let dataset = Dataset::from_sources(classes, (0..24).map(photo), 0.2, 0).unwrap();
        let backbone = Backbone::starter(Settings::threads(2)).unwrap();
        let trained = Trainer::new(&backbone).unwrap().train(&dataset, &|_| Continue(())).unwrap();
        let folder = TempDir::new().unwrap();
        let model = folder.path().join("model.safetensors");
        trained.classifier.save(&model, SaveBackbone::Embedded).unwrap();
        for number in 0..5 {
            let pixels = draw(100 + number);
            image::RgbImage::from_raw(SIDES[0], SIDES[1], pixels)
                .unwrap()
                .save(folder.path().join(format!("{number}.png")))
                .unwrap();
        }
        Self { folder, classifier: Classifier::open(model).unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.path().join("model.safetensors")
    }

    pub(crate) fn photos(&self) -> Vec<PathBuf> {
        (0..5).map(|number| self.path().join(format!("{number}.png"))).collect()
    }

    /// What the programs print of the photos.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |photo: PathBuf| {
            let seen = self.classifier.predict_file(&photo).unwrap();
            format!("{}: {} ({:.1} %)", photo.display(), seen.label, 100.0 * seen.probability)
        };
        self.photos().into_iter().map(line).collect()
    }
}
