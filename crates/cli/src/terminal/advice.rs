//! What the command line has for what an error of the library asks for: the library names no command and no option.

use std::path::Path;

use icecap::Error;
use icecap::advanced::graph::Error as NetError;
use icecap::advanced::weights::{Error as WeightsError, HashRemedy, Manifest, Record};
use icecap::model::Precision;

/// Returns the end of a message about `error`: the command or option that helps, or nothing.
pub(crate) fn advice(error: &Error) -> String {
    if let Some(cause) = system(error) {
        return of_system(cause).to_owned();
    }
    let error = match error {
        Error::Weights(error) => error,
        Error::OtherPrecision { path, model, asked, record } => {
            return of_other_precision(path, *model, *asked, record);
        }
        Error::IntegersAlone { record, .. } => {
            let weights = known(record)
                .map_or("their file with --weights".to_owned(), |name| format!("them with --weights {name}"));
            return format!("; name {weights}, or leave --precision out to use it in int8");
        }
        Error::UnreadableHead { .. } => {
            return ": `icecap train PHOTOS --weights FILE` trains one".to_owned();
        }
        Error::TooManyPhotos { .. } => return "; `train --group REGEX` is such a rule".to_owned(),
        Error::OtherBackbone { .. } => return "; give those with --weights".to_owned(),
        Error::Graph(error) => return of_net(error),
        _ => return String::new(),
    };
    match error {
        WeightsError::Pack { source, .. } => of_net(source),
        WeightsError::NoAverages { .. } => "; leave --ema out".to_owned(),
        WeightsError::NotAModel { .. } => {
            ": `icecap train PHOTOS --weights FILE` makes a model on them".to_owned()
        }
        // Names that are near are asked for with a question mark.
        WeightsError::UnknownName { near, .. } if !near.is_empty() => {
            " `icecap weights list` shows all".to_owned()
        }
        WeightsError::UnknownName { .. } => "; `icecap weights list` shows all".to_owned(),
        WeightsError::NotCached { name, .. } => format!(": `icecap weights pull {name}`"),
        WeightsError::Fetch { .. } => ": see `icecap weights pull --help`".to_owned(),
        WeightsError::OtherHash { remedy: HashRemedy::Fetch(name), .. } => {
            format!(": `icecap weights pull {name}`")
        }
        WeightsError::OtherHash { remedy: HashRemedy::Accept(name), .. } => {
            format!(": `icecap weights pull {name} --accept-new-hash`")
        }
        _ => String::new(),
    }
}

/// Returns what the system said, if an error is about that in the end.
fn system(error: &Error) -> Option<&std::io::Error> {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        cause = cause.source()?;
    }
}

/// The end of a message about a system that gave out; nothing about other errors of it.
fn of_system(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(23 | 24) if cfg!(unix) => {
            "; allow more open files, as by `ulimit -n 4096`, or use fewer --threads"
        }
        Some(5) if cfg!(unix) => "; the disk or the network failed, which says nothing about the file",
        _ => "",
    }
}

/// The end of a message about a model that is to run in another precision than its head was trained for.
fn of_other_precision(path: &Path, model: Precision, asked: Precision, record: &Record) -> String {
    let again = match asked {
        // Whoever was given a program has neither photos nor weights.
        _ if std::env::current_exe().is_ok_and(|own| own == path) => {
            return "; leave --precision out".to_owned();
        }
        Precision::F32 => {
            let weights =
                known(record).map_or("FILE, the weights that it was made of".to_owned(), |name| name);
            format!("--precision f32 --weights {weights}")
        }
        Precision::Int8 => "--precision int8".to_owned(),
    };
    format!("; leave --precision out to run it in {model}, or train again with {again}")
}

/// Returns the name by which the program knows the weights that a net came from, by the hash of their file or by their own
/// name; `None` for a file of the user's.
fn known(record: &Record) -> Option<String> {
    let manifest = Manifest::built_in().ok()?;
    let by_name = || manifest.find(record.name.as_deref()?);
    Some(manifest.find_file(record.file_sha256).or_else(by_name)?.name.clone())
}

