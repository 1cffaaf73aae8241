//! The decoder in its strict mode, in which missing rows are an error.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::skeleton::{broken, truncated};
use crate::{Limits, Result};

/// Decodes a rewritten stream into `out`, `[height, width, channels of color]`.
pub(super) fn decode_stream(stream: &[u8], color: ColorSpace, limits: &Limits, out: &mut [u8]) -> Result<()> {
    let side = limits.side as usize;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side)
        .jpeg_set_max_scans(limits.scans + 1)
        .jpeg_set_out_colorspace(color);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(|error| broken(reason(&error)))?;
    if decoder.output_buffer_size() != Some(out.len()) {
        return Err(broken("the image header and its data disagree"));
    }
    decoder.decode_into(out).map_err(|error| {
        // The two errors that the ones behind the data lead to.
        let reason = reason(&error);
        let ran_out =
            ["Bad Huffman Code", "more than bits left", "No more bytes left", "Exhausted", "Premature"];
        if ran_out.iter().any(|text| reason.contains(text)) {
            truncated("rows are missing, or their data is damaged")
        } else {
            broken(reason)
        }
    })
}

fn reason(error: &DecodeErrors) -> String {
    let text = error.to_string();
    text.trim_matches('"').to_owned()
}
