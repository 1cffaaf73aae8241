//! Files that people have and that are not read here, told by their first bytes: what each is, and the way out.

use std::cell::RefCell;
use std::path::Path;

use super::{ContainerKind, zip};
use crate::Error;
use crate::shown::shown;

/// How much of a text is looked at for the words that tell it.
const HEAD: usize = 4096;

/// A kind of file.
struct Kind {
    what: &'static str,
    advice: &'static str,
}

/// Files that begin with these bytes.
const STARTS: [(&[u8], Kind); 14] = [
    (
        b"version https://git-lfs.github.com/spec/",
        Kind {
            what: "a pointer of Git LFS, which stands for a file that was not fetched",
            advice: "`git lfs pull` in its repository fetches it, or download the file itself",
        },
    ),
    (
        b"\x1f\x8b",
        Kind { what: "a gzip archive", advice: "unpack it first: `gunzip`, or `tar -xzf` for a .tar.gz" },
    ),
    (b"BZh", Kind { what: "a bzip2 archive", advice: "unpack it first: `bunzip2`" }),
    (b"\xfd7zXZ\0", Kind { what: "an xz archive", advice: "unpack it first: `unxz`" }),
    (b"\x28\xb5\x2f\xfd", Kind { what: "a Zstandard archive", advice: "unpack it first: `unzstd`" }),
    (b"7z\xbc\xaf\x27\x1c", Kind { what: "a 7z archive", advice: "unpack it first" }),
    (b"Rar!", Kind { what: "a RAR archive", advice: "unpack it first" }),
    (
        b"\x93NUMPY",
        Kind {
            what: "one array of NumPy's",
            advice: "a net has many tensors: save them by name with `safetensors.numpy.save_file`",
        },
    ),
    (b"\xff\xd8\xff", Kind { what: "a JPEG photo", advice: ELSE }),
    (b"\x89PNG", Kind { what: "a PNG image", advice: ELSE }),
    (b"%PDF", Kind { what: "a PDF", advice: ELSE }),
    (
        b"7767517",
        Kind { what: "a net's description of ncnn", advice: "export the net that it was made of as ONNX" },
    ),
    (
        b"model_checkpoint_path:",
        Kind { what: "the list of TensorFlow's checkpoints in a folder", advice: CHECKPOINT_ADVICE },
    ),
    (b"GGUF", Kind { what: "a GGUF file of a language model", advice: "name a file of a MobileNetV2" }),
];

/// For what nobody takes for weights.
const ELSE: &str = "name a file of weights, or a model, in its place";
const CHECKPOINT_ADVICE: &str = "make the model in Python, then `model.load_weights(\"NAME\")`, the name without its \
    ending, and `model.save(\"model.keras\")`";
const SAVED_MODEL_ADVICE: &str = "with Python: `import tensorflow as tf; open(\"model.tflite\", \
    \"wb\").write(tf.lite.TFLiteConverter.from_saved_model(\"FOLDER\").convert())` writes a file that is read";
const NPZ_ADVICE: &str = "with Python: `import numpy, safetensors.numpy; \
    safetensors.numpy.save_file(dict(numpy.load(\"in.npz\")), \"out.safetensors\")`";
/// The last bytes of the index of TensorFlow's checkpoints.
const INDEX_END: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();

/// The error for a file of none of the kinds that are read, with its kind where that is known.
pub(crate) fn refuse(bytes: &[u8], path: &Path) -> Error {
    let foreign = |what: &str, advice: &str| Error::Foreign {
        path: path.into(),
        what: what.to_owned(),
        advice: advice.to_owned(),
    };
    if bytes.is_empty() {
        return foreign("an empty file", "get it again");
    }
    if let Some((_, kind)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return foreign(kind.what, kind.advice);
    }
    if let Some(Kind { what, advice }) = of_text(bytes) {
        return foreign(what, advice);
    }
    if let Some(Kind { what, advice }) = of_messages(bytes) {
        return foreign(what, advice);
    }
    if bytes.ends_with(&INDEX_END) {
        return foreign("the index of a TensorFlow checkpoint", CHECKPOINT_ADVICE);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return foreign("a tar archive", "unpack it first: `tar -xf`");
    }
    if is_text(bytes) {
        return foreign("a text", ELSE);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.contains(".data-0") {
        return foreign("the values of a TensorFlow checkpoint", CHECKPOINT_ADVICE);
    }
    if name.ends_with(".bin") {
        return foreign(
            "numbers without names, such as OpenVINO keeps beside an .xml",
            "export the net that it was made of as ONNX",
        );
    }
    Error::UnknownContainer { path: path.into() }
}

/// Texts, told by the words in them.
fn of_text(bytes: &[u8]) -> Option<Kind> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).to_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        return Some(Kind {
            what: "a web page, saved instead of the file",
            advice: "download the file itself: on GitHub and Hugging Face the page has a link to the raw file",
        });
    }
    if (head.starts_with("<?xml") || head.starts_with("<net")) && head.contains("<net") {
        return Some(Kind {
            what: "a net's description of OpenVINO",
            advice: "give the file that it was made of, or export that net as ONNX",
        });
    }
    let is_json = head.starts_with('{');
    if is_json && ["modeltopology", "weightsmanifest"].iter().any(|word| head.contains(word)) {
        return Some(Kind {
            what: "a model of TensorFlow.js",
            advice: "`tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json model.h5` \
                     writes a file that is read",
        });
    }
    if is_json && head.contains("class_name") {
        return Some(Kind {
            what: "a Keras model's description without its weights",
            advice: "save the whole model: `model.save(\"model.keras\")`",
        });
    }
    None
}

