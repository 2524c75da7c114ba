//! Who may do what at a board's ports, and whose packs it takes.

use serde::Deserialize;

use super::address::Address;
use super::checks::within;
use crate::protocol::access::Access;
use crate::protocol::pin::PinHash;
use crate::store::signed::PublicKey;

/// Who may do what at a board's ports, and whose packs it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// What ports are for, unless they are serial lines.
    pub ports: Access,
    /// What serial lines are for.
    pub serial: Access,
    /// What unlocks a locked port; there is one where a port is locked.
    pub pin: Option<PinHash>,
    /// Seconds without a request after which a port locks by itself, 10 to 86400.
    pub relock_s: u32,
    /// Whose packs are taken; none: everybody's, signed or not.
    pub trusted_keys: Vec<PublicKey>,
}

impl AccessSettings {
    /// What a port is for. Every serial line is taken for the board's: one device has many names.
    pub fn at(&self, address: &Address) -> Access {
        match address {
            Address::Serial { .. } => self.serial,
            Address::Stdio | Address::Pty | Address::Unix(_) => self.ports,
        }
    }
}

/// [`Access`], as it is written.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawAccess {
    Full,
    Locked,
    ReadOnly,
}

/// What a board's file says of it.
pub(super) struct RawSettings {
    /// For all ports.
    pub(super) access: Option<RawAccess>,
    /// For serial lines.
    pub(super) serial: Option<RawAccess>,
    pub(super) pin_hash: Option<String>,
    pub(super) relock_s: u32,
    pub(super) trusted_keys: Vec<String>,
}

pub(super) fn of_raw(raw: RawAccess) -> Access {
    match raw {
        RawAccess::Full => Access::Full,
        RawAccess::Locked => Access::Locked,
        RawAccess::ReadOnly => Access::ReadOnly,
    }
}

/// # Errors
/// What is wrong: key, got, wanted.
pub(super) fn check(raw: RawSettings) -> Result<AccessSettings, String> {
    let ports = raw.access.map(of_raw).unwrap_or_default();
    let serial = raw.serial.map_or(ports, of_raw);
    let pin = raw.pin_hash.as_deref().map(PinHash::parse).transpose();
    let pin = pin.map_err(|error| format!("pin_hash: {error}"))?;
    if pin.is_none() && [ports, serial].contains(&Access::Locked) {
        let key = if ports == Access::Locked { "access" } else { "serial.access" };
        return Err(format!("{key}: \"locked\" wants a pin_hash too; fieldtune pin makes one"));
    }
    within("relock_s", raw.relock_s, 10..=86_400)?;
    let keys = raw.trusted_keys.iter().enumerate().map(|(at, text)| {
        let key = text.parse::<PublicKey>();
        key.map_err(|error| format!("trusted_keys: number {}: {error}", at + 1))
    });
    let trusted_keys = keys.collect::<Result<_, _>>()?;
    Ok(AccessSettings { ports, serial, pin, relock_s: raw.relock_s, trusted_keys })
}
