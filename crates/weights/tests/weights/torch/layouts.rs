//! A net of Keras' put under other layouts' names by code of this test's own comes back as it was.

use std::path::PathBuf;

use icecap_graph::{Numerics, Padding};
use icecap_weights::safetensors::{Element, header};
use icecap_weights::{Layout, Weights, from_bytes};

use crate::draft::{Pickle, Tensor, state_dict, torch_legacy, torch_zip};
use crate::net::{self, Tensors};

/// Convolutions and their BatchNorms in the order of the net, by Keras' names.
fn keras_order() -> Vec<(String, String)> {
    let mut order = vec![("Conv1".to_owned(), "bn_Conv1".to_owned())];
    let steps = |block: usize| {
        if block == 0 { &["depthwise", "project"][..] } else { &["expand", "depthwise", "project"] }
    };
    for block in 0..17 {
        let start = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
        order.extend(
            steps(block).iter().map(|step| (format!("{start}_{step}"), format!("{start}_{step}_BN"))),
        );
    }
    order.push(("Conv_1".to_owned(), "Conv_1_bn".to_owned()));
    order
}

/// The same in another layout, and its top.
pub(crate) fn order(layout: Layout) -> (Vec<(String, String)>, &'static str) {
    let pair = |conv: String, norm: String| (conv, norm);
    match layout {
        Layout::Torchvision => {
            let mut order = vec![pair("features.0.0".into(), "features.0.1".into())];
            for (conv, norm) in [("0.0", "0.1"), ("1", "2")] {
                order.push(pair(format!("features.1.conv.{conv}"), format!("features.1.conv.{norm}")));
            }
            for at in 2..18 {
                for (conv, norm) in [("0.0", "0.1"), ("1.0", "1.1"), ("2", "3")] {
                    order.push(pair(
                        format!("features.{at}.conv.{conv}"),
                        format!("features.{at}.conv.{norm}"),
                    ));
                }
            }
            order.push(pair("features.18.0".into(), "features.18.1".into()));
            (order, "classifier.1")
        }
        Layout::Timm => {
            let mut order = vec![pair("conv_stem".into(), "bn1".into())];
            let places = "0.0 1.0 1.1 2.0 2.1 2.2 3.0 3.1 3.2 3.3 4.0 4.1 4.2 5.0 5.1 5.2 6.0";
            for place in places.split(' ') {
                let convs = if place == "0.0" { "conv_dw conv_pw" } else { "conv_pw conv_dw conv_pwl" };
                for (index, conv) in convs.split(' ').enumerate() {
                    let module = |name: &str| format!("blocks.{place}.{name}");
                    order.push(pair(module(conv), module(&format!("bn{}", index + 1))));
                }
            }
            order.push(pair("conv_head".into(), "bn2".into()));
            (order, "classifier")
        }
        Layout::Flat => {
            let mut order = vec![pair("features.0.0".into(), "features.0.1".into())];
            for at in 1..18 {
                let places = if at == 1 { &[0, 3][..] } else { &[0, 3, 6] };
                let of = |place: usize| format!("features.{at}.conv.{place}");
                order.extend(places.iter().map(|place| pair(of(*place), of(place + 1))));
            }
            order.push(pair("conv.0".into(), "conv.1".into()));
            (order, "classifier")
        }
        Layout::OpenMmLab => {
            let of = |module: String| pair(format!("{module}.conv"), format!("{module}.bn"));
            let mut order = vec![of("backbone.conv1".into())];
            for (layer, blocks) in [1, 2, 3, 4, 3, 3, 1].into_iter().enumerate() {
                for block in 0..blocks {
                    let convs = if layer == 0 { 2 } else { 3 };
                    let module = |conv: usize| format!("backbone.layer{}.{block}.conv.{conv}", layer + 1);
                    order.extend((0..convs).map(|conv| of(module(conv))));
                }
            }
            order.push(of("backbone.conv2".into()));
            (order, "head.fc")
        }
        _ => (huggingface_order(), "classifier"),
    }
}

/// From the names that `transformers` itself lists.
fn huggingface_order() -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/huggingface_names.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let convs = text.lines().filter_map(|line| line.split_once(".convolution.weight "));
    convs.map(|(module, _)| (format!("{module}.convolution"), format!("{module}.normalization"))).collect()
}

