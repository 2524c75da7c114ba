//! Which requests a browser may have been tricked into: a page of another site, a foreign name that leads here.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header};

use crate::util::host::{host_label, host_name};

/// Names under which this device is reached.
#[derive(Debug, Clone)]
pub(super) struct HostNames(Vec<String>);

impl HostNames {
    /// * `more`: besides `localhost` and what the machine calls itself.
    pub(super) fn new(more: &[String]) -> Self {
        let mut names = vec!["localhost".to_owned()];
        let own = host_name();
        names.push(format!("{}.local", host_label(own.as_deref().unwrap_or_default())));
        if let Some(own) = own {
            names.push(format!("{own}.local"));
            names.push(own);
        }
        names.extend(more.iter().map(|name| name.to_ascii_lowercase()));
        Self(names)
    }

    /// Whether a `Host` header names this device. An address always does: what leads a browser here under a foreign name
    /// (DNS rebinding) is that name.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
            None => host.rsplit_once(':').map_or(host, |(name, _)| name),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok() || self.0.contains(&name)
    }

    /// Whether a request may be meant.
    ///
    /// # Errors
    /// Why it is refused, for people.
    pub(super) fn check(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(), &'static str> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = text(header::HOST).ok_or("the request names no host")?;
        if headers.get_all(header::HOST).iter().count() > 1 || !self.is_ours(host) {
            return Err(
                "the request is for another host; web.names in the board file takes the names of this one",
            );
        }
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        let is_navigation = *method == Method::GET && path == "/";
        if let (Some("cross-site"), false) = (site, is_navigation) {
            return Err("the request comes from a page of another site");
        }
        let same = |origin: &str| {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
        };
        match text(header::ORIGIN) {
            Some(origin) if !same(origin) => Err("the request comes from a page of another site"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_reached_by_the_name_that_is_announced() {
        for (host, label) in [
            ("raspberrypi", "raspberrypi"),
            ("Line_3.factory.example", "line-3"),
            ("", "fieldtune"),
            ("--", "fieldtune"),
        ] {
            assert_eq!(host_label(host), label, "{host}");
        }
        let announced = format!("{}.local:8080", host_label(&host_name().unwrap_or_default()));
        assert!(HostNames::new(&[]).is_ours(&announced), "{announced}");
    }

    #[test]
    fn requests_of_other_sites_and_for_other_hosts_are_refused() {
        let names = HostNames::new(&["line-3.factory.example".to_owned()]);
        let refused = |method: Method, path: &str, lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().expect("a header"));
            }
            names.check(&method, path, &headers).is_err()
        };
        let get = || Method::GET;
        for host in [
            "127.0.0.1:8080",
            "192.168.1.5",
            "[::1]:80",
            "[fe80::1]",
            "localhost:8080",
            "LOCALHOST",
            "localhost.:1",
            "Line-3.factory.example",
        ] {
            assert!(!refused(get(), "/api/v1/status", &[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "",
            "[::1",
            "127.0.0.1.evil",
        ] {
            assert!(refused(get(), "/", &[("host", host)]), "{host}");
        }
        assert!(refused(get(), "/", &[]));
        assert!(refused(get(), "/", &[("host", "localhost"), ("host", "localhost")]));
        let post = |origin: &str| {
            refused(
                Method::POST,
                "/api/v1/teach",
                &[("host", "localhost:8080"), ("origin", origin)],
            )
        };
        assert!(!post("http://localhost:8080") && !post("https://localhost:8080"));
        for origin in ["http://localhost", "http://evil.example", "null", "", "localhost:8080"] {
            assert!(post(origin), "{origin}");
        }
        let site = |path: &str, site: &str| {
            refused(get(), path, &[("host", "localhost"), ("sec-fetch-site", site)])
        };
        assert!(!site("/", "cross-site") && site("/api/v1/picture", "cross-site"));
        assert!(!site("/api/v1/picture", "same-origin") && !site("/api/v1/picture", "none"));
    }
}
