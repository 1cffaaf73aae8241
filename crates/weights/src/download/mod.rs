//! Fetching the file of an entry into the store.
//!
//! ```text
//! weights/NAME/file         whole and checked, or not there
//! weights/NAME/file.part    what has come so far; kept when a run is cut off, resumed by the next
//! weights/NAME/file.from    which version of the file that is part of, in the server's words
//! weights/NAME/.lock        held while somebody fetches
//! ```
//!
//! A run takes the lock, so that of two only one fetches and the other finds the file. It asks for what is missing of
//! the `.part` (`Range`, and `If-Range` with the validator that the server gave), hashes every byte, those of an earlier
//! run too, checks the hash, syncs, renames, and syncs the folder. A failure that may pass is tried again, after a
//! while and a few times. What was fetched and is not what it should be is deleted at once.
//!
//! What it does badly: one connection, one address; a proxy is always asked for a tunnel (`CONNECT`), which
//! some refuse for plain `http://`.

mod event;
mod lock;
mod network;
mod part;
mod retry;
mod transfer;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use icecap_foundation::atomic_file::make_folder;
use icecap_kernels::FileBytes;

use crate::container::{Container, MAX_FILE};
use crate::store::{Store, check_size};
use crate::{Checked, Digest, Entry, Error};

pub use event::{Event, Tell};
use lock::Lock;
pub use network::Network;
use part::Part;
use retry::Retries;
use transfer::{Ended, Transfer};
use work::Work;

/// How a file is fetched that is there already, or has changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Fetch the file even if it is in the store.
    pub anew: bool,
    /// Accept a file whose hash is not the one seen first. A published hash must match all the same.
    pub accept_new_hash: bool,
}

/// A file that is in the store, whole and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The path of the file.
    pub path: PathBuf,
    /// The hash of the file.
    pub sha256: Digest,
    /// What the hash was compared with. [`Checked::Nothing`] means that it is the first one seen, and expected from now
    /// on.
    pub checked: Checked,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// Bytes that came over the network.
    pub received: u64,
}

/// Brings the file of `entry` into the store, unless it is there, and checks its hash.
///
/// # Errors
/// [`Error::Fetch`] with the address and the place where the file can be put by hand; [`Error::OtherHash`],
/// [`Error::Fetched`] or [`Error::Limit`] for a file that is not what it should be; [`Error::File`] where the store
/// cannot be written; [`Error::Stopped`] where `tell` says so. After a failure nothing is left but a `.part`.
pub fn fetch(
    store: &Store,
    entry: &Entry,
    network: &Network,
    wish: Wish,
    tell: Tell<'_>,
) -> Result<Fetched, Error> {
    let (Some(path), Some(url)) = (store.file(entry), network.address(entry)) else {
        let reason = "it is part of this program, there is nothing to fetch".to_owned();
        return Err(Error::Setting { what: "weights", value: entry.name.clone(), reason });
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder).map_err(|source| Error::io(folder, source))?;
    let _lock = Lock::take(folder, tell)?;
    let work = Work { store, entry, network, path: &path, url: &url, tell };
    if path.is_file() && !wish.anew {
        match work.keep(wish) {
            // A hash that nobody publishes, and another than was seen first is asked for.
            Ok(Fetched { checked: Checked::Prefix | Checked::Recorded, .. })
                if wish.accept_new_hash && !network.offline => {}
            // Whatever is wrong with it, it is not what was asked for.
            Err(error @ (Error::OtherHash { .. } | Error::Fetched { .. } | Error::Limit { .. })) => {
                work.tell(Event::Replacing(error.to_string()))?;
            }
            kept => return kept,
        }
    }
    work.fetch(wish)
}

