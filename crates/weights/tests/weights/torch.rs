//! PyTorch's files and layouts: what opens, to which net, and what is refused.

mod assets;
mod checkpoints;
mod heads;
mod hostile;
mod layouts;
mod mutants;
