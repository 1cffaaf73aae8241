//! Forms in which PyTorch saves a net and that are not read: each is named with the way out.

use icecap_weights::{Layout, from_bytes};

use super::hostile::{assert_readable, parse};
use super::layouts::{renamed, safetensors};
use crate::draft::{Pickle, Tensor, state_dict, torch_zip};
use crate::net;

/// The tensors of a net by torchvision's names.
fn own() -> Vec<Tensor> {
    renamed(&net::tensors(&net::tiny(), None), Layout::Torchvision)
}

/// Refuses: PyTorch | TorchScript and `torch.export` archives | which of the two, and the two lines that save its `state_dict`
#[test]
fn programs_are_named_with_what_saves_their_tensors() {
    let text = b"{}";
    for (entries, expected) in [
        (
            &[
                ("net/data.pkl", &b"\x80\x02}."[..]),
                ("net/code/__torch__/a.py", text),
                ("net/constants.pkl", text),
            ][..],
            "a TorchScript archive",
        ),
        (&[("net/data.pkl", text), ("net/bytecode.pkl", text)], "a TorchScript archive"),
        (
            &[("net/archive_format", b"pt2"), ("net/models/model.json", text), ("net/data/weights/w", text)],
            "an archive of torch.export",
        ),
        // As the exporter of today writes it, an example of the input beside the net.
        (
            &[("net/data/sample_inputs/model.pt", text), ("net/archive_format", b"pt2")],
            "an archive of torch.export",
        ),
        (&[("serialized_exported_program.json", text), ("version", b"1")], "an archive of torch.export"),
    ] {
        let file = crate::draft::zip(entries);
        let error = parse(&file).unwrap_err();
        assert_readable(&error);
        let error = error.to_string();
        assert!(error.contains(expected) && error.contains(".load('file'"), "{error}");
        for length in 0..file.len() {
            assert_readable(&parse(&file[..length]).unwrap_err());
        }
    }
}

/// Opens: PyTorch | a checkpoint packed with folders of code | by its content
#[test]
fn a_folder_of_code_makes_no_program_of_a_checkpoint() {
    let own = own();
    let pickle = state_dict(&own);
    let values: Vec<(String, Vec<u8>)> = own
        .iter()
        .map(|tensor| (format!("net/data/{}", tensor.key), tensor.bytes.clone().unwrap()))
        .collect();
    let mut entries: Vec<(&str, &[u8])> =
        vec![("net/data.pkl", &pickle), ("net/code/train.py", b"pass"), ("net/models/a.json", b"{}")];
    entries.extend(values.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])));
    from_bytes(&crate::draft::zip(&entries), "file").unwrap();
    // Without a pickle it is an archive around something.
    let around = crate::draft::zip(&[("project/code/train.py", b"pass"), ("project/net.pth", b"")]);
    let error = from_bytes(&around, "file").unwrap_err().to_string();
    assert!(error.contains("around 'project/net.pth'") && error.contains("unpack it first"), "{error}");
}

/// Refuses: PyTorch | one part of several (`model-00001-of-00002.safetensors`) and the list of them | the part, and the two lines that join them
#[test]
fn a_part_of_a_net_is_named_as_one() {
    let mut own = own();
    own.truncate(100);
    for file in [safetensors(&own), torch_zip(&state_dict(&own), &own)] {
        let error = from_bytes(&file, "model-00002-of-00003.bin").unwrap_err().to_string();
        assert!(error.contains("it is part 2 of 3"), "{error}");
        let error = from_bytes(&file, "model.bin").unwrap_err().to_string();
        assert!(error.contains("missing"), "{error}");
    }
}

/// Refuses: PyTorch | quantized and sparse tensors | the first of them, and what it is
#[test]
fn tensors_that_are_no_values_of_a_storage_are_named() {
    let own = own();
    let (made_otherwise, rest) = own.split_first().unwrap();
    for (maker, expected) in [
        ("_rebuild_qtensor", "it is quantized"),
        ("_rebuild_sparse_tensor", "it is sparse"),
        ("_rebuild_meta_tensor_no_storage", "made by '_rebuild_meta_tensor_no_storage'"),
    ] {
        let start =
            Pickle::new().raw("}(").text(&made_otherwise.name).global("torch._utils", maker).raw(")R");
        let pickle = rest.iter().fold(start, Pickle::tensor).raw("u").end();
        let error = from_bytes(&torch_zip(&pickle, &own), "file").unwrap_err().to_string();
        assert!(error.contains(&format!("'{}'", made_otherwise.name)) && error.contains(expected), "{error}");
    }
}

/// Refuses: PyTorch | a tensor that is stored negated | the function that gives its values
#[test]
fn a_tensor_that_is_stored_negated_is_refused() {
    let own = own();
    let whole = state_dict(&own);
    // Behind the hooks of the first tensor, its metadata.
    let hooks = [&[0x89][..], &Pickle::new().global("collections", "OrderedDict").raw(")Rt").0[2..]].concat();
    let at = whole.windows(hooks.len()).position(|bytes| bytes == hooks).unwrap() + hooks.len() - 1;
    let metadata = Pickle::new().raw("}").text("neg").raw([0x88, b's']).0.split_off(2);
    let pickle = [&whole[..at], &metadata, &whole[at..]].concat();
    let error = from_bytes(&torch_zip(&pickle, &own), "file").unwrap_err().to_string();
    assert!(error.contains("resolve_neg()"), "{error}");
}
