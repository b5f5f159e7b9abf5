//! [`Report`]: what the process of a [`Job`](super::job::Job) tells at its end, as a line of JSON.

use serde::{Deserialize, Serialize};

/// Of the writes of one task.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    /// Writes of which it is not known whether they happened.
    pub(crate) unknown: u64,
}

impl From<(u64, u64)> for Tally {
    fn from((acknowledged, unknown): (u64, u64)) -> Self {
        Self { acknowledged, unknown }
    }
}

impl From<Tally> for (u64, u64) {
    fn from(tally: Tally) -> Self {
        (tally.acknowledged, tally.unknown)
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            acknowledged: sum.acknowledged + tally.acknowledged,
            unknown: sum.unknown + tally.unknown,
        })
    }
}

/// What one process did. The Go program writes the same.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Report {
    /// One for each task, in their order.
    pub(crate) tasks: Vec<Tally>,
    /// All transactions that were acknowledged, reading ones and those outside the measured time included.
    pub(crate) transactions: u64,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// Microseconds, and how many transactions that ended in the measured time took as long.
    pub(crate) latencies: Vec<(u64, u64)>,
    /// Key-value requests for all of `transactions`, where they are counted.
    #[serde(default)]
    pub(crate) requests: Option<u64>,
    /// The most memory that the process ever had, in bytes, where the system tells it.
    pub(crate) peak_memory: Option<u64>,
}

/// The most memory that this process ever had, in bytes, where the system tells it.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
