//! What whoever opens a file decides, where the file holds more than one thing or leaves something open.

use crate::Activation;

/// How the note begins that tells of averaged weights which were not taken: [`Choices::ema`] takes them.
pub const NOTE_OF_AVERAGES: &str = "the file also has averaged weights (EMA)";
/// How the note begins that tells of an activation which the file does not state: [`Choices::activation`] chooses it.
pub const NOTE_OF_ACTIVATION: &str = "the file does not tell which activation stands";

/// What the note says that tells of an activation which [`Choices::activation`] chose.
pub const NOTE_OF_CHOICE: &str = "is taken as the activation";
/// How the notes begin that tell of a size of the input which a file does not state.
pub const NOTES_OF_SIZE: [&str; 2] =
    ["the model states no size of its input", "the graph states no input size"];
/// How the notes begin that tell of a scaling of pixels which a file does not state.
pub const NOTES_OF_SCALING: [&str; 2] =
    ["no layer of the model scales its pixels", "the file states no pixel scaling"];

/// What is taken of a weight file that holds several nets, or does not tell all of its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Takes the net of averages over a training's steps (EMA) that stands beside the trained one.
    pub ema: bool,
    /// The activation between the dense layers of a head that has several and does not tell; `None` for relu, which is then
    /// noted.
    pub activation: Option<Activation>,
}
