//! `icecap report`: the page of a run, made again.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use icecap::Classifier;
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::kernels::{Isa, Threads};
use icecap_report::page::{self, Heat, Material, Reading};

use crate::options::overwrite::OverwriteOption;
use crate::options::runner::ThreadOptions;
use crate::run::Run;
use crate::run::files::{MODEL, REPORT};
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::table::narrate;
use crate::terminal::wording::{megabytes, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder of a run, as `icecap train` leaves it
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// File to write [default: report.html in the run's folder]
    #[arg(short, long = "out", alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteOption,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // The run's own page is what is made again.
    options.output.iter().try_for_each(|file| options.overwrite.check(file))?;
    let run = Run::open(&options.run)?;
    let threads = Threads::new(ThreadOptions { threads: 0 }.count())?;
    let isa = Isa::from_env().unwrap_or_else(|_| Isa::best());
    // A page without maps is a page: a model that needs its weights beside it is not asked.
    let classifier = Classifier::open(options.run.join(MODEL)).ok();
    let mut heat = Heat::of(classifier.as_ref());
    let material = Material::beside(&run)?;
    let reading = Reading { threads: &threads, isa, flow: &interrupt::flow };
    let html = page::html(&run, &material, reading, &mut |photo, class| heat.jpeg(photo, class))?;
    let file = options.output.clone().unwrap_or_else(|| options.run.join(REPORT));
    replace_file(&file, |out| out.write_all(html.as_bytes()))?;
    narrate(&format!(
        "report      {} ({}), opens in any browser\n",
        plain_path(&file),
        megabytes(html.len() as u64)
    ))
}
