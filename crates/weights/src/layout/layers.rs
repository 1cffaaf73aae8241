//! The convolutions of a MobileNetV2 with their BatchNorms, in the order of the net: what every layout has to name.

use icecap_graph::BLOCKS;

/// Which convolution of the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first 3x3.
    Stem,
    /// The 1x1 that widens a block; the first block has none.
    Expand,
    /// The 3x3 of each channel by itself.
    Depthwise,
    /// The 1x1 that narrows a block.
    Project,
    /// The last 1x1.
    Head,
}

/// A convolution and the BatchNorm behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConvLayer {
    pub(super) part: Part,
    /// Its block, 0 for the stem and the head too.
    pub(super) block: usize,
}

impl ConvLayer {
    /// Keras' names of the convolution and of its BatchNorm.
    pub(super) fn keras(self) -> (String, String) {
        let part = match self.part {
            Part::Stem => return ("Conv1".to_owned(), "bn_Conv1".to_owned()),
            Part::Head => return ("Conv_1".to_owned(), "Conv_1_bn".to_owned()),
            Part::Expand => "expand",
            Part::Depthwise => "depthwise",
            Part::Project => "project",
        };
        let conv = match self.block {
            0 => format!("expanded_conv_{part}"),
            block => format!("block_{block}_{part}"),
        };
        let norm = format!("{conv}_BN");
        (conv, norm)
    }
}

/// All of them, in the order of the net.
pub(super) fn conv_layers() -> impl Iterator<Item = ConvLayer> {
    let blocks = (0..BLOCKS).flat_map(|block| {
        let parts = [Part::Expand, Part::Depthwise, Part::Project];
        let parts = parts.into_iter().filter(move |part| block > 0 || *part != Part::Expand);
        parts.map(move |part| ConvLayer { part, block })
    });
    let one = |part| std::iter::once(ConvLayer { part, block: 0 });
    one(Part::Stem).chain(blocks).chain(one(Part::Head))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use icecap_graph::{Spec, tensor_shapes};

    use super::*;

    #[test]
    fn they_are_the_layers_of_the_net() {
        let shapes = tensor_shapes(&Spec::with_width(0.35).unwrap(), None);
        let expected: BTreeSet<&str> =
            shapes.keys().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let names: Vec<String> = conv_layers().flat_map(|layer| <[String; 2]>::from(layer.keras())).collect();
        assert_eq!(names.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        assert_eq!(names.len(), expected.len(), "each once");
    }
}
