//! Locking a mutex of the engine.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. No engine lock is held while code runs that could leave half a change behind by panicking, so a
/// poisoned one is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
