//! A folder of photos, a folder for each class, becomes a model: `cargo run --release -p icecap --example train -- PHOTOS`.

use std::ops::ControlFlow;

use icecap::advanced::data;
use icecap::advanced::weights::starter;
use icecap::{Backbone, Dataset, Event, SaveBackbone, Settings, Trainer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a folder with a folder of photos for each class")?;
    let backbone = Backbone::new(starter()?, Settings::default())?;
    let dataset = Dataset::new(&data::scan(folder.as_ref(), None)?, 0.2, 0)?;
    let trained = Trainer::new(&backbone)?.train(&dataset, &|event| {
        if let Event::Epoch(epoch) = event {
            println!("epoch {:>3}: validation accuracy {:.4}", epoch.epoch, epoch.validation.accuracy);
        }
        ControlFlow::Continue(())
    })?;
    trained.classifier.save("model.safetensors", SaveBackbone::Embedded)?;
    println!("model.safetensors tells {} apart", trained.classifier.classes().join(", "));
    Ok(())
}
