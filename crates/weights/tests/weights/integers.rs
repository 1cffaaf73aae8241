//! The model file in int8: what is written is read back, and integers that lie are refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap_graph::int8::{
    BORDERS, Bottleneck, FINE_UNSTATED, IntegerBlock, IntegerConv, IntegerNet, Outcome, RELU6_STEP,
};
use icecap_graph::{ConvLayer, Numerics, Part, Precision, Spec, tensor_shapes};
use icecap_kernels::Rescale;
use icecap_kernels::rng::{Purpose, Stream};
use icecap_weights::{
    BackbonePart, Digest, Error, INTEGER_FORMAT, IntegerBackbone, Kind, Model, Quantization, from_bytes,
    integers_digest, params_digest, starter,
};

use crate::golden_file::assert_golden;
use crate::hostile::assert_readable;
use crate::model::model;

/// A net whose blocks are of one width, so that one chain goes through all of them with a stride of 1.
fn spec() -> Spec {
    Spec::from_channels(8, &[8; 17], 16).unwrap()
}

/// A net of integers that follow from their place: nobody computes with it.
pub(crate) fn drawn(spec: &Spec) -> IntegerNet {
    let shapes = tensor_shapes(spec, None);
    let conv = |part, block| {
        let layer = ConvLayer { part, block };
        let shape = shapes[&layer.kernel()];
        let outputs = shape.dims()[if part == Part::Depthwise { 2 } else { 3 }];
        let borders = if part == Part::Stem { BORDERS } else { 1 };
        let rescale = |at: usize| Rescale::new((at % 14) as u8, (500 + at * 37 % 600) as i16).unwrap();
        IntegerConv {
            weights: (0..shape.elements())
                .map(|at| ((at * 37 + block) % 255) as i16 - 127)
                .map(|at| at as i8)
                .collect(),
            bias: (0..borders * outputs).map(|at| (at as i32 % 200 - 3) << (at % 20)).collect(),
            outcome: match part {
                Part::Last => Outcome::Real((0..outputs).map(|at| 0.5 + at as f32 / 64.0).collect()),
                _ => Outcome::Rescaled((0..outputs).map(rescale).collect()),
            },
        }
    };
    // The first block's steps, which go on as long as blocks add; others after that.
    let mut output = Bottleneck { step: 2.0 * RELU6_STEP, zero: 85, fine: true };
    let mut blocks = Vec::new();
    for (block, sizes) in spec.blocks().iter().enumerate() {
        if !sizes.is_residual() {
            let fine = sizes.output <= FINE_UNSTATED;
            output = Bottleneck { step: 0.01 + block as f64 / 256.0, zero: 100 + block as u8, fine };
        }
        blocks.push(IntegerBlock {
            expand: (block > 0).then(|| conv(Part::Expand, block)),
            depthwise: conv(Part::Depthwise, block),
            project: conv(Part::Project, block),
            output,
        });
    }
    let (stem, last) = (conv(Part::Stem, 0), conv(Part::Last, 0));
    IntegerNet { spec: spec.clone(), numerics: Numerics::KERAS, stem, blocks, last }.checked().unwrap()
}

/// A model in int8 on a small net; the golden file holds these values.
pub(crate) fn integer_model() -> Model {
    let net = Arc::new(drawn(&spec()));
    let sha256 = integers_digest(&net);
    let origin = Quantization {
        photos: 39,
        judged: 9,
        on_others: true,
        error: Some(0.0625),
        agreement: Some(0.984_375),
    };
    Model {
        backbone: BackbonePart::Integers(IntegerBackbone { net, sha256, origin }),
        ..model(&["ants", "bees"], true)
    }
}

