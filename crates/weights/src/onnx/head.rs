//! The head: its dense layers, and the probabilities of its logits.

use super::draft::{Draft, integer};
use crate::bundle::Model;
use crate::{Activation, DenseLayer};

/// Names of the outputs.
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";

/// The bounds of a ReLU6 in the head.
const RELU6: [(&str, f32); 2] = [("head/relu6/min", 0.0), ("head/relu6/max", 6.0)];

/// Adds the head, and the probabilities of its logits. A single logit gives the second class' by the sigmoid and the
/// first class' as 1 minus that; logits of several labels have a sigmoid each.
pub(super) fn write(draft: &mut Draft, model: &Model) {
    let (classes, logits) = (model.classes.len(), model.logits());
    layers(draft, &model.layers);
    if model.temperature != 1.0 {
        // The logits are an output as they are; probabilities are made of what the temperature leaves of them.
        draft.constant("temperature", &[], &[model.temperature]);
        draft.node("Div", "tempered", &["temperature"], Vec::new());
    }
    if model.multi_label {
        draft.named_node("Sigmoid", "sigmoids", &[], PROBABILITIES, Vec::new());
    } else if logits == 1 {
        draft.constant("one", &[], &[1.0]);
        draft.node("Sigmoid", "second", &[], Vec::new());
        let second = std::mem::replace(&mut draft.last, "one".to_owned());
        draft.node("Sub", "first", &[&second], Vec::new());
        draft.named_node("Concat", "both", &[&second], PROBABILITIES, vec![integer("axis", 1)]);
    } else {
        draft.named_node("Softmax", "softmax", &[], PROBABILITIES, vec![integer("axis", 1)]);
    }
    for (name, columns) in [(PROBABILITIES, classes), (LOGITS, logits)] {
        draft.output(name, &[columns]);
    }
}

/// Adds the dense layers. The last one is called `head`, those before it have a number, too.
fn layers(draft: &mut Draft, layers: &[DenseLayer]) {
    let has_relu6 = layers.iter().any(|layer| layer.activation == Activation::Relu6);
    for (name, bound) in RELU6.iter().filter(|_| has_relu6) {
        draft.constant(name, &[], &[*bound]);
    }
    for (index, layer) in layers.iter().enumerate() {
        let is_last = index + 1 == layers.len();
        let name = if is_last { "head".to_owned() } else { format!("head/{}", index + 1) };
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("{name}/{part}"));
        draft.constant(&kernel, layer.kernel.shape().dims(), layer.kernel.data());
        draft.constant(&bias, &[layer.bias.len()], &layer.bias);
        let output = if is_last { LOGITS } else { &name };
        draft.named_node("Gemm", &name, &[&kernel, &bias], output, Vec::new());
        let activation = format!("{name}/{}", layer.activation);
        match layer.activation {
            Activation::None => {}
            Activation::Relu => draft.node("Relu", &activation, &[], Vec::new()),
            Activation::Relu6 => {
                draft.node("Clip", &activation, &RELU6.map(|(bound, _)| bound), Vec::new());
            }
        }
    }
}
