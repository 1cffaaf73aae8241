//! How the network is reached: mirror, proxy, certificates, times.

use std::env;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, ProxyProtocol};

use crate::{Entry, Error};

/// Redirects that are followed.
const REDIRECTS: u32 = 8;
/// The longest that a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest that a server may say nothing, unless told otherwise.
const SILENCE: Duration = Duration::from_secs(30);
/// New tries after trouble that may pass, unless told otherwise.
const RETRIES: u32 = 3;

/// How the network is reached: mirror, proxy, times and tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address of a mirror, without a file's name: each file is fetched from below it, under its own name. `None`
    /// fetches from the publishers.
    pub mirror: Option<String>,
    /// The proxy for every address; `None` takes the one that the environment names, if any.
    pub proxy: Option<String>,
    /// Whether the network is forbidden: a file that is not in the store cannot be fetched then.
    pub offline: bool,
    /// The longest time that a server may be silent. One that is slow and goes on has all the time it needs.
    pub silence: Duration,
    /// How many times a transfer is tried again after trouble that may pass.
    pub retries: u32,
}

impl Default for Network {
    fn default() -> Self {
        Self { mirror: None, proxy: None, offline: false, silence: SILENCE, retries: RETRIES }
    }
}

impl Network {
    /// Returns the settings of the environment variables `ICECAP_MIRROR` and `ICECAP_OFFLINE`. Those for proxies and
    /// certificates are read when a connection is made.
    #[must_use]
    pub fn from_env() -> Self {
        let offline = variable("ICECAP_OFFLINE").is_some_and(|value| value != "0");
        Self { mirror: variable("ICECAP_MIRROR"), offline, ..Self::default() }
    }

    /// Returns the address of an entry's file, on the mirror if there is one; `None` for weights that are published
    /// nowhere.
    #[must_use]
    pub fn address(&self, entry: &Entry) -> Option<String> {
        let url = entry.url.clone()?;
        match &self.mirror {
            Some(mirror) => Some(format!("{}/{}", mirror.trim_end_matches('/'), entry.file_name()?)),
            None => Some(url),
        }
    }

    /// What asks for `url`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a mirror, a proxy or certificates that cannot be used.
    pub(super) fn agent(&self, url: &str) -> Result<Agent, Error> {
        if let Some(mirror) = &self.mirror
            && !["https://", "http://"].iter().any(|scheme| mirror.starts_with(scheme))
        {
            return Err(setting(
                "mirror",
                mirror,
                "expected an address that starts with https:// or http://",
            ));
        }
        let secure = url.starts_with("https://");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // From https on everything has to be https; a redirect cannot lead out of it.
            .https_only(secure)
            .max_redirects(REDIRECTS)
            .max_redirects_will_error(true)
            .user_agent(concat!("icecap/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .proxy(self.proxy(secure)?)
            .tls_config(TlsConfig::builder().root_certs(root_certs()?).build())
            .timeout_resolve(Some(CONNECT.min(self.silence)))
            .timeout_connect(Some(CONNECT.min(self.silence)))
            .timeout_recv_response(Some(self.silence))
            .timeout_per_read(Some(self.silence))
            .timeout_per_write(Some(self.silence));
        Ok(config.build().new_agent())
    }

    /// The proxy that was asked for, else the environment's for addresses of this kind, with its exceptions.
    fn proxy(&self, secure: bool) -> Result<Option<Proxy>, Error> {
        let of_scheme = if secure { ["HTTPS_PROXY", "https_proxy"] } else { ["HTTP_PROXY", "http_proxy"] };
        let names = of_scheme.into_iter().chain(["ALL_PROXY", "all_proxy"]);
        let Some(text) = self.proxy.clone().or_else(|| names.into_iter().find_map(variable)) else {
            return Ok(None);
        };
        // A proxy's address may hold a password.
        let shown = text.rsplit('@').next().unwrap_or_default();
        let refuse =
            |_| setting("proxy", shown, "expected http://HOST:PORT, with USER:PASSWORD@ where needed");
        let parsed = Proxy::new(&text).map_err(refuse)?;
        if !matches!(parsed.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
            return Err(setting("proxy", shown, "only http proxies are known here"));
        }
        let mut proxy = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
        if let Some(user) = parsed.username() {
            proxy = proxy.username(user);
        }
        if let Some(password) = parsed.password() {
            proxy = proxy.password(password);
        }
        let exceptions = if self.proxy.is_none() { exceptions() } else { Vec::new() };
        let proxy = exceptions.iter().fold(proxy, |proxy, name| proxy.no_proxy(name));
        proxy.build().map(Some).map_err(refuse)
    }
}

/// The hosts that `NO_PROXY` names. As elsewhere, a host stands for what is below it, too.
fn exceptions() -> Vec<String> {
    let Some(text) = variable("NO_PROXY").or_else(|| variable("no_proxy")) else { return Vec::new() };
    let hosts = text.split([',', ' ']).map(str::trim).filter(|host| !host.is_empty());
    hosts
        .flat_map(|host| match host {
            "*" => vec!["*".to_owned()],
            host => {
                let host = host.trim_start_matches('.').to_lowercase();
                vec![format!(".{host}"), host]
            }
        })
        .collect()
}

/// The certificates that are trusted: those of the file that `SSL_CERT_FILE` names, as companies with a proxy that looks
/// into traffic have one; else Mozilla's, which are compiled in.
fn root_certs() -> Result<RootCerts, Error> {
    let Some(path) = variable("SSL_CERT_FILE") else { return Ok(RootCerts::WebPki) };
    let refuse = |reason: &str| setting("SSL_CERT_FILE", &path, reason);
    let pem = std::fs::read(&path).map_err(|error| refuse(&error.to_string()))?;
    let items: Result<Vec<_>, _> = parse_pem(&pem).collect();
    let items = items.map_err(|error| refuse(&error.to_string()))?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(refuse("no certificate in it"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// A variable of the environment that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn setting(what: &'static str, value: &str, reason: &str) -> Error {
    Error::Setting { what, value: value.to_owned(), reason: reason.to_owned() }
}
