//! `icecap serve`, as clients use it.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

#[path = "../cli/chromium.rs"]
mod chromium;
mod gate;
#[path = "../cli/place.rs"]
#[allow(dead_code)]
mod place;
mod python;
mod served;
#[path = "../skipped.rs"]
mod skipped;
mod visitor;

mod campaigns;
mod clients;
mod guide;
mod lifetime;
mod page;
mod plain;
