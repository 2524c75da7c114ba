//! What the machine calls itself.

/// Its name in small letters; `None` where it has none.
pub fn host_name() -> Option<String> {
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(own.trim().to_ascii_lowercase()).filter(|own| !own.is_empty())
}

/// The first part of a host's name as mDNS takes it: letters, digits and `-`.
#[cfg(feature = "web")]
pub fn host_label(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default();
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = first.chars().map(fits).collect();
    match label.trim_matches('-') {
        "" => "fieldtune".to_owned(),
        label => label.to_owned(),
    }
}