pub(crate) fn integers(model: &Model) -> &IntegerBackbone {
    match &model.backbone {
        BackbonePart::Integers(integers) => integers,
        other => panic!("{other:?}"),
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format_2_int8.safetensors")
}

#[test]
fn the_golden_file_of_format_2_loads_and_is_written_byte_for_byte() {
    assert_eq!(INTEGER_FORMAT, 2);
    let (expected, bytes) = (integer_model(), std::fs::read(golden()).unwrap());
    let loaded = Model::from_bytes(&bytes, "golden").unwrap();
    assert_eq!(integers(&loaded), integers(&expected));
    assert_eq!(loaded.layers[0].kernel.data(), expected.layers[0].kernel.data());
    assert_eq!((&loaded.record, &loaded.training), (&expected.record, &expected.training));
    assert_eq!(loaded.backbone.precision(), Precision::Int8);
    assert_golden(&expected.to_bytes().unwrap(), &bytes);
    assert_golden(&loaded.to_bytes().unwrap(), &bytes);
}

#[test]
#[ignore = "writes the golden file; once committed, that of a format never changes"]
fn write_the_golden_file() {
    integer_model().save(golden()).unwrap();
}

#[test]
fn a_model_of_width_1_is_at_most_2_8_megabytes() {
    let spec = Spec::with_width(1.0).unwrap();
    let net = Arc::new(drawn(&spec));
    let sha256 = integers_digest(&net);
    let origin = Quantization::default();
    let mut model = Model {
        backbone: BackbonePart::Integers(IntegerBackbone { net, sha256, origin }),
        ..model(&["ants", "bees"], true)
    };
    model.layers[0].kernel = icecap_kernels::Tensor::zeros(icecap_kernels::Shape::of([1280, 1]));
    let bytes = model.to_bytes().unwrap().len();
    println!("{bytes} bytes");
    assert!(bytes <= 2_800_000 && bytes > 2_200_000, "{bytes}");
}

#[test]
fn as_weights_it_says_what_it_lacks() {
    let bytes = integer_model().to_bytes().unwrap();
    let error = from_bytes(&bytes, "model").unwrap_err();
    assert!(matches!(error, Error::IntegersOnly { .. }) && error.kind() == Kind::Content);
    assert!(error.to_string().contains("int8"), "{error}");
    // The head apart from the net, for whoever has that packed.
    let head = Model::head_from_bytes(&bytes, "model").unwrap().unwrap();
    let expected = integer_model();
    let IntegerBackbone { sha256, origin, .. } = integers(&expected);
    assert!(
        matches!(&head.backbone, BackbonePart::PinnedIntegers(hash, of) if hash == sha256 && of == origin)
    );
    assert_eq!((head.backbone.precision(), &head.record), (Precision::Int8, &expected.record));
    assert!(head.to_bytes().unwrap_err().to_string().contains("with its net inside"));
}

/// What the model says after a change of its net that only a file can bring about: the hash is the changed net's.
fn refused(change: impl FnOnce(&mut IntegerNet)) -> String {
    let mut model = integer_model();
    let mut net = IntegerNet::clone(&integers(&model).net);
    change(&mut net);
    let direct = net.clone().checked().unwrap_err().to_string();
    let net = Arc::new(net);
    let sha256 = integers_digest(&net);
    let origin = integers(&model).origin;
    model.backbone = BackbonePart::Integers(IntegerBackbone { net, sha256, origin });
    let error = Model::from_bytes(&model.to_bytes().unwrap(), "model").unwrap_err();
    assert_eq!(error.kind(), Kind::Content);
    assert!(error.to_string().contains(&direct), "{error} and {direct}");
    direct
}

#[test]
fn a_number_that_no_quantization_gives_is_refused_by_its_layer() {
    let expand = ConvLayer { part: Part::Expand, block: 3 };
    let said = refused(|net| net.conv_mut(expand).weights[5] = -128);
    assert!(said.contains("'block_3_expand'") && said.contains("weight 5 is -128"), "{said}");
    for bias in [(1 << 28) + (1 << 12) + 1, i32::MAX, i32::MIN, -(1 << 28) - (1 << 12) - 1] {
        let said = refused(|net| net.stem.bias[70] = bias);
        assert!(said.contains("'Conv1'") && said.contains(&format!("bias 70 is {bias}")), "{said}");
    }
    for factor in [0.0, -1e-3, f32::NAN, f32::INFINITY] {
        let said = refused(|net| {
            let Outcome::Real(factors) = &mut net.last.outcome else { panic!("the last one is real") };
            factors[2] = factor;
        });
        assert!(said.contains("'Conv_1'") && said.contains("factor 2"), "{said}");
    }
}

#[test]
fn steps_that_do_not_fit_each_other_are_refused_by_their_block() {
    for step in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let said = refused(|net| net.blocks.iter_mut().for_each(|block| block.output.step = step));
        assert!(said.contains("_project'") && said.contains("no positive number"), "{said}");
    }
    // Every block of this net but those with a stride adds its input: their steps are one.
    let residual: Vec<usize> = (1..17).filter(|&block| spec().blocks()[block].is_residual()).collect();
    assert!(residual.len() > 8);
    for block in residual {
        let said = refused(|net| net.blocks[block].output.zero ^= 1);
        assert!(said.contains("what it adds has"), "{block}: {said}");
        let said = refused(|net| net.blocks[block].output.step *= 1.5);
        assert!(said.contains("what it adds has"), "{block}: {said}");
        let said = refused(|net| net.blocks[block].output.fine ^= true);
        assert!(said.contains("what it adds has"), "{block}: {said}");
    }
    // The first block adds what a ReLU6 left.
    assert!(spec().blocks()[0].is_residual());
    let said = refused(|net| {
        let output = net.blocks[0].output;
        let odd = Bottleneck { step: output.step * 1.25, ..output };
        net.blocks.iter_mut().for_each(|block| block.output = odd);
    });
    assert!(said.contains("'expanded_conv_project'"), "{said}");
}

