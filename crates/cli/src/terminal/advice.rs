//! What the command line has for what an error of the library asks for: the library names no command and no option.

use icecap::Error;
use icecap::advanced::weights::{Error as WeightsError, HashRemedy};

/// Returns the end of a message about `error`: the command or option that helps, or nothing.
pub(crate) fn advice(error: &Error) -> String {
    let error = match error {
        Error::Weights(error) => error,
        Error::OtherPrecision { model, asked, .. } => {
            return format!(
                "; leave --precision out to run it in {model}, or train again with --precision {asked}"
            );
        }
        Error::OtherBackbone { .. } => return "; give those with --weights".to_owned(),
        _ => return String::new(),
    };
    match error {
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

#[cfg(test)]
mod tests {
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
