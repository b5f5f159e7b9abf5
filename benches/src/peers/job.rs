//! What is measured: [`Who`] does which [`Workload`], and the [`Job`] of one process in it.
//!
//! A job travels as a command line, which the Go program understands too.

use clap::ValueEnum;
use serde::Serialize;

use super::measure::Cell;

/// How many rows the workloads on many rows have.
pub(crate) const ACCOUNTS: u32 = 1_000;

/// Who is measured.
#[derive(ValueEnum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Who {
    /// txetcd, with all tables cached
    Cached,
    /// txetcd, with nothing cached
    Uncached,
    /// A loop on etcd-client: read, compare the revisions, put; again if they changed
    ByHand,
    /// The STM of etcd's Go client, clientv3/concurrency
    Stm,
    /// What etcd takes at most: rows in memory that travel together, without tables, codecs, others, or faults
    Sketch,
}

impl Who {
    /// The word of the command line.
    pub(crate) fn word(self) -> String {
        word(self)
    }

    /// As people call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Cached => "txetcd, cached",
            Self::Uncached => "txetcd, uncached",
            Self::ByHand => "loop by hand",
            Self::Stm => "Go STM",
            Self::Sketch => "sketch, a ceiling",
        }
    }

    /// Whether it can do that.
    pub(crate) fn does(self, Cell { workload, processes, .. }: Cell) -> bool {
        let only_changes = !matches!(workload, Workload::Insert | Workload::ReadMostly);
        self != Self::Sketch || only_changes && processes == 1
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Cached | Self::Uncached)
    }
}

/// What the transactions do.
#[derive(ValueEnum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// Each task reads and writes a row of its own
    OwnKey,
    /// All tasks increment one row
    Counter,
    /// From one of 1,000 rows to another, all equally likely
    Transfers,
    /// The same, by Zipf's law with exponent 0.99
    ZipfTransfers,
    /// New rows of a table with two indexes, one of them unique
    Insert,
    /// 95 of 100 read one of 1,000 rows, 5 read and write one
    ReadMostly,
}

impl Workload {
    pub(crate) fn word(self) -> String {
        word(self)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::OwnKey => "own key",
            Self::Counter => "one counter",
            Self::Transfers => "transfers, uniform",
            Self::ZipfTransfers => "transfers, Zipf",
            Self::Insert => "insert, two indexes",
            Self::ReadMostly => "read-mostly, 95/5",
        }
    }

    /// How many rows there are at the start, for so many tasks in all processes.
    pub(crate) fn rows(self, tasks: u32) -> u32 {
        match self {
            Self::OwnKey => tasks,
            Self::Counter => 1,
            Self::Transfers | Self::ZipfTransfers | Self::ReadMostly => ACCOUNTS,
            Self::Insert => 0,
        }
    }
}

/// What one process does.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Job {
    #[arg(long)]
    pub(crate) workload: Workload,
    /// How many transactions at a time.
    #[arg(long)]
    pub(crate) in_flight: u32,
    /// Which of several processes this is, from 0.
    #[arg(long, default_value_t = 0)]
    pub(crate) process: u32,
    /// Seconds that are not measured.
    #[arg(long)]
    pub(crate) warm_up: f64,
    /// Seconds that are measured.
    #[arg(long)]
    pub(crate) seconds: f64,
    /// Where etcd is, as a URL.
    #[arg(long)]
    pub(crate) endpoint: String,
    /// What all keys begin with.
    #[arg(long)]
    pub(crate) prefix: String,
}

impl Job {
    /// The command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            format!("--workload={}", self.workload.word()),
            format!("--in-flight={}", self.in_flight),
            format!("--process={}", self.process),
            format!("--warm-up={}", self.warm_up),
            format!("--seconds={}", self.seconds),
            format!("--endpoint={}", self.endpoint),
            format!("--prefix={}", self.prefix),
        ]
    }
}

fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
