//! Packed nets kept on disk: the same bits come back, or nothing does.

use icecap_graph::int8::IntegerNet;
use icecap_graph::{Input, Net, Numerics, Padding, Plan, Scaling, Tap};
use icecap_kernels::int8::{INTEGER_PACK_VERSION, PackedValues};
use icecap_kernels::{Isa, PACK_VERSION, Threads};
use icecap_weights::{Digest, PackStore, PackedName, integers_digest, params_digest, starter};

use crate::net;

fn features(net: Net, size: usize) -> Vec<u32> {
    let net = std::sync::Arc::new(net);
    let isa = Isa::from_env().unwrap();
    let plan = Plan::new(&net, isa, [size, size], Tap::Image..Tap::Features, 1).unwrap();
    let pixels: Vec<u8> = (0..size * size * 3).map(|index| (index * 89 % 251) as u8).collect();
    let mut output = vec![f32::NAN; plan.output_shape().elements()];
    plan.run(&Threads::serial(), Input::U8(&pixels), &mut [plan.arena()], &mut output).unwrap();
    output.into_iter().map(f32::to_bits).collect()
}

#[test]
fn what_is_kept_comes_back_with_its_bits() {
    let folder = tempfile::tempdir().unwrap();
    let store = PackStore::new(folder.path());
    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let other = Numerics { epsilon: 1e-5, padding: Padding::Symmetric, scaling };
    for params in [
        net::params(&net::tiny()),
        net::params(&net::tiny()).with_numerics(other).unwrap(),
        starter().unwrap().params,
    ] {
        let digest = params_digest(&params);
        assert!(store.find(PackedName::f32(digest)).is_none(), "nothing is there yet");
        let packed = Net::new(&params);
        let path = store.keep(digest, &packed).unwrap();
        assert_eq!(path, store.path(PackedName::f32(digest)));
        let found = store.find(PackedName::f32(digest)).unwrap();
        assert_eq!((found.spec(), found.numerics()), (packed.spec(), packed.numerics()));
        // In place: each buffer is where the file says, on a cache line.
        assert!(found.packed_values().unwrap().all(|values| (values.as_ptr() as usize).is_multiple_of(64)));
        assert!(found.packed_values().unwrap().eq(packed.packed_values().unwrap()));
        assert_eq!(features(found, 64), features(packed, 64));
    }
    // A pack outlives its file: who has read it keeps it.
    let digest = params_digest(&net::params(&net::tiny()));
    let found = store.find(PackedName::f32(digest)).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(features(found, 64), features(Net::new(&net::params(&net::tiny())), 64));
}

#[test]
fn a_top_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = PackStore::new(folder.path());
    let spec = net::tiny();
    let params =
        icecap_graph::Params::new(spec.clone(), Numerics::KERAS, net::tensors(&spec, Some(10))).unwrap();
    let digest = params_digest(&params);
    store.keep(digest, &Net::new(&params)).unwrap();
    assert_eq!(store.find(PackedName::f32(digest)).unwrap().classes(), None);
}

#[test]
fn a_damaged_or_stale_file_counts_as_missing_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = PackStore::new(folder.path());
    let params = net::params(&net::tiny());
    let (digest, packed) = (params_digest(&params), Net::new(&params));
    let path = store.keep(digest, &packed).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        assert!(store.find(PackedName::f32(digest)).is_none(), "{what}");
    };
    // Any byte of the header, and every 97th of the values.
    for at in (0..160).chain((160..whole.len()).step_by(97)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        refused(&bytes, &format!("byte {at}"));
    }
    for length in [0, 7, 100, 4095, 4096, 4160, whole.len() - 64, whole.len() - 1] {
        refused(&whole[..length], &format!("{length} bytes"));
    }
    refused(&[&whole[..], &[0; 64]].concat(), "longer");
    let mut newer = whole.clone();
    newer[8..12].copy_from_slice(&(PACK_VERSION + 1).to_ne_bytes());
    refused(&newer, "another pack version");
    // A sound file under another net's name.
    let other = params.with_numerics(Numerics { epsilon: 0.5, ..Numerics::KERAS }).unwrap();
    std::fs::write(store.path(PackedName::f32(params_digest(&other))), &whole).unwrap();
    assert!(store.find(PackedName::f32(params_digest(&other))).is_none());

    store.keep(digest, &packed).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), whole, "the same net gives the same bytes");
    assert!(store.find(PackedName::f32(digest)).is_some());
}

