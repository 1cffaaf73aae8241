//! Fetching the file of a manifest's entry, with a bar on a terminal and plain lines elsewhere.

use std::cell::Cell;

use icecap::advanced::weights::download::{self, Event, Fetched, Network, Wish};
use icecap::advanced::weights::{Checked, Entry, Store};

use crate::store::entry_size::size;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::progress::ByteProgress;
use crate::terminal::stderr::note;
use crate::terminal::wording::megabytes;

/// Fetches the file of an entry into the store, and tells so on standard error unless it is there already.
pub(crate) fn fetch(store: &Store, entry: &Entry, network: &Network, wish: Wish) -> Result<Fetched, Failure> {
    let progress = ByteProgress::new(&entry.name);
    let asked = Cell::new(false);
    let tell = |event: Event| {
        match event {
            Event::Waiting => progress.note(&format!("{}: waiting, another process fetches it", entry.name)),
            Event::Replacing(reason) => progress.note(&format!("{}: fetched anew: {reason}", entry.name)),
            Event::Asking { url, have } => {
                progress.begin(have);
                match have {
                    0 if asked.get() => {}
                    0 => progress.note(&format!("fetching {} ({}) from {url}", entry.name, size(entry))),
                    _ => {
                        let there = megabytes(have);
                        progress.note(&format!(
                            "fetching the rest of {} from {url}; {there} are there",
                            entry.name
                        ));
                    }
                }
                asked.set(true);
            }
            Event::Again { reason, after } if after.is_zero() => {
                progress.note(&format!("{}: {reason}; from the start", entry.name));
            }
            Event::Again { reason, after } => {
                progress.note(&format!("{}: {reason}; again in {} s", entry.name, after.as_secs_f64()));
            }
            // While it waits for something else than bytes, none are told.
            Event::Bytes { done, total } if done > 0 || total.is_some() => progress.set(done, total),
            _ => {}
        }
        interrupt::flow()
    };
    let fetched = download::fetch(store, entry, network, wish, &tell);
    drop(progress);
    let fetched = fetched?;
    if fetched.checked == Checked::Nothing {
        note(&format!(
            "{}: its publisher states no hash; the one seen first, sha256 {}, is kept and expected from now on",
            entry.name, fetched.sha256
        ));
    }
    Ok(fetched)
}
