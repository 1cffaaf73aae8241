//! Files made to harm: loops, depth, sizes that overflow, names that stand twice, headers that lie.

use icecap_weights::hdf5::{MAX_DEPTH, MAX_LINK, MAX_STEPS};
use icecap_weights::{Error, Kind};

use super::{assert_readable, parse};
use crate::forge::{
    FIRST, Forge, Message, UNDEFINED, attribute, contiguous, continuation, link, list, packed, space,
    symbol_table,
};

/// Refused with a text, at a byte of the file.
#[track_caller]
fn assert_refused(bytes: &[u8], expected: &str) -> Error {
    let error = parse(bytes).unwrap_err();
    assert_readable(&error);
    assert!(error.to_string().contains(expected), "{error}");
    error
}

/// A file whose root has these messages.
fn with_root(root: &[Message]) -> Vec<u8> {
    let mut forge = Forge::default();
    let root = forge.object(root);
    forge.file(root)
}

#[test]
fn a_forged_file_that_is_right_is_read() {
    let mut forge = Forge::default();
    let values = forge.values(&[1.0, 2.0]);
    let layer = forge.object(&[link("kernel:0", values), list("weight_names", &["kernel:0"])]);
    let root = forge.object(&[link("dense", layer), list("layer_names", &["dense"])]);
    let bytes = forge.file(root);
    assert_eq!(parse(&bytes).unwrap().tensor("dense/kernel:0").unwrap().data(), [1.0, 2.0]);
}

#[test]
fn groups_inside_themselves_are_refused() {
    assert_refused(&with_root(&[link("a", FIRST)]), "'a' is linked to twice or is inside itself at byte 48");
    let mut forge = Forge::default();
    let second = forge.next() + forge_length(&[link("a", 0)]);
    let first = forge.object(&[link("a", second)]);
    forge.object(&[link("b", first)]);
    assert_refused(&forge.file(first), "'a/b' is linked to twice");
    // A dataset under two names, which is no harm and no weight file either.
    let mut forge = Forge::default();
    let values = forge.values(&[1.0]);
    let root = forge.object(&[link("a", values), link("b", values)]);
    assert_refused(&forge.file(root), "'b' is linked to twice");
}

fn forge_length(messages: &[Message]) -> u64 {
    let mut forge = Forge::default();
    let start = forge.object(messages);
    forge.next() - start
}

#[test]
fn deep_groups_are_refused() {
    for (levels, deep) in [(MAX_DEPTH - 1, false), (MAX_DEPTH + 1, true), (50_000, true)] {
        let mut forge = Forge::default();
        let mut object = forge.values(&[1.0]);
        for _ in 0..levels {
            object = forge.object(&[link("a", object)]);
        }
        let bytes = forge.file(object);
        if deep {
            let error = assert_refused(&bytes, "33 groups inside each other, above the limit of 32");
            assert_eq!(error.kind(), Kind::Limit);
        } else {
            assert_eq!(parse(&bytes).unwrap().names().count(), 1);
        }
    }
}

#[test]
fn headers_that_go_on_for_ever_are_refused() {
    // A piece of a header whose continuation is itself.
    let mut forge = Forge::default();
    let at = forge.next();
    let piece = packed(&[continuation(at, 28)]);
    forge.bytes(&[b"OCHK", &piece[..], &[0; 4]].concat());
    let root = forge.object(&[continuation(at, 28)]);
    let error = assert_refused(&forge.file(root), "messages, links and texts, above the limit of");
    assert!(matches!(error, Error::Limit { got, limit: MAX_STEPS, .. } if got == MAX_STEPS + 1));
    // A node of a tree that is its own child, at its own level and below it.
    for (level, expected) in
        [(0, "does not start with 'SNOD'"), (1, "is at level 1, which its parent is not above")]
    {
        let mut forge = Forge::default();
        let heap = forge.bytes(&[&b"HEAP\0\0\0\0"[..], &[0; 16], &FIRST.to_le_bytes()].concat());
        let at = forge.next();
        let none = UNDEFINED.to_le_bytes();
        let node =
            [b"TREE\0", &[level, 2, 0][..], &none, &none, &[0; 8], &at.to_le_bytes(), &[0; 8]].concat();
        let tree = forge.bytes(&node);
        forge.bytes(&[0; 16]);
        let root = forge.object(&[symbol_table(tree, heap)]);
        assert_refused(&forge.file(root), expected);
    }
}