/// A file of several shares, each of which one of the threads reads and sums.
#[test]
fn threads_that_read_together_find_what_one_finds() {
    let folder = tempfile::tempdir().unwrap();
    let store = PackStore::new(folder.path());
    let params = starter().unwrap().params;
    let (name, packed) = (PackedName::f32(params_digest(&params)), Net::new(&params));
    let path = store.keep(name.sha256, &packed).unwrap();
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() > 1 << 20, "one share");
    for threads in [1, 2, 3].map(|count| Threads::new(count).unwrap()) {
        std::fs::write(&path, &whole).unwrap();
        let found = store.find_on(name, &threads).unwrap();
        assert!(found.packed_values().unwrap().eq(packed.packed_values().unwrap()));
        for at in [0, 12, 16, 4096, (1 << 20) - 1, 1 << 20, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            std::fs::write(&path, bytes).unwrap();
            assert!(store.find_on(name, &threads).is_none(), "byte {at}, {threads:?}");
        }
    }
}

/// Where this hash changes, packed weights are not what they were: `PACK_VERSION` in `crates/kernels/src/panels.rs` has
/// to change with them, and then this hash.
#[test]
fn the_pack_version_stands_for_these_bytes() {
    let bytes: Vec<u8> = Net::new(&starter().unwrap().params)
        .packed_values()
        .unwrap()
        .flat_map(|values| values.iter().flat_map(|value| value.to_le_bytes()))
        .collect();
    let expected = "6101b08e49b0571369f0dd1c2d29b1da1e3186384c0f000604291500267a1797";
    assert_eq!((PACK_VERSION, Digest::of(&bytes).to_string().as_str()), (2, expected));
}

/// All bytes of the packed buffers of a net in int8.
fn integer_bytes(net: &Net) -> Vec<u8> {
    let bytes = |values: &PackedValues<'_>| -> Vec<u8> {
        match values {
            PackedValues::I8(values) => values.iter().map(|value| value.cast_unsigned()).collect(),
            PackedValues::I16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            PackedValues::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            PackedValues::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    };
    net.packed_integers().unwrap().0.iter().flat_map(bytes).collect()
}

#[test]
fn a_net_in_int8_comes_back_with_its_bits_and_beside_that_in_f32() {
    let folder = tempfile::tempdir().unwrap();
    let store = PackStore::new(folder.path());
    let params = starter().unwrap().params;
    let integers = IntegerNet::from_weights(&params).unwrap();
    let name = PackedName::int8(integers_digest(&integers));
    let packed = Net::of_integers(integers);
    assert!(store.find(name).is_none(), "nothing is there yet");
    let path = store.keep(name.sha256, &packed).unwrap();
    assert_eq!(path, store.path(name));
    let found = store.find(name).unwrap();
    assert_eq!((found.spec(), found.numerics()), (packed.spec(), packed.numerics()));
    assert_eq!((found.precision(), found.integers()), (packed.precision(), None));
    assert_eq!(found.packed_integers().unwrap(), packed.packed_integers().unwrap());
    assert_eq!(features(found, 64), features(packed, 64));
    // A net of one precision is not found under the name of the other.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(store.path(PackedName::f32(name.sha256)), &whole).unwrap();
    assert!(store.find(PackedName::f32(name.sha256)).is_none());
    for at in (0..500).chain((500..whole.len()).step_by(997)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, bytes).unwrap();
        assert!(store.find(name).is_none(), "byte {at}");
    }
    for length in [0, 100, 4096, whole.len() - 64, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(store.find(name).is_none(), "{length} bytes");
    }
}

/// Where this hash changes, packed integers are not what they were: `INTEGER_PACK_VERSION` in
/// `crates/kernels/src/int8/kept.rs` has to change with them, and then this hash. The net does not depend on how nets are
/// quantized.
#[test]
fn the_integer_pack_version_stands_for_these_bytes() {
    let spec = icecap_graph::Spec::with_width(0.35).unwrap();
    let bytes = integer_bytes(&Net::of_integers(crate::integers::drawn(&spec)));
    let expected = "f8932d8af94b8edeb7ed3eb4dcb6a0f9aa9a8501cd3f81d732f387135116b365";
    assert_eq!((INTEGER_PACK_VERSION, Digest::of(&bytes).to_string().as_str()), (2, expected));
}
