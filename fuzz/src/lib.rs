//! What all fuzz targets have in common: the checks, which `cargo test` calls too, and a limit on memory.
//!
//! A target is a check and the bytes that it may have in use at once. An allocation beyond fails, which ends the
//! fuzzer and leaves the input as a finding.

pub use cap::Cap;

#[path = "../../tests/hostile/checks/mod.rs"]
pub mod checks;

#[path = "../../kernels/tests/plain_loops/checks/mod.rs"]
pub mod kernels;

/// The fuzz target of the check in that module, which may use so many mebibytes.
#[macro_export]
macro_rules! target {
    ($($module:ident)::+, $mebibytes:literal) => {
        #[global_allocator]
        static MEMORY: $crate::Cap<std::alloc::System> =
            $crate::Cap::new(std::alloc::System, $mebibytes << 20);

        libfuzzer_sys::fuzz_target!(init: $crate::say_panics(), |data: &[u8]| {
            $crate::$($module)::+::check(data)
        });
    };
}

/// Panics are told and unwind: the backbone catches those of the runtime that it drives, and they are no findings. One
/// that reaches the fuzzer still ends it.
pub fn say_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if std::env::var_os("FIELDTUNE_FUZZ_QUIET").is_none() {
            eprintln!("{panic}");
        }
    }));
}
