//! How a model file in int8 states which bottlenecks are read with all bits.

use std::path::Path;
use std::sync::Arc;

use icecap_graph::Spec;
use icecap_graph::int8::IntegerNet;
use icecap_weights::{BackbonePart, IntegerBackbone, Model, Quantization, integers_digest};

use crate::integers::{drawn, integer_model, integers};
use crate::model::model;

#[test]
fn how_bottlenecks_are_read_stands_in_the_file_where_files_did_not_use_to_say_it() {
    let stated = |bytes: &[u8]| {
        let file = icecap_weights::Container::parse(bytes, Path::new("model")).unwrap();
        file.names().any(|name| name == "bottlenecks/fine")
    };
    assert!(!stated(&integer_model().to_bytes().unwrap()));
    let spec = Spec::with_width(1.0).unwrap();
    let with = |reads: &dyn Fn(usize) -> bool| {
        let mut net = drawn(&spec);
        for (block, sizes) in net.blocks.iter_mut().zip(spec.blocks()) {
            block.output.fine = reads(sizes.output);
        }
        net
    };
    let saved = |net: IntegerNet| {
        let net = Arc::new(net);
        let (sha256, origin) = (integers_digest(&net), Quantization::default());
        let mut model = Model {
            backbone: BackbonePart::Integers(IntegerBackbone { net, sha256, origin }),
            ..model(&["ants", "bees"], true)
        };
        model.layers[0].kernel = icecap_kernels::Tensor::zeros(icecap_kernels::Shape::of([1280, 1]));
        model
    };
    for (most, is_stated) in [(0, true), (16, true), (24, false), (32, true)] {
        let model = saved(with(&|channels| channels <= most));
        let bytes = model.to_bytes().unwrap();
        assert_eq!(stated(&bytes), is_stated, "{most}");
        assert_eq!(integers(&Model::from_bytes(&bytes, "model").unwrap()), integers(&model), "{most}");
    }
    let error = with(&|channels| channels <= 64).checked().unwrap_err().to_string();
    assert!(error.contains("64 channels read with all bits"), "{error}");
    // A value that is neither yes nor no.
    let mut bytes = saved(with(&|channels| channels <= 16)).to_bytes().unwrap();
    let file = icecap_weights::Container::parse(&bytes, Path::new("model")).unwrap();
    let at = file.offset("bottlenecks/fine").unwrap() as usize;
    bytes[at + 3] = 2;
    let error = Model::from_bytes(&bytes, "model").unwrap_err().to_string();
    assert!(error.contains("'bottlenecks/fine'") && error.contains("value 3 is 2"), "{error}");
}
