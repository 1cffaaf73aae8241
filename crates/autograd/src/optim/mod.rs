//! Optimizers: how parameters follow their gradients. Update rules, defaults and the place of every epsilon are
//! those of Keras 3, in f32, one value after the other.

mod adam;
pub mod lbfgs;
mod memory;
mod optimizer;
mod rmsprop;
mod sgd;

pub use adam::{Adam, AdamW};
pub use optimizer::Optimizer;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::Error;

/// The names of the optimizers that [`named`] knows.
pub const NAMES: [&str; 4] = ["adam", "adamw", "sgd", "rmsprop"];

/// Momentum of the SGD that [`named`] makes: Keras' own default, 0, is not what the name stands for in practice.
const NAMED_MOMENTUM: f32 = 0.9;

/// Returns the optimizer of this name with Keras' defaults, except for SGD, which has a momentum of 0.9.
///
/// # Errors
/// [`Error::UnknownOptimizer`] for a name that is not among [`NAMES`].
pub fn named(name: &str) -> Result<Box<dyn Optimizer>, Error> {
    Ok(match name {
        "adam" => Box::new(Adam::default()),
        "adamw" => Box::new(AdamW::default()),
        "sgd" => Box::new(Sgd::new(NAMED_MOMENTUM, false)?),
        "rmsprop" => Box::new(RmsProp::default()),
        _ => return Err(Error::UnknownOptimizer { name: name.to_owned(), known: NAMES.join(", ") }),
    })
}
