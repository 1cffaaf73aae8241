//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognized by the tensor names in a file, never by the file's name. It says which tensor is which of
//! Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling, size and
//! resize rule for files whose metadata does not state them.
//!
//! `keras` is a file of its own. The others are PyTorch's: a file each says how the modules are called (`torchvision`, `timm`,
//! `huggingface`, `flat`, `openmmlab`, on `naming`), `nets` finds them in a file's names, `choice` chooses among several,
//! `torch` sorts the tensors and `torch_head` reads a head. `tables` brings both sides together.

mod choice;
mod described;
mod flat;
mod huggingface;
mod keras;
mod keras_model;
mod kind;
mod named;
mod naming;
mod nets;
mod openmmlab;
mod order;
mod tables;
mod timm;
mod torch;
mod torch_head;
mod torchvision;

pub(crate) use choice::{Choice, choose};
pub use described::Stated;
pub(crate) use kind::HEAD_PREFIX;
pub use kind::Layout;
pub(crate) use named::{Named, Tensors};
