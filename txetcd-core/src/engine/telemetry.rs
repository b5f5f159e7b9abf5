//! [`Telemetry`]: what whoever runs the program is told of its transactions: counts, spans and events, a warning for a
//! slow one, and, by feature, metrics.
//!
//! It only watches: nothing that happens to a transaction may depend on it. It names tables and keys, and never a value.
//! Spans are made only for a subscriber that wants them, and without one nothing is allocated but for a conflict.

#[cfg(feature = "metrics")]
mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{Empty, debug};
use tracing::{Instrument as _, Span};
use txetcd_client::Result;

use super::Engine;
use super::attempt::Attempt;
use super::committer::{Outcome, Settled, Verdicts};
use super::conflict::Conflict;
use super::leases::Leases;
use super::naming::Tables;
use super::sequencer::formation::Group;
use super::view::View;

#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) counters: Counters,
    /// A transaction that takes so long is slow.
    slow: Duration,
    #[cfg(feature = "metrics")]
    metrics: metrics::Metrics,
}

/// What happened since the database was connected.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) local_conflicts: AtomicU64,
    pub(crate) stale_reads: AtomicU64,
    pub(crate) groups: AtomicU64,
    pub(crate) grouped: AtomicU64,
}

/// Which method of the database a transaction came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Write,
    Read,
    ReadStale,
    /// Only its commit is observed.
    Begin,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    Error,
    /// Its future was dropped.
    Cancelled,
}

/// One transaction under observation, from its first attempt until it is dropped.
#[derive(Debug)]
pub(crate) struct Observed<'e> {
    telemetry: &'e Telemetry,
    span: Span,
    kind: Kind,
    began: Instant,
    attempts: u32,
    /// How many requests it read with, and how many attempts were given to others to be committed.
    requests: u32,
    /// How long it waited for commits.
    waited: Duration,
    /// The tables of its last attempt.
    tables: Tables,
    /// How many conflicts it had, and the keys of the last one.
    conflicts: u32,
    keys: Vec<String>,
    end: End,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::ReadStale => "read_stale",
            Self::Begin => "begin",
        }
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Telemetry {
    pub(crate) fn new(slow: Duration) -> Self {
        Self {
            counters: Counters::default(),
            slow,
            #[cfg(feature = "metrics")]
            metrics: metrics::Metrics::register(),
        }
    }

    /// Begins to observe a transaction.
    pub(crate) fn observe(&self, kind: Kind) -> Observed<'_> {
        let span = tracing::debug_span!(
            "transaction",
            kind = kind.name(),
            outcome = Empty,
            attempts = Empty,
            conflicts = Empty,
            requests = Empty,
            wait = Empty,
            revision = Empty,
        );
        Observed {
            telemetry: self,
            span,
            kind,
            began: Instant::now(),
            attempts: 0,
            requests: 0,
            waited: Duration::ZERO,
            tables: Tables::default(),
            conflicts: 0,
            keys: Vec::new(),
            end: End::Cancelled,
        }
    }

    /// Notes the store's answer to a group of so many transactions.
    fn answered(&self, transactions: usize) {
        count(&self.counters.groups, 1);
        count(&self.counters.grouped, transactions as u64);
        #[cfg(feature = "metrics")]
        self.metrics.group(transactions);
    }
}

impl Engine {
    /// Sends a group in a span of its own.
    pub(super) async fn send_observed(self: &Arc<Self>, group: &Group) -> Settled {
        let transactions = group.len();
        let span = tracing::debug_span!(
            "group",
            transactions,
            units = group.units.len(),
            refused = Empty,
            revision = Empty,
            error = Empty,
        );
        let settled = self.send(group).instrument(span.clone()).await;
        match &settled {
            Settled::Done { revision, verdicts, .. } => {
                self.telemetry.answered(transactions);
                let refused = verdicts.iter().filter(|verdict| matches!(verdict, Verdicts::Refused(_)));
                span.record("refused", refused.count()).record("revision", *revision);
            }
            Settled::Untried { revision, .. } => {
                self.telemetry.answered(transactions);
                span.record("refused", group.units.len()).record("revision", *revision);
            }
            Settled::NotApplied(error) | Settled::Unknown(error) => {
                span.record("error", tracing::field::display(error));
            }
            Settled::RowLeaseLost => {
                span.record("error", "the lease of a row is gone");
            }
        }
        settled
    }
}

