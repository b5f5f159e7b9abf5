//! What a client has sent and received.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the client was connected. Requests are those to etcd's key-value service, one per
/// transaction, get, put or delete sent, repeats included; leases, watches and authentication are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Key-value requests sent.
    pub requests: u64,
    /// Bytes of all request messages.
    pub bytes_sent: u64,
    /// Bytes of all response messages.
    pub bytes_received: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) bytes_received: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
        }
    }
}