/// Sizes and values with the axes in PyTorch's order.
fn transposed(name: &str, tensor: &icecap_kernels::Tensor) -> (Vec<usize>, Vec<f32>) {
    let (dims, values) = (tensor.shape().dims().to_vec(), tensor.data());
    match *dims {
        [h, w, i, o] => {
            // Depthwise kernels have channels, then 1, where others have inputs and outputs.
            let (outer, inner, depthwise) =
                if name.contains("depthwise") { (i, o, true) } else { (o, i, false) };
            let at = |y: usize, x: usize, a: usize, b: usize| {
                let (i_at, o_at) = if depthwise { (a, b) } else { (b, a) };
                values[((y * w + x) * i + i_at) * o + o_at]
            };
            let mut out = Vec::new();
            for a in 0..outer {
                for b in 0..inner {
                    (0..h * w).for_each(|place| out.push(at(place / w, place % w, a, b)));
                }
            }
            (vec![outer, inner, h, w], out)
        }
        [i, o] => (vec![o, i], (0..o * i).map(|at| values[at % i * o + at / i]).collect()),
        _ => (dims, values.to_vec()),
    }
}

/// A net of Keras' in another layout, batch counters with it.
pub(crate) fn renamed(tensors: &Tensors, layout: Layout) -> Vec<Tensor> {
    let (own, top) = order(layout);
    let keras = keras_order();
    assert_eq!(own.len(), keras.len());
    let mut out: Vec<Tensor> = Vec::new();
    let mut push = |from: String, to: String| {
        if let Some(tensor) = tensors.get(&from) {
            let (sizes, values) = transposed(&from, tensor);
            out.push(Tensor::plain(&to, out.len(), &sizes, &values));
        }
    };
    for ((conv, norm), (own_conv, own_norm)) in keras.iter().zip(&own) {
        push(format!("{conv}/kernel"), format!("{own_conv}.weight"));
        for (from, to) in
            ["gamma weight", "beta bias", "moving_mean running_mean", "moving_variance running_var"]
                .map(|names| names.split_once(' ').unwrap())
        {
            push(format!("{norm}/{from}"), format!("{own_norm}.{to}"));
        }
    }
    push("predictions/kernel".to_owned(), format!("{top}.weight"));
    push("predictions/bias".to_owned(), format!("{top}.bias"));
    assert_eq!(out.len(), tensors.len());
    for (_, norm) in own {
        out.push(Tensor::counter(&format!("{norm}.num_batches_tracked"), out.len()));
    }
    out
}

pub(crate) fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let shapes: Vec<_> = tensors
        .iter()
        .map(|tensor| {
            let sizes: Vec<usize> = tensor.sizes.iter().map(|size| *size as usize).collect();
            let element = match tensor.kind {
                "LongStorage" => Element::I64,
                "HalfStorage" => Element::F16,
                "BFloat16Storage" => Element::Bf16,
                "DoubleStorage" => Element::F64,
                _ => Element::F32,
            };
            (tensor.name.as_str(), element, icecap_kernels::Shape::new(&sizes).unwrap())
        })
        .collect();
    let mut bytes = header(&net::texts(&[]), &shapes);
    tensors.iter().for_each(|tensor| bytes.extend(tensor.bytes.as_ref().unwrap()));
    bytes
}

pub(crate) fn assert_same(weights: &Weights, tensors: &Tensors) {
    assert_eq!(weights.params.tensors().count(), tensors.len());
    for (name, tensor) in weights.params.tensors() {
        assert_eq!(tensor.shape(), tensors[name].shape(), "{name}");
        assert_eq!(tensor.data(), tensors[name].data(), "{name}");
    }
}

const OTHERS: [Layout; 5] =
    [Layout::Torchvision, Layout::Timm, Layout::HuggingFace, Layout::Flat, Layout::OpenMmLab];

/// Opens: PyTorch | a `state_dict` in the names of torchvision, timm, Google's port in transformers, OpenMMLab, or the flat ones of d-li14 and tonylins | epsilon, padding and pixels of its layout
#[test]
fn a_net_under_other_names_is_the_same_net() {
    let tensors = net::tensors(&net::tiny(), Some(10));
    for layout in OTHERS {
        let renamed = renamed(&tensors, layout);
        let pickle = state_dict(&renamed);
        let files = [safetensors(&renamed), torch_zip(&pickle, &renamed), torch_legacy(&pickle, &renamed)];
        let hashes = files.map(|file| {
            let weights = from_bytes(&file, "file").unwrap_or_else(|error| panic!("{layout}: {error}"));
            assert_same(&weights, &tensors);
            assert_eq!(weights.record.layout, layout);
            weights.record.params_sha256
        });
        assert_eq!((hashes[0], hashes[1]), (hashes[1], hashes[2]));
    }
}

