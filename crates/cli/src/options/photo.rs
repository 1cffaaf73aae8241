//! What a photo may ask for.

use clap::Args;
use icecap::advanced::data::Limits;

/// How large photos may be.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct PhotoOptions {
    /// Largest photo that is read, in pixels: a number, or megapixels as in 200M. One over 256 MB is decoded alone, in up to
    /// 12 bytes a pixel
    #[arg(long, value_name = "N", default_value = "120M", value_parser = pixels)]
    max_pixels: u64,
}

impl PhotoOptions {
    /// Returns the option as one types it, if it is not the default.
    pub(crate) fn typed(self) -> Option<String> {
        (self.max_pixels != Limits::PIXELS).then(|| self.max_pixels.to_string())
    }

    pub(crate) fn limits(self) -> Limits {
        Limits::of_pixels(self.max_pixels)
    }
}

/// The most that can be asked for, which then takes up to 12 GB.
const MOST: u64 = 1_000_000_000;

fn pixels(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['M', 'm']) {
        Some(digits) => (digits, 1_000_000),
        None => (text, 1),
    };
    let pixels = digits.parse().ok().and_then(|count: u64| count.checked_mul(unit));
    let pixels = pixels.filter(|pixels| (1..=MOST).contains(pixels));
    pixels.ok_or_else(|| "use a number of pixels up to 1000M, as in 200M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_a_number_or_megapixels() {
        assert_eq!(pixels("120M"), Ok(Limits::PIXELS));
        assert_eq!(pixels("50000000"), Ok(50_000_000));
        for wrong in ["", "0", "M", "-1", "1001M", "1.5M", "18446744073709551615M", "200 M"] {
            assert!(pixels(wrong).is_err(), "{wrong}");
        }
    }
}
