//! Figures of a running program: what its status tells, and what the system does.

/// A number of a status; `None` where it is not there.
pub fn figure(status: &str, name: &str) -> Option<u64> {
    let pair = |pair: &str| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
    let found = status.split_whitespace().find_map(pair)?;
    Some(found.parse().unwrap_or_else(|_| panic!("{name} in {status}")))
}

/// Memory of a process in KiB.
///
/// * `process`: its number, or `self`.
pub fn resident_kib(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
