//! The layers that a framework has to have for an exported head, in its own words.

use icecap::advanced::weights::Activation;
use icecap::model::{Head, HeadLayer};

/// Returns how each layer of the head comes into Keras, on a line each.
pub(super) fn keras(head: &Head) -> String {
    let line = |(index, layer): (usize, HeadLayer<'_>)| {
        let name = if index == 0 { "dense".to_owned() } else { format!("dense_{index}") };
        let activation = match layer.activation {
            Activation::None => String::new(),
            activation => format!(", activation=\"{activation}\""),
        };
        let [_, outputs] = sides(&layer);
        format!(
            "\n  Dense({outputs}{activation}).set_weights([file[\"{name}/kernel\"], file[\"{name}/bias\"]])"
        )
    };
    head.layers().enumerate().map(line).collect()
}

/// Returns the classifier that torchvision's model has to have for the head.
pub(super) fn torchvision(head: &Head) -> String {
    let last = head.layers().len() - 1;
    let linear = |(index, layer): (usize, HeadLayer<'_>)| {
        let [inputs, own] = sides(&layer);
        // Two classes have two logits there.
        let outputs = if index == last { own.max(head.classes()) } else { own };
        (format!("Linear({inputs}, {outputs})"), layer.activation)
    };
    let linears: Vec<(String, Activation)> = head.layers().enumerate().map(linear).collect();
    if let [(only, _)] = &linears[..] {
        return format!("model.classifier[1] is a {only}");
    }
    let mut modules = vec!["Dropout()".to_owned()];
    for (linear, activation) in linears {
        let behind = match activation {
            Activation::None => "Identity()",
            Activation::Relu => "ReLU()",
            Activation::Relu6 => "ReLU6()",
        };
        modules.extend([linear, behind.to_owned()]);
    }
    // Behind the last stands nothing.
    modules.pop();
    format!("model.classifier is Sequential({})", modules.join(", "))
}

/// Inputs and outputs of a layer.
fn sides(layer: &HeadLayer<'_>) -> [usize; 2] {
    let outputs = layer.bias.data().len();
    [layer.kernel.data().len() / outputs.max(1), outputs]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_layer_by_layer() {
        let one = Head::untrained(1280, 2, 0).unwrap();
        assert_eq!(keras(&one), "\n  Dense(1).set_weights([file[\"dense/kernel\"], file[\"dense/bias\"]])");
        assert_eq!(torchvision(&one), "model.classifier[1] is a Linear(1280, 2)");
        let two = Head::untrained_with(1280, Some(16), 3, 0).unwrap();
        assert_eq!(
            keras(&two),
            "\n  Dense(16, activation=\"relu\").set_weights([file[\"dense/kernel\"], file[\"dense/bias\"]])\n  \
             Dense(3).set_weights([file[\"dense_1/kernel\"], file[\"dense_1/bias\"]])"
        );
        assert_eq!(
            torchvision(&two),
            "model.classifier is Sequential(Dropout(), Linear(1280, 16), ReLU(), Linear(16, 3))"
        );
    }
}
