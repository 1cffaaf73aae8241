//! Heads of PyTorch's, whatever they are called and however deep they stand.

use icecap_weights::{Activation, DenseHead, FileHead, Layout, Weights, from_bytes};

use super::layouts::{renamed, safetensors};
use crate::draft::{Tensor, state_dict, torch_zip};
use crate::net;

/// A net of nine features without a head, and these tensors.
fn open(layout: Layout, head: &[(&str, &[usize])]) -> Weights {
    let mut tensors = renamed(&net::tensors(&net::tiny(), None), layout);
    for (name, sizes) in head {
        let count: usize = sizes.iter().product();
        let start = name.bytes().map(usize::from).sum::<usize>();
        let positive = name.ends_with("running_var");
        let value = |index: usize| {
            let step = ((start + 7 * index) % 23) as f32;
            if positive { 0.5 + step / 16.0 } else { (step - 11.0) / 16.0 }
        };
        let values: Vec<f32> = (0..count).map(value).collect();
        tensors.push(Tensor::plain(name, tensors.len(), sizes, &values));
    }
    from_bytes(&safetensors(&tensors), "file").unwrap_or_else(|error| panic!("{error}"))
}

/// The activations of a head's layers, and their outputs.
fn layers(weights: &Weights) -> Vec<(usize, Activation)> {
    match &weights.head {
        FileHead::Layers(head) => {
            head.layers().iter().map(|layer| (layer.outputs(), layer.activation)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Opens: PyTorch | a dense layer under any name (`fc`, `head`, `classifier.3`, …), with dropouts before it | as the head
#[test]
fn one_dense_layer_is_the_top_under_any_name() {
    for layout in [Layout::Torchvision, Layout::Timm, Layout::Flat] {
        for module in
            ["fc", "head", "classifier", "classifier.0", "classifier.3", "model.net.out.2.1", "head.fc"]
        {
            let (weight, bias) = (format!("{module}.weight"), format!("{module}.bias"));
            let weights = open(layout, &[(&weight, &[3, 9]), (&bias, &[3])]);
            assert!(matches!(weights.head, FileHead::Top), "{module}: {:?}", weights.head);
            assert_eq!(weights.params.classes(), Some(3), "{module}");
            let without = open(layout, &[(&weight, &[3, 9])]);
            assert_eq!(without.params.classes(), Some(3), "{module}");
            assert!(weights.notes.is_empty() && without.notes.is_empty());
        }
    }
}

const RELU: Activation = Activation::Relu;
const NONE: Activation = Activation::None;

/// Opens: PyTorch | a head of several dense layers | what the file does not tell, the activation between them, is taken as ReLU and said
#[test]
fn layers_of_a_sequence_leave_room_for_an_activation_or_not() {
    let dense = |first: &'static str, second: &'static str| {
        open(Layout::Torchvision, &[(first, &[5, 9]), (second, &[3, 5])])
    };
    for (first, second) in [
        ("classifier.1.weight", "classifier.4.weight"),
        ("classifier.0.weight", "classifier.2.weight"),
        ("head.9.weight", "head.11.weight"),
        ("fc1.weight", "fc2.weight"),
        ("head.0.0.weight", "head.1.0.weight"),
    ] {
        let weights = dense(first, second);
        assert_eq!(layers(&weights), [(5, RELU), (3, NONE)], "{first}");
        let [note] = &weights.notes[..] else { panic!("{:?}", weights.notes) };
        assert!(note.contains(first.trim_end_matches(".weight")) && note.contains("relu is taken"), "{note}");
    }
    let weights = dense("classifier.1.weight", "classifier.2.weight");
    assert_eq!(layers(&weights).iter().map(|(_, activation)| *activation).collect::<Vec<_>>(), [NONE, NONE]);
    assert!(weights.notes.is_empty());
}

/// A head with a normalization: tensors and their sizes.
const SIZES: [(&str, &[usize]); 11] = [
    ("h.0.running_mean", &[9]),
    ("h.0.running_var", &[9]),
    ("h.0.weight", &[9]),
    ("h.0.bias", &[9]),
    ("h.2.weight", &[5, 9]),
    ("h.2.bias", &[5]),
    ("h.NORM.running_mean", &[5]),
    ("h.NORM.running_var", &[5]),
    ("h.NORM.weight", &[5]),
    ("h.NORM.bias", &[5]),
    ("h.LAST.weight", &[3, 5]),
];

/// The values of a head's tensor, as `open` makes them.
fn values_of(name: &str, sizes: &[usize]) -> Vec<f64> {
    let start = name.bytes().map(usize::from).sum::<usize>();
    let value = |index: usize| {
        let step = ((start + 7 * index) % 23) as f64;
        if name.ends_with("running_var") { 0.5 + step / 16.0 } else { (step - 11.0) / 16.0 }
    };
    (0..sizes.iter().product()).map(value).collect()
}

/// What a head makes of features.
fn run(head: &DenseHead, mut x: Vec<f32>) -> Vec<f32> {
    for layer in head.layers() {
        let (kernel, outputs) = (layer.kernel.data(), layer.outputs());
        let out = |output: usize| {
            let sum: f32 = x.iter().enumerate().map(|(i, x)| x * kernel[i * outputs + output]).sum();
            layer.activation.of(sum + layer.bias[output])
        };
        x = (0..outputs).map(out).collect();
    }
    x
}

/// A head in f64, layer by layer as PyTorch runs it, against the folded one in f32.
/// Opens: PyTorch | a head with BatchNorm | folded into its dense layers
#[test]
fn a_normalization_is_folded_where_the_numbers_say_that_it_stands() {
    // Where the normalization and the last layer stand, and whether the activation comes first.
    for (norm, last, first) in [(3, 6, false), (4, 5, true), (4, 6, true)] {
        let names: Vec<(String, &[usize])> = SIZES
            .iter()
            .map(|(name, sizes)| {
                let name = name.replace("NORM", &norm.to_string()).replace("LAST", &last.to_string());
                (name, *sizes)
            })
            .collect();
        let names: Vec<(&str, &[usize])> =
            names.iter().map(|(name, sizes)| (name.as_str(), *sizes)).collect();
        let weights = open(Layout::Timm, &names);
        let values = |name: &str| values_of(name, names.iter().find(|(other, _)| *other == name).unwrap().1);
        let normalize = |x: Vec<f64>, module: &str| -> Vec<f64> {
            let of = |variable: &str| values(&format!("{module}.{variable}"));
            let (gamma, beta, mean, variance) =
                (of("weight"), of("bias"), of("running_mean"), of("running_var"));
            let at = |(i, x): (usize, f64)| (x - mean[i]) / (variance[i] + 1e-5).sqrt() * gamma[i] + beta[i];
            x.into_iter().enumerate().map(at).collect()
        };
        let dense = |x: Vec<f64>, module: &str, bias: Option<Vec<f64>>| -> Vec<f64> {
            let weight = values(&format!("{module}.weight"));
            let rows = weight.chunks(x.len()).enumerate();
            rows.map(|(row, weights)| {
                let sum: f64 = weights.iter().zip(&x).map(|(weight, x)| weight * x).sum();
                sum + bias.as_ref().map_or(0.0, |bias| bias[row])
            })
            .collect()
        };
        let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<f64>>();
        let x: Vec<f64> = (0..9).map(|index| f64::from(index) * 0.7).collect();
        let hidden = dense(normalize(x.clone(), "h.0"), "h.2", Some(values("h.2.bias")));
        let norm = format!("h.{norm}");
        let hidden = if first { normalize(relu(hidden), &norm) } else { relu(normalize(hidden, &norm)) };
        let expected = dense(hidden, &format!("h.{last}"), None);

        let FileHead::Layers(head) = &weights.head else { panic!("{:?}", weights.head) };
        let got = run(head, x.iter().map(|x| *x as f32).collect());
        for (got, expected) in got.iter().zip(&expected) {
            assert!((f64::from(*got) - expected).abs() < 1e-4, "{got} {expected}");
        }
        assert_eq!(got.len(), 3);
    }
}

/// Refuses: PyTorch | a head that is no chain of dense layers | the tensor; the backbone is usable
#[test]
fn what_fits_no_chain_is_named_and_leaves_the_net() {
    for (head, expected) in [
        (
            &[("fc.weight", &[3, 441][..])][..],
            "'fc' takes 441 values, and the net gives 9 pooled features, 49 times",
        ),
        (&[("fc.weight", &[3, 18])], "2 times as many"),
        (&[("fc.weight", &[3, 8])], "'fc' takes 8 values"),
        (&[("a.weight", &[3, 9]), ("b.weight", &[4, 9])], "'a', 'b' make no chain"),
        (&[("a.weight", &[9, 9]), ("b.weight", &[9, 9])], "in more than one order"),
        (&[("fc.weight", &[9])], "'fc.weight' of shape [9] is of no layer"),
        (
            &[("gate.0.weight", &[4, 9]), ("gate.2.weight", &[9, 4]), ("fc.weight", &[3, 9])],
            "'gate.2' gives as many values as the 9 pooled features, and 'fc' may read either",
        ),
        (&[("fc.weight_g", &[3, 1]), ("fc.weight_v", &[3, 9])], "'fc.weight_g'"),
        (&[("fc.bias", &[3]), ("fc.weight_orig", &[3, 9])], "'fc.weight_orig'"),
        (
            &[("fc.bias", &[3]), ("fc.parametrizations.weight.original0", &[3, 1])],
            "'fc.parametrizations.weight",
        ),
        (&[("norm.weight", &[9]), ("norm.bias", &[9]), ("fc.weight", &[3, 9])], "'norm.bias'"),
        (&[("se.weight", &[4, 9, 1, 1])], "'se.weight'"),
        (&[("classifier.weight", &[3, 9, 1, 1])], "'classifier.weight'"),
    ] {
        let weights = open(Layout::Torchvision, head);
        let reason = weights.head.unreadable().unwrap_or_else(|| panic!("{head:?}"));
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(weights.params.classes(), None);
    }
    // Of one module, or of modules that are counted, layers stand behind each other.
    for pair in [["classifier.1", "classifier.4"], ["classifier.1", "classifier.4.0"], ["fc1", "fc2"]] {
        let [first, second] = pair.map(|module| format!("{module}.weight"));
        let weights = open(Layout::Torchvision, &[(&*first, &[9, 9]), (&*second, &[3, 9])]);
        assert!(matches!(weights.head, FileHead::Layers(_)), "{:?}", weights.head);
    }
    let mut tensors = renamed(&net::tensors(&net::tiny(), None), Layout::Torchvision);
    let kernel = Tensor::plain("fc.weight", tensors.len(), &[3, 9], &[0.0; 27]);
    tensors.push(Tensor { kind: "CharStorage", bytes: Some(vec![1; 27]), ..kernel });
    let weights = from_bytes(&torch_zip(&state_dict(&tensors), &tensors), "file").unwrap();
    let reason = weights.head.unreadable().unwrap();
    assert!(reason.contains("'fc.weight' is I8"), "{reason}");
    let weights = open(Layout::Torchvision, &[("fc.weight", &[3, 9]), ("criterion.weight", &[3])]);
    assert!(matches!(weights.head, FileHead::Top));
    assert!(weights.notes[0].contains("criterion.weight"), "{:?}", weights.notes);
}

/// Refuses: PyTorch | a BatchNorm of three colors before the net | its tensor, and the way out
#[test]
fn a_normalization_of_colors_before_the_net_is_refused() {
    let mut tensors = renamed(&net::tensors(&net::tiny(), None), Layout::Torchvision);
    for variable in ["weight", "bias", "running_mean", "running_var"] {
        tensors.push(Tensor::plain(&format!("bn_in.{variable}"), tensors.len(), &[3], &[0.5; 3]));
    }
    let error = from_bytes(&safetensors(&tensors), "file").unwrap_err().to_string();
    assert!(error.contains("'bn_in.running_mean'") && error.contains("three colors"), "{error}");
    // Behind a dense layer of three outputs it is the head's.
    tensors.push(Tensor::plain("fc.weight", tensors.len(), &[3, 9], &[0.5; 27]));
    let weights = from_bytes(&safetensors(&tensors), "file").unwrap();
    assert_eq!(layers(&weights), [(3, NONE)]);
}
