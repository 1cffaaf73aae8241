//! The threads that compute: each takes the next photo and carries it all the way, from its bytes to its answer.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use icecap::Error;
use icecap::Prediction;
use icecap::advanced::data::Turn;
use icecap::advanced::graph::Tap;
use icecap::explain::Heatmaps;
use icecap::model::{Extracted, Extractor, Progress};

use crate::models::Served;
use crate::order::{Answer, Failure, Outcome, Task};
use crate::queue::{Job, Queue};

/// The most pixels of the longer side of a heatmap, as that of `predict`.
const LONGEST_SIDE: usize = 1024;

/// What a thread keeps for its next photo, at most: photos of up to four megapixels. A larger one costs a twelfth more time, and
/// nothing afterwards.
const KEPT: usize = 12 << 20;

/// Starts `count` threads that work until the queue is closed and empty.
///
/// # Errors
/// If the system gives no thread.
pub(crate) fn start(queue: &Arc<Queue>, count: usize) -> std::io::Result<Vec<JoinHandle<()>>> {
    // Large photos are decoded one at a time, whichever thread has them.
    let turn = Turn::default();
    let one = |number: usize| {
        let (queue, turn) = (queue.clone(), turn.clone());
        std::thread::Builder::new().name(format!("photos-{number}")).spawn(move || work(&queue, &turn))
    };
    (1..=count).map(one).collect()
}

fn work(queue: &Queue, turn: &Turn) {
    let new = || Benches { of: HashMap::new(), large: turn.clone() };
    let mut benches = new();
    while let Some(job) = queue.take() {
        if !job.order.is_abandoned() {
            job.order.begin();
            let answer = catch_unwind(AssertUnwindSafe(|| benches.answer(&job)));
            let answer = answer.unwrap_or_else(|_| {
                // What was half done is not used again.
                benches = new();
                Err(Failure::Bug)
            });
            job.order.answer(job.photo, answer);
        }
        queue.end(job);
    }
}

/// A thread's memory for each model.
struct Benches {
    of: HashMap<u64, Bench>,
    large: Turn,
}

struct Bench {
    /// The model, while it serves.
    of: Weak<Served>,
    extractor: Extractor,
    heatmaps: Option<Heatmaps>,
    features: Vec<f32>,
}

impl Benches {
    fn answer(&mut self, job: &Job) -> Answer {
        let served = &job.order.model;
        if !self.of.contains_key(&served.id) {
            // Models that were replaced meanwhile.
            self.of.retain(|_, bench| bench.of.strong_count() > 0);
            self.of.insert(served.id, Bench::new(served, &self.large).map_err(system)?);
        }
        let Some(bench) = self.of.get_mut(&served.id) else { unreachable!("it was put there") };
        match job.order.task {
            Task::Predict => bench.predict(served, job),
            Task::Draw(class) => bench.draw(served, job, class, &self.large),
        }
    }
}

impl Bench {
    fn new(served: &Arc<Served>, turn: &Turn) -> Result<Self, Error> {
        let classifier = &served.classifier;
        let extractor = Extractor::new(classifier.backbone(), classifier.preprocessing(), Tap::Pooled)?;
        let extractor = extractor.in_turn(turn);
        let features = vec![0.0; extractor.row_len()];
        Ok(Self { of: Arc::downgrade(served), extractor, heatmaps: None, features })
    }

    fn predict(&mut self, served: &Served, job: &Job) -> Answer {
        let photos = [job.order.photos[job.photo].source()];
        let go_on = |_: Progress| ControlFlow::Continue(());
        let extracted = match job.is_alone {
            true => self.extractor.extract(&photos, &mut self.features, &go_on),
            false => self.extractor.extract_on_caller(&photos, &mut self.features, &go_on),
        };
        self.extractor.keep_at_most(KEPT);
        let Some(extracted) = extracted.map_err(system)?.pop() else { return Err(Failure::Bug) };
        let Extracted { warnings, .. } = extracted.map_err(Failure::Photo)?;
        let prediction = Prediction { warnings, ..served.classifier.of_features(&self.features) };
        Ok(Outcome::Predicted { features: self.features.clone(), prediction })
    }

    fn draw(&mut self, served: &Served, job: &Job, class: Option<usize>, large: &Turn) -> Answer {
        let heatmaps = match &mut self.heatmaps {
            Some(heatmaps) => heatmaps,
            none => none.insert(Heatmaps::new(&served.classifier).map_err(system)?.in_turn(large)),
        };
        let overlay = heatmaps.overlay(job.order.photos[job.photo].source(), class, LONGEST_SIDE);
        heatmaps.keep_at_most(KEPT);
        let overlay = match overlay {
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
