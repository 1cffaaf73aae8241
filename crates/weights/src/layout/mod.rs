//! Layouts: how a framework names a MobileNetV2's tensors, and the numbers that its weights were trained with.
//!
//! A layout is recognized by the tensor names in a file, never by the file's name. It says which tensor is which of
//! Keras', whose names and shapes are the canonical ones here, and brings epsilon, padding, pixel scaling, size and
//! resize rule for files whose metadata does not state them.
//!
//! `keras` and the three on `torch` (`torchvision`, `timm`, `huggingface`) are a file each; `tables` chooses among
//! them.

mod huggingface;
mod keras;
mod keras_config;
mod kind;
mod named;
mod order;
mod tables;
mod timm;
mod torch;
mod torchvision;

pub(crate) use kind::HEAD_PREFIX;
pub use kind::Layout;
pub(crate) use named::Tensors;
