//! JPEG XL, by the `jxl-oxide` crate, its first frame.
//!
//! Levels are those of the color space that the file states, which is not looked at, as with every other format.

use jxl_oxide::{AllocTracker, JxlImage};

use icecap_foundation::shown::plain;

use crate::buffers::Buffers;
use crate::orient::Orientation;
use crate::photo::Header;
use crate::room::{probe, set_len};
use crate::{Error, Format, Limits, Result};

/// Decodes a JPEG XL into `buffers.rgb`.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Error::Broken {
        format: Format::JpegXl,
        reason: plain(&error.to_string()).into_owned(),
    };
    let room = usize::try_from(limits.decoded_bytes).unwrap_or(usize::MAX);
    let tracker = AllocTracker::with_limit(room);
    let image = JxlImage::builder().alloc_tracker(tracker).read(bytes).map_err(failed)?;
    let (width, height) = (image.width(), image.height());
    limits.check_size(width, height)?;
    let pixels = u64::from(width) * u64::from(height);
    // All of a frame's samples are held in 32 bits, and once more while they are turned into levels.
    limits.check_decoded(pixels * (3 + 4 * 2 * image.pixel_format().channels() as u64))?;
    if image.pixel_format().has_black() {
        return Err(Error::Unsupported { format: Format::JpegXl, feature: "four inks".to_owned() });
    }
    let cut =
        || Error::Truncated { format: Format::JpegXl, reason: "its first frame is not whole".to_owned() };
    if image.num_loaded_keyframes() == 0 {
        return Err(cut());
    }
    let sides = (width as usize, height as usize);
    probe(pixels * 4 * 2 * image.pixel_format().channels() as u64, sides)?;
    let frame = image.render_frame(0).map_err(failed)?;
    let mut stream = frame.stream();
    let channels = stream.channels() as usize;
    if (stream.width(), stream.height()) != (width, height) || !(1..=4).contains(&channels) {
        return Err(cut());
    }
    let Buffers { rgb, raw, .. } = buffers;
    set_len(raw, pixels as usize * channels, sides)?;
    stream.write_to_buffer::<u8>(raw);
    set_len(rgb, pixels as usize * 3, sides)?;
    for (from, to) in raw.chunks_exact(channels).zip(rgb.chunks_exact_mut(3)) {
        match from {
            [gray] | [gray, _] => to.fill(*gray),
            _ => to.copy_from_slice(&from[..3]),
        }
    }
    let alpha = channels.is_multiple_of(2);
    let transparent = alpha && raw.chunks_exact(channels).any(|pixel| pixel[channels - 1] != 255);
    // The decoder has turned the picture upright.
    Ok(Header { width, height, orientation: Orientation::default(), transparent })
}
