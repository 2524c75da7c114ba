//! A broker, with what it takes to connect there.

use std::path::Path;

use super::file_error::MqttFileError;
use super::tls::Tls;
use crate::board::MqttSettings;
use crate::util::bounded;
use crate::util::host::host_name;

/// Bytes that a password may have: MQTT counts them in 16 bits.
const MAX_PASSWORD: u64 = 65_535;

/// A broker, with what it takes to connect there: its files are read, nothing was sent yet.
#[derive(Clone)]
pub struct MqttLink {
    pub(super) settings: MqttSettings,
    pub(super) password: Option<Vec<u8>>,
    pub(super) tls: Option<Tls>,
}

impl MqttLink {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// [`MqttFileError`]: a file cannot be read, or does not hold what it should.
    pub fn read(settings: &MqttSettings) -> Result<Self, MqttFileError> {
        let password = settings.password_file.as_deref().map(password).transpose()?;
        let address = &settings.address;
        let tls = || Tls::new(&address.host, settings.ca_file.as_deref());
        let tls = address.tls.then(tls).transpose()?;
        Ok(Self { settings: settings.clone(), password, tls })
    }

    /// The settings that it was read for.
    pub fn settings(&self) -> &MqttSettings {
        &self.settings
    }

    /// What stands before the name of every topic.
    pub fn topic(&self) -> String {
        let of_host = || {
            let host = host_name().unwrap_or_else(|| "device".to_owned());
            let fits =
                |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '-' };
            format!("fieldtune/{}", host.chars().map(fits).collect::<String>())
        };
        self.settings.topic.clone().unwrap_or_else(of_host)
    }
}

/// The first line of a file.
fn password(file: &Path) -> Result<Vec<u8>, MqttFileError> {
    let key = "password_file";
    let wrong = |what: String| MqttFileError { key, file: file.to_owned(), what };
    let bytes = bounded::read(file, MAX_PASSWORD).map_err(|error| wrong(error.to_string()))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err(wrong("it is empty: wanted a password in one line".to_owned())),
        line if line.contains(&b'\n') => {
            Err(wrong("it has several lines: wanted a password in one line".to_owned()))
        }
        line => Ok(line.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_never_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        for (text, wanted) in [("geheim", "geheim"), ("a b\n", "a b"), ("x\r\n", "x")] {
            std::fs::write(&file, text).expect("there is room");
            assert_eq!(password(&file).expect(text), wanted.as_bytes());
        }
        for text in ["", "\n", "geheim\nmehr\n"] {
            std::fs::write(&file, text).expect("there is room");
            let error = password(&file).expect_err(text).to_string();
            assert!(error.contains("one line") && !error.contains("geheim"), "{error}");
        }
        let error = password(&folder.path().join("none")).expect_err("it is not there");
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
