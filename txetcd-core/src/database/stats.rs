//! What [`Database::stats`](crate::Database::stats) tells.

use std::sync::atomic::Ordering;

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
        let counters = &engine.counters;
        Self {
            transactions: counters.transactions.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            conflicts: counters.conflicts.load(Ordering::Relaxed),
            requests: client.requests,
            bytes_sent: client.bytes_sent,
            bytes_received: client.bytes_received,
        }
    }
}