impl Work<'_> {
    /// The file that is there, checked: fetched earlier, or put there by hand.
    fn keep(&self, wish: Wish) -> Result<Fetched, Error> {
        let place = self.path.display().to_string();
        let content = FileBytes::read(self.path, MAX_FILE)?;
        let (sha256, bytes) = (Digest::of(&content), content.len() as u64);
        check_size(self.entry, bytes, &place)?;
        // A new one comes from the server; where none can be asked, it can only have been put there by hand.
        let wish = Wish { accept_new_hash: wish.accept_new_hash && self.network.offline, ..wish };
        let checked = self.accept(self.path, sha256, &place, wish)?;
        if self.store.recorded(self.entry)? != Some(sha256) {
            self.store.record(self.entry, sha256)?;
        }
        Ok(Fetched { path: self.path.to_owned(), sha256, checked, bytes, received: 0 })
    }

    fn fetch(&self, wish: Wish) -> Result<Fetched, Error> {
        if self.network.offline {
            return Err(self.failed("ICECAP_OFFLINE forbids the network"));
        }
        let agent = self.network.agent(self.url)?;
        let mut part = Part::open(self.path)?;
        let mut received = 0;
        match self.bring(&agent, &mut part, &mut received, wish) {
            Ok(checked) => self.put(part, checked, received),
            Err(error) => {
                let no_use = matches!(
                    error,
                    Error::OtherHash { .. }
                        | Error::Fetched { .. }
                        | Error::Limit { .. }
                        | Error::Setting { .. }
                );
                part.leave(!no_use);
                Err(error)
            }
        }
    }

    /// Brings all bytes into `part` and checks them.
    fn bring(
        &self,
        agent: &ureq::Agent,
        part: &mut Part,
        received: &mut u64,
        wish: Wish,
    ) -> Result<Checked, Error> {
        if !part.may_go_on(self.has_hash()) {
            part.restart()?;
        }
        let mut retries = Retries::new(self.network.retries);
        let mut second_chance = true;
        // A server that sends the same bytes over and over gets nowhere.
        let mut furthest = part.len();
        loop {
            self.tell(Event::Asking { url: self.url.to_owned(), have: part.len() })?;
            match (Transfer { agent, work: self }).run(part, received)? {
                Ended::Whole => match self.accept(part.path(), part.sha256(), self.url, wish) {
                    // Two versions of the file may have met in it.
                    Err(error) if second_chance && part.is_mixed() => {
                        second_chance = false;
                        part.restart()?;
                        self.again(&format!("what was resumed does not fit ({error})"), Duration::ZERO)?;
                    }
                    accepted => return accepted,
                },
                Ended::Lost(trouble) => {
                    let gained = part.len().saturating_sub(furthest);
                    furthest = furthest.max(part.len());
                    match retries.after(&trouble, gained) {
                        Some(wait) => self.again(&trouble.reason, wait)?,
                        None => return Err(self.failed(&trouble.reason)),
                    }
                }
                Ended::Refused(error) => return Err(error),
            }
        }
    }

    /// Whether some hash will tell that what comes is what is wanted.
    fn has_hash(&self) -> bool {
        let stated = self.entry.sha256.is_some() || self.entry.sha256_prefix.is_some();
        stated || matches!(self.store.recorded(self.entry), Ok(Some(_)))
    }

    /// Checks a whole file's hash. Where none is known, it is the one from now on, if the file is a file of weights: a
    /// network's login page would do for any address.
    fn accept(&self, file: &Path, sha256: Digest, place: &str, wish: Wish) -> Result<Checked, Error> {
        let checked = match self.store.check(self.entry, sha256, place) {
            // What the manifest states must hold all the same.
            Err(Error::OtherHash { .. }) if wish.accept_new_hash => self.entry.check_hash(sha256, place)?,
            checked => checked?,
        };
        if checked == Checked::Nothing {
            Container::parse(&FileBytes::read(file, MAX_FILE)?, file).map(drop).map_err(|error| {
                let reason = format!("what came is no file of weights that opens here ({error})");
                Error::Fetched { url: place.to_owned(), reason }
            })?;
        }
        Ok(checked)
    }

    /// Puts a checked file in place.
    fn put(&self, part: Part, checked: Checked, received: u64) -> Result<Fetched, Error> {
        let sha256 = part.sha256();
        // The hash first: a file without it would be taken for one never seen.
        self.store.record(self.entry, sha256)?;
        let bytes = part.put(self.path)?;
        Ok(Fetched { path: self.path.to_owned(), sha256, checked, bytes, received })
    }

    fn again(&self, reason: &str, after: Duration) -> Result<(), Error> {
        self.tell(Event::Again { reason: reason.to_owned(), after })?;
        let until = std::time::Instant::now() + after;
        while let Some(left) =
            until.checked_duration_since(std::time::Instant::now()).filter(|d| !d.is_zero())
        {
            std::thread::sleep(left.min(event::TICK));
            self.tell(Event::Bytes { done: 0, total: None })?;
        }
        Ok(())
    }
}
