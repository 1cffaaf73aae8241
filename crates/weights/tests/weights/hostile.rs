//! Files cut short at every place that matters, and files above each limit.

use icecap_weights::safetensors::{self, MAX_HEADER};
use icecap_weights::{Container, Error, Kind, MAX_NAME, MAX_TENSORS, Model, from_bytes};

use crate::model::model;
use crate::net;

/// One line, naming the file, and not as long as a hostile name could make it.
pub(crate) fn assert_readable(error: &Error) {
    let text = error.to_string();
    assert!(text.starts_with("file: ") && !text.contains(char::is_control) && text.len() < 700, "{text:?}");
    assert_ne!(error.kind(), Kind::Io);
}

fn parse(bytes: &[u8]) -> Result<Container<'_>, Error> {
    safetensors::parse(bytes, "file".as_ref())
}

/// A header with its length before it, and `data` bytes of zeros behind.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn a_file_cut_anywhere_is_refused_with_the_place() {
    let whole = model(&["a", "b"], true).to_bytes().unwrap();
    let start = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let edges: Vec<usize> = {
        let file = parse(&whole).unwrap();
        file.names().map(|name| file.offset(name).unwrap() as usize).collect()
    };
    assert!(edges.contains(&start) && edges.len() == 262);
    let edges = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    for length in (0..start).chain(edges).chain([whole.len() - 1]) {
        let error = from_bytes(&whole[..length], "file").unwrap_err();
        match &error {
            Error::UnknownContainer { .. } | Error::Foreign { .. } => assert!(length <= 8, "{error}"),
            Error::Container { offset, .. } => assert!(*offset <= length as u64, "{error}"),
            Error::Tensor { .. } => {
                assert!(length >= start && error.to_string().contains("cut short"), "{error}")
            }
            _ => panic!("{error}"),
        }
        assert_readable(&error);
        assert_readable(&Model::from_bytes(&whole[..length], "file").unwrap_err());
    }
    let longer = [&whole[..], &[0]].concat();
    let error = from_bytes(&longer, "file").unwrap_err();
    assert!(matches!(&error, Error::Container { offset, .. } if *offset == whole.len() as u64), "{error}");
}

