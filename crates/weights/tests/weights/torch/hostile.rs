//! Files that mean harm, are damaged, or describe what they do not hold.

use icecap_weights::{Container, Error, Kind};

use crate::draft::{Pickle, Tensor, legacy_start, state_dict, torch_legacy, torch_zip, zip};

/// One line, naming the file, and not as long as a hostile name could make it.
#[track_caller]
pub(crate) fn assert_readable(error: &Error) {
    let text = error.to_string();
    assert!(text.starts_with("file: ") && !text.contains(char::is_control) && text.len() < 700, "{text:?}");
    assert_ne!(error.kind(), Kind::Io);
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Container<'_>, Error> {
    Container::parse(bytes, "file".as_ref())
}

fn example() -> Vec<Tensor> {
    let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let mut tensors =
        vec![Tensor::plain("a.weight", 0, &[2, 3, 4], &values), Tensor::plain("b", 1, &[2], &[1.0, 2.0])];
    tensors.push(Tensor::counter("c", 2));
    tensors
}

/// Both containers around one pickle.
fn files(pickle: &[u8], tensors: &[Tensor]) -> [Vec<u8>; 2] {
    [torch_zip(pickle, tensors), torch_legacy(pickle, tensors)]
}

/// Both containers refuse the pickle, the same way.
#[track_caller]
fn refused(pickle: &[u8], tensors: &[Tensor], expected: &str) {
    for file in files(pickle, tensors) {
        let error = parse(&file).unwrap_err();
        assert_readable(&error);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Opens: PyTorch | tensors that are views of one storage, `channels_last` among them | in their own order
#[test]
fn views_of_storages_come_out_in_their_own_order() {
    let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let whole = Tensor::plain("whole", 0, &[2, 3, 4], &values);
    let shared = |name: &str, offset: i64, sizes: &[i64], strides: &[i64]| Tensor {
        name: name.to_owned(),
        bytes: None,
        offset,
        sizes: sizes.to_vec(),
        strides: strides.to_vec(),
        ..whole.clone()
    };
    let tensors = [
        whole.clone(),
        shared("part", 5, &[2, 3], &[3, 1]),
        shared("channels_last", 0, &[2, 4, 3, 1], &[12, 1, 4, 4]),
        shared("turned", 1, &[4, 2], &[1, 4]),
        shared("odd", 3, &[1, 2, 1], &[i64::MAX, 20, i64::MAX]),
        shared("none", 24, &[0, 3], &[3, 1]),
        shared("one", 7, &[], &[]),
        shared("repeated", 9, &[2, 3], &[1, 0]),
        shared("many", 4, &[50], &[0]),
    ];
    let at = |indices: &[usize]| indices.iter().map(|index| *index as f32).collect::<Vec<f32>>();
    for file in files(&state_dict(&tensors), &tensors) {
        let file = parse(&file).unwrap();
        let data = |name: &str| file.tensor(name).unwrap().data().to_vec();
        assert_eq!(data("whole"), values);
        assert_eq!(data("part"), at(&[5, 6, 7, 8, 9, 10]));
        let expected: Vec<usize> = (0..24).map(|i| i / 12 * 12 + i / 3 % 4 + i % 3 * 4).collect();
        assert_eq!(data("channels_last"), at(&expected));
        assert_eq!(data("turned"), at(&[1, 5, 2, 6, 3, 7, 4, 8]));
        assert_eq!((data("odd"), data("none"), data("one")), (at(&[3, 23]), vec![], at(&[7])));
        assert_eq!((data("repeated"), data("many")), (at(&[9, 9, 9, 10, 10, 10]), vec![4.0; 50]));
    }
}

#[test]
fn big_endian_values_are_turned() {
    let values = [1.0f32, -2.5, 3e-9];
    let mut tensor = Tensor::plain("a", 0, &[3], &values);
    tensor.bytes = Some(values.iter().flat_map(|value| value.to_be_bytes()).collect());
    let pickle = state_dict(&[tensor.clone()]);
    let entries =
        [("n/data.pkl", &*pickle), ("n/byteorder", b"big"), ("n/data/0", tensor.bytes.as_ref().unwrap())];
    assert_eq!(parse(&zip(&entries)).unwrap().tensor("a").unwrap().data(), values);
    let wrong = zip(&[entries[0], ("n/byteorder", b"middle"), entries[2]]);
    assert!(parse(&wrong).unwrap_err().to_string().contains("neither little nor big"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let tensors = example();
    for file in files(&state_dict(&tensors), &tensors) {
        assert_eq!(parse(&file).unwrap().names().count(), 3);
        for length in 0..file.len() {
            assert_readable(&parse(&file[..length]).expect_err(&length.to_string()));
        }
        let error = parse(&[&file[..], b"more"].concat()).unwrap_err();
        assert_readable(&error);
    }
}

/// Operations that are refused, behind two texts on the stack, and what is said of each.
const OPERATIONS: [(&[u8], &str); 14] = [
    (b"\x82\x01", "operation EXT1"),
    (b"\x83\x01\0", "operation EXT2"),
    (b"\x84\x01\0\0\0", "operation EXT4"),
    (b"\x97", "operation NEXT_BUFFER"),
    (b"\xff", "operation 0xff"),
    (b"b", "operation BUILD of what is no object"),
    (b"R", "without a tuple of arguments"),
    (b"ctorch\nFloatStorage\n)R", "operation REDUCE of a type"),
    (b"ctorch\nfloat32\n)R", "operation REDUCE of a type"),
    (b"ctorch._utils\n_rebuild_tensor_v2\n)\x81", "operation NEWOBJ of a type"),
    (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "not described as PyTorch does"),
    (b"ctorch._utils\n_rebuild_parameter\n)R", "a parameter in a pickle is no tensor"),
    (b"ccollections\nOrderedDict\n(NtR", "made of no list"),
    (b"ccollections\nOrderedDict\n(](NetR", "made of no pairs"),
];

/// Refuses: PyTorch | a pickle in whose place of weights something is called | the function and its byte
#[test]
fn nothing_is_called() {
    let system = |operation: &str| {
        Pickle::new().global("os", "system").raw("(").text("true").raw("t").raw(operation).end()
    };
    refused(&system("R"), &[], "a call of 'os.system', which no weights need, at byte");
    refused(&system("R"), &[], "nothing in such a file is run");
    refused(&system("\u{1}"), &[], "'os.system'");
    let stack = Pickle::new().text("posix").text("system").raw([0x93]).end();
    refused(&stack, &[], "a call of 'posix.system'");
    refused(&Pickle::new().raw("(ios\nsystem\n").end(), &[], "a call of 'os.system'");
    for (module, name) in [
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("importlib", "import_module"),
        ("ctypes.util", "find_library"),
    ] {
        refused(&Pickle::new().global(module, name).end(), &[], &format!("'{module}.{name}'"));
    }
    let with = |bytes: &[u8]| Pickle::new().raw(b"(").text("a").text("b").raw(bytes).end();
    for (bytes, expected) in OPERATIONS {
        refused(&with(bytes), &[], expected);
    }
    let view =
        Pickle::new().raw("(").text("storage").global("torch", "FloatStorage").text("a").text("b").int(1);
    refused(&view.raw(")tQ").end(), &[], "a storage that is a view of another");
    refused(&Pickle::new().storage("FloatStorage", "0", -1).end(), &[], "BINPERSID of what is no storage");
    refused(&Pickle::new().storage("OtherStorage", "0", 1).end(), &[], "BINPERSID of what is no storage");
}

#[test]
fn damaged_and_endless_pickles_are_refused() {
    let raw = |bytes: &[u8]| Pickle::new().raw(bytes).0;
    for (bytes, expected) in [
        (&b""[..], "cut short"),
        (b".", "more than it has put down"),
        (b"(.", "more than it has put down"),
        (b"t", "no mark"),
        (b"h\x07.", "kept nothing under 7"),
        (b"X\xff\xff\xff\xffa", "cut short"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "cut short"),
        (b"\x8b\xff\xff\xff\xff", "cut short"),
        (b"\x8b\xff\xff\xff\x7f.", "cut short"),
        (b"X\x01\0\0\0\xff.", "not UTF-8"),
        (b"cno end", "no end"),
        (b")Na.", "fills what is no list"),
        (b"}(Nu.", "fills what is no list or dict"),
        (b"\x80\x09.", "pickle protocol 9"),
        (b"}.", "pickle without tensors by name"),
        (b"].", "pickle without tensors by name"),
        (b"N.", "pickle without tensors by name"),
    ] {
        refused(&raw(bytes), &[], expected);
    }
    // Each list holds the one before twice: a million million values, walked by nobody.
    let bomb = (0..60u8).fold(Pickle::new().raw("]q\0"), |pickle, at| {
        pickle.raw([b']', b'q', at + 1, b'(', b'h', at, b'h', at, b'e'])
    });
    refused(&bomb.end(), &[], "without tensors by name");
    let deep = Pickle::new().raw("(".repeat(200_000)).raw("t".repeat(200_000)).end();
    refused(&deep, &[], "without tensors by name");
    let itself = Pickle::new().raw("}q\0(").text("state_dict").raw("h\0u").end();
    refused(&itself, &[], "without tensors by name");
    refused(&Pickle::new().raw("N".repeat(600_000)).end(), &[], "pickle operations or more, above the limit");
    // A list that many dicts are made of is copied for each.
    let many = Pickle::new()
        .raw("](")
        .raw(b"NN\x86".repeat(100_000))
        .raw(b"e\x85q\0")
        .global("collections", "OrderedDict")
        .raw("q\x01");
    let many = many.raw("h\x01h\0R".repeat(1000));
    refused(&many.end(), &[], "pickle operations or more");
}

/// A checkpoint whose dict has these keys, each with a dict of its own.
fn checkpoint(dicts: &[(&str, &[Tensor])]) -> Vec<u8> {
    let start = Pickle::new().raw("}(");
    let all = dicts.iter().fold(start, |pickle, (key, tensors)| {
        tensors.iter().fold(pickle.text(key).raw("}("), Pickle::tensor).raw("u")
    });
    all.raw("u").end()
}

#[test]
fn of_equal_keys_the_last_counts() {
    let tensors = example();
    let (first, second) = (&tensors[..1], &tensors[1..2]);
    for (dicts, expected) in [
        ([("state_dict", first), ("state_dict", second)], "b"),
        ([("state_dict", second), ("state_dict", first)], "a.weight"),
        // Of two dicts with as many tensors the first is in hand.
        ([("model", first), ("state_dict", second)], "a.weight"),
        // The last one holds none.
        ([("model", first), ("model", &[])], "none"),
    ] {
        let used: Vec<Tensor> = dicts.iter().flat_map(|(_, tensors)| tensors.to_vec()).collect();
        for file in files(&checkpoint(&dicts), &used) {
            match parse(&file) {
                Ok(file) => assert!(file.names().eq([expected])),
                Err(error) => {
                    assert!(
                        expected == "none" && error.to_string().contains("without tensors by name"),
                        "{error}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_checkpoint_of_equal_keys_takes_no_long_time() {
    // A dict of a hundred thousand values, none a tensor, under as many equal keys.
    let inner =
        Pickle::new().raw("}(").text("state_dict").raw("q\x01}q\0(").raw(b"NN".repeat(100_000)).raw("u");
    let top = inner.raw(b"h\x01h\0".repeat(100_000)).raw("u");
    let start = std::time::Instant::now();
    refused(&top.end(), &[], "without tensors by name");
    // Twice ten thousand million looks would take many times as long.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn views_outside_their_storage_are_refused_by_name() {
    let change = |change: &dyn Fn(&mut Tensor)| {
        let mut tensors = example();
        change(&mut tensors[0]);
        (state_dict(&tensors), tensors)
    };
    type Change = dyn Fn(&mut Tensor);
    let cases: &[(&Change, &str)] = &[
        (&|t| t.sizes[0] = 3, "'a.weight' at byte"),
        (&|t| t.sizes[0] = 3, "does not fit its storage of 24 values"),
        (&|t| t.offset = 1, "does not fit its storage"),
        (&|t| t.offset = i64::MAX, "does not fit its storage"),
        (&|t| t.strides[0] = i64::MAX, "does not fit its storage"),
        (&|t| (t.sizes[0], t.strides[0]) = (1 << 40, i64::MAX), "'a.weight' at byte"),
        // One value as many: a stride of zero is no way to more memory than the file is worth.
        (&|t| (t.sizes[0], t.strides[0]) = (1 << 33, 0), "tensors share storages too often"),
        (&|t| t.sizes = vec![i64::MAX, i64::MAX, i64::MAX], "address space"),
        (&|t| (t.sizes, t.strides) = (vec![1; 7], vec![1; 7]), "7 axes"),
        (&|t| (t.sizes, t.strides) = (vec![1; 9], vec![1; 9]), "negative, too many or no numbers"),
        (&|t| t.sizes[0] = -1, "negative, too many or no numbers"),
        (&|t| t.strides[0] = -1, "negative, too many or no numbers"),
        (&|t| t.offset = -1, "negative, too many or no numbers"),
        (&|t| t.strides.truncate(2), "more sizes than strides"),
        (&|t| t.name = "n".repeat(300), "1 to 256 bytes"),
        (&|t| t.name = "a\nb".to_owned(), "control characters"),
        (&|t| t.name = "b".to_owned(), "'b' at byte"),
        (&|t| (t.key, t.bytes) = ("1".to_owned(), None), "storage '1' is described in two ways"),
        (&|t| t.kind = "HalfStorage", "byte"),
        (&|t| t.count = 1 << 61, "byte"),
        (&|t| t.count = i64::MAX, "byte"),
        (&|t| t.count = 25, "byte"),
    ];
    for (apply, expected) in cases {
        let (pickle, tensors) = change(apply);
        refused(&pickle, &tensors, expected);
    }
    // Not there at all.
    let tensors = example();
    let error = parse(&torch_zip(&state_dict(&tensors), &tensors[1..])).unwrap_err().to_string();
    assert!(error.contains("storage '0' is not in the file"), "{error}");
    let error = parse(&torch_legacy(&state_dict(&tensors), &tensors[1..])).unwrap_err().to_string();
    assert!(error.contains("storage '0' is not in the file"), "{error}");
}

#[test]
fn other_element_types_pass_until_they_are_asked_for() {
    let tensors = example();
    for file in files(&state_dict(&tensors), &tensors) {
        let file = parse(&file).unwrap();
        let error = file.tensor("c").unwrap_err();
        assert!(error.to_string().contains("is I64; convert it to F32"), "{error}");
        assert!(matches!(error, Error::Dtype { offset, .. } if Some(offset) == file.offset("c")));
    }
}

#[test]
fn wrong_beginnings_and_entries_are_refused() {
    let tensors = example();
    let pickle = state_dict(&tensors);
    for (bytes, expected) in [
        (b"\x80\x02N.".to_vec(), "no magic number of PyTorch's"),
        (pickle.clone(), "a pickle that `torch.save` did not write"),
        ([&legacy_start()[..15], b"\x80\x02K\x01."].concat(), "no format version of PyTorch's"),
        ([&legacy_start()[..21], b"\x80\x02K\x01."].concat(), "no record of the system of PyTorch's"),
        ([&legacy_start()[..], &pickle, b"\x80\x02}."].concat(), "no list of storages of PyTorch's"),
        ([&legacy_start()[..], &pickle, b"\x80\x02](Ne."].concat(), "holds what is no text"),
        ([&legacy_start()[..], &pickle, b"\x80\x02](X\x01\0\0\09e."].concat(), "'9' belongs to no tensor"),
        (zip(&[("other", b"")]), "no NAME/data.pkl"),
        (zip(&[("a/data.pkl", &*pickle), ("b/data.pkl", &*pickle)]), "or more than one"),
        (zip(&[("a/data.pkl", &*pickle), ("a/data.pkl", &*pickle)]), "'a/data.pkl' stands twice"),
    ] {
        let error = parse(&bytes).unwrap_err();
        assert_readable(&error);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let twice = Pickle::new().raw("](").text("1").text("1").raw("e").end();
    let stored = [&2i64.to_le_bytes()[..], &[0; 8]].concat();
    let bytes = [&legacy_start()[..], &pickle, &twice, &stored, &stored].concat();
    assert!(parse(&bytes).unwrap_err().to_string().contains("storage '1' stands twice"));
}

/// The pickle's operations and names are named with their place in the file.
#[test]
fn the_byte_of_a_refusal_is_the_file_s() {
    let pickle = Pickle::new().raw("NN").global("os", "system").raw(")R").end();
    for file in files(&pickle, &[]) {
        let Err(Error::Pickle { offset, .. }) = parse(&file) else { panic!("it asks for os.system") };
        assert!(file[offset as usize..].starts_with(b"cos\nsystem\n"));
    }
}
