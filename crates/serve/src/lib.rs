//! icecap over HTTP: trained classifiers answer photos that clients send.
//!
//! A [`Server`] is made of [`Models`] and [`Options`] and runs until a signal ends it. It speaks the Open Inference Protocol,
//! version 2, for clients that have it, and takes plain posts of photos from everybody else; `/` is a page to try it.
//!
//! ```no_run
//! use icecap::Classifier;
//! use icecap_serve::{LogFormat, ModelFile, Models, Options, Server};
//!
//! let files = vec![ModelFile { name: "bees".to_owned(), path: "bees.safetensors".into() }];
//! // Models that were trained on one backbone may share it; this one does not look for that.
//! let models = Models::open(files, |path, _backbones| Classifier::open(path))?;
//! let options = Options {
//!     listen: ([127, 0, 0, 1], 8080).into(),
//!     threads: 2,
//!     max_queue: 512,
//!     max_body: 32 << 20,
//!     token: None,
//!     log: LogFormat::Text,
//! };
//! Server::bind(options, models)?.run();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How a request goes through it
//!
//! One thread listens, reads requests and writes answers; it computes nothing. Photos wait in a queue (`queue`) for the threads
//! that work (`worker`), one photo to a thread; a photo that comes alone has all of them. An `order` holds the photos of a
//! request and their answers. A client that leaves takes its photos out of the queue.
//!
//! Everything has a limit (`limits`): heads, bodies and their time, the memory of all bodies, connections (`place`), photos
//! that wait. Whoever comes above one is told so, with a status and a sentence.
#![forbid(unsafe_code)]

mod accept;
mod app;
mod body;
mod connection;
mod description;
mod infer;
mod limits;
mod log;
mod metrics;
mod models;
mod observe;
mod order;
mod photos;
mod place;
mod query;
mod queue;
mod refusal;
mod request_id;
mod routes;
mod server;
mod signals;
mod table;
mod token;
mod worker;

pub use log::LogFormat;
pub use models::{ModelFile, Models};
pub use server::{Options, Server};
pub use token::Token;