#[test]
fn a_header_cut_anywhere_is_refused_with_the_byte() {
    let header = concat!(
        r#"{"__metadata__":{"format":"1","käy":"\u00e9\n"},"#,
        r#""a/kernel":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"#,
        "\n",
        r#""b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}"#
    );
    assert_eq!(parse(&with_header(header, 16)).unwrap().names().count(), 2);
    for length in 0..header.len() {
        let mut bytes = (length as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(&header.as_bytes()[..length]);
        bytes.resize(bytes.len() + 16, 0);
        let error = parse(&bytes).unwrap_err();
        assert_readable(&error);
        // JSON cannot know that an object would go on: the error stands at the cut, or inside the character there.
        let Error::Container { offset, .. } = error else { panic!("{error}") };
        assert!((length as u64..=8 + length as u64).contains(&offset), "{offset} of {length}");
    }
}

#[test]
fn limits_are_kept_before_memory_is_taken() {
    let limit = |bytes: &[u8]| match parse(bytes).unwrap_err() {
        error @ Error::Limit { .. } => {
            assert_readable(&error);
            assert_eq!(error.kind(), Kind::Limit);
        }
        error => panic!("{error}"),
    };
    for length in [MAX_HEADER + 1, 1 << 32, 1 << 63, u64::MAX] {
        limit(&length.to_le_bytes());
    }
    let many: Vec<String> = (0..=MAX_TENSORS)
        .map(|index| format!(r#""{index}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    limit(&with_header(&format!("{{{}}}", many.join(",")), 0));
    assert_eq!(
        parse(&with_header(&format!("{{{}}}", many[1..].join(",")), 0)).unwrap().names().count(),
        4096
    );
}

#[test]
fn a_wrong_tensor_entry_is_named() {
    let entry = |name: &str, dtype: &str, shape: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let good = entry("good", "F32", "[2]", "[0,8]");
    let long = "n".repeat(MAX_NAME as usize + 1);
    for (bad, expected) in [
        (entry("bad", "F32", "[2]", "[8,17]"), "bytes of data"),
        (entry("bad", "F32", "[3]", "[8,16]"), "does not take 8 bytes"),
        (entry("bad", "F32", "[2]", "[4,12]"), "where 8 is next"),
        (entry("bad", "F32", "[2]", "[12,20]"), "where 8 is next"),
        (entry("bad", "F32", "[2]", "[16,8]"), "where 8 is next"),
        (entry("bad", "F4", "[1]", "[8,16]"), "does not take"),
        (entry("bad", "F128", "[1]", "[8,16]"), "is F128"),
        (entry("bad", "F32", "[1,1,1,1,2]", "[8,16]"), "5 axes"),
        (entry("bad", "F32", "[4294967296,4294967296]", "[8,16]"), "larger than the address space"),
        (entry("bad", "F32", "[18446744073709551615,2]", "[8,16]"), "larger than the address space"),
        (entry("bad", "F32", "[18446744073709551616]", "[8,16]"), "'bad'"),
        (entry("bad", "F32", "[-1]", "[8,16]"), "'bad'"),
        (entry("bad", "F32", "[2.0]", "[8,16]"), "'bad'"),
        (entry("bad", "F32", "[2]", "[8,18446744073709551615]"), "bytes of data"),
        (entry("bad", "F32", "[2]", "[18446744073709551608,18446744073709551615]"), "where 8 is next"),
        (entry("bad", "F32", "[2]", "[8]"), "'bad'"),
        (entry("good", "F32", "[2]", "[8,16]"), "stands twice"),
        (entry(r"\u0067ood", "F32", "[2]", "[8,16]"), "stands twice"),
        (entry(r"b\nad", "F32", "[2]", "[8,16]"), "control characters"),
        (entry("", "F32", "[2]", "[8,16]"), "1 to 256 bytes"),
        (entry(&long, "F32", "[2]", "[8,16]"), "1 to 256 bytes"),
        (format!("{good},{good}"), "stands twice"),
        (r#""bad":{"shape":[2],"data_offsets":[8,16]}"#.to_owned(), "'bad': missing field `dtype`"),
        (r#""bad":7"#.to_owned(), "'bad'"),
        (r#""__metadata__":{"key":"a","key":"b"}"#.to_owned(), "'key' stands twice"),
        (r#""__metadata__":{},"__metadata__":{}"#.to_owned(), "stands twice"),
        (r#""__metadata__":{"key":1}"#.to_owned(), "expected a string"),
    ] {
        let file = with_header(&format!("{{{good},{bad}}}"), 16);
        let error = parse(&file).expect_err(&bad);
        assert!(error.to_string().contains(expected), "{bad}: {error}");
        assert_readable(&error);
    }
    for header in ["", "[]", "null", "{", "{}x", "\u{feff}{}", &"[".repeat(10_000), &"{\"a\":".repeat(10_000)]
    {
        assert_readable(&parse(&with_header(header, 0)).expect_err(header));
    }
    assert_readable(&parse(&[&4u64.to_le_bytes()[..], b"{\xff}\0"].concat()).unwrap_err());
}

#[test]
fn other_element_types_pass_until_they_are_asked_for() {
    let header = r#"{"count":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#;
    let bytes = with_header(header, 8);
    let file = parse(&bytes).unwrap();
    assert!(
        matches!(file.tensor("count"), Err(Error::Dtype { offset, .. }) if offset == 8 + header.len() as u64)
    );
    let error = file.tensor("other").unwrap_err();
    assert!(error.to_string().contains("'other' is missing"), "{error}");

    // Four bytes an element, as f32 has, but not f32.
    let net = net::file(&net::texts(&[]), &net::tensors(&net::tiny(), None));
    let text = br#""block_5_project/kernel":{"dtype":"F32""#;
    let at = net.windows(text.len()).position(|window| window == text).unwrap();
    let mut bytes = net.clone();
    bytes[at + text.len() - 4..][..3].copy_from_slice(b"I32");
    let error = from_bytes(&bytes, "file").unwrap_err();
    assert!(error.to_string().contains("'block_5_project/kernel' at byte"), "{error}");
    assert!(error.to_string().contains("is I32; convert it to F32"), "{error}");
    assert_readable(&error);
}

#[test]
fn an_empty_container_is_whole_but_holds_no_net() {
    assert_eq!(parse(&with_header("{}", 0)).unwrap().names().count(), 0);
    assert_readable(&from_bytes(&with_header("{}", 0), "file").unwrap_err());
    assert_readable(&from_bytes(&[], "file").unwrap_err());
    let plain = net::file(&net::texts(&[]), &net::Tensors::new());
    assert!(matches!(from_bytes(&plain, "file"), Err(Error::UnknownLayout { .. })));
}
