//! Forms in which a net is saved that are not read, each with the lines of Python that save what is.

use std::path::Path;

use icecap_foundation::shown::escaped;

/// A form of a saved net that is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtherForm {
    /// A pickle of a whole module, which only its own class could make.
    #[error(
        "a whole module of class {class} was saved, which is not made here, and nothing in the file is run; if you trust it, \
         save its tensors in Python: {way}"
    )]
    WholeModule {
        /// The class that the pickle asks for.
        class: String,
        /// The lines that save the tensors.
        way: String,
    },
    /// A program that PyTorch saved.
    #[error(
        "it is {what}, which holds the net as a program, and nothing in a file is run; save its tensors in Python: {way}"
    )]
    Program {
        /// What PyTorch calls it.
        what: &'static str,
        /// The lines that save the tensors.
        way: String,
    },
    /// One part of a net's tensors.
    #[error(
        "it is part {part} of {parts}, and a net's tensors stand in all of them; save them in one file, in Python: {}",
        WHOLE
    )]
    Shard {
        /// The part's number, from 1.
        part: u32,
        /// How many parts there are.
        parts: u32,
    },
    /// The list of such parts.
    #[error(
        "it lists the files in which a net's tensors stand, and holds none; save them in one file, in Python: {}",
        WHOLE
    )]
    ShardList,
    /// Several nets, none of which is known to be meant.
    #[error("it holds {} nets, under {}; save the one that is meant alone, in Python: {way}", places.len(), places.join(", "))]
    SeveralNets {
        /// The keys behind which they stand.
        places: Vec<String>,
        /// The lines that save the first of them.
        way: String,
    },
}

/// The lines that save a net of Hugging Face's in one file.
const WHOLE: &str = "`from transformers import AutoModelForImageClassification as Auto` and \
                     `Auto.from_pretrained('FOLDER').save_pretrained('whole', max_shard_size='10GB')`";

impl OtherForm {
    /// Returns the lines of Python that save as tensors what the expression `state` gives.
    pub(crate) fn saving(state: &str) -> String {
        format!("`import torch` and `torch.save({state}, 'weights.pth')`")
    }

    /// Returns the expression that loads the whole file, which runs what is in it.
    pub(crate) fn loading(path: &Path) -> String {
        format!("torch.load('{}', map_location='cpu', weights_only=False)", escaped(path))
    }
}