#[test]
fn each_layout_brings_its_numbers() {
    for layout in OTHERS {
        let numerics = layout.numerics();
        if layout == Layout::HuggingFace {
            assert_eq!(numerics, Numerics::KERAS);
            continue;
        }
        assert_eq!((numerics.epsilon, numerics.padding), (1e-5, Padding::Symmetric));
        for (channel, (mean, std)) in [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)].into_iter().enumerate()
        {
            let scaled =
                |pixel: f32| pixel * numerics.scaling.scale[channel] + numerics.scaling.shift[channel];
            assert!(
                (scaled(255.0) - (1.0 - mean) / std).abs() < 1e-5 && (scaled(0.0) + mean / std).abs() < 1e-5
            );
        }
    }
}

/// Opens: PyTorch | one prefix before all names: `module.`, `model.`, `_orig_mod.`, several in a row | taken off
#[test]
fn other_forms_of_the_names_open_too() {
    let tensors = net::tensors(&net::tiny(), Some(10));
    let check = |renamed: &[Tensor]| {
        assert_same(&from_bytes(&torch_zip(&state_dict(renamed), renamed), "file").unwrap(), &tensors);
    };
    let change = |layout: Layout, change: &dyn Fn(&str) -> String| {
        let mut renamed = renamed(&tensors, layout);
        renamed.iter_mut().for_each(|tensor| tensor.name = change(&tensor.name));
        renamed
    };
    check(&change(Layout::HuggingFace, &|name| name.replace("mobilenet_v2.", "")));
    check(&change(Layout::Torchvision, &|name| name.replace("classifier.1", "classifier")));
    check(&change(Layout::Flat, &|name| match name.strip_prefix("conv.") {
        Some(last) => format!("features.18.{last}"),
        None => name.replace("classifier", "classifier.1"),
    }));
    for prefix in ["module.", "model.", "_orig_mod.", "net.0.", "module.model.", "a.b.c.d."] {
        for layout in OTHERS {
            check(&change(layout, &|name| format!("{prefix}{name}")));
        }
    }
    // The sequence of the features under other names, and the head beside it.
    for root in ["backbone.", "base_model.features.", "0.0.", ""] {
        check(&change(Layout::Torchvision, &|name| match name.strip_prefix("features.") {
            Some(name) => format!("{root}{name}"),
            None => name.replace("classifier.1", "my_head"),
        }));
    }
    // A checkpoint: the net beside what a training leaves, a tensor of its own among it.
    let renamed = renamed(&tensors, Layout::Timm);
    let loss = Tensor::plain("loss", renamed.len(), &[1], &[0.5]);
    let stored: Vec<Tensor> = renamed.iter().chain([&loss]).cloned().collect();
    for key in ["state_dict", "model", "model_state_dict", "model_ema", "net", "any key"] {
        let dict = renamed.iter().fold(
            Pickle::new().raw("}(").text("epoch").int(3).tensor(&loss).text(key).raw("}("),
            Pickle::tensor,
        );
        let pickle = dict.raw("u").text("optimizer").raw("}").int(5).raw("]ss").raw("u").end();
        assert_same(&from_bytes(&torch_zip(&pickle, &stored), "file").unwrap(), &tensors);
        assert_same(&from_bytes(&torch_legacy(&pickle, &stored), "file").unwrap(), &tensors);
    }
}

/// Refuses: PyTorch | timm's deeper nets, `mobilenetv2_110d` and `120d` | the block that is one too many
#[test]
fn deeper_nets_are_named() {
    let tensors = net::tensors(&net::tiny(), None);
    let mut more = renamed(&tensors, Layout::Timm);
    more.push(Tensor::plain("blocks.1.2.conv_pw.weight", more.len(), &[1], &[1.0]));
    let error = from_bytes(&safetensors(&more), "file").unwrap_err().to_string();
    assert!(error.contains("'blocks.1.2' is a block more") && error.contains("mobilenetv2_110d"), "{error}");
}

