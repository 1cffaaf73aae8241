//! The two ways in which decoders compute the inverse cosine transform of a JPEG.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// How the inverse cosine transform of a JPEG is computed. The standard leaves the rounding open, so two decoders may
/// give pixels that differ by a few of 256 levels; where a net was trained on those of one, its answers are nearest on
/// the same.
///
/// It parses from and prints as `accurate` or `fast`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dct {
    /// Within a level of exact arithmetic: libjpeg's `JDCT_ISLOW`, which Pillow, OpenCV, torchvision and browsers use.
    #[default]
    Accurate,
    /// With eight bits behind the point: libjpeg's `JDCT_IFAST`, which TensorFlow's `decode_jpeg` uses unless told
    /// otherwise, and with it Keras' `image_dataset_from_directory`. About one level from the accurate one on average,
    /// and up to twenty where a photo is sharp.
    Fast,
}

impl fmt::Display for Dct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accurate => "accurate",
            Self::Fast => "fast",
        })
    }
}

impl FromStr for Dct {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "accurate" => Ok(Self::Accurate),
            "fast" => Ok(Self::Fast),
            _ => Err(Error::UnknownDct { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_written_and_read_as_text() {
        for dct in [Dct::Accurate, Dct::Fast] {
            assert_eq!(dct.to_string().parse::<Dct>().unwrap(), dct);
        }
        for wrong in ["", "Fast", "islow", "fast "] {
            let error = wrong.parse::<Dct>().unwrap_err();
            assert!(error.to_string().ends_with("use accurate or fast"), "{error}");
        }
    }
}
