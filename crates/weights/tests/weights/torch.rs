//! PyTorch's files and layouts: what opens, to which net, and what is refused.

mod assets;
mod checkpoints;
mod forms;
mod heads;
mod hostile;
mod layouts;
mod mutants;
