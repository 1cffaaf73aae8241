//! The samples of a strip or tile, from the way in which it is packed.

use std::borrow::Cow;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::layout::{Layout, Packing, broken};
use crate::room::set_len;
use crate::{Error, Format, Result};

fn truncated() -> Error {
    Error::Truncated {
        format: Format::Tiff,
        reason: "a strip or tile has fewer pixels than it should".to_owned(),
    }
}

/// Unpacks `length` bytes; those behind them are passed over.
pub(super) fn unpack<'a>(layout: &Layout, data: &'a [u8], length: usize) -> Result<Cow<'a, [u8]>> {
    let data = match layout.low_bit_first {
        true => Cow::Owned(data.iter().map(|byte| byte.reverse_bits()).collect()),
        false => Cow::Borrowed(data),
    };
    if layout.packing == Packing::None {
        return match data {
            Cow::Borrowed(data) => Ok(Cow::Borrowed(data.get(..length).ok_or_else(truncated)?)),
            Cow::Owned(data) => Ok(Cow::Owned(data.get(..length).ok_or_else(truncated)?.to_vec())),
        };
    }
    let mut out = Vec::new();
    set_len(&mut out, length, (layout.width, layout.height))?;
    let count = match layout.packing {
        Packing::Lzw => lzw(&data, &mut out)?,
        Packing::Deflate => inflate(&data, &mut out)?,
        _ => pack_bits(&data, &mut out),
    };
    if count < length { Err(truncated()) } else { Ok(Cow::Owned(out)) }
}

fn lzw(data: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    while written < out.len() {
        let step = decoder.decode_bytes(&data[read..], &mut out[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return Err(broken("its LZW codes make no sense")),
        }
    }
    Ok(written)
}

fn inflate(data: &[u8], out: &mut [u8]) -> Result<usize> {
    let flags = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut decoder = Box::<DecompressorOxide>::default();
    let (status, _, written) = decompress(&mut decoder, data, out, 0, flags);
    match status {
        // More bytes than are needed are passed over.
        TINFLStatus::Done | TINFLStatus::HasMoreOutput | TINFLStatus::Adler32Mismatch => Ok(written),
        TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => Err(truncated()),
        _ => Err(broken("its compressed data make no sense")),
    }
}

/// Runs of a byte, and bytes as they are; how many were written.
fn pack_bits(mut data: &[u8], out: &mut [u8]) -> usize {
    let mut at = 0;
    while let [head, rest @ ..] = data {
        data = rest;
        let head = *head as i8;
        let room = out.len() - at;
        if head >= 0 {
            let count = head as usize + 1;
            let copied = count.min(data.len()).min(room);
            out[at..at + copied].copy_from_slice(&data[..copied]);
            (at, data) = (at + copied, data.get(count..).unwrap_or_default());
        } else if head != i8::MIN {
            let count = (1 + usize::from(head.unsigned_abs())).min(room);
            let [byte, rest @ ..] = data else { break };
            out[at..at + count].fill(*byte);
            (at, data) = (at + count, rest);
        }
    }
    at
}

/// Adds up the differences of a row of samples of 8 bits, or of 16 in this byte order.
pub(super) fn add_up(row: &mut [u8], samples: usize, bits: u32, big_endian: bool) {
    if bits == 8 {
        for at in samples..row.len() {
            row[at] = row[at].wrapping_add(row[at - samples]);
        }
        return;
    }
    let read = |pair: [u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    let write = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let (pairs, _) = row.as_chunks_mut::<2>();
    for at in samples..pairs.len() {
        pairs[at] = write(read(pairs[at]).wrapping_add(read(pairs[at - samples])));
    }
}

/// Sample `index` of a row, of up to 16 bits.
pub(super) fn sample(row: &[u8], index: usize, bits: u32, big_endian: bool) -> u16 {
    match bits {
        8 => row[index].into(),
        16 if big_endian => u16::from_be_bytes([row[index * 2], row[index * 2 + 1]]),
        16 => u16::from_le_bytes([row[index * 2], row[index * 2 + 1]]),
        // Packed without gaps, highest bit first.
        _ => {
            let start = index * bits as usize;
            let bytes = row[start / 8..].iter().chain([&0; 2]).take(3);
            let window = bytes.fold(0u32, |sum, &byte| sum << 8 | u32::from(byte));
            let shift = 24 - (start % 8) as u32 - bits;
            (window >> shift & ((1 << bits) - 1)) as u16
        }
    }
}