impl Observed<'_> {
    /// The span in which the transaction runs.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// An attempt begins.
    pub(crate) fn attempt(&mut self) {
        self.attempts += 1;
        if self.attempts > 1 {
            count(&self.telemetry.counters.retries, 1);
        }
    }

    /// The closure has run.
    pub(crate) fn ran(&mut self, view: &View) {
        self.tables = view.tables();
        self.requests += view.requests();
    }

    /// All was read as a cached table had it a moment ago.
    pub(crate) fn was_stale(&self) {
        count(&self.telemetry.counters.stale_reads, 1);
    }

    /// Commits what an attempt has left.
    pub(crate) async fn commit(
        &mut self,
        engine: &Arc<Engine>,
        attempt: Arc<Attempt>,
        leases: Leases,
        deadline: Instant,
    ) -> Result<Outcome> {
        let is_settled = attempt.is_settled();
        let began = Instant::now();
        let outcome = engine.commit(attempt, leases, deadline).await;
        self.waited += began.elapsed();
        let is_local = matches!(&outcome, Ok(Outcome::Conflict(conflict)) if conflict.is_local);
        self.requests += u32::from(!is_settled && !is_local);
        match &outcome {
            Ok(Outcome::Committed(Some(revision))) => {
                self.span.record("revision", *revision);
            }
            Ok(Outcome::Conflict(conflict)) => self.conflict(conflict),
            Ok(Outcome::Committed(None)) | Err(_) => {}
        }
        outcome
    }

    fn conflict(&mut self, conflict: &Conflict) {
        tracing::debug!(keys = ?conflict.keys, local = conflict.is_local, "conflict");
        self.conflicts += 1;
        self.keys.clone_from(&conflict.keys);
        let counters = &self.telemetry.counters;
        count(&counters.conflicts, 1);
        count(&counters.local_conflicts, u64::from(conflict.is_local));
        #[cfg(feature = "metrics")]
        self.telemetry.metrics.conflict();
    }

    /// The transaction has ended with this.
    pub(crate) fn end<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.end = if result.is_ok() { End::Ok } else { End::Error };
        result
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        let Self { telemetry, span, kind, attempts, requests, waited, tables, conflicts, keys, end, .. } =
            self;
        let took = self.began.elapsed();
        if *end == End::Ok {
            count(&telemetry.counters.transactions, 1);
        }
        #[cfg(feature = "metrics")]
        telemetry.metrics.transaction(*kind, *end, took, *attempts);
        if !span.is_disabled() {
            span.record("outcome", end.name())
                .record("attempts", *attempts)
                .record("conflicts", *conflicts)
                .record("requests", *requests)
                .record("wait", debug(*waited));
        }
        if took >= telemetry.slow {
            span.in_scope(|| {
                tracing::warn!(
                    kind = kind.name(),
                    outcome = end.name(),
                    ?took,
                    attempts,
                    conflicts,
                    requests,
                    wait = ?waited,
                    ?tables,
                    ?keys,
                    "slow transaction"
                );
            });
        }
    }
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_nobody_looks_at_costs_no_memory() {
        let telemetry = Telemetry::new(Duration::MAX);
        let taken = allocation_counter::measure(|| {
            let mut observed = telemetry.observe(Kind::Write);
            observed.attempt();
            observed.end(Ok::<_, ()>(())).expect("what was given");
        });
        assert_eq!(taken.count_total, 0);
        assert_eq!(telemetry.counters.transactions.load(Ordering::Relaxed), 1);
    }
}
