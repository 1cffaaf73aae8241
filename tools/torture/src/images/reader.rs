//! What is promised of the decoder, held against one file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use icecap::advanced::data::{
    Error, ErrorKind, ExifPolicy, Format, Limits, Loader, Photo, ResizeBuffers, ResizeSpec, decode,
    is_decoding, pixels,
};
use icecap::advanced::kernels::Isa;

use crate::memory::Memory;

/// The most memory that a refusal takes, above quiet.
pub(super) const MOST: u64 = 64 << 20;
/// The longest that a file of a few kilobytes takes.
pub(super) const SLOWEST: Duration = Duration::from_secs(2);
/// Photos of more pixels are not made twice.
const COMPARED: usize = 1 << 20;

/// Keeps panics quiet that become errors about a photo.
pub fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_decoding() {
                usual(panic);
            }
        }));
    });
}

/// Reads files one after the other, as a run over a folder does.
pub(super) struct Reader {
    memory: Memory,
    isa: Isa,
    spec: ResizeSpec,
    /// Keeps what it can from photo to photo.
    loader: Loader,
}

impl Reader {
    pub(super) fn new() -> Self {
        hush();
        let spec: ResizeSpec = match "32x32 squash".parse() {
            Ok(spec) => spec,
            Err(error) => unreachable!("{error}"),
        };
        let isa = Isa::best();
        let loader = Loader::new(isa, Limits::default(), ExifPolicy::Apply);
        Self { memory: Memory::quiet(), isa, spec, loader }
    }

    /// What becomes of a file, or what promise it breaks.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<String, String> {
        self.memory.forget();
        let start = Instant::now();
        let read = catch_unwind(AssertUnwindSafe(|| decode(bytes, &Limits::default(), ExifPolicy::Apply)));
        let (took, held) = (start.elapsed(), self.memory.above());
        let read = read.map_err(|_| "a panic".to_owned())?;
        if took > SLOWEST {
            return Err(format!("{:.1} s", took.as_secs_f64()));
        }
        match read {
            Ok(photo) => {
                self.again(bytes, &photo)?;
                Ok("a photo".to_owned())
            }
            Err(error) => refused(bytes, &error, held),
        }
    }

    /// What becomes of a file that is cut: all of the photo, or an error.
    pub(super) fn cut(&mut self, whole: &[u8], end: usize) -> Result<String, String> {
        let outcome = self.read(&whole[..end])?;
        let rgb = |bytes: &[u8]| {
            decode(bytes, &Limits::default(), ExifPolicy::Apply)
                .ok()
                .map(|photo| (photo.width(), photo.to_rgb()))
        };
        match (rgb(&whole[..end]), rgb(whole)) {
            (Some(cut), Some(all)) if cut != all && !passes(whole) => {
                Err(format!("cut at {end} of {}: another photo", whole.len()))
            }
            (Some(_), None) => Err(format!("cut at {end}: a photo, and none where it is whole")),
            _ => Ok(outcome),
        }
    }

    /// A photo is the same whichever photos were read before it.
    fn again(&mut self, bytes: &[u8], photo: &Photo) -> Result<(), String> {
        if photo.width() * photo.height() > COMPARED {
            return Ok(());
        }
        let mut fresh = vec![0.0; self.spec.values()];
        let mut kept = fresh.clone();
        pixels(photo, &self.spec, self.isa, &mut ResizeBuffers::default(), &mut fresh)
            .map_err(|error| error.to_string())?;
        let open = self.loader.open_bytes(bytes).map_err(|error| error.to_string())?;
        open.pixels(&self.spec, &mut kept).map_err(|error| format!("refused by a loader: {error}"))?;
        match fresh == kept {
            true => Ok(()),
            false => Err("another photo where photos were read before it".to_owned()),
        }
    }
}

/// Whether a JPEG is told in passes, the last of which may lack a bit that no pixel shows.
fn passes(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xD8]) && bytes.windows(2).any(|pair| pair == [0xFF, 0xC2])
}

/// A refusal is a line, and cheap.
fn refused(bytes: &[u8], error: &Error, held: Option<u64>) -> Result<String, String> {
    let text = error.to_string();
    if text.is_empty() || text.contains(char::is_control) || text.len() > 400 {
        return Err(format!("no line of text: {text:?}"));
    }
    if let Some(held) = held.filter(|held| *held > MOST) {
        return Err(format!("{} MiB above quiet: {text}", held >> 20));
    }
    let format = Format::of(bytes).ok();
    if text.contains("the decoder gave up") {
        // These are our own: a panic is a bug of ours.
        let ours = matches!(format, Some(Format::Jpeg | Format::Tiff));
        let name = format.map_or("?".to_owned(), |format| format.to_string());
        return if ours {
            Err(format!("a panic in {name}"))
        } else {
            Ok(format!("a contained panic in {name}"))
        };
    }
    Ok(match error {
        Error::Truncated { .. } => "refused as cut",
        Error::Broken { .. } => "refused as broken",
        Error::Unsupported { .. } => "refused as not supported",
        Error::UnknownFormat { .. } | Error::Convertible { .. } | Error::Empty => "refused as no photo",
        _ if error.kind() == ErrorKind::Limit => "refused by a limit",
        _ => "refused otherwise",
    }
    .to_owned())
}
