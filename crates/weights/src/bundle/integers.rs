//! What a model file states of a backbone in int8, and how that backbone is read.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use icecap_graph::int8::IntegerNet;
use icecap_graph::{Net, Precision};
use icecap_kernels::Threads;

use crate::container::Container;
use crate::derived::Packing;
use crate::record::Metadata;
use crate::{Digest, Error, IntegerBackbone, Layout, Quantization, integers, integers_digest, vocabulary};

/// The metadata keys.
mod key {
    pub(super) const PRECISION: &str = "precision";
    pub(super) const SHA256: &str = "integers_sha256";
    pub(super) const PHOTOS: &str = "int8_photos";
    pub(super) const JUDGED: &str = "int8_judged";
    pub(super) const JUDGED_ON: &str = "int8_judged_on";
    pub(super) const ERROR: &str = "int8_error";
    pub(super) const AGREEMENT: &str = "int8_agreement";
}

/// Whether only files with a net in integers have this metadata key.
pub(super) fn is_key(name: &str) -> bool {
    use key::{AGREEMENT, ERROR, JUDGED, JUDGED_ON, PHOTOS, PRECISION, SHA256};
    [PRECISION, SHA256, PHOTOS, JUDGED, JUDGED_ON, ERROR, AGREEMENT].contains(&name)
}

const OTHERS: &str = "others";
const SAME: &str = "same";

/// Adds what the file states of the backbone to its metadata.
pub(super) fn state(backbone: &IntegerBackbone, metadata: &mut BTreeMap<String, String>) {
    let origin = &backbone.origin;
    let mut put = |key: &str, value: String| metadata.insert(key.to_owned(), value);
    put(key::PRECISION, Precision::Int8.to_string());
    put(key::SHA256, backbone.sha256.to_string());
    put(key::PHOTOS, origin.photos.to_string());
    if let Some(error) = origin.error {
        put(key::JUDGED, origin.judged.to_string());
        put(key::JUDGED_ON, if origin.on_others { OTHERS } else { SAME }.to_owned());
        put(key::ERROR, error.to_string());
    }
    if let Some(agreement) = origin.agreement {
        put(key::AGREEMENT, agreement.to_string());
    }
}

/// Reads the backbone in integers of a model file, and packs it if `packing` says so.
pub(super) fn read(
    file: &Container<'_>,
    metadata: &Metadata<'_>,
    packing: Packing,
    threads: &Threads,
) -> Result<(IntegerBackbone, Option<Net>), Error> {
    let (stated, origin) = self::stated(metadata)?;
    let net = Arc::new(integers::read(file, metadata.numerics(Layout::Keras)?)?);
    let (sha256, packed) = derived(&net, packing, threads);
    if sha256 != stated {
        let reason = format!("the integers hash to {sha256}; the file is damaged, copy it again");
        return Err(metadata.refuse(key::SHA256, reason));
    }
    Ok((IntegerBackbone { net, sha256, origin }, packed))
}

/// The hash of a net, and the net packed, at the same time if there are threads.
fn derived(net: &Arc<IntegerNet>, packing: Packing, threads: &Threads) -> (Digest, Option<Net>) {
    if packing == Packing::Skipped {
        return (integers_digest(net), None);
    }
    enum Pass {
        Hash(Digest),
        Pack(Box<Net>),
    }
    let mut derived = (None, None);
    for pass in threads.map([true, false], |packs| match packs {
        true => Pass::Pack(Box::new(Net::of_integers(IntegerNet::clone(net)))),
        false => Pass::Hash(integers_digest(net)),
    }) {
        match pass {
            Pass::Hash(digest) => derived.0 = Some(digest),
            Pass::Pack(net) => derived.1 = Some(*net),
        }
    }
    (derived.0.unwrap_or_else(|| integers_digest(net)), derived.1)
}

/// The hash of the integers and their origin, as the file states them.
pub(super) fn stated(metadata: &Metadata<'_>) -> Result<(Digest, Quantization), Error> {
    metadata.need(key::PRECISION, |text| match text.parse() {
        Ok(Precision::Int8) => Ok(()),
        _ => Err("a file of this format has a net in int8".to_owned()),
    })?;
    Ok((metadata.need(key::SHA256, vocabulary::digest)?, origin(metadata)?))
}

fn origin(metadata: &Metadata<'_>) -> Result<Quantization, Error> {
    let on_others = metadata.get(key::JUDGED_ON, |text| match text {
        OTHERS => Ok(true),
        SAME => Ok(false),
        _ => Err(format!("expected '{OTHERS}' or '{SAME}'")),
    })?;
    let judged = metadata.get(key::JUDGED, number)?;
    Ok(Quantization {
        photos: metadata.need(key::PHOTOS, number)?,
        // A count means something only beside the word that says of which photos.
        judged: judged.filter(|_| on_others.is_some()).unwrap_or(0),
        on_others: on_others.unwrap_or(false),
        error: metadata.get(key::ERROR, |text| real(text, f32::MAX))?,
        agreement: metadata.get(key::AGREEMENT, |text| real(text, 1.0))?,
    })
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number".to_owned())
}

fn real(text: &str, most: f32) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=most).contains(value));
    value.ok_or_else(|| match most {
        f32::MAX => "expected a number from 0 up".to_owned(),
        _ => format!("expected a number from 0 to {most}"),
    })
}
