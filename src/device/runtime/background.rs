//! Work that takes longer than a frame may wait, in a thread that any other goes before.

use std::{fs, thread};

use crate::device::controller::Work;

/// Niceness of the thread: where all want the processor, it has a tenth of it, and gets on all the same.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Bytes where the system does not say how much memory is free.
const UNKNOWN: u64 = 128 << 20;

/// Bytes of memory that such work may take: half of what is free.
pub fn room() -> u64 {
    let said = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = said.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or(UNKNOWN, |kib| kib * 1024 / 2)
}

/// Does the work in a thread of its own; where there is none to be had, the work is dropped.
pub fn at_leisure(work: Work) {
    let work = move || {
        // Of this thread alone, as Linux has it. Where it is refused, the work takes its share.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
        work();
    };
    let _ = thread::Builder::new().name("background".to_owned()).spawn(work);
}