/// Refuses: PyTorch | a net that was prepared for quantization, or whose weights are computed from others | the first such tensor
#[test]
fn what_only_a_training_has_inside_the_net_is_named() {
    for (name, advice) in [
        ("features.0.0.weight_fake_quant.scale", "prepare_qat"),
        ("features.0.0.weight_orig", "prune.remove"),
        ("features.0.0.parametrizations.weight.original0", "remove_parametrizations"),
    ] {
        let mut more = renamed(&net::tensors(&net::tiny(), None), Layout::Torchvision);
        more.push(Tensor::plain(name, more.len(), &[1], &[1.0]));
        let error = from_bytes(&safetensors(&more), "file").unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}'")) && error.contains(advice), "{error}");
    }
}

#[test]
fn missing_and_extra_tensors_are_named_as_the_file_names_them() {
    let tensors = net::tensors(&net::tiny(), Some(10));
    for (layout, missing) in [
        (Layout::Torchvision, "features.3.conv.0.0.weight"),
        (Layout::Timm, "blocks.3.2.bn3.running_var"),
        (Layout::HuggingFace, "mobilenet_v2.conv_stem.reduce_1x1.normalization.bias"),
    ] {
        let whole = renamed(&tensors, layout);
        let text = |tensors: &[Tensor]| from_bytes(&safetensors(tensors), "file").unwrap_err().to_string();
        let mut less = whole.clone();
        less.retain(|tensor| tensor.name != missing);
        assert_eq!(less.len() + 1, whole.len());
        assert!(text(&less).contains(&format!("'{missing}'")), "{}", text(&less));
        let inside = match layout {
            Layout::Torchvision => "features.19.0.weight",
            Layout::Timm => "blocks.3.0.se.conv_reduce.weight",
            _ => "mobilenet_v2.layer.16.expand_1x1.convolution.weight",
        };
        let with = |extra: &str, sizes: &[usize], values: &[f32]| {
            let mut more = whole.clone();
            more.push(Tensor::plain(extra, 999, sizes, values));
            more
        };
        let told = text(&with(inside, &[1], &[1.0]));
        assert!(told.contains(&format!("'{inside}'")), "{inside}: {told}");
        // What makes the three colors of something else is no head.
        let adapter = text(&with("adapter.weight", &[3, 1, 1, 1], &[1.0; 3]));
        assert!(adapter.contains("'adapter.weight'"), "{adapter}");
        for extra in ["extra.weight", "Conv1/kernel", "head/kernel"] {
            let weights = from_bytes(&safetensors(&with(extra, &[1], &[1.0])), "file").unwrap();
            let reason = weights.head.unreadable().unwrap();
            assert!(reason.contains(&format!("'{extra}'")), "{extra}: {reason}");
        }
        let mut wrong = whole.clone();
        let bad = wrong.iter_mut().find(|tensor| tensor.name == missing).unwrap();
        bad.bytes.as_mut().unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(
            text(&wrong).contains(&format!("(here '{missing}')")) && text(&wrong).contains("NaN"),
            "{}",
            text(&wrong)
        );
    }
}

#[test]
fn a_head_that_cannot_be_read_leaves_the_net_usable() {
    let tensors = net::tensors(&net::tiny(), Some(10));
    for layout in [Layout::Torchvision, Layout::Timm, Layout::HuggingFace] {
        let whole = renamed(&tensors, layout);
        let open = |tensors: &[Tensor]| from_bytes(&safetensors(tensors), "file").unwrap();
        let expected = open(&whole).record.params_sha256;
        for extra in ["fc.weight", "classifier.4.weight", "head.fc.bias"] {
            let mut more = whole.clone();
            more.push(Tensor::plain(extra, 999, &[1], &[1.0]));
            let weights = open(&more);
            assert_eq!((weights.record.params_sha256, weights.params.classes()), (expected, None));
            let reason = weights.head.unreadable().unwrap();
            assert!(reason.contains(&format!("'{extra}' of shape [1] is of no layer")), "{reason}");
        }
        let is_top =
            |tensor: &&mut Tensor| tensor.name.starts_with("classifier") && tensor.name.ends_with("weight");
        let mut wrong = whole.clone();
        let bad = wrong.iter_mut().find(is_top).unwrap();
        bad.bytes.as_mut().unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        let name = bad.name.clone();
        let reason = open(&wrong).head.unreadable().unwrap().to_owned();
        assert!(reason.contains(&format!("'{name}' holds NaN at index 0")), "{reason}");
        // Without its bias it is a dense layer with one of zeros.
        let mut less = whole.clone();
        less.retain(|tensor| !(tensor.name.starts_with("classifier") && tensor.name.ends_with("bias")));
        assert_eq!(open(&less).params.classes(), Some(10));
    }
}
