//! What is promised of the readers of weights, held against one file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use icecap_weights::{Container, Error, Kind, Model, from_bytes};

use crate::memory::Memory;

/// The most memory that a refusal takes, above quiet.
const MOST: u64 = 64 << 20;
/// The longest that a file of less than a megabyte takes.
const SLOWEST: Duration = Duration::from_secs(2);

pub(super) struct Reader {
    memory: Memory,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { memory: Memory::quiet() }
    }

    /// What becomes of a file, or what promise it breaks.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<String, String> {
        self.memory.forget();
        let start = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| all_ways(bytes)));
        let (took, held) = (start.elapsed(), self.memory.above());
        let outcome = read.map_err(|_| "a panic".to_owned())??;
        if took > SLOWEST {
            return Err(format!("{:.1} s", took.as_secs_f64()));
        }
        match held {
            Some(held) if held > MOST => Err(format!("{} MiB above quiet: {outcome}", held >> 20)),
            _ => Ok(outcome.to_owned()),
        }
    }

    /// What becomes of a file that is cut: all of its tensors, or an error.
    pub(super) fn cut(&mut self, whole: &[u8], end: usize) -> Result<String, String> {
        let outcome = self.read(&whole[..end])?;
        let Ok(cut) = Container::parse(&whole[..end], "file".as_ref()) else { return Ok(outcome) };
        let all = Container::parse(whole, "file".as_ref());
        let all = all.map_err(|error| format!("cut at {end} it is read, and whole it is not: {error}"))?;
        let same = cut.names().eq(all.names())
            && cut.names().all(|name| match (cut.tensor(name), all.tensor(name)) {
                (Ok(cut), Ok(all)) => cut.data() == all.data(),
                // One whose values are cut away is refused where it is asked for.
                (Err(_), _) => true,
                (Ok(_), Err(_)) => false,
            });
        match same {
            true => Ok(outcome),
            false => Err(format!("cut at {end} of {}: other tensors", whole.len())),
        }
    }
}

/// Reads a file as a container, as weights and as a model.
fn all_ways(bytes: &[u8]) -> Result<&'static str, String> {
    let container = match Container::parse(bytes, "file".as_ref()) {
        Err(error) => {
            line(&error)?;
            false
        }
        Ok(container) => {
            for name in container.names() {
                match container.tensor(name) {
                    // Halves become whole numbers of twice the size.
                    Ok(tensor) if tensor.data().len() > bytes.len() => {
                        return Err(format!("{} values of {} bytes", tensor.data().len(), bytes.len()));
                    }
                    Ok(_) => {}
                    Err(error) => line(&error)?,
                }
            }
            true
        }
    };
    let weights = match from_bytes(bytes, "file") {
        Err(error) => {
            line(&error)?;
            false
        }
        Ok(weights) => {
            let is_finite =
                weights.params.tensors().all(|(_, tensor)| tensor.data().iter().all(|v| v.is_finite()));
            if !is_finite {
                return Err("a net with values that are no numbers".to_owned());
            }
            true
        }
    };
    let model = match Model::from_bytes(bytes, "file") {
        Err(error) => {
            line(&error)?;
            false
        }
        Ok(_) => true,
    };
    Ok(match (model, weights, container) {
        (true, ..) => "a model",
        (_, true, _) => "weights",
        (_, _, true) => "a container, refused as a net",
        _ => "refused",
    })
}

/// A refusal is a line that names the file.
fn line(error: &Error) -> Result<(), String> {
    let text = error.to_string();
    let is_line = text.starts_with("file: ") && !text.contains(char::is_control) && text.len() < 700;
    match is_line && error.kind() != Kind::Io {
        true => Ok(()),
        false => Err(format!("no line of text: {text:?}")),
    }
}
