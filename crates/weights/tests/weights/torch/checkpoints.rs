//! Checkpoints as trainings write them: the net under some key, and much beside it that is no tensor.

use icecap_weights::{Choices, Container, Error, FileHead, Layout, from_bytes, read_with};

use super::hostile::{assert_readable, parse};
use super::layouts::{assert_same, renamed, safetensors};
use crate::draft::{Pickle, Tensor, state_dict, torch_legacy, torch_zip};
use crate::net::{self, Tensors};

fn threads() -> icecap_kernels::Threads {
    icecap_kernels::Threads::serial()
}

/// A net, another one whose values are all halved, and a file's path for them.
fn two_nets() -> (Tensors, Tensors) {
    let tensors = net::tensors(&net::tiny(), Some(10));
    let mut halved = tensors.clone();
    for tensor in halved.values_mut() {
        tensor.data_mut().iter_mut().for_each(|value| *value /= 2.0);
    }
    (tensors, halved)
}

/// These tensors with a prefix, their storages from `first` on.
fn prefixed(tensors: &Tensors, prefix: &str, first: usize) -> Vec<Tensor> {
    let mut renamed = renamed(tensors, Layout::Torchvision);
    for (index, tensor) in renamed.iter_mut().enumerate() {
        tensor.name = format!("{prefix}{}", tensor.name);
        tensor.key = (first + index).to_string();
    }
    renamed
}

/// A dict of dicts of tensors.
fn checkpoint(dicts: &[(&str, &[Tensor])]) -> (Vec<u8>, Vec<Tensor>) {
    let start = Pickle::new().raw("}(");
    let all = dicts.iter().fold(start, |pickle, (key, tensors)| {
        tensors.iter().fold(pickle.text(key).raw("}("), Pickle::tensor).raw("u")
    });
    let tensors = dicts.iter().flat_map(|(_, tensors)| tensors.to_vec()).collect();
    (all.raw("u").end(), tensors)
}

fn read(bytes: &[u8], ema: bool) -> Result<icecap_weights::Weights, Error> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("icecap-checkpoint-{}-{number}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let weights = read_with(&path, Choices { ema, ..Choices::default() }, &threads());
    std::fs::remove_file(&path).unwrap();
    weights
}

/// What stands beside weights in the files of trainings, as picklers of protocols 2 to 5 write it.
fn others() -> Vec<(&'static str, Pickle)> {
    [of_classes(), of_numpy(), of_older_protocols()].concat()
}

fn of_numpy() -> Vec<(&'static str, Pickle)> {
    let start = || Pickle(Vec::new());
    let dtype = start()
        .global("numpy", "dtype")
        .raw("(")
        .text("f8")
        .raw([0x89, 0x88])
        .raw("tR(")
        .int(3)
        .text("<")
        .raw("NNNtb");
    let scalar = start()
        .global("numpy.core.multiarray", "scalar")
        .raw("(")
        .raw(&dtype.0)
        .global("_codecs", "encode")
        .raw("(")
        .text("abcdefgh")
        .text("latin1")
        .raw("tRtR");
    let array = start()
        .global("numpy.core.multiarray", "_reconstruct")
        .raw("(")
        .global("numpy", "ndarray")
        .raw("(")
        .int(0)
        .raw("tC\x01btR(")
        .int(1)
        .raw("(")
        .int(4)
        .raw("t")
        .raw(&dtype.0)
        .raw([0x89])
        .raw(b"C\x04abcd")
        .raw("tb");
    vec![("a dtype", dtype), ("a scalar", scalar), ("an array", array)]
}

fn of_classes() -> Vec<(&'static str, Pickle)> {
    let start = || Pickle(Vec::new());
    let namespace =
        start().global("argparse", "Namespace").raw(b")\x81}(").text("lr").raw("G").raw([0; 8]).raw("ub");
    let defaults = start()
        .global("collections", "defaultdict")
        .raw("(")
        .global("builtins", "int")
        .raw("tR(")
        .text("a")
        .int(1)
        .raw("u");
    let itself =
        start().global("a.b", "Config").raw(b")\x81").raw([0x94]).raw("}(").text("self").raw("h\0ub");
    vec![
        ("a namespace", namespace),
        ("a date", start().global("datetime", "datetime").raw(b"(C\x0a0123456789tR")),
        (
            "a path",
            start().text("pathlib").text("PosixPath").raw([0x93]).raw("(").text("runs").text("a").raw("tR"),
        ),
        ("an enum", start().global("some.module", "Kind").raw("(").int(1).raw("tR")),
        (
            "what a call returns",
            start().global("builtins", "getattr").raw("(").global("m", "C").text("f").raw("tR)R"),
        ),
        ("named arguments", start().global("m", "C").raw(")}(").text("key").int(1).raw("u").raw([0x92])),
        ("a subclass of dict", defaults),
        ("itself", itself),
        ("a subclass of list", start().global("m", "List").raw(b")\x81(").int(1).int(2).raw("e")),
        ("a set", start().raw([0x8f]).raw("(").int(1).raw([0x90])),
    ]
}

