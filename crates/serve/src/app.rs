//! What all requests share, and the way of photos through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use icecap::advanced::foundation::shown::shown;
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::body::{Bodies, Held, Room};
use crate::limits::PHOTOS;
use crate::log::Log;
use crate::metrics::{Fate, Metrics, Phase};
use crate::models::{Models, Served};
use crate::order::{Answer, Failure, Order, Photo, Task};
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::request_id::RequestIds;
use crate::token::Token;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) models: Arc<Models>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) bodies: Bodies,
    pub(crate) token: Option<Token>,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
    pub(crate) ids: RequestIds,
    /// The description of all calls, by OpenAPI.
    pub(crate) description: Value,
    /// Whether the server is about to end.
    pub(crate) draining: AtomicBool,
}

/// The photos of a request with their answers.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) model: Arc<Served>,
    pub(crate) names: Vec<String>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) told: Told,
}

/// What the log tells of a request's photos; it travels with the response.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) photos: usize,
    pub(crate) queued: Duration,
    pub(crate) worked: Duration,
}

/// Answers of more photos than this are written by a thread of their own: the one that listens has others to hear.
const FEW: usize = 8;

/// Does work that grows with the photos of a request: here, or where there are many on a thread of its own.
///
/// # Errors
/// What `work` returns, and 500 for a bug in it.
pub(crate) async fn apart<R: Send + 'static>(
    photos: usize,
    work: impl FnOnce() -> Result<R, Refusal> + Send + 'static,
) -> Result<R, Refusal> {
    match photos <= FEW {
        true => work(),
        false => spawn_blocking(work).await.map_err(|_| Refusal::broken())?,
    }
}

/// Takes the photos out of the queue when the client leaves, which drops whoever waits for them.
struct Waiting<'a> {
    queue: &'a Queue,
    order: &'a Arc<Order>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.order.abandon();
        self.queue.forget(self.order);
    }
}

impl App {
    /// Returns the model of a name, or the first without one.
    ///
    /// # Errors
    /// 404 with the names that there are.
    pub(crate) fn model(&self, name: Option<&str>) -> Result<Arc<Served>, Refusal> {
        self.models.find(name).ok_or_else(|| {
            let now = self.models.now();
            let names: Vec<&str> = now.iter().map(|served| served.name.as_str()).collect();
            let message = format!(
                "no model '{}'; there {} {}",
                shown(name.unwrap_or_default()),
                if names.len() == 1 { "is" } else { "are" },
                names.join(", ")
            );
            Refusal::new(StatusCode::NOT_FOUND, message)
        })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// What [`Bodies::read`] returns.
    pub(crate) async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Held, Refusal> {
        let begun = Instant::now();
        let held = self.bodies.read(headers, body).await?;
        self.metrics.phase(Phase::Body, begun.elapsed());
        Ok(held)
    }

    /// Has photos worked on and waits for the answers.
    ///
    /// # Errors
    /// 503 where too many photos wait, 400 for more photos than a request may have.
    pub(crate) async fn ask(
        &self,
        model: Arc<Served>,
        task: Task,
        photos: Vec<Photo>,
        room: Room,
    ) -> Result<Answered, Refusal> {
        let count = photos.len();
        if count > PHOTOS {
            return Err(Refusal::bad(format!("{count} photos in a request; send at most {PHOTOS}")));
        }
        let (order, answers) = Order::new(model, task, photos, room);
        self.queue.put(order.clone()).map_err(|waiting| {
            Refusal::busy(format!("{waiting} photos wait already; ask again in a second"))
        })?;
        let waiting = Waiting { queue: &self.queue, order: &order };
        let answers = answers.await.map_err(|_| Refusal::broken())?;
        drop(waiting);
        self.count(&order.model, &answers.answers);
        self.metrics.phase(Phase::Queue, answers.queued);
        self.metrics.phase(Phase::Work, answers.worked);
        let told = Told { photos: count, queued: answers.queued, worked: answers.worked };
        let names = order.photos.iter().map(|photo| photo.name.clone()).collect();
        Ok(Answered { model: order.model.clone(), names, answers: answers.answers, told })
    }

    fn count(&self, model: &Served, answers: &[Answer]) {
        let mut counts = [0; 3];
        let mut last = None;
        for answer in answers {
            match answer {
                Ok(_) => counts[0] += 1,
                Err(Failure::Photo(_)) => counts[1] += 1,
                Err(Failure::System(why)) => {
                    counts[2] += 1;
                    last = Some(why.as_str());
                }
                Err(Failure::Bug) => {
                    counts[2] += 1;
                    last = Some("a bug of ours, told above");
                }
            }
        }
        for (fate, count) in [Fate::Answered, Fate::Unreadable, Fate::Failed].into_iter().zip(counts) {
            self.metrics.photos(&model.name, fate, count);
        }
        if let Some(why) = last {
            self.log.event("failure", &format!("model {}: {} photos failed: {why}", model.name, counts[2]));
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