/// The end of a message about what a net cannot do.
fn of_net(error: &NetError) -> String {
    match error {
        NetError::NoStatistics => ": `icecap train PHOTOS --precision int8` takes them from there".to_owned(),
        NetError::Precision { .. } => "; leave --precision out, or name other weights".to_owned(),
        NetError::Int8Channel { .. } => ": leave --precision out".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use icecap::advanced::weights::{Digest, starter};

    use super::*;

    #[test]
    fn an_error_about_another_backbone_ends_in_the_option_that_helps() {
        let (expected, got) = ("00".to_owned(), "11".to_owned());
        let error = Error::OtherBackbone { path: "model".into(), expected, got };
        assert!(!error.to_string().contains("--"), "{error}");
        let line = error.to_string() + &advice(&error);
        assert!(line.ends_with("these have 11; give those with --weights"), "{line}");
    }

    #[test]
    fn an_error_about_precision_ends_in_what_leads_to_the_right_one() {
        let record = starter().unwrap().record;
        let other = |model, asked| {
            let record = Box::new(record.clone());
            Error::OtherPrecision { path: "model".into(), model, asked, record }
        };
        let alone = |record| Error::IntegersAlone { path: "model".into(), asked: Precision::F32, record };
        let mut unknown = record.clone();
        (unknown.name, unknown.file_sha256) = (Some("mine".to_owned()), Digest::of(b""));
        let channel = || NetError::Int8Channel { layer: "Conv1".to_owned(), channel: 3, largest: 1e9 };
        let (f32, int8) = (Precision::F32, Precision::Int8);
        for (error, ending) in [
            (
                other(f32, int8),
                "leave --precision out to run it in f32, or train again with --precision int8",
            ),
            (
                other(int8, f32),
                "leave --precision out to run it in int8, or train again with --precision f32 --weights starter",
            ),
            (
                alone(Box::new(record.clone())),
                "; name them with --weights starter, or leave --precision out to use it in int8",
            ),
            (
                alone(Box::new(unknown)),
                "; name their file with --weights, or leave --precision out to use it in int8",
            ),
            (
                NetError::Precision { needed: f32, got: int8 }.into(),
                "leave --precision out, or name other weights",
            ),
            (
                NetError::NoStatistics.into(),
                "from photos: `icecap train PHOTOS --precision int8` takes them from there",
            ),
            (channel().into(), "use f32: leave --precision out"),
            (
                WeightsError::Pack { path: "w".into(), source: channel().into() }.into(),
                "use f32: leave --precision out",
            ),
        ] {
            assert!(!error.to_string().contains("--"), "{error}");
            let line = error.to_string() + &advice(&error);
            assert!(line.ends_with(ending), "{line}");
        }
    }

    #[test]
    fn an_error_about_weights_ends_in_the_command_that_helps() {
        let name = || "keras-1.0-160".to_owned();
        let hash = |remedy| WeightsError::OtherHash {
            place: "file".to_owned(),
            by: "the manifest",
            expected: "00".to_owned(),
            got: "11".to_owned(),
            remedy,
        };
        for (error, ending) in [
            (hash(HashRemedy::Fetch(name())), "fetch it again: `icecap weights pull keras-1.0-160`"),
            (
                hash(HashRemedy::Accept(name())),
                "accept the new hash: `icecap weights pull keras-1.0-160 --accept-new-hash`",
            ),
            (hash(HashRemedy::GetAgain), "get it again, or from elsewhere"),
            (
                WeightsError::NotCached { name: name(), path: "x".into() },
                ": `icecap weights pull keras-1.0-160`",
            ),
            (
                WeightsError::UnknownName { name: name(), near: Vec::new() },
                "no weights of that name; `icecap weights list` shows all",
            ),
            (
                WeightsError::UnknownName { name: name(), near: vec!["keras-1.0-96".to_owned()] },
                "did you mean keras-1.0-96? `icecap weights list` shows all",
            ),
            (
                WeightsError::NotAModel { path: "x".into(), reason: "it is HDF5".to_owned() },
                "is opened as weights: `icecap train PHOTOS --weights FILE` makes a model on them",
            ),
        ] {
            let error = Error::from(error);
            assert!(
                !error.to_string().contains("icecap weights") && !error.to_string().contains("--"),
                "{error}"
            );
            let line = error.to_string() + &advice(&error);
            assert!(line.ends_with(ending), "{line}");
        }
    }
}
