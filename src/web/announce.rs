//! The device made known on its network: mDNS and DNS-SD (RFC 6762, RFC 6763), by a thread of its own.

use std::fmt::{Display, Formatter};
use std::net::SocketAddr;
use std::time::Duration;

use mdns_sd::{Error, ServiceDaemon, ServiceInfo};

use crate::util::host::{host_label, host_name};

/// How long the network is given to hear that the device goes.
const FAREWELL: Duration = Duration::from_millis(300);

/// A device that is known on its network until this is dropped.
pub(super) struct Announcement {
    daemon: ServiceDaemon,
    services: Vec<ServiceInfo>,
}

impl Announcement {
    /// * `scheme`: http or https.
    pub(super) fn begin(scheme: &str, address: SocketAddr) -> Result<Self, Error> {
        let services = services(&host_name().unwrap_or_default(), scheme, address)?;
        Self::of(ServiceDaemon::new()?, services)
    }

    fn of(daemon: ServiceDaemon, services: Vec<ServiceInfo>) -> Result<Self, Error> {
        let announced = Self { daemon, services };
        for service in &announced.services {
            announced.daemon.register(service.clone())?;
        }
        Ok(announced)
    }
}

impl Display for Announcement {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.services.iter().map(ServiceInfo::get_fullname).collect();
        let host = self.services.first().map_or("", ServiceInfo::get_hostname);
        write!(f, "announced by mDNS: {} at {}", names.join(", "), host.trim_end_matches('.'))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        for service in &self.services {
            if let Ok(gone) = self.daemon.unregister(service.get_fullname()) {
                // Whoever does not hear it learns by the time to live.
                let _ = gone.recv_timeout(FAREWELL);
            }
        }
        let _ = self.daemon.shutdown();
    }
}

/// What is announced: the page for browsers, and the device for programs.
///
/// * `host`: what the machine calls itself.
/// * `address`: where it is served; an unspecified one stands for all addresses of the machine.
fn services(host: &str, scheme: &str, address: SocketAddr) -> Result<Vec<ServiceInfo>, Error> {
    let label = host_label(host);
    let host = format!("{label}.local.");
    let version = env!("CARGO_PKG_VERSION");
    let texts = [("path", "/"), ("api", "/api/v1/"), ("scheme", scheme), ("version", version)];
    let service = |kind: &str| {
        let kind = format!("_{kind}._tcp.local.");
        let name = format!("fieldtune on {label}");
        let port = address.port();
        let ip =
            if address.ip().is_unspecified() { String::new() } else { address.ip().to_string() };
        let info = ServiceInfo::new(&kind, &name, &host, ip.as_str(), port, &texts[..])?;
        Ok(if ip.is_empty() { info.enable_addr_auto() } else { info })
    };
    [scheme, "fieldtune"].into_iter().map(service).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use mdns_sd::{IfKind, ServiceEvent};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn page_and_device_are_announced_under_the_host_name() {
        let all = services("Line 3.factory", "https", address("0.0.0.0:8443")).expect("names");
        let names: Vec<_> = all.iter().map(ServiceInfo::get_fullname).collect();
        let wanted = [
            "fieldtune on line-3._https._tcp.local.",
            "fieldtune on line-3._fieldtune._tcp.local.",
        ];
        assert_eq!(names, wanted);
        for one in &all {
            assert_eq!((one.get_hostname(), one.get_port()), ("line-3.local.", 8443));
            assert!(one.is_addr_auto() && one.get_addresses().is_empty());
            assert_eq!(one.get_property_val_str("scheme"), Some("https"));
            assert_eq!(one.get_property_val_str("path"), Some("/"));
        }
        let fixed = services("", "http", address("192.168.1.5:80")).expect("names");
        assert_eq!(fixed[0].get_hostname(), "fieldtune.local.");
        assert!(!fixed[0].is_addr_auto() && fixed[0].get_addresses().len() == 1);
    }

    /// On this machine alone; another port than that of mDNS keeps others out.
    fn daemon() -> ServiceDaemon {
        let daemon = ServiceDaemon::new_with_port(15_353).expect("a thread");
        daemon.disable_interface(IfKind::All).expect("it runs");
        daemon.enable_interface(IfKind::LoopbackV4).expect("it runs");
        daemon
    }

    /// Whether what this machine sends to a group comes back to it: a container may have no such network.
    fn multicast_comes_back() -> std::io::Result<bool> {
        let group = Ipv4Addr::new(224, 0, 0, 251);
        let reader = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        reader.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        reader.set_read_timeout(Some(Duration::from_secs(2)))?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.send_to(b"?", (group, reader.local_addr()?.port()))?;
        Ok(reader.recv(&mut [0; 1]).is_ok())
    }

    #[test]
    fn it_is_found_while_it_lasts() {
        if !multicast_comes_back().unwrap_or_default() {
            eprintln!("skipped: this machine has no multicast");
            return;
        }
        let services = services("bench", "http", address("127.0.0.1:8080")).expect("names");
        let announced = Announcement::of(daemon(), services).expect("it runs");
        let seeker = daemon();
        let found = seeker.browse("_fieldtune._tcp.local.").expect("it runs");
        let mut seen = None;
        let patience = Duration::from_secs(20);
        while seen.is_none() {
            if let ServiceEvent::ServiceResolved(service) =
                found.recv_timeout(patience).expect("it is announced")
            {
                seen = Some(service);
            }
        }
        let seen = seen.expect("found");
        assert_eq!((seen.get_hostname(), seen.get_port()), ("bench.local.", 8080));
        drop(announced);
        loop {
            if let ServiceEvent::ServiceRemoved(_, name) =
                found.recv_timeout(patience).expect("it says farewell")
            {
                assert_eq!(name, "fieldtune on bench._fieldtune._tcp.local.");
                break;
            }
        }
        seeker.shutdown().expect("it runs");
    }
}
