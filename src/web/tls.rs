//! The page over TLS, with the device's own certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::board::CertificateFiles;
use crate::util::bounded;
use crate::util::calendar::Date;

/// Bytes that a certificate or a key may have.
const MAX_BYTES: u64 = 1 << 20;

/// A certificate with its key.
#[derive(Clone)]
pub struct Certificate {
    file: PathBuf,
    config: Arc<ServerConfig>,
    validity: Option<Validity>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", .file.display())]
pub struct CertificateError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl Certificate {
    /// # Errors
    /// [`CertificateError`]: a file cannot be read or is no PEM, or the key is another certificate's.
    pub fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        let refuse = |file: &Path, what: String| CertificateError { file: file.to_owned(), what };
        let read = |file: &Path| {
            bounded::read(file, MAX_BYTES).map_err(|error| refuse(file, error.to_string()))
        };
        let CertificateFiles { certificate: file, key: key_file } = files;
        let chain = CertificateDer::pem_slice_iter(&read(file)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| refuse(file, format!("no PEM: {error}")))?;
        let first = chain.first().ok_or_else(|| {
            refuse(file, "it holds no certificate: wanted PEM, BEGIN CERTIFICATE".to_owned())
        })?;
        let validity = Validity::of(first);
        let key = PrivateKeyDer::from_pem_slice(&read(key_file)?).map_err(|_| {
            refuse(key_file, "it holds no private key: wanted PEM without a password".to_owned())
        })?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                refuse(key_file, format!("it is not the key of {}", file.display()))
            }
            rustls::Error::InvalidCertificate(why) => {
                refuse(file, format!("no certificate: {why}"))
            }
            other => refuse(key_file, other.to_string()),
        })?;
        Ok(Self { file: file.clone(), config: Arc::new(config), validity })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Until when it is valid, for people.
    pub fn valid_until(&self) -> String {
        self.validity
            .as_ref()
            .map_or_else(|| "an unknown date".to_owned(), |it| it.shown(&it.until))
    }

    /// What is wrong with its dates now, by the system's date, which a device without a battery may not know.
    pub fn warning(&self) -> Option<String> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = since_1970.map_or(0, |time| time.as_micros() as u64);
        let wrong = self.validity.as_ref()?.wrong_at(&Date::of(now))?;
        Some(format!("{}: {wrong}: browsers refuse it", self.file.display()))
    }
}

/// From when until when a certificate is valid, as `20260102030405Z`, which sorts as its time does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Validity {
    from: String,
    until: String,
}

impl Validity {
    /// Reads as much of a certificate as stands before and in its dates (RFC 5280, 4.1); `None` if it is none.
    fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(certificate)?;
        let (_, mut rest, _) = element(certificate)?;
        // Version (optional), serial number, signature, issuer.
        let (tag, _, behind) = element(rest)?;
        if tag == 0xa0 {
            rest = behind;
        }
        for _ in 0..3 {
            (_, _, rest) = element(rest)?;
        }
        let (_, dates, _) = element(rest)?;
        let (from, first, behind) = element(dates)?;
        let (until, second, _) = element(behind)?;
        Some(Self { from: date(from, first)?, until: date(until, second)? })
    }

    fn wrong_at(&self, now: &Date) -> Option<String> {
        let digits: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
        let now = format!("{digits}Z");
        if now < self.from {
            return Some(format!("the certificate is valid from {} on", self.shown(&self.from)));
        }
        (now > self.until).then(|| format!("the certificate expired {}", self.shown(&self.until)))
    }

    fn shown(&self, date: &str) -> String {
        format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..8])
    }
}

/// The first element of DER: its tag, its content, what stands behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (long, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (long.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// UTCTime with the century of RFC 5280, or GeneralizedTime.
fn date(tag: u8, text: &[u8]) -> Option<String> {
    let is_date = |length: usize| {
        let (last, digits) = text.split_last()?;
        let fits = text.len() == length && *last == b'Z' && digits.iter().all(u8::is_ascii_digit);
        fits.then(|| String::from_utf8_lossy(text).into_owned())
    };
    match tag {
        0x17 => {
            is_date(13).map(|text| format!("{}{text}", if text.as_str() < "5" { 20 } else { 19 }))
        }
        0x18 => is_date(15),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::checksum::crc32;

    fn files(certificate: &str, key: &str) -> CertificateFiles {
        let file = |name: &str| {
            PathBuf::from(format!("{}/tests/data/certificates/{name}", env!("CARGO_MANIFEST_DIR")))
        };
        CertificateFiles { certificate: file(certificate), key: file(key) }
    }

    #[test]
    fn a_certificate_is_read_with_its_dates() {
        let good = Certificate::read(&files("good.pem", "good.key")).expect("it is sound");
        assert_eq!((good.valid_until().as_str(), good.warning()), ("2126-01-01", None));
        let old = Certificate::read(&files("expired.pem", "good.key")).expect("it is sound");
        let warning = old.warning().expect("it has expired");
        assert!(warning.contains("expired.pem: the certificate expired 2021-01-01"), "{warning}");
        let validity = old.validity.expect("it has dates");
        assert!(validity.wrong_at(&Date::of(1_600_000_000_000_000)).is_none(), "in 2020");
        let early = validity.wrong_at(&Date::of(0)).expect("in 1970");
        assert!(early.contains("valid from 2020-01-01"), "{early}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_file() {
        for (certificate, key, place, wanted) in [
            ("none.pem", "good.key", "none.pem", "No such file"),
            ("good.key", "good.key", "good.key", "holds no certificate"),
            ("good.pem", "good.pem", "good.pem", "holds no private key"),
            ("good.pem", "other.key", "other.key", "not the key of"),
            ("make.sh", "good.key", "make.sh", "holds no certificate"),
        ] {
            let error =
                Certificate::read(&files(certificate, key)).err().expect(wanted).to_string();
            assert!(error.contains(&format!("{place}: ")) && error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn damaged_certificates_have_no_dates_and_harm_nothing() {
        let pem = std::fs::read(files("good.pem", "good.key").certificate).expect("it is there");
        let whole = CertificateDer::from_pem_slice(&pem).expect("it is sound");
        assert!(Validity::of(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..end]), None, "cut at {end}");
        }
        for at in 0..200 {
            let mut spoilt = whole.to_vec();
            spoilt[at] = crc32(&[at as u8]) as u8;
            // Whatever comes out of it.
            let _ = Validity::of(&spoilt);
        }
    }
}
