//! The MQTT broker at which a device publishes what it sees, and what may be asked of it there.

use std::fmt::{Display, Formatter};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::protocol::access::Access;

/// Bytes of a topic's name.
const MAX_TOPIC: usize = 128;

/// Bytes of a user's name.
const MAX_USER: usize = 256;

/// Where a broker is: `mqtt://HOST[:PORT]` (port 1883), or with TLS `mqtts://HOST[:PORT]` (port 8883).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttAddress {
    /// A name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is reached over TLS.
    pub tls: bool,
}

/// Not such an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MqttAddressError {
    /// It is written in another way.
    #[error(
        "\"{got}\" is not an address of a broker: wanted mqtt://HOST[:PORT], or mqtts://HOST[:PORT] with TLS"
    )]
    Form {
        /// What was given, escaped.
        got: String,
    },
    /// It holds a user's name or a password, which is not repeated.
    #[error(
        "got an address with a user in it: wanted user and password_file in [mqtt] of the board's file, where no other user of the machine sees them"
    )]
    User,
}

impl std::str::FromStr for MqttAddress {
    type Err = MqttAddressError;

    fn from_str(text: &str) -> Result<Self, MqttAddressError> {
        if text.contains('@') {
            return Err(MqttAddressError::User);
        }
        let wrong = || MqttAddressError::Form { got: text.escape_debug().to_string() };
        let (tls, rest) = match (text.strip_prefix("mqtt://"), text.strip_prefix("mqtts://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(wrong()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']').ok_or_else(wrong)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
                (host, behind.strip_prefix(':').or(behind.is_empty().then_some("")))
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
                None => (rest, Some("")),
            },
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if !(1..=253).contains(&host.len()) || !host.chars().all(fits) {
            return Err(wrong());
        }
        let port = match port.ok_or_else(wrong)? {
            "" => usual_port(tls),
            text => text.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
        };
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl MqttAddress {
    /// Host and port, as a socket takes them.
    pub fn socket(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl Display for MqttAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", if self.tls { "mqtts" } else { "mqtt" }, self.socket())
    }
}

fn usual_port(tls: bool) -> u16 {
    if tls { 8883 } else { 1883 }
}

/// The broker, what is published there and what may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// The broker.
    pub address: MqttAddress,
    /// What stands before the name of every topic; `None`: `fieldtune/` and the machine's name.
    pub topic: Option<String>,
    /// By which name the broker knows the device.
    pub user: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// The certificate of the authority that the broker's is signed by, as PEM; `None`: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether a picture is published with every other prediction.
    pub images: bool,
    /// What requests may do; `None`: none is taken.
    pub requests: Option<Access>,
    /// Whether Home Assistant is shown what there is.
    pub discovery: bool,
}

impl MqttSettings {
    /// What holds where only the broker is named.
    pub fn at(address: MqttAddress) -> Self {
        Self {
            address,
            topic: None,
            user: None,
            password_file: None,
            ca_file: None,
            images: true,
            requests: Some(Access::ReadOnly),
            discovery: false,
        }
    }
}

/// The same, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMqtt {
    address: String,
    topic: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    /// It has no place here; a message about an unknown key would repeat it.
    password: Option<IgnoredAny>,
    ca_file: Option<PathBuf>,
    images: Option<RawMoment>,
    requests: Option<RawRequests>,
    discovery: Option<RawDiscovery>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum RawMoment {
    Change,
    Off,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawRequests {
    Off,
    ReadOnly,
    Locked,
    Full,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RawDiscovery {
    HomeAssistant,
    Off,
}

/// # Errors
/// What is wrong: key, got, wanted.
pub(super) fn check(raw: RawMqtt) -> Result<MqttSettings, String> {
    let address = raw.address.parse().map_err(|error| format!("mqtt.address: {error}"))?;
    let usual = MqttSettings::at(address);
    if let Some(wrong) = raw.topic.as_deref().filter(|topic| !is_topic(topic)) {
        let wrong = wrong.escape_debug();
        return Err(format!(
            "mqtt.topic: \"{wrong}\" is not 1 to {MAX_TOPIC} letters, digits, -, _ and ., with / between them"
        ));
    }
    let is_name =
        |user: &&String| (1..=MAX_USER).contains(&user.len()) && !user.contains(char::is_control);
    if let Some(wrong) = raw.user.as_ref().filter(|user| !is_name(user)) {
        let wrong = wrong.escape_debug();
        return Err(format!("mqtt.user: \"{wrong}\" is not 1 to {MAX_USER} bytes in one line"));
    }
    if raw.password.is_some() {
        let what = "mqtt.password: wanted password_file, a file that holds nothing else and that others cannot read";
        return Err(what.to_owned());
    }
    if raw.password_file.is_some() && raw.user.is_none() {
        return Err("mqtt.user: a password wants its user too".to_owned());
    }
    if raw.ca_file.is_some() && !usual.address.tls {
        let got = &usual.address;
        return Err(format!(
            "mqtt.address: got {got}, which is not encrypted, wanted mqtts:// with a ca_file"
        ));
    }
    let requests = raw.requests.map(|requests| match requests {
        RawRequests::Off => None,
        RawRequests::ReadOnly => Some(Access::ReadOnly),
        RawRequests::Locked => Some(Access::Locked),
        RawRequests::Full => Some(Access::Full),
    });
    Ok(MqttSettings {
        topic: raw.topic,
        user: raw.user,
        password_file: raw.password_file,
        ca_file: raw.ca_file,
        images: raw.images.map_or(usual.images, |images| images == RawMoment::Change),
        requests: requests.unwrap_or(usual.requests),
        discovery: raw.discovery.map_or(usual.discovery, |it| it == RawDiscovery::HomeAssistant),
        ..usual
    })
}

/// Whether it can stand before the names of topics: no wildcard, no part that is empty or is the broker's own.
fn is_topic(topic: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part = |part: &str| !part.is_empty() && part.chars().all(fits);
    topic.len() <= MAX_TOPIC && topic.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_brokers_are_read_as_they_are_written() {
        for (text, shown) in [
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtt://broker:1", "mqtt://broker:1"),
            ("mqtts://plant.example/", "mqtts://plant.example:8883"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
            ("mqtts://[fe80::1]:99", "mqtts://[fe80::1]:99"),
            ("mqtt://192.168.1.5:1884", "mqtt://192.168.1.5:1884"),
        ] {
            let address: MqttAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), shown);
        }
        for text in [
            "",
            "broker",
            "broker:1883",
            "tcp://broker",
            "mqtt://",
            "mqtt://:1",
            "mqtt://a:",
            "mqtt://a:0",
            "mqtt://a:70000",
            "mqtt://a b",
            "mqtt://[::1",
            "mqtt://[::1]1",
            "mqtt://a/b",
            "mqtt://a\u{1b}",
        ] {
            let error = text.parse::<MqttAddress>().expect_err(text).to_string();
            assert!(error.contains("mqtts://HOST") && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let error = "mqtt://line:secret@broker".parse::<MqttAddress>().expect_err("a password");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn topics_have_no_wildcards_and_no_empty_parts() {
        for topic in ["line-3", "fieldtune/line_3", "a/b.c/d"] {
            assert!(is_topic(topic), "{topic}");
        }
        for topic in ["", "/", "a/", "/a", "a//b", "a/#", "+/a", "$SYS/a", "a b", "a\u{0}"] {
            assert!(!is_topic(topic), "{topic}");
        }
        assert!(!is_topic(&"a".repeat(MAX_TOPIC + 1)));
    }
}
