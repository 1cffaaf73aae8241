//! Every color a file may hold, turned into RGB of 8 bits.
//!
//! | in the file | here | TensorFlow with `channels=3` |
//! |---|---|---|
//! | gray | the same value three times | the same |
//! | 1, 2, 4 bits | scaled to 0..255 | the same |
//! | palette (PNG, GIF, BMP) | the entry's color, a transparent entry's too | the same |
//! | alpha (PNG, WebP, BMP) | dropped, the color under it kept as stored | the same |
//! | GIF frame smaller than the canvas | black around it | the same |
//! | 16 bits a channel | `v / 257`, rounded | the high byte, at most 1 level lower |
//! | float (none of the formats read today) | `v * 255`, clipped and rounded | - |
//! | JPEG YCbCr | by JFIF's matrix | the same |
//! | JPEG RGB (Adobe transform 0, or components named R, G, B) | as stored | the same |
//! | JPEG CMYK written by Adobe (inverted) | `c k / 255`, `m k / 255`, `y k / 255` | the same |
//! | JPEG CMYK without Adobe's marker | `(255-c)(255-k) / 255`, … | the same |
//! | JPEG YCCK | by JFIF's matrix to inverted CMY, then as CMYK | the same |
//! | embedded profiles, gamma | ignored | ignored |

use icecap_kernels::jpeg::rgb_of;
use image::ColorType;

/// `v / 257` rounded: the nearest of 256 levels.
fn narrow(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_767) / 65_535) as u8
}

/// Turns decoded samples of `color` into RGB. `false` where the color is none of the known ones.
///
/// # Shapes
/// `samples` `[pixels, channels of color]` in native byte order, `rgb` `[pixels, 3]`.
pub(crate) fn to_rgb(color: ColorType, samples: &[u8], rgb: &mut [u8]) -> bool {
    let wide = |bytes: &[u8], channel: usize| {
        narrow(u16::from_ne_bytes([bytes[channel * 2], bytes[channel * 2 + 1]]))
    };
    let float = |bytes: &[u8], channel: usize| {
        let at = channel * 4;
        let value = f32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        (value * 255.0).round().clamp(0.0, 255.0) as u8
    };
    match color {
        ColorType::L8 => each(samples, rgb, 1, |p| [p[0]; 3]),
        ColorType::La8 => each(samples, rgb, 2, |p| [p[0]; 3]),
        ColorType::Rgb8 => each(samples, rgb, 3, |p| [p[0], p[1], p[2]]),
        ColorType::Rgba8 => each(samples, rgb, 4, |p| [p[0], p[1], p[2]]),
        ColorType::L16 => each(samples, rgb, 2, |p| [wide(p, 0); 3]),
        ColorType::La16 => each(samples, rgb, 4, |p| [wide(p, 0); 3]),
        ColorType::Rgb16 => each(samples, rgb, 6, |p| [wide(p, 0), wide(p, 1), wide(p, 2)]),
        ColorType::Rgba16 => each(samples, rgb, 8, |p| [wide(p, 0), wide(p, 1), wide(p, 2)]),
        ColorType::Rgb32F => each(samples, rgb, 12, |p| [float(p, 0), float(p, 1), float(p, 2)]),
        ColorType::Rgba32F => each(samples, rgb, 16, |p| [float(p, 0), float(p, 1), float(p, 2)]),
        _ => return false,
    }
    true
}

/// Whether a pixel of `samples`, in native byte order, is not opaque.
pub(crate) fn is_transparent(color: ColorType, samples: &[u8]) -> bool {
    // Samples are whole numbers, whose greatest is all ones; of a float nothing is said.
    let last = match color {
        ColorType::La8 | ColorType::Rgba8 => 1,
        ColorType::La16 | ColorType::Rgba16 => 2,
        _ => return false,
    };
    let pixel = usize::from(color.bytes_per_pixel());
    samples.chunks_exact(pixel).any(|pixel| pixel[pixel.len() - last..].iter().any(|&byte| byte != 0xFF))
}

fn each(samples: &[u8], rgb: &mut [u8], bytes: usize, pixel: impl Fn(&[u8]) -> [u8; 3]) {
    for (from, to) in samples.chunks_exact(bytes).zip(rgb.chunks_exact_mut(3)) {
        to.copy_from_slice(&pixel(from));
    }
}

/// How the four channels of a JPEG are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FourChannels {
    /// Ink amounts.
    Cmyk,
    /// 255 minus ink amounts, as Adobe's programs write.
    InvertedCmyk,
    /// YCbCr of 255 minus the inverted CMY, and inverted K.
    Ycck,
}

/// Turns four channels a pixel into RGB.
pub(crate) fn four_to_rgb(order: FourChannels, samples: &[u8], rgb: &mut [u8]) {
    let scale = |a: u8, b: u8| (u16::from(a) * u16::from(b) / 255) as u8;
    match order {
        FourChannels::InvertedCmyk => {
            each(samples, rgb, 4, |p| [scale(p[0], p[3]), scale(p[1], p[3]), scale(p[2], p[3])]);
        }
        FourChannels::Cmyk => each(samples, rgb, 4, |p| {
            let white = 255 - p[3];
            [scale(255 - p[0], white), scale(255 - p[1], white), scale(255 - p[2], white)]
        }),
        FourChannels::Ycck => each(samples, rgb, 4, |p| {
            let [r, g, b] = rgb_of(p[0], p[1], p[2]);
            [scale(255 - r, p[3]), scale(255 - g, p[3]), scale(255 - b, p[3])]
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_divided_by_257_and_rounded() {
        for value in 0..=u16::MAX {
            assert_eq!(narrow(value), (f64::from(value) / 257.0).round() as u8, "{value}");
        }
    }

    #[test]
    fn ink_amounts_and_their_inverse_give_the_same_color() {
        let ink = [10u8, 200, 0, 40, 255, 255, 255, 0, 7, 7, 7, 255];
        let inverted: Vec<u8> = ink.iter().map(|v| 255 - v).collect();
        let (mut plain, mut adobe) = ([0; 9], [0; 9]);
        four_to_rgb(FourChannels::Cmyk, &ink, &mut plain);
        four_to_rgb(FourChannels::InvertedCmyk, &inverted, &mut adobe);
        assert_eq!(plain, adobe);
        assert_eq!(plain[3..], [0; 6]);
    }

    #[test]
    fn jfifs_matrix_at_its_corners() {
        assert_eq!(rgb_of(128, 128, 128), [128; 3]);
        assert_eq!(rgb_of(76, 85, 255), [254, 0, 0]);
        assert_eq!(rgb_of(255, 128, 128), [255; 3]);
    }
}
