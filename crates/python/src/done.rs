//! A training that is done: what it left, and how it came to that.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use icecap::model::Preprocessing;
use icecap::{Backbone, Trained};
use icecap_report::kept;
use icecap_report::run::metrics::Metrics;
use icecap_report::run::photo_names::PhotoNames;
use icecap_report::run::seconds::Seconds;

/// What a training left.
pub(crate) struct Done {
    pub(crate) trained: Trained,
    /// The net that has made the features, and how photos became its input.
    pub(crate) backbone: Backbone,
    pub(crate) preprocessing: Preprocessing,
    /// The model whose net in int8 was taken as it is.
    pub(crate) net_of: Option<PathBuf>,
    pub(crate) times: Times,
}

/// How long the phases took that the library does not time.
pub(crate) struct Times {
    started: Instant,
    pub(crate) scan: Option<Duration>,
    pub(crate) weights: Option<Duration>,
    pub(crate) quantize: Option<Duration>,
    /// All of it.
    total: Option<Duration>,
}

impl Times {
    /// Begins to count.
    pub(crate) fn begin() -> Self {
        Self { started: Instant::now(), scan: None, weights: None, quantize: None, total: None }
    }

    /// The training is over.
    pub(crate) fn end(&mut self) {
        self.total = Some(self.started.elapsed());
    }
}

impl Done {
    /// Returns what `metrics.json` says of the training, whose photos have these `names`.
    pub(crate) fn metrics(&self, names: &PhotoNames) -> Metrics {
        let known = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let Times { scan, weights, quantize, total, .. } = self.times;
        let mut seconds = Seconds {
            scan: known(scan),
            weights: known(weights),
            quantize: known(quantize),
            total: known(total),
            ..Seconds::default()
        };
        kept::metrics::take_times(&mut seconds, &self.trained);
        kept::metrics::metrics(&self.trained, names, seconds, None).with_net_of(self.net_of.as_deref())
    }
}