fn of_older_protocols() -> Vec<(&'static str, Pickle)> {
    let start = || Pickle(Vec::new());
    vec![
        ("an object of the oldest protocol", start().raw("(").int(1).raw("im\nC\n")),
        ("another of it", start().raw("(").global("m", "C").int(1).raw("o")),
        ("thrown away", start().int(1).raw("(").int(2).raw("10").int(3).raw("20")),
        ("a name kept elsewhere", start().raw("Pname\n")),
        ("another kind of it", start().raw("(").text("other").int(1).raw("tQ")),
        ("lines", start().raw("(I7\nL8L\nF1.5\nS'text'\nVtext\nl")),
        ("a dict of lines", start().raw("(Vkey\nI1\nd").raw("p300\n0g300\n")),
    ]
}

/// Opens: PyTorch | checkpoints of trainers: a `state_dict` under any key, beside settings, dates, numpy numbers, optimizers, objects of unknown classes | found by what it holds; nothing is built or run
#[test]
fn whatever_is_no_tensor_is_passed_over() {
    let (tensors, _) = two_nets();
    let own = prefixed(&tensors, "", 0);
    for (what, other) in others() {
        let before = Pickle::new().raw("}(").text("before").raw(&other.0).text("state_dict").raw("}(");
        let pickle = own.iter().fold(before, Pickle::tensor).text("inside").raw(&other.0).raw("u");
        let pickle = pickle.text("behind").raw(&other.0).raw("u").end();
        for file in [torch_zip(&pickle, &own), torch_legacy(&pickle, &own)] {
            let weights = from_bytes(&file, "file").unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(&weights, &tensors);
        }
        // Cut anywhere it is refused, alone as well.
        let alone = Pickle::new().raw("}(").text("a").raw(&other.0).raw("u").end();
        for length in 0..=alone.len() {
            for file in [torch_zip(&alone[..length], &[]), torch_legacy(&alone[..length], &[])] {
                assert_readable(&parse(&file).expect_err(what));
            }
        }
    }
    let pickle = own.iter().fold(Pickle::new().raw("}(").text("args").raw(&others()[0].1.0), Pickle::tensor);
    let file = torch_zip(&pickle.raw("u").end(), &own);
    assert_eq!(Container::parse(&file, "file".as_ref()).unwrap().passed_over(), ["argparse.Namespace"]);
}

/// Opens: PyTorch | a `state_dict` that is an object of a class of its own | by its items
#[test]
fn a_dict_of_a_class_of_somebody_s_own_holds_the_net_too() {
    let (tensors, _) = two_nets();
    let own = prefixed(&tensors, "module.", 0);
    let start = Pickle::new().raw("](").int(7).global("m", "Checkpoint").raw(b")\x81}(").text("weights");
    let start = start.global("m", "Dict").raw(b")\x81(");
    let pickle = own.iter().fold(start, Pickle::tensor).raw("uube").end();
    assert_same(&from_bytes(&torch_zip(&pickle, &own), "file").unwrap(), &tensors);
}

/// Refuses: PyTorch | a whole module, pickled | its class, and the lines of Python that save its tensors
#[test]
fn a_whole_module_is_named_with_what_saves_its_tensors() {
    let own = prefixed(&net::tensors(&net::tiny(), None), "", 0);
    let start = Pickle::new().global("torchvision.models.mobilenetv2", "MobileNetV2").raw(b")\x81}(");
    let start = start.text("_modules").raw("}").text("_parameters").raw("}(");
    let pickle = own.iter().fold(start, Pickle::tensor).raw("uub").end();
    for file in [torch_zip(&pickle, &own), torch_legacy(&pickle, &own)] {
        let error = from_bytes(&file, "file").unwrap_err().to_string();
        assert!(error.contains("class torchvision.models.mobilenetv2.MobileNetV2"), "{error}");
        assert!(error.contains("torch.load('file'") && error.contains(".state_dict()"), "{error}");
    }
}

