//! The threads that compute: each takes the next photo and carries it all the way, from its bytes to its answer.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use icecap::Error;
use icecap::advanced::graph::Tap;
use icecap::explain::Heatmaps;
use icecap::model::{Extracted, Extractor, Progress};
use icecap::Prediction;

use crate::models::Served;
use crate::order::{Answer, Failure, Outcome, Task};
use crate::queue::{Queue, Turn};

/// The most pixels of the longer side of a heatmap, as that of `predict`.
const LONGEST_SIDE: usize = 1024;

/// Starts `count` threads that work until the queue is closed and empty.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn start(queue: &Arc<Queue>, count: usize) -> std::io::Result<Vec<JoinHandle<()>>> {
    let one = |number: usize| {
        let queue = queue.clone();
        std::thread::Builder::new().name(format!("photos-{number}")).spawn(move || work(&queue))
    };
    (1..=count).map(one).collect()
}

fn work(queue: &Queue) {
    let mut benches = Benches::default();
    while let Some(turn) = queue.take() {
        if !turn.order.is_abandoned() {
            turn.order.begin();
            let answer = catch_unwind(AssertUnwindSafe(|| benches.answer(&turn)));
            let answer = answer.unwrap_or_else(|_| {
                // What was half done is not used again.
                benches = Benches::default();
                Err(Failure::Bug)
            });
            turn.order.answer(turn.photo, answer);
        }
        queue.end(turn);
    }
}

/// A thread's memory for each model.
#[derive(Default)]
struct Benches(HashMap<u64, Bench>);

struct Bench {
    /// The model, while it serves.
    of: Weak<Served>,
    extractor: Extractor,
    heatmaps: Option<Heatmaps>,
    features: Vec<f32>,
}

impl Benches {
    fn answer(&mut self, turn: &Turn) -> Answer {
        let served = &turn.order.model;
        if !self.0.contains_key(&served.id) {
            // Models that were replaced meanwhile.
            self.0.retain(|_, bench| bench.of.strong_count() > 0);
            self.0.insert(served.id, Bench::new(served).map_err(system)?);
        }
        let Some(bench) = self.0.get_mut(&served.id) else { unreachable!("it was put there") };
        match turn.order.task {
            Task::Predict => bench.predict(served, turn),
            Task::Draw(class) => bench.draw(served, turn, class),
        }
    }
}

impl Bench {
    fn new(served: &Arc<Served>) -> Result<Self, Error> {
        let classifier = &served.classifier;
        let extractor = Extractor::new(classifier.backbone(), classifier.preprocessing(), Tap::Pooled)?;
        let features = vec![0.0; extractor.row_len()];
        Ok(Self { of: Arc::downgrade(served), extractor, heatmaps: None, features })
    }

    fn predict(&mut self, served: &Served, turn: &Turn) -> Answer {
        let photos = [turn.order.photos[turn.photo].source()];
        let go_on = |_: Progress| ControlFlow::Continue(());
        let extracted = match turn.is_alone {
            true => self.extractor.extract(&photos, &mut self.features, &go_on),
            false => self.extractor.extract_on_caller(&photos, &mut self.features, &go_on),
        };
        let Some(extracted) = extracted.map_err(system)?.pop() else { return Err(Failure::Bug) };
        let Extracted { warnings, .. } = extracted.map_err(Failure::Photo)?;
        let prediction = Prediction { warnings, ..served.classifier.of_features(&self.features) };
        Ok(Outcome::Predicted { features: self.features.clone(), prediction })
    }

    fn draw(&mut self, served: &Served, turn: &Turn, class: Option<usize>) -> Answer {
        let heatmaps = match &mut self.heatmaps {
            Some(heatmaps) => heatmaps,
            none => none.insert(Heatmaps::new(&served.classifier).map_err(system)?),
        };
        let overlay = match heatmaps.overlay(turn.order.photos[turn.photo].source(), class, LONGEST_SIDE) {
            Err(Error::Data(error)) => return Err(Failure::Photo(error)),
            other => other.map_err(system)?,
        };
        let mut png = Vec::new();
        overlay.write_png(&mut png).map_err(|error| Failure::System(error.to_string()))?;
        Ok(Outcome::Drawn(png))
    }
}

fn system(error: Error) -> Failure {
    Failure::System(error.to_string())
}