#[test]
fn lengths_that_are_not_those_of_the_net_are_refused() {
    let net = || IntegerNet::clone(&integers(&integer_model()).net);
    let rescale = Rescale::new(3, 500).unwrap();
    type Change<'a> = (&'a str, &'a dyn Fn(&mut IntegerNet));
    let wrong: [Change<'_>; 8] = [
        ("weights", &|net| net.stem.weights.truncate(9)),
        ("weights", &|net| net.last.weights.push(0)),
        ("biases", &|net| net.stem.bias.truncate(8)),
        ("biases", &|net| net.blocks[4].project.bias.push(0)),
        ("outcomes", &|net| net.blocks[4].depthwise.outcome = Outcome::Rescaled(vec![rescale; 3])),
        ("real numbers", &|net| net.stem.outcome = Outcome::Real(vec![1.0; 8])),
        ("real numbers", &|net| net.last.outcome = Outcome::Rescaled(vec![rescale; 16])),
        ("16 blocks", &|net| net.blocks.truncate(16)),
    ];
    for (named, change) in wrong {
        let mut net = net();
        change(&mut net);
        let error = net.checked().unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
    let mut no_expand = net();
    no_expand.blocks[2].expand = None;
    assert!(no_expand.checked().unwrap_err().to_string().contains("'block_2_expand'"));
    let mut one_more = net();
    one_more.blocks[0].expand = one_more.blocks[1].expand.clone();
    assert!(one_more.checked().is_err());
    assert!(net().checked().is_ok());
}

/// The model of a file whose texts and tensors a forger changed.
fn forged(change: impl FnOnce(&mut serde_json::Value, &mut Vec<u8>)) -> Result<Model, Error> {
    Model::from_bytes(&forged_bytes(change), "model")
}

fn forged_bytes(change: impl FnOnce(&mut serde_json::Value, &mut Vec<u8>)) -> Vec<u8> {
    let bytes = integer_model().to_bytes().unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    change(&mut header, &mut data);
    let text = header.to_string();
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text.bytes());
    file.extend(data);
    file
}

/// Where the values of a tensor start among the data.
fn place(header: &serde_json::Value, tensor: &str) -> usize {
    header[tensor]["data_offsets"][0].as_u64().unwrap() as usize
}

#[test]
fn what_only_a_file_can_say_is_refused_by_its_tensor() {
    let with_byte = |tensor: &str, index: usize, byte: u8| {
        let error =
            forged(|header, data| data[place(header, tensor) + index] = byte).unwrap_err().to_string();
        assert!(error.starts_with("model: ") && !error.contains('\n'), "{error}");
        error
    };
    assert!(with_byte("Conv1/shift", 2, 14).contains("channel 2 has 14, expected up to 13"));
    // The upper byte of the second multiplier.
    let negative = with_byte("block_5_depthwise/multiplier", 3, 0x80);
    assert!(negative.contains("'block_5_depthwise/multiplier'") && negative.contains("channel 1 has -"));
    assert!(negative.ends_with("expected 0 or more"), "{negative}");
    assert!(with_byte("block_1_project/kernel", 0, 1).contains("integers_sha256"));
    for (tensor, element) in [("Conv1/kernel", "U8"), ("bottlenecks/zero", "I8"), ("Conv1/shift", "I8")] {
        let error = forged(|header, _| header[tensor]["dtype"] = element.into()).unwrap_err().to_string();
        assert!(error.contains(tensor) && error.contains(element), "{error}");
    }
    let renamed = forged(|header, _| {
        let entry = header.as_object_mut().unwrap().remove("Conv1/bias").unwrap();
        header["Conv1/Bias"] = entry;
    });
    assert!(renamed.unwrap_err().to_string().contains("'Conv1/bias' is missing"));
    let more = forged(|header, data| {
        let from = data.len();
        data.push(0);
        header["extra"] =
            serde_json::json!({ "dtype": "U8", "shape": [1], "data_offsets": [from, from + 1] });
    });
    assert!(more.unwrap_err().to_string().contains("'extra'"));
    let turned = forged(|header, _| header["Conv1/bias"]["shape"] = serde_json::json!([8, 9]));
    assert!(turned.unwrap_err().to_string().contains("shape [8, 9], expected [9, 8]"));
}

