//! Columns of Parquet files, read: a whole column of a group of rows ([`Table::bytes`]), or one page of it at a time
//! ([`Pages`]), as a column of photos is too large to be had at once.
//!
//! A [`Table`] is opened from whatever gives bytes at offsets. What a page states that it unpacks to is
//! held against a limit before memory is taken, and a panic of the reader underneath is an [`Error`] about the file.
#![forbid(unsafe_code)]

mod chunk;
mod contained;
mod error;
mod pages;
mod table;
mod watched;

pub use contained::{contained, is_reading};
pub use error::Error;
pub use pages::{Page, Pages};
pub use table::Table;
