//! Training from another binary: a folder of photos, one folder a class, becomes a model file.
//!
//! ```text
//! cargo run --release -p icecap --example train -- PHOTOS model.safetensors [WEIGHTS]
//! ```

use std::ops::ControlFlow;

use icecap::{Backbone, Dataset, Event, SaveBackbone, Settings, Trainer, data};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [photos, model, weights @ ..] = &arguments[..] else {
        return Err("usage: train PHOTOS MODEL [WEIGHTS]".into());
    };
    let settings = Settings::default();
    let backbone = match weights.first() {
        Some(weights) => Backbone::open(weights, settings)?,
        None => Backbone::starter(settings)?,
    };
    // A fifth of each class is held back for validation, drawn by seed 0.
    let dataset = Dataset::new(&data::scan(photos.as_ref(), None)?, 0.2, 0)?;
    let trained = Trainer::new(&backbone)?.train(&dataset, &|event| {
        match event {
            Event::Before(metrics) => println!("before training: accuracy {:.3}", metrics.accuracy),
            Event::Epoch(epoch) => {
                println!("epoch {}: accuracy {:.3}", epoch.epoch, epoch.validation.accuracy)
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    trained.classifier.save(model, SaveBackbone::Embedded)?;
    Ok(())
}
