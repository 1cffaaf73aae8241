//! What a model sees on photos: `cargo run --release -p icecap --example predict -- MODEL PHOTO…`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use icecap::{Classifier, Source};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let classifier = Classifier::open(words.next().ok_or("name a model file, and photos")?)?;
    let photos: Vec<PathBuf> = words.collect();
    let sources: Vec<Source<'_>> = photos.iter().map(|photo| Source::Path(photo)).collect();
    let seen = classifier.predictor()?.predict(&sources, &|_| ControlFlow::Continue(()))?;
    for (photo, seen) in photos.iter().zip(seen) {
        match seen {
            Ok(seen) => println!("{}: {} ({:.1} %)", photo.display(), seen.label, 100.0 * seen.probability),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