/// Opens: PyTorch | moving averages (EMA, SWA) beside or instead of the weights | told; `--ema` takes them
#[test]
fn averages_are_told_and_taken_only_where_they_are_asked_for() {
    let (plain, halved) = two_nets();
    let count = |place: &str, key: usize| Tensor::counter(place, key);
    for (key, averages_key, prefix, counted) in [
        ("state_dict", "state_dict_ema", "", false),
        ("model", "model_ema", "module.", true),
        ("net", "averages of net", "module.", true),
        ("model", "ema", "", false),
    ] {
        let own = prefixed(&plain, "", 0);
        let mut averages = prefixed(&halved, prefix, 1000);
        if counted {
            averages.push(count("n_averaged", 3000));
        }
        for dicts in [
            [(key, &own[..]), (averages_key, &averages[..])],
            [(averages_key, &averages[..]), (key, &own[..])],
        ] {
            let (pickle, tensors) = checkpoint(&dicts);
            let file = torch_zip(&pickle, &tensors);
            let weights = read(&file, false).unwrap();
            assert_same(&weights, &plain);
            let note = weights.notes.iter().find(|note| note.contains("EMA")).unwrap();
            assert!(note.contains(averages_key), "{note}");
            assert_same(&read(&file, true).unwrap(), &halved);
        }
        // Alone they are taken, and told.
        let (pickle, tensors) = checkpoint(&[(averages_key, &averages)]);
        let weights = read(&torch_zip(&pickle, &tensors), false).unwrap();
        assert_same(&weights, &halved);
        assert!(weights.notes.iter().any(|note| note.contains("averaged weights (EMA) are taken")));
    }
    // Both in one dict.
    let both = [prefixed(&plain, "model.", 0), prefixed(&halved, "model_ema.", 1000)].concat();
    let file = torch_zip(&state_dict(&both), &both);
    assert_same(&read(&file, false).unwrap(), &plain);
    assert_same(&read(&file, true).unwrap(), &halved);
    assert_same(&read(&safetensors(&both), true).unwrap(), &halved);
    // One of them without a prefix.
    let both = [prefixed(&plain, "", 0), prefixed(&halved, "ema.module.", 1000)].concat();
    assert_same(&read(&safetensors(&both), false).unwrap(), &plain);
    assert_same(&read(&safetensors(&both), true).unwrap(), &halved);
    let alone = prefixed(&plain, "", 0);
    let error = read(&torch_zip(&state_dict(&alone), &alone), true).unwrap_err();
    assert!(matches!(error, Error::NoAverages { .. }), "{error}");
}

/// Refuses: PyTorch | several nets in one file | their names
#[test]
fn of_several_nets_none_is_guessed() {
    let (plain, halved) = two_nets();
    let (own, other) = (prefixed(&plain, "", 0), prefixed(&halved, "", 1000));
    let (pickle, tensors) = checkpoint(&[("last", &own), ("best", &other)]);
    let error = read(&torch_zip(&pickle, &tensors), false).unwrap_err().to_string();
    assert!(error.contains("2 nets, under last, best"), "{error}");
    assert!(error.contains("weights_only=False)['last'], 'weights.pth')"), "{error}");
    let both = [prefixed(&plain, "encoder_q.", 0), prefixed(&halved, "encoder_k.", 1000)].concat();
    let error = read(&safetensors(&both), false).unwrap_err().to_string();
    assert!(error.contains("encoder_k") && error.contains("encoder_q"), "{error}");
    // Another net beside it is no reason not to find the one.
    let mut teacher = prefixed(&plain, "teacher.", 0);
    teacher.iter_mut().for_each(|tensor| tensor.name = tensor.name.replace(".conv.", ".branch."));
    let (pickle, tensors) = checkpoint(&[("teacher", &teacher), ("student", &other)]);
    assert_same(&read(&torch_zip(&pickle, &tensors), false).unwrap(), &halved);
}

