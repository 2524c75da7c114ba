//! The connection over TLS: a broker is trusted if its certificate was signed by an authority that is known here.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::file_error::MqttFileError;
use crate::util::bounded;

/// Bytes that a file of authorities may have.
const MAX_BYTES: u64 = 4 << 20;

/// Where systems keep the certificates of the authorities that they trust: Debian, Alpine; Fedora.
const OF_SYSTEM: [&str; 2] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// How a broker is to show who it is.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// * `host`: whose certificate it has to be.
    /// * `file`: the authorities that are trusted; without it, those of the system.
    pub(super) fn new(host: &str, file: Option<&Path>) -> Result<Self, MqttFileError> {
        let there = || OF_SYSTEM.iter().map(Path::new).find(|path| path.exists());
        let usual = Path::new(OF_SYSTEM[0]);
        let file = file.or_else(there).unwrap_or(usual);
        let key = "ca_file";
        let wrong = |what: String| MqttFileError { key, file: file.to_owned(), what };
        let bytes = bounded::read(file, MAX_BYTES).map_err(|error| wrong(error.to_string()))?;
        let authorities = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
        let authorities = authorities.map_err(|error| wrong(format!("no PEM: {error}")))?;
        let mut roots = RootCertStore::empty();
        // Of those of a system some may be of a kind that is not understood.
        let (known, _) = roots.add_parsable_certificates(authorities);
        if known == 0 {
            let what = "it holds no certificate of an authority: wanted PEM, BEGIN CERTIFICATE";
            return Err(wrong(what.to_owned()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| wrong(format!("{host} is no name that a certificate has")))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(super) async fn over(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}
