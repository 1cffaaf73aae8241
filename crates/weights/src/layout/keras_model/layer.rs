//! The layers of a description, models inside models among them, and how each is called.

use serde_json::Value;

use super::call::{Call, calls};
use super::refusal::Refusal;

/// The most layers that a description may have, and the most calls of layers once each model inside is written out.
pub(super) const MAX_LAYERS: usize = 1 << 13;
/// How deep models may stand inside each other.
const MAX_DEPTH: usize = 16;

/// A layer, or a model that is one.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    /// What Keras calls the layer's group in files of Keras 3: its class in small letters, and a number from the second one
    /// of that class in the same model on.
    pub(super) stored: String,
    pub(super) config: &'a Value,
    /// The shape for which the layer was built, where the description has it.
    pub(super) built: Option<&'a Value>,
    /// The model that it stands in; `None` for the whole.
    pub(super) parent: Option<usize>,
    /// A model's layers.
    pub(super) children: Vec<usize>,
    /// Its calls in the graph that it stands in; none in a sequence.
    pub(super) calls: Vec<Call<'a>>,
}

/// What a layer is as far as the graph is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Layers one behind the other.
    Sequence,
    /// Layers that name what they read.
    Graph,
    Input,
    Plain,
}

impl Layer<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self.class {
            "Sequential" | "Pipeline" => Kind::Sequence,
            "Functional" | "Model" => Kind::Graph,
            "InputLayer" => Kind::Input,
            _ => Kind::Plain,
        }
    }
}

/// All layers of a description; the first one is the whole model.
#[derive(Debug)]
pub(super) struct Layers<'a>(pub(super) Vec<Layer<'a>>);

impl<'a> Layers<'a> {
    /// # Errors
    /// A description that is none of a model, too many layers, models too deep in each other.
    pub(super) fn read(description: &'a Value) -> Result<Self, Refusal> {
        let mut layers = Self(Vec::new());
        layers.add(description, None, 0)?;
        Ok(layers)
    }

    fn add(&mut self, description: &'a Value, parent: Option<usize>, depth: usize) -> Result<usize, Refusal> {
        let wrong = |reason: &str| Refusal::of_text(description, reason);
        let config = description.get("config").ok_or_else(|| wrong("it has no 'config'"))?;
        let class = description.get("class_name").and_then(Value::as_str);
        let class = class.ok_or_else(|| wrong("it has no 'class_name'"))?;
        // The operations of TensorFlow's graphs have another name in their config.
        let name = description.get("name").or_else(|| config.get("name")).and_then(Value::as_str);
        if self.0.len() >= MAX_LAYERS {
            return Err(wrong(&format!("more than {MAX_LAYERS} layers")));
        }
        if depth > MAX_DEPTH {
            return Err(wrong(&format!("more than {MAX_DEPTH} models inside each other")));
        }
        let index = self.0.len();
        self.0.push(Layer {
            name: name.unwrap_or_default(),
            class,
            stored: snake(class),
            config,
            built: description.get("build_config"),
            parent,
            children: Vec::new(),
            calls: description.get("inbound_nodes").map(calls).transpose()?.unwrap_or_default(),
        });
        if matches!(self.0[index].kind(), Kind::Sequence | Kind::Graph) {
            // Keras before 2.3 wrote a sequence's layers in place of its config.
            let list = config.get("layers").unwrap_or(config).as_array();
            let list = list.ok_or_else(|| wrong("it lists no layers"))?;
            let mut children: Vec<usize> = Vec::with_capacity(list.len().min(MAX_LAYERS));
            for description in list {
                let child = self.add(description, Some(index), depth + 1)?;
                let same =
                    children.iter().filter(|&&other| self.0[other].class == self.0[child].class).count();
                if same > 0 {
                    self.0[child].stored.push_str(&format!("_{same}"));
                }
                children.push(child);
            }
            self.0[index].children = children;
        }
        Ok(index)
    }

    /// The names from the outermost model's layer to this one: `sequential_1/model1/Conv1`.
    pub(super) fn path(&self, index: usize) -> String {
        let mut names = vec![self.0[index].name];
        let mut at = self.0[index].parent;
        while let Some(parent) = at.filter(|&parent| self.0[parent].parent.is_some()) {
            names.push(self.0[parent].name);
            at = self.0[parent].parent;
        }
        names.reverse();
        names.join("/")
    }

    pub(super) fn refuse(&self, index: usize, reason: impl Into<String>) -> Refusal {
        Refusal { layer: self.path(index), class: self.0[index].class.to_owned(), reason: reason.into() }
    }
}

/// A class' name as Keras 3 calls groups by it: `BatchNormalization` is `batch_normalization`, `Conv2D` is `conv2d`.
fn snake(class: &str) -> String {
    let class = class.rsplit('>').next().unwrap_or(class);
    let chars: Vec<char> = class.chars().filter(|char| char.is_alphanumeric() || *char == '_').collect();
    let mut name = String::new();
    for (at, &char) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let next_is_small = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let word =
            before.is_some_and(|before| before.is_ascii_lowercase() || (before != '_' && next_is_small));
        if char.is_ascii_uppercase() && word {
            name.push('_');
        }
        name.extend(char.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_keras_writes_them() {
        for (class, wanted) in [
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("ReLU", "re_lu"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("InputLayer", "input_layer"),
            ("Functional", "functional"),
            ("Custom>MyDense", "my_dense"),
            ("PReLU", "p_re_lu"),
        ] {
            assert_eq!(snake(class), wanted);
        }
    }
}
