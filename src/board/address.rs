//! Where a port is, as it is written in a board file or behind `--port`.

use std::path::PathBuf;

use crate::util::serial;

/// Where a port is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A serial line.
    Serial {
        /// The device.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
    },
    /// Standard input and output.
    Stdio,
    /// A new pseudo-terminal.
    Pty,
    /// A socket.
    Unix(PathBuf),
}

impl Address {
    /// Bits a second where nothing else is said.
    pub const BAUD: u32 = serial::BAUD;
}

/// Not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{got}\" is not a port: wanted serial:DEVICE[@BAUD] (serial:/dev/ttyUSB0@115200), stdio:, pty: or unix:PATH"
)]
pub struct AddressError {
    /// What was given, escaped.
    pub got: String,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { got: text.escape_debug().to_string() };
        let serial = |rest: &str| {
            let (path, baud) = serial::parse(rest).ok_or_else(error)?;
            Ok(Address::Serial { path, baud })
        };
        match text.split_once(':') {
            Some(("serial", rest)) => serial(rest),
            Some(("unix", path)) if !path.is_empty() => Ok(Address::Unix(path.into())),
            Some(("stdio", "")) => Ok(Address::Stdio),
            Some(("pty", "")) => Ok(Address::Pty),
            // A device's path needs no more words.
            _ if text.starts_with('/') => serial(text),
            _ => Err(error()),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Serial { path, baud } => write!(f, "serial:{}@{baud}", path.display()),
            Address::Stdio => f.write_str("stdio:"),
            Address::Pty => f.write_str("pty:"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, wanted) in [
            ("serial:/dev/ttyS1", "serial:/dev/ttyS1@115200"),
            ("/dev/ttyUSB0", "serial:/dev/ttyUSB0@115200"),
            ("/dev/ttyUSB0@9600", "serial:/dev/ttyUSB0@9600"),
            ("stdio:", "stdio:"),
            ("pty:", "pty:"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), wanted);
            assert_eq!(wanted.parse::<Address>().expect(wanted), address);
        }
        for text in [
            "",
            "ttyUSB0",
            "serial:",
            "serial:@9600",
            "/dev/a@",
            "/dev/a@0",
            "/dev/a@x",
            "unix:",
            "pty:1",
            "tcp:a\u{1b}",
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains("serial:DEVICE[@BAUD]") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
