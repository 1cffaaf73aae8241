//! What opening a weight file gives.

use icecap_graph::{Error as NetError, Net, Params, Precision, Scaling};

use crate::derived::pack;
use crate::{FileHead, Record, Stated, params_digest};

/// A net as it was trained, and what is known of it.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The net's tensors, epsilon, padding and pixel scaling. Every name, shape and value was checked.
    pub params: Params,
    /// Where the net comes from and how it wants to be used.
    pub record: Record,
    /// What the file has on the net's features.
    pub head: FileHead,
    /// What the person who opens the file should know, as sentences: what it does not state and what was taken, what was
    /// passed over.
    pub notes: Vec<String>,
    /// The names of the classes in the order of the outputs, if the file states them.
    pub classes: Option<Vec<String>>,
    /// What the layers of the file's model state of input and net, where it describes them.
    pub stated: Vec<Stated>,
}

/// Weights, and their net ready to run.
#[derive(Debug)]
pub struct Opened {
    /// The net as it was trained, and what is known of it.
    pub weights: Weights,
    /// The net of these weights with BatchNorm folded in and its values packed, as inference reads them in the precision
    /// that was asked for.
    pub net: Net,
}

impl Weights {
    /// Brings together a net and its record. Its head is its classification top, if it has one.
    #[must_use]
    pub fn new(params: Params, record: Record) -> Self {
        let head = if params.classes().is_some() { FileHead::Top } else { FileHead::None };
        Self { params, record, head, notes: Vec::new(), classes: None, stated: Vec::new() }
    }

    /// Returns these weights with another pixel scaling, whatever their file or layout states. The net is then
    /// another one, with a `params_sha256` of its own.
    ///
    /// # Errors
    /// [`icecap_graph::Error::Numerics`] for a scaling that cannot be used.
    pub fn with_scaling(mut self, scaling: Scaling) -> Result<Self, NetError> {
        self.record.numerics.scaling = scaling;
        self.params = self.params.with_numerics(self.record.numerics)?;
        self.record.params_sha256 = params_digest(&self.params);
        Ok(self)
    }

    /// Folds BatchNorm into the convolutions and packs the net, which is then ready to run in `precision`. For int8 it is
    /// quantized from its tensors alone.
    ///
    /// # Errors
    /// None in f32. In int8 [`icecap_graph::Error::NoStatistics`] if the BatchNorm tells nothing, and
    /// [`icecap_graph::Error::Int8Channel`] for weights that int8 cannot hold.
    ///
    /// # Cost
    /// One pass over the tensors. `open` does this while it hashes the file.
    pub fn pack(self, precision: Precision) -> Result<Opened, NetError> {
        let net = pack(&self.params, precision)?;
        Ok(Opened { weights: self, net })
    }
}

impl Opened {
    /// `weights` with their packed net, which is packed now if nobody has done so.
    pub(crate) fn new(weights: Weights, net: Option<Net>, precision: Precision) -> Result<Self, NetError> {
        match net {
            Some(net) => Ok(Self { weights, net }),
            None => weights.pack(precision),
        }
    }
}
