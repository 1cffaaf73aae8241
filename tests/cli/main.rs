//! The binary as a person runs it, a module a command or a way of using it, on photos drawn here.
//!
//! One process for all of them: they share their tools (a folder with photos, a file server, a browser) and are linked
//! once. What counts memory or keeps a promise in seconds is beside this folder, in a process of its own.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod browser;
mod engines;
mod file_server;
mod place;
#[path = "../skipped.rs"]
mod skipped;
#[path = "../table_writer.rs"]
mod table_writer;
#[path = "../zip_writer.rs"]
mod zip_writer;

mod advice;
mod archive;
mod augment;
mod awkward;
mod bench;
mod bundle;
mod cases;
mod check;
mod chromium;
mod config;
mod dataset;
mod download;
mod evaluate;
mod export;
mod export_engines;
mod features;
mod heard;
mod heatmap;
mod help;
mod hidden;
mod int8;
mod int8_told;
mod network;
#[cfg(unix)]
mod odd_names;
mod opens;
mod operating;
mod overwrite;
mod page;
mod people;
mod predict;
mod records;
mod report;
#[cfg(unix)]
mod resume;
#[cfg(unix)]
mod shortage;
#[cfg(unix)]
mod shown_names;
#[cfg(unix)]
mod signals;
mod similar;
mod since;
mod split;
mod sweep;
mod tables;
mod tools;
#[cfg(unix)]
mod torture;
mod train;
mod tuning;
mod weights;