/// Whether a file begins as a text in UTF-8.
fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !"\n\r\t\x0c".contains(c))
}

/// Protocol buffers of other schemas, told by their first fields.
fn of_messages(bytes: &[u8]) -> Option<Kind> {
    // Behind a length of up to five bytes.
    let behind_length = |rest: &[u8]| {
        let end = rest.iter().take(5).position(|byte| byte & 0x80 == 0)?;
        rest.get(end + 1..).map(<[u8]>::to_owned).filter(|rest| !rest.is_empty())
    };
    let bytes = &bytes[..bytes.len().min(HEAD)];
    match bytes {
        // A version, then a message that begins with another.
        [0x08, version @ 1..=9, 0x12, rest @ ..] if behind_length(rest)?.first() == Some(&0x0a) => {
            match version {
                1 => Some(Kind { what: "a SavedModel of TensorFlow", advice: SAVED_MODEL_ADVICE }),
                _ => Some(Kind {
                    what: "a Core ML model",
                    advice: "export the net that it was made of as ONNX or TFLite",
                }),
            }
        }
        // A node: its name, then its operator.
        [0x0a, rest @ ..] => {
            let node = behind_length(rest)?;
            let name = node.strip_prefix(&[0x0a]).and_then(behind_length)?;
            let operators: [&[u8]; 4] = [b"Placeholder", b"Const", b"VarHandleOp", b"VariableV2"];
            operators.iter().any(|operator| name.windows(operator.len()).any(|part| part == *operator)).then_some(Kind {
                what: "a frozen graph of TensorFlow",
                advice: "`python -m tf2onnx.convert --graphdef in.pb --output out.onnx --inputs INPUT:0 --outputs OUTPUT:0` \
                         writes a file that is read",
            })
        }
        _ => None,
    }
}

/// The error for a zip archive that holds no model which is read in place; `None` if it may be PyTorch's.
pub(super) fn zip(bytes: &[u8], path: &Path) -> Option<Error> {
    let names = RefCell::new(Vec::new());
    let listed = zip::entries(bytes, path, ContainerKind::TorchZip, |name| {
        names.borrow_mut().push(name.to_owned());
        false
    });
    let names = names.into_inner();
    let has = |end: &str| names.iter().find(|name| name.ends_with(end));
    // What PyTorch's own reader opens, or names as a program.
    let torch = ["data.pkl", "archive_format", "serialized_exported_program.json"];
    if listed.is_err() || torch.iter().any(|end| has(end).is_some()) {
        return None;
    }
    let foreign = |what: String, advice: &str| {
        Some(Error::Foreign { path: path.into(), what, advice: advice.to_owned() })
    };
    if has("saved_model.pb").is_some() {
        return foreign("a zip archive of a SavedModel of TensorFlow".to_owned(), SAVED_MODEL_ADVICE);
    }
    if has(".npy").is_some() {
        return foreign("a zip archive of NumPy's arrays (.npz)".to_owned(), NPZ_ADVICE);
    }
    if has(".mlmodel").is_some() {
        return foreign(
            "a Core ML package".to_owned(),
            "export the net that it was made of as ONNX or TFLite",
        );
    }
    let ends = [".safetensors", ".h5", ".hdf5", ".keras", ".pth", ".pt", ".ckpt", ".onnx", ".tflite"];
    let name = ends.iter().find_map(|end| has(end))?;
    foreign(format!("a zip archive around '{}'", shown(name)), "unpack it first, and give that file")
}

