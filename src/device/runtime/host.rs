//! What the machine says of itself: memory, temperature, throttling.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a board reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPaths {
    /// A file of millidegrees Celsius.
    pub temperature: Option<PathBuf>,
    /// A file that is not 0 while the processor is slowed down.
    pub throttled: Option<PathBuf>,
}

/// Names and values; what cannot be read is left out.
pub(super) fn figures(paths: &HostPaths) -> Vec<(String, String)> {
    let mut figures = Vec::new();
    let mut put = |name: &str, value: Option<String>| {
        figures.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("memory_mib", resident_kib().map(|kib| (kib / 1024).to_string()));
    put("temperature_c", paths.temperature.as_deref().and_then(temperature));
    put("throttled", paths.throttled.as_deref().and_then(first_line));
    figures
}

fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn temperature(path: &Path) -> Option<String> {
    let thousandths: i64 = first_line(path)?.parse().ok()?;
    Some(format!("{:.1}", thousandths as f64 / 1000.0))
}

fn first_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("temp");
        fs::write(&path, "48312\n").expect("there is room");
        let paths = HostPaths { temperature: Some(path), throttled: Some("/none".into()) };
        let figures = figures(&paths);
        assert!(figures.contains(&("temperature_c".to_owned(), "48.3".to_owned())), "{figures:?}");
        assert!(figures.iter().all(|(name, _)| name != "throttled"), "{figures:?}");
        let memory = figures.iter().find(|(name, _)| name == "memory_mib").expect("Linux tells");
        assert!(memory.1.parse::<u64>().is_ok_and(|mib| mib > 0), "{figures:?}");
    }
}