/// Values of 16 and 64 bits that are f32 exactly, in one file with f32.
/// Opens: PyTorch | f16, bf16 and f64 | as PyTorch's `.float()`
#[test]
fn floats_of_other_widths_are_read() {
    let (tensors, _) = two_nets();
    let mut own = prefixed(&tensors, "", 0);
    // Multiples of 1/128 below 2: eight bits.
    for (index, tensor) in own.iter_mut().filter(|tensor| tensor.kind == "FloatStorage").enumerate() {
        let values: Vec<f32> = tensor
            .bytes
            .as_ref()
            .unwrap()
            .as_chunks()
            .0
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect();
        let (kind, bytes): (&'static str, Vec<u8>) = match index % 4 {
            0 => ("HalfStorage", values.iter().flat_map(|value| half(*value).to_le_bytes()).collect()),
            1 => ("DoubleStorage", values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect()),
            2 => (
                "BFloat16Storage",
                values.iter().flat_map(|value| ((value.to_bits() >> 16) as u16).to_le_bytes()).collect(),
            ),
            _ => continue,
        };
        (tensor.kind, tensor.bytes) = (kind, Some(bytes));
    }
    let pickle = state_dict(&own);
    for file in [torch_zip(&pickle, &own), torch_legacy(&pickle, &own), safetensors(&own)] {
        let weights = from_bytes(&file, "file").unwrap_or_else(|error| panic!("{error}"));
        assert_same(&weights, &tensors);
        assert!(
            weights.notes.iter().any(|note| note.contains("BF16 and F16 and F64 become F32")),
            "{:?}",
            weights.notes
        );
    }
}

/// The 16 bits of a value that they hold exactly, and that is no subnormal one.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 127;
    if value == 0.0 {
        return (bits >> 16) as u16;
    }
    assert!((-14..16).contains(&exponent) && bits.trailing_zeros() >= 13, "{value}");
    (bits >> 16 & 0x8000) as u16 | ((exponent + 15) as u16) << 10 | (bits >> 13 & 0x3ff) as u16
}

/// Opens: PyTorch | a net and its head in dicts of their own | the net; the head is told, with the lines that join them
#[test]
fn a_head_in_a_dict_of_its_own_is_told_with_the_lines_that_join_it() {
    let net = prefixed(&net::tensors(&net::tiny(), None), "", 0);
    let head = [("fc.weight", &[3, 9][..]), ("fc.bias", &[3])].map(|(name, sizes): (&str, &[usize])| {
        let number = net.len() + usize::from(name == "fc.bias");
        Tensor::plain(name, number, sizes, &vec![0.5; sizes.iter().product()])
    });
    let told = |dicts: &[(&str, &[Tensor])]| {
        let (pickle, all) = checkpoint(dicts);
        read(&torch_zip(&pickle, &all), false).unwrap()
    };
    let apart = told(&[("backbone", &net), ("head", &head)]);
    let note = apart.notes.iter().find(|note| note.contains("has no head")).unwrap();
    assert!(note.contains("under 'head'"), "{note}");
    assert!(note.contains("{**c['backbone'], **{'head.' + k: v for k, v in c['head'].items()}}"), "{note}");
    // What the lines make, and what has a head of its own.
    let joined: Vec<Tensor> = head
        .iter()
        .map(|tensor| Tensor { name: format!("head.{}", tensor.name), ..tensor.clone() })
        .collect();
    let joined = [&net[..], &joined].concat();
    for whole in [told(&[("net", &joined)]), told(&[("net", &joined), ("head", &[])])] {
        assert!(matches!(whole.head, FileHead::Top) && whole.notes.is_empty(), "{:?}", whole.notes);
    }
}

/// Opens: PyTorch | the mean and deviation of three colors in a model of your own | pixels are normalized by them
#[test]
fn a_model_s_own_normalization_of_pixels_is_followed() {
    let (tensors, _) = two_nets();
    let with = |mean: [f32; 3], std: [f32; 3]| {
        let mut own = prefixed(&tensors, "net.", 0);
        for (name, values) in [("normalize.mean", mean), ("normalize.std", std)] {
            own.push(Tensor::plain(name, own.len(), &[1, 3, 1, 1], &values));
        }
        from_bytes(&safetensors(&own), "file").unwrap().record.numerics.scaling
    };
    let half = with([0.5; 3], [0.25; 3]);
    let bytes = with([127.5; 3], [63.75; 3]);
    for scaling in [half, bytes] {
        for (pixel, expected) in [(0.0, -2.0), (127.5, 0.0), (255.0, 2.0)] {
            assert!((pixel * scaling.scale[1] + scaling.shift[1] - expected).abs() < 1e-5, "{scaling:?}");
        }
    }
}
