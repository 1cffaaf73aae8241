//! Photos that are in memory, and in no folder, become a model: `cargo run --release -p icecap --example train_in_memory`.

use std::ops::ControlFlow::Continue;

use icecap::{Backbone, Dataset, OwnedSource, Settings, Source, Trainer};

pub(crate) fn main() -> Result<(), icecap::Error> {
    // A bright square on noise is one class, noise alone the other.
    let draw = |number: usize, square: bool| -> Vec<u8> {
        let bright = |x: usize, y: usize| square && x.abs_diff(20 + number % 20) < 12 && y.abs_diff(30) < 12;
        let level =
            |x, y| if bright(x, y) { 230 } else { ((x * 31 + y * 57 + number * 91) * 7919 % 97) as u8 };
        (0..64 * 64).flat_map(|at| [level(at % 64, at / 64); 3]).collect()
    };
    let photo = |n| (OwnedSource::Rgb { pixels: draw(n, n % 2 == 1), width: 64, height: 64 }, n % 2);
    let dataset = Dataset::from_sources(vec!["noise".into(), "square".into()], (0..40).map(photo), 0.2, 0)?;
    let backbone = Backbone::starter(Settings::default())?;
    let trained = Trainer::new(&backbone)?.train(&dataset, &|_event| Continue(()))?;
    let unseen = Source::Rgb { pixels: &draw(99, true), width: 64, height: 64 };
    let seen = trained.classifier.predict(unseen)?;
    println!("a {}, by {:.1} %", seen.label, 100.0 * seen.probability);
    Ok(())
}
