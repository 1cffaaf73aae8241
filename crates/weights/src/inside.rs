//! What a weight file holds, for people who look into it.

use std::path::Path;

use crate::container::Container;
use crate::layout::choose;
use crate::{Choices, Error};

/// A file of tensors with the dict of its net in hand.
#[derive(Debug)]
pub struct Inside<'a> {
    /// The tensors beside which the net stands, and the texts of the file.
    pub file: Container<'a>,
    /// What stands before the names of all the net's tensors, as far as its layout does not put it there; empty for nothing.
    pub prefix: String,
}

impl<'a> Inside<'a> {
    /// Checks a whole file held in memory, which errors call `path`, and takes the dict of the chosen net in hand; where
    /// none can be chosen, the one with the most tensors.
    ///
    /// # Errors
    /// Those of [`Container::parse`].
    pub fn parse(bytes: &'a [u8], path: &Path, choices: Choices) -> Result<Self, Error> {
        match choose(Container::parse(bytes, path)?, choices.ema) {
            Ok(choice) => {
                let prefix = choice.net.as_ref().map_or("", |net| net.model()).to_owned();
                Ok(Self { file: choice.file, prefix })
            }
            Err(_) => Ok(Self { file: Container::parse(bytes, path)?, prefix: String::new() }),
        }
    }
}
