//! What [`Database::stats`](crate::Database::stats) tells.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Engine;

/// Counts since the database was connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions that ended well, those that only read included.
    pub transactions: u64,
    /// Attempts beyond the first of a transaction.
    pub retries: u64,
    /// Commits that were refused because something had changed.
    pub conflicts: u64,
    /// Of these, those with another transaction of this process, for which the store was not asked.
    pub local_conflicts: u64,
    /// Transactions of [`Database::read_stale`](crate::Database::read_stale) that read from cached tables.
    pub stale_reads: u64,
    /// Commit requests that the store has answered. Each carried one transaction or several.
    pub groups: u64,
    /// Transactions in these, each time anew if one was in several.
    pub grouped: u64,
    /// Key-value requests sent to the store, repeats included; leases and authentication are not counted.
    pub requests: u64,
    /// Bytes of all request messages.
    pub bytes_sent: u64,
    /// Bytes of all response messages.
    pub bytes_received: u64,
}

impl Stats {
    pub(super) fn of(engine: &Engine) -> Self {
        let client = engine.client.stats();
        let counters = &engine.telemetry.counters;
        let so_far = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            transactions: so_far(&counters.transactions),
            retries: so_far(&counters.retries),
            conflicts: so_far(&counters.conflicts),
            local_conflicts: so_far(&counters.local_conflicts),
            stale_reads: so_far(&counters.stale_reads),
            groups: so_far(&counters.groups),
            grouped: so_far(&counters.grouped),
            requests: client.requests,
            bytes_sent: client.bytes_sent,
            bytes_received: client.bytes_received,
        }
    }
}
