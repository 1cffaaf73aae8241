//! From a photo to the net: the size of the input, how a photo gets it, and how pixels are scaled.

use icecap_graph::{MAX_SIDE, MIN_SIDE};
use serde_json::Value;

use super::base::{self, CHANNELS};
use super::config::{dtype, flag, number, shape, text};
use super::graph::{Graph, TRAINS};
use super::layer::Kind;
use super::operator::Affine;
use super::path::Path;
use super::refusal::Refusal;
use super::scaling::scaling;
use super::stored::Stored;
use crate::layout::described::Stated;

/// Layers that do nothing when a model predicts.
const IDENTITIES: [&str; 41] = [
    "Identity",
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomApply",
    "RandomBrightness",
    "RandomChannelShift",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHeight",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
    "RandomAugmentationPipeline",
    "RandomChoice",
    "RandomCutout",
    "RandomJpegQuality",
    "MaybeApply",
];

/// The channels of a photo.
const CHANNELS_OF_PHOTO: usize = 3;

/// What a description says of a photo's way to the net.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Input {
    /// Rows and columns of what the net reads, where they are stated.
    pub(super) size: Option<[u64; 2]>,
    /// How a photo gets that size, where a layer does it.
    pub(super) resize: Option<String>,
    /// Pixel values are multiplied by this, for red, green and blue.
    pub(super) scale: [f64; CHANNELS_OF_PHOTO],
    /// And this is added.
    pub(super) shift: [f64; CHANNELS_OF_PHOTO],
    /// Whether the model reads integers.
    is_integer: bool,
    /// Whether any layer scales pixels.
    pub(super) scales: bool,
    pub(super) stated: Vec<Stated>,
}

/// Whether a node does nothing when the model predicts.
///
/// # Errors
/// Such a layer that is called as in training.
pub(super) fn is_identity(graph: &Graph<'_>, node: usize) -> Result<bool, Refusal> {
    let class = graph.class(node);
    // It puts zeros where all channels have one value, and for zero that changes nothing.
    let masks = class == "Masking" && number(graph.config(node), "mask_value").unwrap_or(0.0) != 0.0;
    let is = (IDENTITIES.contains(&class) && !masks)
        || graph.layers.0[graph.nodes[node].layer].kind() == Kind::Input
        || (class == "Activation"
            && super::activation::of_config(graph.config(node)) == super::activation::Activation::Linear);
    if is && graph.nodes[node].trains {
        return Err(graph.refuse(node, TRAINS));
    }
    Ok(is)
}

/// Follows all that stands before the net. Returns what it says, and the node that the net reads.
///
/// # Errors
/// The first layer that is neither followed nor does nothing.
pub(super) fn follow(
    graph: &Graph<'_>,
    path: &Path,
    stored: &Stored<'_, '_>,
) -> Result<(Input, usize), Refusal> {
    let mut input = Input {
        size: None,
        resize: None,
        scale: [1.0; 3],
        shift: [0.0; 3],
        scales: false,
        is_integer: false,
        stated: Vec::new(),
    };
    let mut at = path.input;
    input.take_stated(graph, at)?;
    loop {
        let Some(next) = path.next(graph, at)? else {
            return Err(graph.refuse(at, "the model ends here, and no MobileNetV2 stands before it"));
        };
        if base::begins(graph, next) && input.is_base(graph, path, next) {
            return Ok((input, at));
        }
        input.step(graph, stored, next)?;
        at = next;
    }
}

impl Input {
    /// Whether the net begins at a node: a layer that pads a photo for nothing but a convolution without padding.
    fn is_base(&self, graph: &Graph<'_>, path: &Path, node: usize) -> bool {
        match graph.class(node) {
            "ZeroPadding2D" => path.readers(node).iter().any(|&reader| base::begins(graph, reader)),
            _ => true,
        }
    }

    /// What the model's own input states.
    fn take_stated(&mut self, graph: &Graph<'_>, node: usize) -> Result<(), Refusal> {
        let layer = &graph.layers.0[graph.nodes[node].layer];
        let of = |value: Option<&Value>| value.and_then(shape);
        let states =
            |config: &Value| of(config.get("batch_shape")).or_else(|| of(config.get("batch_input_shape")));
        let sides = match layer.children.first() {
            None => states(layer.config),
            // A sequence without an input layer.
            Some(&first) => {
                let first = &graph.layers.0[first];
                states(first.config)
                    .or_else(|| of(layer.config.get("build_input_shape")))
                    .or_else(|| of(first.built.and_then(|built| built.get("input_shape"))))
            }
        };
        if let Some(dtype) = dtype(layer.config).filter(|dtype| dtype.contains("int")) {
            self.is_integer = true;
            self.fact(graph, node, format!("pixels of {dtype}; here they are not rounded"));
        }
        let Some(sides) = sides else { return Ok(()) };
        let [_, rows, columns, channels] = sides.as_slice() else {
            return Err(graph.refuse(
                node,
                format!(
                    "an input of {} axes; a photo has rows, columns and channels",
                    sides.len() - sides.len().min(1)
                ),
            ));
        };
        if channels.is_some_and(|channels| channels != CHANNELS_OF_PHOTO as u64) {
            let reason = if *rows == Some(3) {
                CHANNELS.to_owned()
            } else {
                format!(
                    "its input has {} channels; only photos of three, red, green and blue, are read",
                    channels.unwrap_or(0)
                )
            };
            return Err(graph.refuse(node, reason));
        }
        if let (Some(rows), Some(columns)) = (rows, columns) {
            self.size = Some([*rows, *columns]);
            self.fact(graph, node, format!("input {rows}x{columns}"));
        }
        Ok(())
    }

