//! [`Metrics`]: the counters and histograms of the `metrics` facade.
//!
//! Their handles are got once, when the database is connected, so that counting asks no registry.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit};

use super::{End, Kind};

#[derive(Debug)]
pub(super) struct Metrics {
    write: OfKind,
    read: OfKind,
    read_stale: OfKind,
    begin: OfKind,
    conflicts: Counter,
    group_size: Histogram,
}

/// What there is of each kind of transaction.
#[derive(Debug)]
struct OfKind {
    ok: Counter,
    error: Counter,
    cancelled: Counter,
    seconds: Histogram,
    attempts: Histogram,
}

const TRANSACTIONS: &str = "txetcd_transactions_total";
const CONFLICTS: &str = "txetcd_conflicts_total";
const SECONDS: &str = "txetcd_transaction_seconds";
const ATTEMPTS: &str = "txetcd_transaction_attempts";
const GROUP_SIZE: &str = "txetcd_group_size";

impl Metrics {
    /// With the recorder of this moment.
    pub(super) fn register() -> Self {
        metrics::describe_counter!(TRANSACTIONS, Unit::Count, "Transactions that have ended");
        metrics::describe_counter!(
            CONFLICTS,
            Unit::Count,
            "Commits that were refused because something had changed"
        );
        metrics::describe_histogram!(
            SECONDS,
            Unit::Seconds,
            "How long a transaction took, with all its attempts"
        );
        metrics::describe_histogram!(ATTEMPTS, Unit::Count, "How often a transaction was tried");
        metrics::describe_histogram!(
            GROUP_SIZE,
            Unit::Count,
            "How many transactions one commit request carried"
        );
        Self {
            write: OfKind::register(Kind::Write),
            read: OfKind::register(Kind::Read),
            read_stale: OfKind::register(Kind::ReadStale),
            begin: OfKind::register(Kind::Begin),
            conflicts: metrics::counter!(CONFLICTS),
            group_size: metrics::histogram!(GROUP_SIZE),
        }
    }

    pub(super) fn transaction(&self, kind: Kind, end: End, took: Duration, attempts: u32) {
        let of_kind = match kind {
            Kind::Write => &self.write,
            Kind::Read => &self.read,
            Kind::ReadStale => &self.read_stale,
            Kind::Begin => &self.begin,
        };
        let ended = match end {
            End::Ok => &of_kind.ok,
            End::Error => &of_kind.error,
            End::Cancelled => &of_kind.cancelled,
        };
        ended.increment(1);
        of_kind.seconds.record(took);
        of_kind.attempts.record(attempts);
    }

    pub(super) fn conflict(&self) {
        self.conflicts.increment(1);
    }

    pub(super) fn group(&self, transactions: usize) {
        self.group_size.record(transactions as f64);
    }
}

impl OfKind {
    fn register(kind: Kind) -> Self {
        let kind = kind.name();
        let ended = |end: End| metrics::counter!(TRANSACTIONS, "kind" => kind, "outcome" => end.name());
        Self {
            ok: ended(End::Ok),
            error: ended(End::Error),
            cancelled: ended(End::Cancelled),
            seconds: metrics::histogram!(SECONDS, "kind" => kind),
            attempts: metrics::histogram!(ATTEMPTS, "kind" => kind),
        }
    }
}
