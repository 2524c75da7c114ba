//! Pieces of the runtime, run so that nothing of theirs gets out but their results.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::BackboneError;

pub(super) fn runtime(name: &str, doing: &'static str, error: &str) -> BackboneError {
    BackboneError::Runtime { name: name.to_owned(), doing, error: error.to_owned() }
}

/// Runs a piece of the runtime; its errors and its panics become ours. A hostile file may reach a panic in there, and
/// nothing of it is used again afterwards.
pub(super) fn guarded<T>(
    name: &str,
    doing: &'static str,
    work: impl FnOnce() -> tract_core::prelude::TractResult<T>,
) -> Result<T, BackboneError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(runtime(name, doing, &format!("{error:#}"))),
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(runtime(name, doing, words.unwrap_or("it failed without a message")))
        }
    }
}
