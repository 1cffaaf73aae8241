//! What is counted, for Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets of every histogram, in seconds.
const BUCKETS: [f64; 14] =
    [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    model: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PhaseLabels {
    phase: &'static str,
}

/// A part of the time that a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Until its body is there.
    Body,
    /// Until its first photo is begun.
    Queue,
    /// From there to its last answer.
    Work,
    /// All of it.
    Whole,
}

/// What became of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    Unreadable,
    Failed,
}

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    photos: Family<OutcomeLabels, Counter>,
    phases: Family<PhaseLabels, Histogram>,
    connections: Gauge,
    turned_away: Counter,
    waiting: Gauge,
    reloads: Family<OutcomeLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("icecap");
        let requests = Family::<RequestLabels, Counter>::default();
        let photos = Family::<OutcomeLabels, Counter>::default();
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let phases = Family::<PhaseLabels, Histogram>::new_with_constructor(histogram);
        let (connections, waiting, turned_away) = (Gauge::default(), Gauge::default(), Counter::default());
        let reloads = Family::<OutcomeLabels, Counter>::default();
        registry.register(
            "requests",
            "Requests by route and status; 499 where the client left before the answer",
            requests.clone(),
        );
        registry.register("photos", "Photos by model and by what became of them", photos.clone());
        registry.register_with_unit(
            "phase",
            "Time of requests with photos: until the body was there, in the queue, at work, and as a whole",
            Unit::Seconds,
            phases.clone(),
        );
        registry.register("connections", "Connections that are open", connections.clone());
        registry.register(
            "turned_away_connections",
            "Connections that were turned away, since there was no place for them",
            turned_away.clone(),
        );
        registry.register("waiting_photos", "Photos that wait for a thread", waiting.clone());
        registry.register("reloads", "Models that were to be taken up anew, by outcome", reloads.clone());
        Self { registry, requests, photos, phases, connections, turned_away, waiting, reloads }
    }

    /// Counts a request.
    pub(crate) fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// Counts photos of a model.
    pub(crate) fn photos(&self, model: &str, fate: Fate, count: u64) {
        let outcome = match fate {
            Fate::Answered => "answered",
            Fate::Unreadable => "unreadable",
            Fate::Failed => "failed",
        };
        if count > 0 {
            self.photos.get_or_create(&OutcomeLabels { model: model.to_owned(), outcome }).inc_by(count);
        }
    }

    /// Notes the time of a phase.
    pub(crate) fn phase(&self, phase: Phase, time: Duration) {
        let phase = match phase {
            Phase::Body => "body",
            Phase::Queue => "queue",
            Phase::Work => "work",
            Phase::Whole => "whole",
        };
        self.phases.get_or_create(&PhaseLabels { phase }).observe(time.as_secs_f64());
    }

    /// Counts what a reload did with a model.
    pub(crate) fn reload(&self, model: &str, outcome: &'static str) {
        self.reloads.get_or_create(&OutcomeLabels { model: model.to_owned(), outcome }).inc();
    }

    /// Counts a connection that was turned away, since all places were taken.
    pub(crate) fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// Notes that a connection was opened, or with -1 that one was closed.
    pub(crate) fn connection(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// Returns all of it as text, with the photos that wait now.
    pub(crate) fn text(&self, waiting: usize) -> String {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        metrics.request("/predict", 200);
        metrics.photos("bees", Fate::Answered, 3);
        metrics.phase(Phase::Work, Duration::from_millis(4));
        metrics.connection(2);
        metrics.connection(-1);
        let text = metrics.text(5);
        for line in [
            "icecap_requests_total{route=\"/predict\",status=\"200\"} 1",
            "icecap_photos_total{model=\"bees\",outcome=\"answered\"} 3",
            "icecap_phase_seconds_bucket{le=\"0.005\",phase=\"work\"} 1",
            "icecap_phase_seconds_bucket{le=\"0.003\",phase=\"work\"} 0",
            "icecap_connections 1",
            "icecap_waiting_photos 5",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in\n{text}");
        }
    }
}
