//! Graphs of our own export in which a setting is changed: each is followed, or refused by the node that has it.

use icecap_graph::int8::IntegerNet;

use super::super::graph_hostile::tiny;
use super::message::{Attribute, Graph, Node};
use super::*;
use crate::dense_head::FileHead;
use crate::onnx::tests::params;
use crate::traced::Constant;
use crate::{Error, OnnxPixels};

/// What is read of a graph with a change: a file, or one line.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Graph<'_>)) -> Result<FileHead, String> {
    let mut model = message::model(bytes).unwrap();
    change(model.graph.as_mut().unwrap());
    let path = Path::new("file");
    let read = file(model, bytes.len()).map_err(|refusal| refusal.error(path).to_string())?;
    Ok(read.container(path, ContainerKind::Onnx).told().head.clone().unwrap())
}

fn float() -> Vec<u8> {
    tiny().to_onnx(OnnxPixels::Scaled).unwrap()
}

fn bytes() -> Vec<u8> {
    let model = tiny();
    model.to_onnx_int8(&IntegerNet::from_weights(params(&model)).unwrap(), OnnxPixels::Scaled).unwrap()
}

fn of_op<'g, 'a>(graph: &'g mut Graph<'a>, op: &'g str) -> impl Iterator<Item = &'g mut Node<'a>> {
    graph.nodes.iter_mut().filter(move |node| node.op == op)
}

/// Puts a node in that reads what another one gives, and `more`; whoever read that reads the new node.
fn insert_behind<'a>(graph: &mut Graph<'a>, op: &str, node: Node<'a>, more: &[&'a str]) {
    let place = graph.nodes.iter().rposition(|node| node.op == op).unwrap();
    let (from, to) = (graph.nodes[place].outputs[0], "put in");
    graph.nodes.iter_mut().for_each(|node| {
        node.inputs.iter_mut().filter(|input| **input == from).for_each(|input| *input = to);
    });
    graph.outputs.iter_mut().filter(|port| port.name == from).for_each(|port| port.name = to);
    let inputs = [&[from], more].concat();
    graph.nodes.insert(place + 1, Node { name: "new", inputs, outputs: vec![to], ..node });
}

fn node<'a>(op: &'a str, attributes: Vec<(&'a str, Attribute<'a>)>) -> Node<'a> {
    Node { op, attributes, ..Node::default() }
}

fn unreadable(read: Result<FileHead, String>) -> String {
    read.unwrap().unreadable().unwrap().to_owned()
}

#[test]
fn settings_that_no_mobilenet_has_are_refused_by_their_node() {
    let (float, integers) = (float(), bytes());
    let is_pointwise = |node: &Node<'_>| {
        node.attributes.iter().all(|(name, value)| {
            *name != "kernel_shape" || matches!(value, Attribute::Integers(sides) if sides[..] == [1, 1])
        })
    };
    let told = changed(&float, |graph| {
        let conv = of_op(graph, "Conv").find(|node| is_pointwise(node)).unwrap();
        conv.attributes.retain(|(name, _)| *name != "pads");
        conv.attributes.push(("pads", Attribute::Integers(vec![1; 4])));
    });
    assert!(told.unwrap_err().contains("zeros stand around the image of a 1x1"));
    let told = changed(&float, |graph| {
        let bias = of_op(graph, "Conv").next().unwrap().inputs[2];
        let constant = graph.constants.iter_mut().find(|(name, _)| *name == bias).unwrap();
        constant.1 = Ok(Constant::of_integers(vec![2], &[1, 2]));
    });
    assert!(told.unwrap_err().contains("its bias is of whole numbers, and the file states no scale"));
    let told = changed(&float, |graph| {
        let conv = of_op(graph, "Conv").next().unwrap();
        conv.attributes.retain(|(name, _)| *name != "auto_pad" && *name != "pads");
        conv.attributes.push(("auto_pad", Attribute::Text("VALID")));
        conv.attributes.push(("pads", Attribute::Integers(vec![0, 0, 1, 1])));
    });
    assert!(told.unwrap_err().contains("padding that is not read"));
    let with_norm = |setting: &'static str, value: i64| {
        changed(&float, |graph| {
            graph.constants.push(("ones", Ok(Constant::of_floats(vec![2], &[1.0; 2], 0))));
            let norm = node("BatchNormalization", vec![(setting, Attribute::Integer(value))]);
            insert_behind(graph, "Conv", norm, &["ones"; 4]);
        })
    };
    assert!(matches!(with_norm("spatial", 1), Ok(FileHead::Top)));
    assert!(with_norm("spatial", 0).unwrap_err().contains("statistics for each pixel"));
    assert!(with_norm("training_mode", 1).unwrap_err().contains("it is in training"));
    // A kernel that ONNX Runtime has fused, and an operator of several values.
    let told = changed(&float, |graph| {
        let conv = of_op(graph, "Conv").next().unwrap();
        (conv.op, conv.domain) = ("FusedConv", "com.microsoft");
    });
    assert!(told.unwrap_err().contains("give the file that was optimized"));
    let told = changed(&float, |graph| {
        let conv = of_op(graph, "Conv").next().unwrap();
        conv.op = "DynamicQuantizeLinear";
        conv.outputs.push("scale");
    });
    assert!(told.unwrap_err().contains("(DynamicQuantizeLinear): such an operator is not read"));
    // Every value that leaves a step comes in bytes of its own scale.
    let told = changed(&integers, |graph| {
        let constants: Vec<&str> = graph.constants.iter().map(|(name, _)| *name).collect();
        let mut reads: Vec<_> = of_op(graph, "DequantizeLinear")
            .filter(|node| !constants.contains(&node.inputs[0]) && node.inputs[0] != "pixels")
            .collect();
        let other = reads[0].inputs[1];
        let wrong = reads.iter_mut().find(|node| node.inputs[1] != other).unwrap();
        wrong.inputs[1] = other;
    });
    assert!(told.unwrap_err().contains("another scale or zero than they were written with"));
}

