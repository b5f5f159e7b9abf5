//! The clock of histories: the same for all processes of a machine, and it never goes back.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment in the past.
pub(crate) fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
