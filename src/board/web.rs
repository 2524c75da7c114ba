//! Where the page and the API are served, and to whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::AccessSettings;
use super::access::{self, RawAccess};
use crate::protocol::access::Access;

/// Where the page is served: an address and a port, `127.0.0.1:8080`; a port alone is one of this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebAddress(pub SocketAddr);

/// Not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{got}\" is not an address to serve the page at: wanted IP:PORT (127.0.0.1:8080, [::]:8080) or a port"
)]
pub struct WebAddressError {
    /// What was given, escaped.
    pub got: String,
}

impl WebAddress {
    /// Whether only programs of this machine reach it.
    pub fn is_local(&self) -> bool {
        self.0.ip().is_loopback()
    }
}

impl std::str::FromStr for WebAddress {
    type Err = WebAddressError;

    fn from_str(text: &str) -> Result<Self, WebAddressError> {
        let of_port = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let address = text.parse().ok().or_else(|| text.parse().ok().map(of_port));
        address.map(Self).ok_or_else(|| WebAddressError { got: text.escape_debug().to_string() })
    }
}

impl std::fmt::Display for WebAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The page and the API over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// Where they are served.
    pub listen: WebAddress,
    /// What its clients may do.
    pub access: Access,
    /// Names under which browsers reach the device, besides its address, `localhost` and its host name.
    pub names: Vec<String>,
    /// Its own certificate; without one it is plain HTTP.
    pub certificate: Option<CertificateFiles>,
    /// Whether the device makes itself known on the network (mDNS), where it is served to one.
    pub announce: bool,
}

/// Where a certificate and its key are, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those that lead to the one that browsers know.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
}

/// The same, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWeb {
    listen: String,
    access: Option<RawAccess>,
    #[serde(default)]
    names: Vec<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    announce: Option<bool>,
}

/// # Errors
/// What is wrong: key, got, wanted.
pub(super) fn check(raw: RawWeb, settings: &AccessSettings) -> Result<WebSettings, String> {
    let listen = raw.listen.parse().map_err(|error| format!("web.listen: {error}"))?;
    let access = raw.access.map_or(settings.ports, access::of_raw);
    if access == Access::Locked && settings.pin.is_none() {
        return Err(
            "web.access: \"locked\" wants a pin_hash too; fieldtune pin makes one".to_owned()
        );
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if let Some(name) =
        raw.names.iter().find(|name| !(1..=253).contains(&name.len()) || !name.chars().all(fits))
    {
        let name = name.escape_debug();
        return Err(format!("web.names: \"{name}\" is not the name of a host, without a port"));
    }
    let certificate = match (raw.certificate, raw.key) {
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (None, None) => None,
        (Some(_), None) => {
            return Err("web.key: a certificate wants its private key too".to_owned());
        }
        (None, Some(_)) => {
            return Err("web.certificate: a key wants its certificate too".to_owned());
        }
    };
    let announce = raw.announce.unwrap_or(true);
    Ok(WebSettings { listen, access, names: raw.names, certificate, announce })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, wanted, is_local) in [
            ("8080", "127.0.0.1:8080", true),
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("[::1]:8080", "[::1]:8080", true),
            ("0.0.0.0:8080", "0.0.0.0:8080", false),
            ("192.168.1.5:8080", "192.168.1.5:8080", false),
        ] {
            let address: WebAddress = text.parse().expect(text);
            assert_eq!((address.to_string().as_str(), address.is_local()), (wanted, is_local));
        }
        for text in ["", "localhost", "127.0.0.1", ":8080", "70000", "a\u{1b}"] {
            let error = text.parse::<WebAddress>().expect_err(text).to_string();
            assert!(error.contains("IP:PORT") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
