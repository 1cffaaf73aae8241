//! GIF, the first frame, by the `gif` crate: the index of a color for each pixel, which becomes its color here.

use gif::{ColorOutput, DecodeOptions, DecodingError};
use icecap_foundation::shown::plain;

use crate::buffers::Buffers;
use crate::orient::Orientation;
use crate::photo::Header;
use crate::room::set_len;
use crate::{Error, Format, Limits, Result};

/// Decodes a GIF into `buffers.rgb`. What the frame leaves free, and what has no color in the table, is black.
pub(crate) fn decode(bytes: &[u8], limits: &Limits, buffers: &mut Buffers) -> Result<Header> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let mut decoder = options.read_info(bytes).map_err(explain)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    limits.check_size(width as u32, height as u32)?;
    if width == 0 || height == 0 {
        return Err(broken(format!("an image of {width}x{height} pixels")));
    }
    let frame = decoder.next_frame_info().map_err(explain)?;
    let frame = frame.ok_or_else(|| broken("there is no picture in it".to_owned()))?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (across, down) = (usize::from(frame.width), usize::from(frame.height));
    let (palette, transparent) = (frame.palette.clone(), frame.transparent);
    limits.check_decoded((width * height * 3) as u64 + across as u64 * down as u64)?;
    let Buffers { rgb, raw, .. } = buffers;
    rgb.clear();
    raw.clear();
    set_len(raw, across * down, (across, down))?;
    decoder.read_into_buffer(raw).map_err(explain)?;
    set_len(rgb, width * height * 3, (width, height))?;
    let palette = palette.as_deref().or(decoder.global_palette()).unwrap_or_default();
    let colors = palette.as_chunks::<3>().0;
    let rows = raw.chunks_exact(across.max(1)).zip(rgb.chunks_exact_mut(width * 3).skip(top));
    for (indices, row) in rows {
        for (index, pixel) in indices.iter().zip(row.chunks_exact_mut(3).skip(left)) {
            if let Some(color) = colors.get(usize::from(*index)) {
                pixel.copy_from_slice(color);
            }
        }
    }
    let fills = left == 0 && top == 0 && across >= width && down >= height;
    let clear = |index: &u8| Some(*index) == transparent || usize::from(*index) >= colors.len();
    let transparent = !fills || raw.iter().any(clear);
    let (width, height) = (width as u32, height as u32);
    Ok(Header { width, height, orientation: Orientation::default(), transparent })
}

fn broken(reason: String) -> Error {
    Error::Broken { format: Format::Gif, reason }
}

fn explain(error: DecodingError) -> Error {
    match error {
        DecodingError::Io(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::Truncated { format: Format::Gif, reason: "the file is cut off".to_owned() }
        }
        other => broken(plain(&other.to_string()).into_owned()),
    }
}
