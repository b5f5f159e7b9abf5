//! [`Settings`]: what is different from seed to seed. A run that does a few things often finds more than one that does
//! everything a little.

use std::time::Duration;

use fastrand::Rng;

use super::workload::Kind;

/// What a seed drew.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) processes: usize,
    /// Of a process at once, each of which runs one transaction after the other.
    pub(super) tasks: usize,
    /// Of each task.
    pub(super) transactions: usize,
    /// What they do.
    pub(super) workloads: Vec<Kind>,
    /// Lists that are appended to, and whatever else transactions meet at.
    pub(super) keys: u32,
    /// Rows of a group that others may join.
    pub(super) group: u32,
    /// Whether processes cache some of their tables.
    pub(super) caches: bool,
    /// Whether each process has a live view.
    pub(super) follow: bool,
    /// How long a transaction thinks between two operations, at most, in milliseconds.
    pub(super) thinking: u64,
    /// How long a message is on its way, at most, in milliseconds.
    pub(super) latency: u64,
    /// How much longer what a watch tells is on its way, at most, in milliseconds.
    pub(super) watch_latency: u64,
    /// How much later a late request arrives, in milliseconds.
    pub(super) late: std::ops::Range<u64>,
    /// Whether processes stand still, are dropped and are killed.
    pub(super) breaks: bool,
    /// Of the engine.
    pub(super) session_ttl: Duration,
    pub(super) transaction_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_txn_ops: usize,
    /// How often the store forgets its past, on average.
    pub(super) compaction: Option<Duration>,
    /// Where the store cuts the messages of watches.
    pub(super) watch_message_bytes: usize,
}

impl Settings {
    pub(super) fn draw(random: &mut Rng, only: Option<Kind>) -> Self {
        let breaks = random.u8(..3) == 0;
        let mut workloads: Vec<Kind> = Kind::ALL.into_iter().filter(|_| random.bool()).collect();
        if workloads.is_empty() || random.u8(..3) == 0 {
            workloads = random.choice(Kind::ALL).into_iter().collect();
        }
        Self {
            processes: random.usize(2..=4),
            tasks: *random.choice(&[1, 2, 4, 8, 16]).unwrap_or(&2),
            transactions: random.usize(3..=8),
            workloads: only.map_or(workloads, |only| vec![only]),
            keys: *random.choice(&[3, 6, 6, 30]).unwrap_or(&6),
            group: *random.choice(&[1, 3, 20]).unwrap_or(&1),
            caches: random.u8(..3) != 0,
            follow: random.bool(),
            thinking: *random.choice(&[0, 3, 30]).unwrap_or(&0),
            latency: *random.choice(&[0, 2, 10, 40]).unwrap_or(&2),
            watch_latency: *random.choice(&[0, 0, 20, 200]).unwrap_or(&0),
            late: random.choice(&[4..30, 4..30, 200..1_500, 1_000..40_000]).cloned().unwrap_or(4..30),
            breaks,
            // Where nothing breaks, a session lives through every fault.
            session_ttl: Duration::from_secs(if breaks { random.u64(2..=40) } else { 60 }),
            transaction_timeout: Duration::from_secs(if breaks { random.u64(8..=30) } else { 30 }),
            request_timeout: Duration::from_millis(random.u64(500..=2_000)),
            max_txn_ops: *random.choice(&[128, 128, 24, 12]).unwrap_or(&128),
            compaction: random.bool().then(|| Duration::from_millis(random.u64(20..=2_000))),
            watch_message_bytes: *random.choice(&[1 << 20, 200]).unwrap_or(&200),
        }
    }
}
