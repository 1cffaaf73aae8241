use super::*;
use serde_json::json;

/// The classes of the calls that lead to the output, first to last.
fn classes(description: &Value) -> Result<Vec<String>, Refusal> {
    let graph = Graph::read(description)?;
    let mut at = graph.outputs[0];
    let mut classes = vec![graph.class(at).to_owned()];
    while let Ok(from) = graph.only_read(at) {
        at = from;
        classes.push(graph.class(at).to_owned());
    }
    classes.reverse();
    Ok(classes)
}

fn layer(class: &str, name: &str, nodes: Value) -> Value {
    json!({"class_name": class, "name": name, "config": {"name": name}, "inbound_nodes": nodes})
}

fn model(class: &str, name: &str, layers: Value, nodes: Value) -> Value {
    let last = layers.as_array().unwrap().last().unwrap()["name"].clone();
    json!({"class_name": class, "name": name, "inbound_nodes": nodes, "config": {
        "name": name, "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [[last, 0, 0]]
    }})
}

#[test]
fn models_inside_models_are_written_out() {
    let inner =
        json!([layer("InputLayer", "in", json!([])), layer("Dense", "d", json!([[["in", 0, 0, {}]]]))]);
    for (call, inner_class) in [(0, "Functional"), (1, "Functional"), (0, "Sequential"), (1, "Sequential")] {
        let layers = json!([
            layer("InputLayer", "in", json!([])),
            model(inner_class, "inner", inner.clone(), json!([[["in", 0, 0, {}]]])),
            layer("Softmax", "s", json!([[["inner", call, 0, {}]]])),
        ]);
        let whole = model("Functional", "whole", layers, json!(null));
        assert_eq!(classes(&whole).unwrap(), ["InputLayer", "InputLayer", "Dense", "Softmax"]);
    }
}

#[test]
fn a_layer_that_is_called_twice_is_told_by_the_call() {
    let layers = json!([
        layer("InputLayer", "in", json!([])),
        layer("ReLU", "r", json!([[["in", 0, 0, {}]], [["d", 0, 0, {}]]])),
        layer("Dense", "d", json!([[["r", 0, 0, {}]]])),
        layer("Softmax", "s", json!([[["r", 1, 0, {}]]])),
    ]);
    let whole = model("Functional", "whole", layers, json!(null));
    assert_eq!(classes(&whole).unwrap(), ["InputLayer", "ReLU", "Dense", "ReLU", "Softmax"]);
}

#[test]
fn circles_and_names_of_nothing_are_refused() {
    for nodes in [
        json!([[["d", 0, 0, {}]]]),
        json!([[["none", 0, 0, {}]]]),
        json!([[["in", 3, 0, {}]]]),
        json!([[["in", 0, 9, {}]]]),
    ] {
        let layers = json!([
            layer("InputLayer", "in", json!([])),
            layer("ReLU", "r", nodes.clone()),
            layer("Dense", "d", json!([[["r", 0, 0, {}]]])),
        ]);
        assert!(classes(&model("Functional", "whole", layers, json!(null))).is_err(), "{nodes}");
    }
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    // Each model calls the one in it twice.
    let mut inner =
        json!([layer("InputLayer", "in", json!([])), layer("ReLU", "r", json!([[["in", 0, 0, {}]]]))]);
    for _ in 0..12 {
        inner = json!([
            layer("InputLayer", "in", json!([])),
            model(
                "Functional",
                "m",
                inner,
                json!([[["in", 0, 0, {}]], [["m", 0, 0, {}]], [["m", 1, 0, {}]]])
            ),
            layer("ReLU", "r", json!([[["m", 2, 0, {}]]])),
        ]);
    }
    let refused = classes(&model("Functional", "whole", inner, json!(null))).unwrap_err();
    assert!(refused.reason.starts_with("more than"), "{refused:?}");
    let mut deep = json!([layer("ReLU", "r", json!([]))]);
    for _ in 0..20 {
        deep = json!([{"class_name": "Sequential", "name": "s", "config": {"name": "s", "layers": deep}}]);
    }
    assert!(classes(&deep[0]).is_err());
}

#[test]
fn models_that_are_called_too_often_are_refused_in_time() {
    // A thousand and more calls of a sequence of nothing, in a model that is called as often.
    let many = 1100;
    let chain = |name: &str, first: &str| {
        let from = |call: usize| {
            if call == 0 { json!([[first, 0, 0, {}]]) } else { json!([[name, call - 1, 0, {}]]) }
        };
        Value::Array((0..many).map(from).collect())
    };
    let nothing = json!({"class_name": "Sequential", "name": "n", "config": {"name": "n", "layers": []},
        "inbound_nodes": chain("n", "in")});
    let inner_layers = json!([layer("InputLayer", "in", json!([])), nothing]);
    let mut inner = model("Functional", "m", inner_layers, chain("m", "in"));
    inner["config"]["output_layers"] = json!([["n", many - 1, 0]]);
    let mut whole =
        model("Functional", "whole", json!([layer("InputLayer", "in", json!([])), inner]), json!(null));
    whole["config"]["output_layers"] = json!([["m", many - 1, 0]]);
    let refusal = Graph::read(&whole).unwrap_err();
    assert!(refusal.reason.contains("layers and calls once written out"), "{refusal:?}");
}
