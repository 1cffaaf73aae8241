//! In which ways each photo is seen: as it is, and in others beside that.

use crate::augment::{Augment, View};
use crate::{Digest, Error, Result};

/// The ways in which each photo is seen. The first is always the photo as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Views {
    /// Each photo is seen as it is, and in no other way.
    #[default]
    Plain,
    /// Each photo is seen as it is and mirrored.
    Mirrored,
    /// Each photo is seen as it is and in ways that an [`Augment`] draws.
    Drawn {
        /// What may differ from view to view.
        augment: Augment,
        /// What views are drawn from.
        seed: u64,
        /// Views in all, the plain one among them.
        count: u32,
    },
}

/// The most views that a photo may have.
pub const MAX_VIEWS: u32 = 64;

impl Views {
    /// Returns the plain photo and `count - 1` drawn views of it.
    ///
    /// # Errors
    /// [`Error::Limit`] for a count of 0 or of more than [`MAX_VIEWS`].
    pub fn drawn(augment: Augment, seed: u64, count: u32) -> Result<Self> {
        if count == 0 || count > MAX_VIEWS {
            let (got, limit) = (count.into(), MAX_VIEWS.into());
            return Err(Error::Limit { what: "views of a photo (at least 1)", got, limit });
        }
        Ok(Self::Drawn { augment, seed, count })
    }

    /// How many views there are of each photo.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Mirrored => 2,
            Self::Drawn { count, .. } => *count as usize,
        }
    }

    /// Returns view `number`, counted from 0, of the photo whose content has the hash `photo`.
    #[must_use]
    pub fn view(&self, number: usize, photo: &Digest) -> View {
        match self {
            _ if number == 0 => View::PLAIN,
            Self::Plain => View::PLAIN,
            Self::Mirrored => View::MIRRORED,
            Self::Drawn { augment, seed, .. } => augment.view(*seed, number as u32, photo),
        }
    }

    /// Returns a name that tells the features of view `number` from those of other views; empty for the plain photo.
    #[must_use]
    pub fn name(&self, number: usize) -> String {
        match self {
            _ if number == 0 => String::new(),
            Self::Plain => String::new(),
            Self::Mirrored => ", mirrored".to_owned(),
            Self::Drawn { augment, seed, .. } => format!(", view {number} of {augment} seed {seed}"),
        }
    }
}
