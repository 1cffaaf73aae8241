//! What whoever opens a file decides, where the file holds more than one thing or leaves something open.

use crate::Activation;

/// How the note begins that tells of averaged weights which were not taken: [`Choices::ema`] takes them.
pub const NOTE_OF_AVERAGES: &str = "the file also has averaged weights (EMA)";
/// How the note begins that tells of an activation which the file does not state: [`Choices::activation`] chooses it.
pub const NOTE_OF_ACTIVATION: &str = "the file does not tell which activation stands";

/// What is taken of a weight file that holds several nets, or does not tell all of its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Takes the net of averages over a training's steps (EMA) that stands beside the trained one.
    pub ema: bool,
    /// The activation between the dense layers of a head that has several and does not tell; `None` for relu, which is then
    /// noted.
    pub activation: Option<Activation>,
}