#[test]
fn metadata_of_another_net_or_none_is_refused_by_its_key() {
    for (key, text) in [
        ("precision", Some("f32")),
        ("precision", Some("int4")),
        ("precision", None),
        ("integers_sha256", Some("0")),
        ("integers_sha256", None),
        ("int8_photos", Some("-1")),
        ("int8_photos", None),
        ("int8_judged_on", Some("none")),
        ("int8_error", Some("NaN")),
        ("int8_error", Some("-0.1")),
        ("int8_agreement", Some("1.5")),
        ("backbone", Some("pinned")),
        ("width", Some("1")),
        ("bn_epsilon", Some("0.5")),
        ("scaling", Some("mean 1,1,1 std 1,1,1")),
    ] {
        let error = forged(|header, _| {
            let metadata = header["__metadata__"].as_object_mut().unwrap();
            match text {
                Some(text) => metadata.insert(key.to_owned(), text.into()),
                None => metadata.remove(key),
            };
        });
        let error = error.unwrap_err().to_string();
        // Epsilon and scaling are part of the hash.
        let named = if ["bn_epsilon", "scaling"].contains(&key) { "integers_sha256" } else { key };
        assert!(error.contains(&format!("'{named}'")), "{key} {text:?}: {error}");
    }
    // The format says which kind of net is to be expected; also where the head alone is read, for a net that is kept packed.
    let floats = forged_bytes(|header, _| header["__metadata__"]["format"] = "1".into());
    let refused = [
        Model::from_bytes(&floats, "model").unwrap_err(),
        Model::head_from_bytes(&floats, "model").unwrap_err(),
    ];
    for error in refused.map(|error| error.to_string()) {
        assert!(error.contains("int8") && error.contains("format 1"), "{error}");
    }
    let mut floats = model(&["a", "b"], true).to_bytes().unwrap();
    let at = floats.windows(12).position(|text| text == br#""format":"1""#).unwrap();
    floats[at + 10] = b'2';
    let error = Model::from_bytes(&floats, "model").unwrap_err().to_string();
    assert!(error.contains("precision"), "{error}");
}

#[test]
fn a_hash_is_of_every_number() {
    let params = starter().unwrap().params;
    let net = IntegerNet::from_weights(&params).unwrap();
    let mut seen = std::collections::BTreeSet::from([integers_digest(&net), params_digest(&params)]);
    let mut fresh = |change: &dyn Fn(&mut IntegerNet)| {
        let mut changed = net.clone();
        change(&mut changed);
        assert!(seen.insert(integers_digest(&changed)));
    };
    for layer in ConvLayer::all() {
        fresh(&|net| net.conv_mut(layer).weights[0] ^= 1);
        fresh(&|net| net.conv_mut(layer).bias[1] += 1);
        fresh(&|net| match &mut net.conv_mut(layer).outcome {
            Outcome::Real(factors) => factors[0] *= 2.0,
            Outcome::Rescaled(rescale) => rescale[0] = Rescale::new(1, 7).unwrap(),
        });
    }
    fresh(&|net| net.blocks[3].output.zero += 1);
    fresh(&|net| net.blocks[3].output.step *= 2.0);
    fresh(&|net| net.blocks[3].output.fine ^= true);
    fresh(&|net| net.numerics = Numerics { epsilon: 1e-5, ..net.numerics });
    assert_eq!(Digest::of(b"").to_string().len(), 64);
}

#[test]
fn thousands_of_damaged_files_are_refused_in_a_line() {
    let whole = integer_model().to_bytes().unwrap();
    let count: u32 = std::env::var("ICECAP_MUTANTS").map_or(2000, |count| count.parse().unwrap());
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize + 8;
    let mut kinds: BTreeMap<bool, u32> = BTreeMap::new();
    for index in 0..count {
        let mut stream = Stream::new(1, Purpose::Test, 8, index);
        let mut bytes = whole.clone();
        // Half of the changes hit the header, which is a small part of the file.
        for _ in 0..1 + stream.next_u32() % 3 {
            let end = if stream.next_u32().is_multiple_of(2) { header } else { bytes.len() };
            let at = stream.next_u32() as usize % end.min(bytes.len());
            match stream.next_u32() % 4 {
                0 => bytes[at] ^= 1 << (stream.next_u32() % 8),
                1 => bytes[at] = stream.next_u32() as u8,
                2 => bytes.truncate(at.max(8)),
                _ => bytes.insert(at, stream.next_u32() as u8),
            }
        }
        match Model::from_bytes(&bytes, "file") {
            // A text that binds nothing, or the head.
            Ok(model) => assert!(model.to_bytes().is_ok()),
            Err(error) => assert_readable(&error),
        }
        *kinds.entry(Model::from_bytes(&bytes, "model").is_ok()).or_default() += 1;
    }
    println!("{count} mutants: {kinds:?} are read");
    assert!(kinds.get(&false).is_some_and(|refused| *refused > count / 2));
}
