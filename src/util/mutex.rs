//! Locks that a panic elsewhere does not close: what they guard is right in itself after every single change.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The state behind a mutex, also where a thread died holding it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