#[test]
fn shapes_that_overflow_are_refused() {
    for (dims, length, expected) in [
        (&[u64::MAX; 2][..], 4, "tensor 'a' at byte"),
        (&[1 << 62], 0, "tensor 'a' at byte"),
        (&[1 << 31, 1 << 31, 4], 16, "tensor 'a' at byte"),
        (&[1 << 62, 4, 0], 0, "tensor 'a' at byte"),
        (&[1 << 40], 4, "shape [1099511627776] of elements of 4 bytes does not take 4 bytes"),
        (&[2, 2], 12, "shape [2, 2] of elements of 4 bytes does not take 12 bytes"),
        (&[1, 1, 1, 1, 1], 4, "5 axes"),
        (&[1], u64::MAX, "is cut short"),
    ] {
        let mut forge = Forge::default();
        let values = forge.bytes(&[0; 16]);
        let dataset = forge.dataset(dims, values, length);
        let root = forge.object(&[link("a", dataset)]);
        assert_refused(&forge.file(root), expected);
    }
    for address in [UNDEFINED - 1, 1 << 63, 1 << 40] {
        let mut forge = Forge::default();
        let dataset = forge.dataset(&[1], address, 4);
        let root = forge.object(&[link("a", dataset)]);
        assert_refused(&forge.file(root), "a dataset's values should stand behind the end of the file");
        assert_refused(&with_root(&[link("a", address)]), "an object header should stand behind the end");
        assert_refused(&with_root(&[continuation(address, 8)]), "a header's next piece should stand behind");
        assert_refused(&with_root(&[symbol_table(address, address)]), "a local heap should stand behind");
    }
}

#[test]
fn a_small_file_has_no_large_tensors_many_times() {
    let mut forge = Forge::default();
    let values = forge.bytes(&[0; 64]);
    let (first, second) = (forge.dataset(&[15], values, 60), forge.dataset(&[2], values + 56, 8));
    let root = forge.object(&[link("a", first), link("b", second)]);
    let place = format!("tensor 'b' at byte {}: its values are another tensor's too", values + 56);
    assert_refused(&forge.file(root), &place);
}

#[test]
fn names_that_stand_twice_are_refused() {
    assert_refused(
        &with_root(&[link("a", 1), link("a", 2)]),
        "the name 'a' stands twice in its group at byte",
    );
    let mut forge = Forge::default();
    let values = forge.values(&[1.0]);
    let layer = forge.object(&[link("w", values), list("weight_names", &["w", "w"])]);
    let root = forge.object(&[link("a", layer), list("layer_names", &["a"])]);
    assert_refused(&forge.file(root), "tensor 'a/w' at byte 48: the name stands twice");
    for name in ["", "a/b"] {
        assert_refused(&with_root(&[link(name, 1)]), "is no link's name");
    }
    for name in ["x".repeat(MAX_LINK), "a\nb".to_owned()] {
        let mut forge = Forge::default();
        let group = forge.object(&[]);
        let root = forge.object(&[link(&name, group)]);
        assert_refused(&forge.file(root), "a name is 1 to 256 bytes without control characters at byte 48");
    }
}

#[test]
fn lists_that_lie_are_refused() {
    let f64 = |dims: &[u64]| attribute("layer_names", &[0x11, 0, 0, 0], 8, dims, &[0; 16]);
    for (attribute, expected) in [
        (list("layer_names", &["a"]), "'a' is listed, and nothing of that name is in its group"),
        (list("layer_names", &["root/.."]), "'root/..' is listed"),
        (list("layer_names", &["/a"]), "'/a' is listed"),
        (list("layer_names", &["x"; 60_000]), "'x' is listed"),
        (attribute("layer_names", &[0x13, 0, 0, 0], 1, &[1], &[0xff]), "a text is not UTF-8 at byte"),
        (
            attribute("layer_names", &[0x13, 0, 0, 0], 9, &[u64::MAX], &[]),
            "more elements than can be counted",
        ),
        (attribute("layer_names", &[0x13, 0, 0, 0], 0, &[1 << 60], &[]), "has elements of no bytes"),
        (attribute("layer_names", &[0x13, 0, 0, 0], u32::MAX, &[3], &[]), "an attribute is cut short"),
        (
            attribute("layer_names", &[0x19, 1, 0, 0], 16, &[1], &[1; 16]),
            "a collection of the global heap should",
        ),
        (attribute("layer_names", &[0x19, 1, 0, 0], 4, &[1], &[1; 4]), "has texts of the heap in 4 bytes"),
        (f64(&[2]), "a datatype is cut short"),
    ] {
        assert_refused(&with_root(&[attribute]), expected);
    }
    let mut forge = Forge::default();
    let layer = forge.object(&[]);
    let root = forge.object(&[link("a", layer), list("layer_names", &["a"])]);
    assert_refused(&forge.file(root), "layer 'a' has no attribute 'weight_names' at byte 48");
    let mut forge = Forge::default();
    let layer = forge.object(&[]);
    let root = forge.object(&[link("model_weights", layer)]);
    assert_refused(&forge.file(root), "'model_weights' has no attribute 'layer_names' at byte 48");
    // A weight that is a group.
    let mut forge = Forge::default();
    let group = forge.object(&[]);
    let layer = forge.object(&[link("w", group), list("weight_names", &["w"])]);
    let root = forge.object(&[link("a", layer), list("layer_names", &["a"])]);
    assert_refused(&forge.file(root), "tensor 'a/w' at byte 48: its object header has no dataspace");
    let dataset = [space(&[1]), contiguous(FIRST, 4)];
    let mut forge = Forge::default();
    let dataset = forge.object(&dataset);
    let root = forge.object(&[link("w", dataset)]);
    assert_refused(&forge.file(root), "tensor 'w' at byte 48: its object header has no datatype");
}