#[test]
fn what_changes_the_values_of_a_head_makes_it_unreadable() {
    let float = float();
    let shape: &[(&str, i64)] = &[("Softmax", 1), ("Gemm", 1)];
    for (op, channels) in shape {
        let told = unreadable(changed(&float, |graph| {
            graph.constants.push(("form", Ok(Constant::of_integers(vec![2], &[-1, *channels]))));
            insert_behind(graph, op, node("Reshape", Vec::new()), &["form"]);
        }));
        assert!(told.contains("(Reshape)"), "{told}");
    }
    for (op, attributes, words) in [
        ("Cast", vec![("to", Attribute::Integer(7))], "it cuts values down to whole numbers"),
        ("Cast", vec![("to", Attribute::Integer(9))], "values of type BOOL"),
        ("Gather", Vec::new(), "such an operator is not read"),
        ("Tanh", Vec::new(), "such an operator is not read"),
        ("HardSwish", Vec::new(), "such an operator is not read"),
    ] {
        let told = unreadable(changed(&float, |graph| {
            graph.constants.push(("index", Ok(Constant::of_integers(vec![2], &[1, 0]))));
            insert_behind(graph, "Gemm", node(op, attributes), &["index"]);
        }));
        assert!(told.contains("node 'new'") && told.contains(words), "{told}");
    }
    // A permutation of the probabilities is no choice among them.
    let told = unreadable(changed(&float, |graph| {
        graph.constants.push(("index", Ok(Constant::of_integers(vec![3], &[2, 1, 0]))));
        insert_behind(graph, "Softmax", node("Gather", vec![("axis", Attribute::Integer(1))]), &["index"]);
    }));
    assert!(told.contains("it computes with probabilities"), "{told}");
    let told = unreadable(changed(&float, |graph| {
        graph.constants.push(("ratio", Ok(Constant::of_floats(Vec::new(), &[0.5], 0))));
        graph.constants.push(("trains", Ok(Constant::of_integers(Vec::new(), &[1]))));
        insert_behind(graph, "Flatten", node("Dropout", Vec::new()), &["ratio", "trains"]);
    }));
    assert!(told.contains("it is in training"), "{told}");
}

#[test]
fn what_changes_nothing_leaves_the_head() {
    let float = float();
    type Inserted<'a> = (&'a str, &'a str, Vec<(&'a str, Attribute<'a>)>, Vec<i64>);
    let all: [Inserted<'_>; 5] = [
        ("Gemm", "Reshape", Vec::new(), vec![-1, 3]),
        ("Gemm", "Reshape", Vec::new(), vec![1, -1]),
        ("Gemm", "Cast", vec![("to", Attribute::Integer(1))], Vec::new()),
        ("Softmax", "ArgMax", Vec::new(), Vec::new()),
        ("Flatten", "Dropout", Vec::new(), Vec::new()),
    ];
    for (behind, op, attributes, form) in all {
        let read = changed(&float, |graph| {
            let more: &[&str] = if form.is_empty() { &[] } else { &["form"] };
            graph.constants.push(("form", Ok(Constant::of_integers(vec![form.len()], &form))));
            insert_behind(graph, behind, node(op, attributes), more);
        });
        assert!(matches!(read, Ok(FileHead::Top)), "{op}: {read:?}");
    }
    // The best class of the logits, with the softmax left out.
    let read = changed(&float, |graph| of_op(graph, "Softmax").next().unwrap().op = "ArgMax");
    assert!(matches!(read, Ok(FileHead::Top)), "{read:?}");
}