    fn fact(&mut self, graph: &Graph<'_>, node: usize, text: String) {
        let layer = graph.nodes[node].layer;
        let class = graph.layers.0[layer].class.to_owned();
        self.stated.push(Stated { layer: graph.layers.path(layer), class, text });
    }

    fn step(&mut self, graph: &Graph<'_>, stored: &Stored<'_, '_>, node: usize) -> Result<(), Refusal> {
        graph.only_read(node)?;
        if is_identity(graph, node)? {
            // A model inside may state a size where the outermost does not.
            if graph.layers.0[graph.nodes[node].layer].kind() == Kind::Input && self.size.is_none() {
                self.take_stated(graph, node)?;
            }
            return Ok(());
        }
        if let Some(affine) = scaling(graph, stored, node)? {
            return self.scaled(graph, node, &affine);
        }
        match graph.class(node) {
            "Resizing" => self.resizing(graph, node),
            "CenterCrop" => self.resized(graph, node, target(graph, node)?, "cut"),
            "RandomCrop" => Err(graph.refuse(
                node,
                "what it does when a model predicts differs between versions of Keras; build the model with CenterCrop or \
                 Resizing in its place",
            )),
            "Lambda" => Err(graph.refuse(
                node,
                "it runs code that the file does not hold; build the model with a Rescaling layer, or with operators such as \
                 x / 127.5 - 1, in its place, set the weights from this one, and save that",
            )),
            _ => Err(graph.refuse(
                node,
                "it stands between the photo and MobileNetV2, and what it does is not followed; leave it out of the model, or \
                 put a layer that is (Rescaling, Normalization, Resizing) in its place",
            )),
        }
    }

    fn scaled(&mut self, graph: &Graph<'_>, node: usize, affine: &Affine) -> Result<(), Refusal> {
        let channel = |numbers: &[f64], c: usize| match numbers {
            [one] => Some(*one),
            [_, _, _] => Some(numbers[c]),
            _ => None,
        };
        for c in 0..CHANNELS_OF_PHOTO {
            let (Some(scale), Some(offset)) = (channel(&affine.scale, c), channel(&affine.offset, c)) else {
                return Err(
                    graph.refuse(node, "it has neither one number nor one for each of red, green and blue")
                );
            };
            (self.scale[c], self.shift[c]) = (self.scale[c] * scale, self.shift[c] * scale + offset);
        }
        self.scales = true;
        let list = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let text = format!("pixels times {} plus {}", list(&affine.scale), list(&affine.offset));
        self.fact(graph, node, text);
        Ok(())
    }

    fn resizing(&mut self, graph: &Graph<'_>, node: usize) -> Result<(), Refusal> {
        let config = graph.config(node);
        let target = target(graph, node)?;
        if text(config, "interpolation").is_some_and(|name| name != "bilinear") {
            let name = text(config, "interpolation").unwrap_or_default();
            return Err(graph
                .refuse(node, format!("it resizes with interpolation '{name}'; only bilinear is followed")));
        }
        // Keras 3 gives back the type that it reads, Keras 2 never an integer.
        let rounds = self.is_integer && !graph.nodes[node].is_of_keras_2;
        if rounds {
            return Err(graph.refuse(
                node,
                "it resizes an input of integers (dtype uint8) and rounds what comes of it; build the \
                                           model with an input of float32",
            ));
        }
        if flag(config, "antialias", false) {
            return Err(graph.refuse(node, "it resizes with antialias; only without is followed"));
        }
        if flag(config, "pad_to_aspect_ratio", false) {
            return Err(graph.refuse(
                node,
                "it pads photos to the proportions of the input (pad_to_aspect_ratio), which is not followed",
            ));
        }
        let rule = if flag(config, "crop_to_aspect_ratio", false) { "crop" } else { "squash" };
        self.resized(graph, node, target, rule)
    }

    fn resized(
        &mut self,
        graph: &Graph<'_>,
        node: usize,
        target: [u64; 2],
        rule: &str,
    ) -> Result<(), Refusal> {
        let [rows, columns] = target;
        let range = MIN_SIDE as u64..=MAX_SIDE as u64;
        if let Some(size) =
            self.size.filter(|size| *size != target && size.iter().any(|side| !range.contains(side)))
        {
            let reason = format!("it reads {size:?} pixels; sides of {MIN_SIDE} to {MAX_SIDE} are read");
            return Err(graph.refuse(node, reason));
        }
        match (self.size, &self.resize) {
            // A photo of that size already.
            (Some(size), _) if size == target => {}
            (None, None) => self.resize = Some(rule.to_owned()),
            (Some([height, width]), None) => self.resize = Some(format!("{rule} of {height}x{width} squash")),
            // A layer behind another one, of photos of any size.
            (Some([height, width]), Some(first)) if !first.contains(' ') => {
                self.resize = Some(format!("{rule} of {height}x{width} {first}"));
            }
            (_, Some(first)) => {
                let reason = format!(
                    "it resizes what another layer has resized ({first}) already; only one of them is followed"
                );
                return Err(graph.refuse(node, reason));
            }
        }
        self.size = Some(target);
        self.fact(graph, node, format!("resizes to {rows}x{columns}, {rule}"));
        Ok(())
    }
}

fn target(graph: &Graph<'_>, node: usize) -> Result<[u64; 2], Refusal> {
    let config = graph.config(node);
    if text(config, "data_format").is_some_and(|format| format != "channels_last") {
        return Err(graph.refuse(node, CHANNELS));
    }
    let side = |key: &str| config.get(key).and_then(Value::as_u64);
    match (side("height"), side("width")) {
        (Some(rows), Some(columns)) if rows > 0 && columns > 0 => Ok([rows, columns]),
        _ => Err(graph.refuse(node, "it states no height and width")),
    }
}
