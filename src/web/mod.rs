//! The page and the API over HTTP: one more port of the device, with the same requests, the same access, the same log.
//!
//! One thread serves all connections. It asks the device as a port does, and what it shows is the newest there is: a slow
//! browser misses frames and predictions, and holds nothing up. Requests that wait for the device wait in threads beside it,
//! of which there are few.
//!
//! | path | what |
//! | --- | --- |
//! | `/` | the page |
//! | `/api/v1/NAME` | a request of [`crate::protocol::request`]: GET where it only reads, POST otherwise |
//! | `/api/v1/regions/REGION/NAME` | the same, of one of several regions |
//! | `/api/v1/picture` | the newest frame as JPEG |
//! | `/api/v1/images.zip`, `/api/v1/inbox.zip` | images of examples, the inbox |
//! | `/api/v1/events` | predictions and changes, as server-sent events |
//! | `/api/v1/openapi.json` | the API as an OpenAPI 3.1 document |
//! | `/api/v1/session` | what the caller may do |
//! | `/metrics` | figures for Prometheus |

mod announce;
mod api;
mod assets;
mod body;
mod downloads;
mod events;
mod live;
mod metrics;
mod openapi;
mod origin;
mod pictures;
mod pieces;
mod routes;
mod server;
mod session;
mod state;
mod stream;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

pub use tls::{Certificate, CertificateError};

use crate::board::WebAddress;
use crate::device::service::{Host, Observer, Service};
use crate::protocol::access::Guard;
use crate::protocol::log::Level;
use live::Live;
use origin::HostNames;
use state::App;

/// How much its threads leave to others where the processor is short: a third of the time of one that does not.
const NICENESS: i32 = 5;

/// Serves the page and the API.
pub struct Web {
    listener: TcpListener,
    address: SocketAddr,
    names: HostNames,
    certificate: Option<Certificate>,
    announce: bool,
    live: Arc<Live>,
}

/// The page cannot be served there.
#[derive(Debug, thiserror::Error)]
#[error("the page cannot be served at {address}: {error}")]
pub struct WebError {
    /// Where.
    pub address: WebAddress,
    /// The system's answer.
    pub error: std::io::Error,
}

impl Web {
    /// Takes the address; connections wait until the device runs.
    ///
    /// * `names`: under which browsers reach the device, besides its addresses, `localhost` and its host name.
    ///
    /// # Errors
    /// [`WebError`] if the address is taken or is none of this machine.
    pub fn listen(address: WebAddress, names: &[String]) -> Result<Self, WebError> {
        let listen = || {
            let listener = TcpListener::bind(address.0)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, local) = listen().map_err(|error| WebError { address, error })?;
        let names = HostNames::new(names);
        let (certificate, announce, live) = (None, false, Arc::default());
        Ok(Self { listener, address: local, names, certificate, announce, live })
    }

    /// Over TLS, with the device's own certificate.
    #[must_use]
    pub fn certificate(self, certificate: Option<Certificate>) -> Self {
        Self { certificate, ..self }
    }

    /// Makes the device known on the network by mDNS, where it is served to one.
    #[must_use]
    pub fn announce(self, announce: bool) -> Self {
        Self { announce, ..self }
    }

    fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }

    /// Where it is served: the port that the system chose, too.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Service for Web {
    fn name(&self) -> String {
        format!("web:{}", self.address)
    }

    fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.live) as Arc<dyn Observer>
    }

    fn serve(self: Box<Self>, guard: Guard, host: Arc<dyn Host>) {
        let access = guard.access.name();
        // Of this thread and those that it starts, on Linux: frames come first. Where it cannot be set, all is as before.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let (scheme, address) = (self.scheme(), self.address);
        host.log(Level::Info, &format!("page: {scheme}://{address}/ ({access} access)"));
        let is_announced = self.announce && !WebAddress(address).is_local();
        let announced = is_announced.then(|| announce::Announcement::begin(scheme, address));
        match &announced {
            Some(Ok(announced)) => host.log(Level::Info, &announced.to_string()),
            // It is found by its address all the same.
            Some(Err(why)) => host.log(Level::Warning, &format!("not announced by mDNS: {why}")),
            None => {}
        }
        let Self { listener, names, certificate, live, .. } = *self;
        if let Some(warning) = certificate.as_ref().and_then(Certificate::warning) {
            host.log(Level::Warning, &warning);
        }
        let app = App::new(guard, Arc::clone(&host), names, live, certificate.is_some());
        let app = Arc::new(app);
        if let Err(error) = server::run(listener, certificate, &app) {
            host.log(Level::Error, &format!("the page is not served: {error}"));
        }
    }
}
