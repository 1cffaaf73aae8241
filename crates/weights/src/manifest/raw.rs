//! The manifest as its TOML has it, and the checks that make entries of it.

use icecap_graph::{Numerics, Spec};
use serde::Deserialize;

use super::entry::{Entry, last_segment};
use crate::container::MAX_FILE;
use crate::vocabulary;

/// Which addresses a manifest may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Addresses {
    /// `https://`, or a file of the project.
    Public,
    /// `https://` and `http://`.
    Own,
}

/// What is wrong with the name of an entry or a file: it becomes the name of a folder or a file here.
fn plain_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let sound = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 128;
    if sound && name.chars().all(plain) && !name.ends_with('.') {
        return Ok(());
    }
    Err("expected letters, digits, '-', '_' and '.', up to 128, a letter or digit first".to_owned())
}

fn prefix(text: &str) -> Result<String, String> {
    let digits = text.len() >= 8 && text.len() < 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    digits.then(|| text.to_ascii_lowercase()).ok_or_else(|| "expected 8 to 63 hexadecimal digits".to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub(super) weights: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEntry {
    pub(super) name: String,
    #[serde(default)]
    aliases: Vec<String>,
    file: Option<String>,
    url: Option<String>,
    save_as: Option<String>,
    sha256: Option<String>,
    sha256_prefix: Option<String>,
    bytes: Option<u64>,
    licence: String,
    note: Option<String>,
    layout: String,
    width: f32,
    bn_epsilon: f32,
    padding: String,
    scaling: String,
    size: String,
    resize: String,
    top: bool,
    top1: Option<f32>,
}

impl RawEntry {
    pub(super) fn check(self, addresses: Addresses) -> Result<Entry, String> {
        let of = |key: &'static str| move |reason: String| format!("{key}: {reason}");
        plain_name(&self.name).map_err(of("name"))?;
        self.aliases.iter().try_for_each(|name| plain_name(name)).map_err(of("aliases"))?;
        self.check_address(addresses)?;
        if self.sha256.is_some() && self.sha256_prefix.is_some() {
            return Err("sha256_prefix: sha256 says it all".to_owned());
        }
        if self.bytes.is_some_and(|bytes| bytes == 0 || bytes > MAX_FILE) {
            return Err(format!("bytes: expected 1 to {MAX_FILE}"));
        }
        if self.top1.is_some_and(|top1| !(0.0..=100.0).contains(&top1)) {
            return Err("top1: expected percent".to_owned());
        }
        Spec::with_width(self.width).map_err(|error| format!("width: {error}"))?;
        Ok(Entry {
            sha256: self.sha256.as_deref().map(vocabulary::digest).transpose().map_err(of("sha256"))?,
            sha256_prefix: self
                .sha256_prefix
                .as_deref()
                .map(prefix)
                .transpose()
                .map_err(of("sha256_prefix"))?,
            licence: vocabulary::line(&self.licence).map_err(of("licence"))?,
            layout: self.layout.parse().map_err(of("layout"))?,
            numerics: Numerics {
                epsilon: vocabulary::epsilon(&self.bn_epsilon.to_string()).map_err(of("bn_epsilon"))?,
                padding: vocabulary::padding(&self.padding).map_err(of("padding"))?,
                scaling: vocabulary::scaling(&self.scaling).map_err(of("scaling"))?,
            },
            size: vocabulary::size(&self.size).map_err(of("size"))?,
            resize: vocabulary::resize(&self.resize).map_err(of("resize"))?,
            name: self.name,
            aliases: self.aliases,
            file: self.file,
            url: self.url,
            save_as: self.save_as,
            bytes: self.bytes,
            note: self.note,
            width: self.width,
            top: self.top,
            top1: self.top1,
        })
    }

    fn check_address(&self, addresses: Addresses) -> Result<(), String> {
        let (schemes, wanted): (&[_], _) = match addresses {
            Addresses::Public => (&["https://"], "url: expected https"),
            Addresses::Own => (&["https://", "http://"], "url: expected https or http"),
        };
        let Some(url) = &self.url else {
            let enough = self.file.is_some() && addresses == Addresses::Public;
            return if enough { Ok(()) } else { Err("expected a url".to_owned()) };
        };
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(wanted.to_owned());
        }
        let named = |name: &str, key| plain_name(name).map_err(|reason| format!("{key}: {reason}"));
        match (&self.save_as, last_segment(url)) {
            (Some(name), _) => named(name, "save_as"),
            (None, name) => {
                named(name.unwrap_or(""), "url's last part").map_err(|e| format!("{e}; add save_as"))
            }
        }
    }
}
