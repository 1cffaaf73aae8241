//! A backbone some of whose blocks were fine-tuned: a net of its own.

use std::sync::Arc;

use icecap_graph::{Net, Params};
use icecap_kernels::Tensor;
use icecap_weights::{Record, Tuned, params_digest};

use crate::error::Error;
use crate::model::backbone::Backbone;

impl Backbone {
    /// This backbone with some of its tensors replaced by such as training has moved: a net of its own, which lies in no
    /// file yet, and whose record says what it was made of. A classification top, which was for other features, goes.
    ///
    /// # Errors
    /// [`Error::Graph`] if the tensors do not fit, or the backbone is in int8.
    pub(crate) fn tuned(
        &self,
        tensors: Vec<(String, Tensor)>,
        block: &str,
        norms_frozen: bool,
    ) -> Result<Self, Error> {
        let params = Params::clone(&*self.params()?).without_top().with_tensors(tensors)?;
        let (before, net) = (self.record(), Net::new(&params));
        let named = |name: &String| format!("{name}, tuned from {block}");
        let record = Record {
            name: if before.tuned.is_some() { before.name.clone() } else { before.name.as_ref().map(named) },
            params_sha256: params_digest(&params),
            tuned: Some(Tuned { from: before.params_sha256, block: block.to_owned(), norms_frozen }),
            ..before.clone()
        };
        Ok(self.replaced(Arc::new(params), net, record))
    }
}
