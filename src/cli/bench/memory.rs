//! The memory this process holds, as the kernel counts it.

use serde_json::{Value, json};

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Now (`VmRSS`).
    pub(super) now: u64,
    /// At most so far (`VmHWM`).
    pub(super) peak: u64,
}

impl Memory {
    /// `None` where the system has no `/proc/self/status`.
    pub(super) fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_suffix("kB")?.trim().parse().ok()
        };
        Some(Self { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    pub(super) fn json(self) -> Value {
        json!({ "now": mib(self.now), "peak": mib(self.peak) })
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} MiB (peak {:.1} MiB)", mib(self.now), mib(self.peak))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_read() {
        let status = "Name:\tfieldtune\nVmHWM:\t   12288 kB\nVmRSS:\t    2048 kB\nThreads:\t1\n";
        assert_eq!(Memory::parse(status), Some(Memory { now: 2048, peak: 12288 }));
        assert_eq!(Memory::parse("Name:\tfieldtune\n"), None);
    }
}
