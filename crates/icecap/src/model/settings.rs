//! What a backbone runs on and in, as a caller asks for it and as this machine has it.

use icecap_data::Limits;
use icecap_graph::Precision;
use icecap_kernels::{Isa, MAX_THREADS, Threads};

use crate::error::Error;

/// What a backbone runs on and in: how many threads, which instruction set, which precision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// How many threads; 0 for as many as there are processors. With one no thread is started: the caller's does the work.
    pub threads: usize,
    /// The instruction set; `None` for the one that the variable `ICECAP_ISA` names, or else the best that the processor
    /// has.
    pub isa: Option<Isa>,
    /// The numbers that the net computes with; `None` for those of the model that is opened, and f32 for weights.
    ///
    /// Weights opened in int8 are quantized from their tensors alone. A model is only opened in the precision that its head
    /// was trained on.
    pub precision: Option<Precision>,
    /// What one photo may ask for; by default photos of up to 120 megapixels are read.
    pub limits: Limits,
}

impl Settings {
    /// Returns settings with this many threads, the best instruction set, and the precision of what is opened.
    #[must_use]
    pub fn threads(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// Returns these settings with a precision.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision: Some(precision), ..self }
    }
}

/// What [`Settings`] come to on this machine.
pub(crate) struct Runner {
    pub(crate) isa: Isa,
    /// The precision asked for.
    pub(crate) precision: Option<Precision>,
    pub(crate) limits: Limits,
    pub(crate) threads: Threads,
}

impl Runner {
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let isa = match settings.isa {
            Some(isa) => isa,
            None => Isa::from_env()?,
        };
        let count = match settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
            count => count,
        };
        let Settings { precision, limits, .. } = settings;
        Ok(Self { isa, precision, limits, threads: Threads::new(count)? })
    }

    /// The precision for weights, whose tensors are those of training.
    pub(crate) fn for_weights(&self) -> Precision {
        self.precision.unwrap_or_default()
    }
}
