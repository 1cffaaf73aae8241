//! What a request asks for: photos, what is to be made of each, and the answers as they come.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use icecap::advanced::data;
use icecap::{Prediction, Source};
use tokio::sync::oneshot;

use crate::body::Room;
use crate::models::Served;

/// A photo of a request.
#[derive(Debug)]
pub(crate) struct Photo {
    /// What its row calls it.
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// What was sent of a photo.
#[derive(Debug)]
pub(crate) enum Content {
    /// The bytes of its file.
    File(Bytes),
    /// Pixels [height, width, 3].
    Rgb { pixels: Bytes, width: usize, height: usize },
}

impl Photo {
    pub(crate) fn source(&self) -> Source<'_> {
        match &self.content {
            Content::File(bytes) => Source::Bytes(bytes),
            &Content::Rgb { ref pixels, width, height } => Source::Rgb { pixels, width, height },
        }
    }
}

/// What is to be made of each photo.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Its features, and what the classifier says of them.
    Predict,
    /// A heatmap for this class; without one, for the class that is predicted.
    Draw(Option<usize>),
}

/// What was made of a photo.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The pooled features, and what the classifier says of them.
    Predicted { features: Vec<f32>, prediction: Prediction },
    /// The bytes of a PNG file.
    Drawn(Vec<u8>),
}

/// Why nothing was made of a photo.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be read.
    Photo(data::Error),
    /// The system gave out.
    System(String),
    /// A bug of ours, which the log tells.
    Bug,
}

pub(crate) type Answer = Result<Outcome, Failure>;

/// The answers to all photos of an order, in their order.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) answers: Vec<Answer>,
    /// From the order to the first photo that was begun.
    pub(crate) queued: Duration,
    /// From there to the last answer.
    pub(crate) worked: Duration,
}

/// The photos of a request on their way.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) model: Arc<Served>,
    pub(crate) task: Task,
    pub(crate) photos: Vec<Photo>,
    placed: Instant,
    state: Mutex<State>,
    /// Whether nobody waits for the answers any more.
    abandoned: AtomicBool,
    /// What the photos take of the memory for bodies.
    _room: Room,
}

#[derive(Debug)]
struct State {
    begun: Option<Instant>,
    answers: Vec<Option<Answer>>,
    left: usize,
    done: Option<oneshot::Sender<Answers>>,
}

impl Order {
    /// Makes an order, and what its answers come by.
    pub(crate) fn new(
        model: Arc<Served>,
        task: Task,
        photos: Vec<Photo>,
        room: Room,
    ) -> (Arc<Self>, oneshot::Receiver<Answers>) {
        let (done, answers) = oneshot::channel();
        let left = photos.len();
        let state = State { begun: None, answers: (0..left).map(|_| None).collect(), left, done: Some(done) };
        let (placed, abandoned) = (Instant::now(), AtomicBool::new(false));
        let order = Self { model, task, photos, placed, state: Mutex::new(state), abandoned, _room: room };
        (Arc::new(order), answers)
    }

    /// The client is gone: photos that were not begun need not be.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Notes that a photo is begun.
    pub(crate) fn begin(&self) {
        self.state().begun.get_or_insert_with(Instant::now);
    }

    /// Takes the answer to a photo, and hands all of them over when it was the last.
    pub(crate) fn answer(&self, photo: usize, answer: Answer) {
        let mut state = self.state();
        if state.answers[photo].replace(answer).is_some() {
            return;
        }
        state.left -= 1;
        if state.left > 0 {
            return;
        }
        let begun = state.begun.unwrap_or(self.placed);
        let answers = std::mem::take(&mut state.answers).into_iter().flatten().collect();
        let (queued, worked) = (begun - self.placed, begun.elapsed());
        if let Some(done) = state.done.take() {
            // Nobody waits any more: the client left.
            let _ = done.send(Answers { answers, queued, worked });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
