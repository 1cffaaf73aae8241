//! `icecap check`: a look at a dataset before it is trained on, which writes nothing into it.

mod json;
mod leave;
mod names;
mod options;
mod text;

use icecap::check::{Checker, Checkup, Finding, Level, SIMILAR};
use icecap::model::Preprocessing;

use crate::photos::looking::Bars;
use crate::store::cache_folder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::table::{print, print_json};
use crate::terminal::wording::{counted, plain};
use names::Names;
pub(crate) use options::Options;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    leave::may_write(options)?;
    let survey = options.dataset.survey(&options.folder, options.val.as_deref())?;
    let backbone = options.backbone.open_for(&options.input)?;
    let preprocessing = options.input.over(Preprocessing::for_training(&backbone)?);
    let cache = if options.no_cache { None } else { cache_folder::open() };
    let checker = Checker::new(&backbone)?
        .preprocessing(preprocessing)
        .cache(cache.clone())
        .similar(options.similar.unwrap_or(SIMILAR))
        .settling(options.write_exclude.is_some());
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
    if let Some(file) = &options.write_exclude {
        leave::write(options, file, &checkup)?;
    }
    judge(options, &checkup, &findings)
}

/// What `--strict` says of the errors.
fn judge(options: &Options, checkup: &Checkup, findings: &[Finding]) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.level == Level::Error).count();
    match findings.first() {
        Some(first) if options.strict && errors > 0 => {
            let photo = first.photos.first().map(|&photo| &checkup.survey.photos[photo].1.path);
            let names = Names::of(options);
            let photo = photo.map_or(String::new(), |path| format!("{}: ", plain(&names.name(path))));
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
