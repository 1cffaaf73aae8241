//! What `--version` tells: the first lines of a report of a bug.

use icecap::Settings;
use icecap::advanced::kernels::{ISA_VARIABLE, Isa, MAX_THREADS};

use crate::store::cache_folder;
use crate::terminal::wording::plain_path;

/// Returns the text of `--version`: version, instruction set, threads, the weights inside, the cache.
pub(crate) fn text() -> String {
    let runs: Vec<&str> = Isa::available().into_iter().map(Isa::name).collect();
    let used = match Isa::from_env() {
        Ok(isa) if isa == Isa::best() => isa.name().to_owned(),
        Ok(isa) => format!("{}, by {ISA_VARIABLE}", isa.name()),
        Err(error) => error.to_string(),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let weights = match icecap::Backbone::starter(Settings::threads(1)) {
        Ok(starter) => {
            let record = starter.record();
            let width = record.width.map_or(String::new(), |width| format!(" width {width:?},"));
            format!(
                "{}, MobileNetV2{width} {}",
                record.name.as_deref().unwrap_or("starter"),
                record.params_sha256
            )
        }
        Err(error) => error.to_string(),
    };
    let cache = cache_folder::path().map_or("none".to_owned(), |folder| plain_path(&folder));
    format!(
        "icecap {}\n\
         instructions  {used} (this processor runs {})\n\
         threads       {threads}\n\
         weights       {weights}\n\
         cache         {cache}\n\
         built for     {}-{}\n",
        env!("CARGO_PKG_VERSION"),
        runs.join(", "),
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
}
