//! What a training chooses for itself does no harm: several views of each photo and a learning rate that is found are as good
//! as the plain default, in the mean of 20 seeds on ants and bees.
//!
//! A step is made from eight photos, so that a training on them is the ten epochs that larger sets have, and four views of
//! each would be four times as many steps.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap::advanced::data::{Cache, Views, scan};
use icecap::learn::{Rate, Steps};
use icecap::{Backbone, Dataset, Settings, TrainOptions, Trained, Trainer};

const SEEDS: u64 = 20;
/// The standard error of a mean of so many seeds, which are 0.017 apart.
const ACCURACY: f64 = 0.004;
/// An epoch for each of the plain default, of four times as many steps, made 0.045 of it.
const LOSS: f64 = 0.005;

#[test]
fn views_and_a_found_rate_are_as_good_as_the_plain_default() {
    let Some(assets) = crate::assets::folder() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let backbone = Backbone::open(weights, Settings::threads(2)).unwrap();
    let dataset = Dataset::new(&scan(&assets.join("datasets/hymenoptera"), None).unwrap(), 0.2, 0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(Cache::new(folder.path()));
    // The views are drawn once, and only the head's seed varies.
    let drawn = Views::drawn("flip,crop".parse().unwrap(), 0, 4).unwrap();
    let train = |steps: Steps, views: Views, seed: u64| -> Trained {
        let trainer = Trainer::new(&backbone).unwrap().options(TrainOptions { seed, ..steps.into() });
        let trainer = trainer.cache(Some(cache.clone())).views(views);
        trainer.train(&dataset, &|_| ControlFlow::Continue(())).unwrap()
    };
    let of_seeds = |what: &str, rate: Rate, views: Views| {
        let steps = Steps { batch: 8, rate, ..Steps::default() };
        let (mut accuracy, mut loss) = (0.0, 0.0);
        for seed in 0..SEEDS {
            let trained = train(steps.clone(), views, seed);
            let of = trained.kept().unwrap().validation;
            accuracy += f64::from(of.accuracy) / SEEDS as f64;
            loss += f64::from(of.loss) / SEEDS as f64;
            if seed == 0 {
                println!("{what}: {} epochs, {:?}", trained.history.len(), trained.settled.course);
            }
        }
        println!("{what}: accuracy {accuracy:.4}, loss {loss:.4}");
        (accuracy, loss)
    };
    let usual = Steps::default().rate;
    let plain = of_seeds("plain", usual, Views::Plain);
    for (what, rate, views) in
        [("views", usual, drawn), ("found", Rate::Find, Views::Plain), ("both", Rate::Find, drawn)]
    {
        let (accuracy, loss) = of_seeds(what, rate, views);
        assert!(accuracy >= plain.0 - ACCURACY, "{what}: {accuracy} for {}", plain.0);
        assert!(loss <= plain.1 + LOSS, "{what}: {loss} for {}", plain.1);
    }
}
