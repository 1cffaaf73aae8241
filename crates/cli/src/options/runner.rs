//! What a net runs on and in: threads and precision.

use clap::Args;
use icecap::Settings;
use icecap::advanced::kernels::MAX_THREADS;
use icecap::model::Precision;

/// What a command runs on.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ThreadOptions {
    /// Threads, 0 for as many as there are processors
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = threads)]
    pub(crate) threads: usize,
}

/// What a net runs on, and the numbers that it computes with.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RunnerOptions {
    #[command(flatten)]
    pub(crate) threads: ThreadOptions,
    /// Numbers that the net computes with: f32, or int8, which is faster and smaller, its features some percent off
    /// [default: those of the model, else f32]
    #[arg(long, value_name = "TYPE")]
    pub(crate) precision: Option<Precision>,
}

impl ThreadOptions {
    pub(crate) fn settings(self) -> Settings {
        Settings::threads(self.threads)
    }

    /// Returns the number of threads that is meant: that of the processors for 0.
    pub(crate) fn count(self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
            count => count,
        }
    }
}

impl RunnerOptions {
    pub(crate) fn settings(self) -> Settings {
        Settings { precision: self.precision, ..self.threads.settings() }
    }
}

fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| *threads <= MAX_THREADS);
    threads.ok_or_else(|| format!("use a number up to {MAX_THREADS}, 0 for as many as there are processors"))
}
