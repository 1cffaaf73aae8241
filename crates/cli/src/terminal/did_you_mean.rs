//! What somebody meant who mistyped a path. clap does it for commands, options and their values, the manifest for the
//! names of weights, the crate of the data for those of classes.

use std::path::{Path, PathBuf};

use icecap::Error;
use icecap::advanced::foundation::did_you_mean::{forgiven, slips};
use icecap::advanced::{data, kernels, weights};
use icecap_report::run::files::MODEL;

/// Entries of a folder that are looked at: nobody waits for a hint.
const MOST: usize = 10_000;

/// Returns the end of a message about `error`, as "; did you mean photos/val?", or nothing.
pub(crate) fn hint(error: &Error) -> String {
    let meant = missing(error).and_then(path).map(|path| path.to_string_lossy().into_owned());
    meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"))
}

/// Returns the end of a message about a path that is missing, or nothing.
pub(crate) fn hint_of(missing: &Path) -> String {
    path(missing).map_or(String::new(), |meant| format!("; did you mean {}?", meant.display()))
}

/// Returns the path that `error` is about, if it may be missing.
fn missing(error: &Error) -> Option<&Path> {
    match error {
        Error::Data(data::Error::MissingFolder { path } | data::Error::Io { path, .. })
        | Error::Kernel(kernels::Error::Io { path, .. })
        | Error::Weights(weights::Error::File(kernels::Error::Io { path, .. })) => Some(path),
        // A full disk is no slip of the pen.
        Error::Write(error) | Error::Weights(weights::Error::Write(error))
            if error.source.kind() == std::io::ErrorKind::NotFound =>
        {
            Some(&error.path)
        }
        Error::Weights(weights::Error::UnknownName { name, near }) if near.is_empty() => {
            Some(Path::new(name))
        }
        _ => None,
    }
}

/// Returns the existing path most like `asked`, or the model in a run's folder, which somebody means who names that folder. `None` if `asked` exists, or nothing is
/// like it. Each step names a folder that exists in place of one that does not, so there are no more steps than `asked` has
/// components, whatever links lie around.
fn path(asked: &Path) -> Option<PathBuf> {
    if asked.is_dir() {
        return Some(asked.join(MODEL)).filter(|model| model.is_file());
    }
    if data::is_there(asked) {
        return None;
    }
    let folder = asked.ancestors().skip(1).find(|folder| data::is_folder(listed(folder)))?;
    let mut below = asked.strip_prefix(folder).ok()?.components();
    let wrong = below.next()?.as_os_str().to_str()?;
    let names = data::names_in(listed(folder)).into_iter().take(MOST).map(|(name, _)| name);
    // A link whose target is gone is in the listing, too.
    let leads_on = |name: &String| match folder.join(name) {
        path if below.as_path().as_os_str().is_empty() => data::is_there(&path),
        path => data::is_folder(&path),
    };
    let right = nearest(wrong, names.filter(|name| !name.starts_with('.')), leads_on)?;
    let found = folder.join(right).join(below.as_path());
    // Without anything below it, a folder keeps no slash at its end.
    let found: PathBuf = found.components().collect();
    if data::is_there(&found) { Some(found) } else { path(&found) }
}

/// Returns a path for `folder` that can be listed: "." for the empty one.
fn listed(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Returns the name most like `asked` of those that lead on: few letters away, or the same but for an extension. Of several the
/// first in the alphabet.
fn nearest(
    asked: &str,
    names: impl Iterator<Item = String>,
    leads_on: impl Fn(&String) -> bool,
) -> Option<String> {
    let text = asked.to_lowercase();
    let score = |name: String| {
        let other = name.to_lowercase();
        let extended = other.strip_prefix(&text).is_some_and(|rest| rest.starts_with('.'));
        let apart = if extended { 1 } else { slips(&text, &other) };
        // An ending that both have says nothing.
        let letters = match (text.rsplit_once('.'), other.rsplit_once('.')) {
            (Some((stem, ending)), Some((_, same))) if ending == same => stem.chars().count(),
            _ => text.chars().count(),
        };
        // Of one or two letters everything short is a few letters away.
        (name != asked && letters >= 3 && apart <= forgiven(letters)).then_some((apart, name))
    };
    names.filter_map(score).filter(|(_, name)| leads_on(name)).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asked: &str, names: &[&str]) -> Option<String> {
        nearest(asked, names.iter().map(|&name| name.to_owned()), |_| true)
    }

    #[test]
    fn the_nearest_name_is_meant_and_a_far_one_is_not() {
        let names = ["bees", "ants", "photo.jpg", "photos", "val"];
        assert_eq!(of("bee", &names).as_deref(), Some("bees"));
        assert_eq!(of("Ants", &names).as_deref(), Some("ants"));
        assert_eq!(of("photo", &names).as_deref(), Some("photo.jpg"));
        assert_eq!(of("phtoos", &names).as_deref(), Some("photos"));
        assert_eq!(of("photoss", &names).as_deref(), Some("photos"));
        let models = ["k.safetensors", "model.safetensors"];
        assert_eq!(of("modl.safetensors", &models).as_deref(), Some("model.safetensors"));
        assert_eq!(of("m.safetensors", &models), None);
        for far in ["x", "va", "wasps", ""] {
            assert_eq!(of(far, &names), None, "{far}");
        }
    }

    #[test]
    fn a_path_is_mended_folder_by_folder() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        std::fs::create_dir_all(root.join("photos/train")).unwrap();
        std::fs::write(root.join("photos/train/cat.jpg"), "").unwrap();
        let meant =
            |asked: &str| path(&root.join(asked)).map(|found| found.strip_prefix(root).unwrap().to_owned());
        assert_eq!(meant("photo/train"), Some("photos/train".into()));
        assert_eq!(meant("photo/trains/cat.jpeg"), Some("photos/train/cat.jpg".into()));
        assert_eq!(meant("photos/train"), None);
        assert_eq!(meant("photos/train/dog.jpg"), None);
        assert_eq!(meant("elsewhere/train"), None);
    }

    /// Folders of DVC and git-annex without their content are full of links that lead nowhere.
    #[cfg(unix)]
    #[test]
    fn what_is_proposed_exists_and_links_that_lead_nowhere_end_the_search() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let meant = |asked: &str| path(&root.join(asked));
        for (link, target) in
            [("photo1", "gone1"), ("photo2", "gone2"), ("loop1.jpg", "loop2.jpg"), ("loop2.jpg", "loop1.jpg")]
        {
            symlink(root.join(target), root.join(link)).unwrap();
        }
        for asked in ["photo1", "photo2", "photo", "loop1.jpg", "loop3.jpg", "photo1/a", "loop1.jpg/a/b"] {
            assert_eq!(meant(asked), None, "{asked}");
        }
        // Files where folders are asked for, each the other's nearest.
        std::fs::write(root.join("list1.csv"), "").unwrap();
        std::fs::write(root.join("list2.csv"), "").unwrap();
        assert_eq!(meant("list1.csv/a"), None);
        assert_eq!(meant("list1.csv/a/b/c"), None);
        // The nearest of what is there, though a link is nearer.
        assert_eq!(meant("list3.csv"), Some(root.join("list1.csv")));
        std::fs::write(root.join("photo33"), "").unwrap();
        assert_eq!(meant("photo1"), Some(root.join("photo33")));
        for steps in [1, 5, 50] {
            assert_eq!(meant(&format!("photo1{}", "/photo2".repeat(steps))), None);
        }
    }
}
