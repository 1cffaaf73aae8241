//! What `weights inspect` tells of a net in int8.

use icecap::advanced::graph::int8::{Bottleneck, LEVELS};
use icecap::advanced::graph::{ConvLayer, Tap};
use icecap::advanced::weights::{IntegerBackbone, Quantization};
use serde::Serialize;

use crate::terminal::quantized;
use crate::terminal::wording::grouped;

/// A net in int8, all of whose integers were checked: their ranges, their shapes, their hash.
#[derive(Serialize)]
pub(super) struct Integers {
    sha256: String,
    convolutions: usize,
    weights: u64,
    biases: u64,
    /// Training photos that ranges and biases were taken from, and those that the error was measured on; 0 if unknown.
    photos: usize,
    judged: usize,
    on_others: bool,
    feature_error: Option<f32>,
    agreement: Option<f32>,
    blocks: Vec<Block>,
    #[serde(skip)]
    told: String,
}

/// What leaves a block: bytes that stand for real values.
#[derive(Serialize)]
struct Block {
    name: String,
    low: f64,
    high: f64,
    step: f64,
    zero: u8,
    /// Whether it is read with all bits.
    fine: bool,
}

impl Integers {
    pub(super) fn of(backbone: &IntegerBackbone) -> Self {
        let IntegerBackbone { net, sha256, origin } = backbone;
        let Quantization { photos, judged, on_others, error, agreement } = *origin;
        let convolutions: Vec<_> = ConvLayer::all().map(|layer| net.conv(layer)).collect();
        Self {
            sha256: sha256.to_string(),
            convolutions: convolutions.len(),
            weights: convolutions.iter().map(|conv| conv.weights.len() as u64).sum(),
            biases: convolutions.iter().map(|conv| conv.bias.len() as u64).sum(),
            photos,
            judged,
            on_others,
            feature_error: error,
            agreement,
            blocks: net.blocks.iter().enumerate().map(|(at, block)| Block::of(at, block.output)).collect(),
            told: quantized::text(origin),
        }
    }

    /// The lines about the net, each with its key.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let counts = format!(
            "{} convolutions, {} weights of 8 bits and {} biases of 32, each in its range",
            self.convolutions,
            grouped(self.weights),
            grouped(self.biases)
        );
        let mut lines = vec![
            ("precision", format!("int8, {}", self.told)),
            ("integers", counts),
            ("integers sha256", format!("{}, as the file states", self.sha256)),
        ];
        lines.extend(self.blocks.iter().map(|block| {
            let Block { name, low, high, step, zero, fine } = block;
            let read = if *fine { ", read by eighths of a step" } else { "" };
            (
                "range",
                format!("{name}: {low:.3} to {high:.3} in steps of {step:.5}; {zero} stands for 0{read}"),
            )
        }));
        lines
    }
}

impl Block {
    fn of(index: usize, Bottleneck { step, zero, fine }: Bottleneck) -> Self {
        let value = |byte: u8| (f64::from(byte) - f64::from(zero)) * step;
        Self { name: Tap::Block(index).to_string(), low: value(0), high: value(LEVELS), step, zero, fine }
    }
}
