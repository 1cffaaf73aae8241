//! How the channels of a JPEG are to be read: by the rules of libjpeg, which the file states in three places.

use super::skeleton::Skeleton;
use crate::color::FourChannels;

/// How the channels of a file are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorModel {
    Gray,
    Rgb,
    Ycc,
    Four(FourChannels),
}

impl ColorModel {
    /// JFIF means YCbCr, Adobe's marker says what it is, otherwise the channels' names tell.
    pub(super) fn of(skeleton: &Skeleton) -> Self {
        let ids: Vec<u8> = skeleton.frame.components.iter().map(|c| c.id).collect();
        match (ids.len(), skeleton.hints.adobe) {
            (1, _) => ColorModel::Gray,
            (4, Some(0)) => ColorModel::Four(FourChannels::InvertedCmyk),
            (4, Some(_)) => ColorModel::Four(FourChannels::Ycck),
            (4, None) => ColorModel::Four(FourChannels::Cmyk),
            _ if skeleton.hints.jfif => ColorModel::Ycc,
            (_, Some(0)) => ColorModel::Rgb,
            (_, None) if ids == *b"RGB" => ColorModel::Rgb,
            _ => ColorModel::Ycc,
        }
    }
}
