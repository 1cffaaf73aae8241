//! Names of many archives at once, as they are written for shards: `shards-*.tar`, `train-{000..099}.tar`, `train-*.parquet`.

use std::path::{Path, PathBuf};

use super::is_sharded;
use crate::natural::natural;
use crate::{Error, Result};

/// The most archives that a pattern names.
const MAX_SHARDS: usize = 1 << 16;
/// The most groups of braces in one, and bytes of it: those of a file's name.
const MAX_GROUPS: usize = 8;
const MAX_BYTES: usize = 255;

/// Whether the last part of a path is such a pattern, and no file.
pub(crate) fn is_pattern(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    is_sharded(path) && name.contains(['*', '{']) && !path.exists()
}

/// Whether a file is an archive that a folder of shards has: a table of something else is none.
pub(crate) fn is_shard(path: &Path) -> bool {
    #[cfg(feature = "parquet")]
    if super::is_table(path) {
        return path.is_file() && super::table::has_photos(path);
    }
    is_sharded(path) && path.is_file()
}

/// Whether a file is one of those that a pattern names.
pub(crate) fn is_shard_of(file: &Path, pattern: &Path) -> bool {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let both = name(file).zip(name(pattern));
    file.parent() == pattern.parent() && both.is_some_and(|(file, pattern)| matches(&pattern, &file))
}

/// The folder that a path's last part lies in; the working directory for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The archives that a pattern names, naturally sorted.
///
/// # Errors
/// [`Error::Io`], [`Error::MissingFolder`] if there is none, or one of several numbers or words between braces has none.
pub(super) fn shards(path: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder_of(path);
    let pattern = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if pattern.len() > MAX_BYTES || pattern.matches('{').count() > MAX_GROUPS {
        let reason = format!("a pattern has at most {MAX_GROUPS} groups of braces, and {MAX_BYTES} bytes");
        return Err(Error::Archive { path: path.into(), offset: None, reason });
    }
    let expanded =
        expanded(pattern).map_err(|reason| Error::Archive { path: path.into(), offset: None, reason })?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        names.extend(name.into_string().ok().filter(|name| !name.starts_with('.')));
    }
    names.sort_unstable();
    // A star stands for whatever is there, which may be files of features beside photos.
    let is_one = |pattern: &str, name: &str| matches(pattern, name) && is_shard(&folder.join(name));
    let mut found: Vec<&str> = Vec::new();
    for one in &expanded {
        let before = found.len();
        match one.contains('*') {
            true => found.extend(names.iter().map(String::as_str).filter(|name| is_one(one, name))),
            false => found.extend(names.binary_search(one).ok().map(|at| names[at].as_str())),
        }
        if found.len() == before {
            return Err(Error::MissingFolder { path: path.with_file_name(one) });
        }
    }
    found.sort_unstable();
    found.dedup();
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut paths: Vec<PathBuf> =
        found.into_iter().map(|name| parent.join(name)).filter(|path| path.is_file()).collect();
    paths.sort_by(|a, b| natural(a, b));
    match paths.len() {
        0 => Err(Error::MissingFolder { path: path.to_owned() }),
        _ => Ok(paths),
    }
}

/// The names that a pattern with braces stands for; `*` stays.
fn expanded(pattern: &str) -> std::result::Result<Vec<String>, String> {
    let Some((before, rest)) = pattern.split_once('{') else { return Ok(vec![pattern.to_owned()]) };
    let Some((inner, after)) = rest.split_once('}') else {
        return Err("a brace in the pattern is not closed; as in shard-{000..099}.tar".to_owned());
    };
    let choices: Vec<String> = match inner.split_once("..") {
        Some((from, to)) => numbers(from, to).ok_or_else(|| {
            format!("{{{inner}}} is no range of up to {MAX_SHARDS} numbers; as in shard-{{000..099}}.tar")
        })?,
        None => inner.split(',').map(str::to_owned).collect(),
    };
    let tails = expanded(after)?;
    if choices.len().saturating_mul(tails.len()) > MAX_SHARDS {
        return Err(format!("the pattern names more than {MAX_SHARDS} archives"));
    }
    let join =
        |choice: &String| tails.iter().map(move |tail| format!("{before}{choice}{tail}")).collect::<Vec<_>>();
    Ok(choices.iter().flat_map(join).collect())
}

/// The numbers from `from` to `to`, as wide as they are written where one begins with a zero.
fn numbers(from: &str, to: &str) -> Option<Vec<String>> {
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let (first, last) = (number(from)?, number(to)?);
    if last < first || last - first >= MAX_SHARDS as u64 {
        return None;
    }
    let is_padded = [from, to].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if is_padded { from.len().max(to.len()) } else { 0 };
    Some((first..=last).map(|number| format!("{number:0width$}")).collect())
}

/// Whether a name is one of a pattern's in which a star stands for any letters.
fn matches(pattern: &str, name: &str) -> bool {
    // The ending is that of an archive however it is written.
    let (Some((pattern, ending)), Some((name, own))) = (pattern.rsplit_once('.'), name.rsplit_once('.'))
    else {
        return false;
    };
    if !ending.eq_ignore_ascii_case(own) {
        return false;
    }
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_numbers_or_words_and_stars_for_anything() {
        let of = |pattern: &str| expanded(pattern).unwrap_or_default().join(" ");
        assert_eq!(of("a-{08..11}.tar"), "a-08.tar a-09.tar a-10.tar a-11.tar");
        assert_eq!(of("a-{8..11}.tar"), "a-8.tar a-9.tar a-10.tar a-11.tar");
        assert_eq!(of("{a,b}{1..2}*.tar"), "a1*.tar a2*.tar b1*.tar b2*.tar");
        for wrong in ["{1..", "{2..1}", "{a..b}", "{0..99999999}", "{0..9999}{0..9999}", "{-1..2}", "{..}"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
        let cases =
            [("*.tar", "a.tar", true), ("a*b*.tar", "axxbyy.tar", true), ("a*b*.tar", "ab.tar", true)];
        for (pattern, name, is) in cases {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
        for (pattern, name) in
            [("*.tar", ".ta"), ("a*a.tar", "a.tar"), ("a*.tar", "b.tar"), ("a*b*.tar", "a.tar")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
