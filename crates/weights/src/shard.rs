//! Files that are one part of several, and the lists that say which tensor is in which.

use std::path::Path;

use crate::{Error, OtherForm};

/// What an error of a file becomes if the file is one part of a net's tensors, told by what its publishers call such parts:
/// `model-00001-of-00002.safetensors`. A list of the parts (`model.safetensors.index.json`) is told by its content.
pub(crate) fn instead_of(error: Error, path: &Path, bytes: &[u8]) -> Error {
    let lacks = matches!(
        error,
        Error::MissingTensor { .. }
            | Error::UnknownLayout { .. }
            | Error::Net { .. }
            | Error::UnknownContainer { .. }
    );
    let path = path.to_owned();
    if matches!(error, Error::UnknownContainer { .. }) && is_list(bytes) {
        return Error::OtherForm { path, form: OtherForm::ShardList };
    }
    match part(&path).filter(|_| lacks) {
        Some((part, parts)) => Error::OtherForm { path, form: OtherForm::Shard { part, parts } },
        None => error,
    }
}

/// The number of a part and how many there are, as the file's name tells.
fn part(path: &Path) -> Option<(u32, u32)> {
    let stem = path.file_stem()?.to_str()?;
    let (before, parts) = stem.rsplit_once("-of-")?;
    let (_, part) = before.rsplit_once('-')?;
    let (part, parts) = (part.parse().ok()?, parts.parse().ok()?);
    (parts > 1 && (1..=parts).contains(&part)).then_some((part, parts))
}

/// Whether a file is the list that stands beside such parts.
fn is_list(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 4096;
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let has = |key: &str| start.windows(key.len()).any(|window| window == key.as_bytes());
    start.trim_ascii_start().starts_with(b"{") && has("\"weight_map\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses: PyTorch | one shard of several | its number among how many
    #[test]
    fn a_part_is_known_by_its_number() {
        assert_eq!(part("a/model-00001-of-00002.safetensors".as_ref()), Some((1, 2)));
        assert_eq!(part("pytorch_model-00003-of-00003.bin".as_ref()), Some((3, 3)));
        for name in
            ["model.safetensors", "model-1-of-1.bin", "one-of-two.bin", "m-3-of-2.bin", "m-0-of-2.bin"]
        {
            assert_eq!(part(name.as_ref()), None, "{name}");
        }
    }

    #[test]
    fn only_what_lacks_tensors_is_called_a_part() {
        let path = Path::new("model-00001-of-00002.safetensors");
        let missing = || Error::MissingTensor { path: path.into(), tensor: "a".to_owned() };
        assert!(matches!(
            instead_of(missing(), path, b""),
            Error::OtherForm { form: OtherForm::Shard { part: 1, parts: 2 }, .. }
        ));
        assert!(matches!(instead_of(missing(), "model.pth".as_ref(), b""), Error::MissingTensor { .. }));
        let limit = Error::Limit { path: path.into(), what: "bytes", got: 2, limit: 1 };
        assert!(matches!(instead_of(limit, path, b""), Error::Limit { .. }));
        let unknown = Error::UnknownContainer { path: "list".into() };
        let list = br#"{"metadata": {"total_size": 4}, "weight_map": {"a": "b"}}"#;
        assert!(matches!(
            instead_of(unknown, "list".as_ref(), list),
            Error::OtherForm { form: OtherForm::ShardList, .. }
        ));
    }
}
