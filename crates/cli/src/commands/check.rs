//! `icecap check`: a look at a dataset before it is trained on, which writes nothing into it.

mod json;
mod options;
mod text;

use std::sync::{Mutex, OnceLock, PoisonError};

use icecap::check::{Checker, Checkup, Finding, Level, Step};
use icecap::model::Preprocessing;

use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;
use crate::terminal::table::{print, print_json};
use crate::terminal::wording::{counted, plain, plain_path};
pub(crate) use options::Options;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let survey = options.dataset.survey(&options.folder, options.val.as_deref())?;
    let backbone = options.backbone.open_for(&options.input)?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let checker = Checker::new(&backbone)?.preprocessing(preprocessing).cache(cache.clone());
    let bars = Bars::new(survey.photos.len());
    let checkup = checker.check(survey, &|step| {
        bars.tell(step);
        interrupt::flow()
    });
    drop(bars);
    cache_folder::tell(cache.as_ref());
    let checkup = checkup?;
    let findings = checkup.findings();
    if options.json {
        print_json(&json::report(options, &checkup, &findings))?;
    } else {
        print(&text::report(options, &checkup, &findings))?;
    }
    judge(options, &checkup, &findings)
}

/// What `--strict` says of the errors.
fn judge(options: &Options, checkup: &Checkup, findings: &[Finding]) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    match findings.first() {
        Some(first) if options.strict && errors > 0 => {
            let photo = first.photos.first().map(|&photo| &checkup.survey.photos[photo].1.path);
            let photo = photo.map_or(String::new(), |path| format!("{}: ", plain_path(path)));
            Err(Failure::new(
                Code::Content,
                format!(
                    "{}: {}, the first: {photo}{}",
                    options.folder.display(),
                    counted(errors, "error"),
                    plain(&first.message)
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// A bar for reading the photos, then one for comparing them.
struct Bars {
    looking: Mutex<Option<Progress>>,
    comparing: OnceLock<Progress>,
}

impl Bars {
    fn new(photos: usize) -> Self {
        Self { looking: Mutex::new(Some(Progress::new("looking", photos))), comparing: OnceLock::new() }
    }

    fn tell(&self, step: Step) {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Looking(now) => {
                if let Some(bar) = &*looking {
                    bar.set(now.done);
                }
            }
            Step::Comparing(now) => {
                // The first bar has to leave its line.
                *looking = None;
                self.comparing.get_or_init(|| Progress::new("comparing", now.photos)).set(now.done);
            }
            _ => {}
        }
    }
}