#[test]
fn bytes_that_hold_nothing_below_zero_are_a_relu() {
    let float = float();
    let between = |zero: u8| {
        let read = changed(&float, |graph| {
            let zero = Constant::new(Vec::new(), crate::traced::Stored::U8, vec![zero].into(), 0).unwrap();
            graph.constants.push(("scale", Ok(Constant::of_floats(Vec::new(), &[0.1], 0))));
            graph.constants.push(("zero", Ok(zero)));
            insert_behind(graph, "Gemm", node("QuantizeLinear", Vec::new()), &["scale", "zero"]);
            let back = graph.nodes.iter().position(|node| node.op == "QuantizeLinear").unwrap();
            graph.nodes[back].outputs = vec!["bytes"];
            let inputs = vec!["bytes", "scale", "zero"];
            let dequantize = Node { inputs, outputs: vec!["put in"], ..node("DequantizeLinear", Vec::new()) };
            graph.nodes.insert(back + 1, dequantize);
        });
        read.unwrap()
    };
    let FileHead::Layers(head) = between(0) else { panic!("the bytes are a ReLU") };
    assert_eq!(head.to_string(), "dense 3 relu, dense 3, softmax");
    assert!(matches!(between(100), FileHead::Top));
}

#[test]
fn means_over_columns_and_then_rows_are_the_mean_over_both() {
    let float = float();
    let means = |first: i64, second: i64, keep: i64| {
        changed(&float, |graph| {
            let settings = |axis: i64| {
                vec![("axes", Attribute::Integers(vec![axis])), ("keepdims", Attribute::Integer(keep))]
            };
            let pool = of_op(graph, "GlobalAveragePool").next().unwrap();
            (pool.op, pool.attributes) = ("ReduceMean", settings(first));
            insert_behind(graph, "ReduceMean", node("ReduceMean", settings(second)), &[]);
        })
    };
    for [first, second, keep] in [[3, 2, 0], [2, 2, 0], [3, 2, 1], [-1, -2, 1], [-1, -1, 0]] {
        let read = means(first, second, keep);
        assert!(matches!(read, Ok(FileHead::Top)), "{first} {second} {keep}: {read:?}");
    }
    // Twice over the same one, and over the channels.
    for [first, second, keep] in [[3, 3, 1], [3, 1, 0], [1, 2, 0]] {
        let read = means(first, second, keep);
        assert!(read.as_ref().unwrap().unreadable().is_some(), "{first} {second} {keep}: {read:?}");
    }
}

#[test]
fn a_head_whose_numbers_are_not_there_leaves_the_backbone() {
    let float = float();
    let told = unreadable(changed(&float, |graph| {
        let kernel = of_op(graph, "Gemm").next().unwrap().inputs[1];
        let constant = graph.constants.iter_mut().find(|(name, _)| *name == kernel).unwrap();
        constant.1 = Err(tensor::NoValues::Unread("its values are of type INT4".to_owned()));
    }));
    assert!(told.contains("(Gemm): the constant") && told.contains("INT4"), "{told}");
    let told = unreadable(changed(&float, |graph| {
        let gemm = of_op(graph, "Gemm").next().unwrap();
        gemm.inputs[1] = gemm.inputs[0];
    }));
    assert!(told.contains("it multiplies two values of the image"), "{told}");
}

#[test]
fn a_setting_that_is_zero_may_be_left_out() {
    // An attribute `min` of type FLOAT (1) without a value, as writers of proto3 leave it.
    let clip = [0x0a, 0x03, b'm', b'i', b'n', 0xa0, 0x01, 0x01];
    let graph = [&[0x0a, 10 + 6, 0x22, 0x04][..], b"Clip", &[0x2a, 8], &clip].concat();
    let file = [&[0x08, 0x07, 0x3a, graph.len() as u8][..], &graph].concat();
    let model = message::model(&file).unwrap();
    let node = &model.graph.unwrap().nodes[0];
    assert!(matches!(node.attributes[..], [("min", Attribute::Float(0.0))]), "{:?}", node.attributes);
    assert!(matches!(parse(&file, Path::new("file")), Err(Error::Graph { .. })));
}
