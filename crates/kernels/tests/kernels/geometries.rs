//! Every shape that MobileNetV2 has at the widths 0.35, 1.0 and 1.4 and at input sides 96, 160 and 224, by the paper's
//! table and Keras' rounding of channels.

use std::collections::BTreeSet;

use icecap_kernels::{ConvGeometry, Pads};

/// Expansion, output channels, repeats, stride of the first repeat.
const TABLE: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
const SIDES: [usize; 3] = [96, 160, 224];
/// In hundredths.
const WIDTHS: [usize; 3] = [35, 100, 140];

/// What ends a pointwise convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Linear,
    Relu6,
    Add,
    Masked,
}

/// A square image of `side` pixels, `k` channels to `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Product {
    pub(crate) side: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) end: End,
}

/// All shapes, each once.
#[derive(Default)]
pub(crate) struct Geometries {
    pub(crate) pointwise: BTreeSet<Product>,
    /// Side, channels, stride.
    pub(crate) depthwise: BTreeSet<(usize, usize, usize)>,
    /// Side and output channels.
    pub(crate) stem: BTreeSet<(usize, usize)>,
    /// Pixels and channels.
    pub(crate) pool: BTreeSet<(usize, usize)>,
}

/// A multiple of eight near `channels * width / 100`, never more than a tenth below it.
fn scaled(channels: usize, width: usize) -> usize {
    let exact = channels * width / 100;
    let rounded = ((exact + 4) / 8 * 8).max(8);
    if rounded * 10 < exact * 9 { rounded + 8 } else { rounded }
}

pub(crate) fn geometries() -> Geometries {
    let mut all = Geometries::default();
    for (width, input) in WIDTHS.into_iter().flat_map(|width| SIDES.map(|side| (width, side))) {
        let mut channels = scaled(32, width);
        let mut side = input / 2;
        all.stem.insert((input, channels));
        for (expansion, output, repeats, first) in TABLE {
            let output = scaled(output, width);
            for stride in (0..repeats).map(|repeat| if repeat == 0 { first } else { 1 }) {
                let inner = channels * expansion;
                if expansion > 1 {
                    all.pointwise.insert(Product { side, k: channels, n: inner, end: End::Relu6 });
                }
                all.depthwise.insert((side, inner, stride));
                side = side.div_ceil(stride);
                let end = if stride == 1 && channels == output { End::Add } else { End::Linear };
                all.pointwise.insert(Product { side, k: inner, n: output, end });
                channels = output;
            }
        }
        let head = if width > 100 { scaled(1280, width) } else { 1280 };
        all.pointwise.insert(Product { side, k: channels, n: head, end: End::Relu6 });
        all.pool.insert((side * side, head));
    }
    all
}

/// The convolution of a square image with Keras' padding.
pub(crate) fn square(side: usize, stride: usize) -> ConvGeometry {
    let before = if stride == 2 && side.is_multiple_of(2) { 0 } else { 1 };
    let pads = Pads { top: before, bottom: 1, left: before, right: 1 };
    ConvGeometry::new(side, side, stride, pads).unwrap()
}

#[test]
fn the_table_has_the_shapes_that_are_known() {
    let all = geometries();
    assert!(all.stem.contains(&(224, 32)) && all.stem.contains(&(96, 16)) && all.stem.contains(&(160, 48)));
    let product = |side, k, n, end| Product { side, k, n, end };
    assert!(all.pointwise.contains(&product(56, 24, 144, End::Relu6)));
    assert!(all.pointwise.contains(&product(7, 960, 160, End::Add)));
    assert!(all.pointwise.contains(&product(5, 448, 1792, End::Relu6)));
    assert!(all.pointwise.contains(&product(3, 112, 1280, End::Relu6)));
    assert!(all.depthwise.contains(&(112, 96, 2)) && all.depthwise.contains(&(7, 1344, 1)));
    assert!(all.pool.contains(&(49, 1280)) && all.pool.contains(&(25, 1792)));
    assert_eq!(square(224, 2).output(), (112, 112));
    assert_eq!(square(7, 1).output(), (7, 7));
}