/// The error for a folder that was given as a file.
#[cfg(feature = "files")]
pub(crate) fn folder(path: &Path) -> Error {
    let foreign = |what: String, advice: String| Error::Foreign { path: path.into(), what, advice };
    if path.join("saved_model.pb").exists() {
        return foreign("a SavedModel of TensorFlow".to_owned(), SAVED_MODEL_ADVICE.to_owned());
    }
    if path.join("Manifest.json").exists() && path.join("Data").exists() {
        let advice = "export the net that it was made of as ONNX or TFLite";
        return foreign("a Core ML package".to_owned(), advice.to_owned());
    }
    if path.join("config.json").exists() && path.join("model.weights.h5").exists() {
        return foreign("an unpacked .keras archive".to_owned(), "give its model.weights.h5".to_owned());
    }
    let ends = ["safetensors", "h5", "keras", "pth", "pt", "bin", "ckpt", "onnx", "tflite"];
    let mut inside: Vec<String> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    inside.sort();
    if inside.iter().any(|name| name.ends_with(".index")) {
        return foreign("a folder of TensorFlow checkpoints".to_owned(), CHECKPOINT_ADVICE.to_owned());
    }
    let weights = inside.iter().find(|name| ends.iter().any(|end| name.ends_with(&format!(".{end}"))));
    match weights {
        Some(name) => foreign("a folder".to_owned(), format!("name the file in it: '{}'", shown(name))),
        None => foreign("a folder".to_owned(), "name a file of weights, or a model".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8], name: &str) -> String {
        let error = super::super::Container::parse(bytes, name.as_ref()).unwrap_err().to_string();
        assert!(!error.contains(char::is_control) && !error.contains("icecap"), "{error}");
        error
    }

    /// Refuses: other files of weights | a SavedModel or checkpoint of TensorFlow, files of OpenVINO, TensorFlow.js, Core ML and NumPy, a pointer of Git LFS, a web page, gz and tar | what it is, and the way out
    #[test]
    fn what_people_have_is_named_with_the_way_out() {
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let index = [&[0, 1, 2, 3][..], &INDEX_END].concat();
        let saved = [&[0x08, 0x01, 0x12, 0x90, 0x4e, 0x0a, 0x05][..], &[7; 40]].concat();
        let core = [&[0x08, 0x04, 0x12, 0x30, 0x0a, 0x05][..], &[7; 40]].concat();
        let frozen = [&[0x0a, 0x1c, 0x0a, 0x05][..], b"input\x12\x0bPlaceholder"].concat();
        for (bytes, name, words) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0"[..], "a.h5", "git lfs pull"),
            (b"\n<!DOCTYPE html><html>", "a.pth", "a web page"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0", "a.h5.gz", "gunzip"),
            (b"<?xml version=\"1.0\"?><net name=\"x\" version=\"11\">", "a.xml", "OpenVINO"),
            (b"{\"format\":\"layers-model\",\"modelTopology\":{}}", "model.json", "TensorFlow.js"),
            (b"\x93NUMPY\x01\0", "a.npy", "save_file"),
            (&tar, "a.tar", "tar -xf"),
            (&index, "model.ckpt.index", "load_weights"),
            (&saved, "saved_model.pb", "from_saved_model"),
            (&core, "a.mlmodel", "Core ML"),
            (&frozen, "frozen.pb", "tf2onnx"),
            (&[0; 64], "model.ckpt.data-00000-of-00001", "load_weights"),
            (&[1; 64], "openvino.bin", "numbers without names"),
            (b"", "a.h5", "empty"),
            (b"ants\nbees\n", "model.h5", "this is a text; name a file of weights, or a model"),
            (b"path,label\r\na\xc3\xa4.jpg,ants\r\n\xc3", "list.csv", "this is a text"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "a.h5", "this is a JPEG photo; name a file of weights"),
            (&[1; 64], "a.dat", "no weight file"),
        ] {
            let told = told(bytes, name);
            assert!(told.contains(words), "{name}: {told}");
        }
    }

    #[test]
    fn names_never_make_a_file_of_a_known_kind_another() {
        let error =
            super::super::Container::parse(b"\x89HDF\r\n\x1a\n", "a.data-00000".as_ref()).unwrap_err();
        assert!(matches!(error, Error::Container { kind: ContainerKind::Hdf5, .. }), "{error}");
    }
}
