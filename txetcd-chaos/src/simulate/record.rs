//! [`Record`]: what a run wrote down, and the one place that knows what time it is in it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use txetcd_core::client::Fault;

use super::Run;
use super::network::Call;
use super::settings::Settings;
use super::workload::Registers;
use crate::check::check;
use crate::history::{Op, Transaction};
use crate::record::Recorder;

/// What a run wrote down. Clones share it.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) settings: Arc<Settings>,
    pub(super) registers: Registers,
    /// What is written down by the workloads that clusters have as well.
    pub(super) recorder: Arc<Recorder>,
    start: Instant,
    numbers: Arc<Numbers>,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Numbers {
    links: AtomicU64,
    tasks: AtomicU64,
    values: AtomicU64,
    transactions: AtomicU64,
    unknown: AtomicU64,
    now: AtomicI64,
}

#[derive(Default)]
struct Lines {
    history: Vec<Transaction>,
    violations: Vec<String>,
    trace: Vec<Call>,
}

impl Record {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            registers: Registers::default(),
            recorder: Arc::new(Recorder::in_memory()),
            start: Instant::now(),
            numbers: Arc::default(),
            lines: Arc::default(),
        }
    }

    /// Something was seen that must not be.
    pub(super) fn violation(&self, what: impl Into<String>) {
        let what = format!("at {:?}: {}", self.start.elapsed(), what.into());
        self.lines().violations.push(what);
    }

    pub(super) fn call(&self, link: u64, method: &str, fault: Fault) {
        let call = Call { at: self.start.elapsed(), link, method: method.to_owned(), fault };
        self.lines().trace.push(call);
    }

    pub(super) fn next_link(&self) -> u64 {
        next(&self.numbers.links)
    }

    /// A number for someone who runs one transaction after the other.
    pub(super) fn next_task(&self) -> u64 {
        next(&self.numbers.tasks)
    }

    /// A value that nobody else writes; the first one is 1.
    pub(super) fn next_value(&self) -> u64 {
        next(&self.numbers.values) + 1
    }

    pub(super) fn transaction(&self) {
        next(&self.numbers.transactions);
    }

    pub(super) fn unknown(&self) {
        next(&self.numbers.unknown);
    }

    /// Nanoseconds since the run began, and a little more each time: on one thread one thing happens after the other,
    /// though simulated time stands still meanwhile.
    pub(super) fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let now = elapsed.max(self.numbers.now.load(Ordering::Relaxed) + 1);
        self.numbers.now.store(now, Ordering::Relaxed);
        now
    }

    pub(super) fn entry(&self, process: u64) -> Entry {
        Entry { record: self.clone(), process, start_ns: self.now(), ops: Vec::new(), ok: None }
    }

    /// Judges it all.
    pub(super) fn finish(&self) -> Run {
        let Lines { mut history, mut violations, trace } = std::mem::take(&mut *self.lines());
        history.sort_by_key(|transaction| transaction.start_ns);
        match check(&history) {
            Ok(report) if report.is_valid() => {}
            Ok(report) => violations.push(report.to_string()),
            Err(undecided) => violations.push(undecided.to_string()),
        }
        Run {
            history,
            violations,
            trace,
            took: self.start.elapsed(),
            transactions: self.numbers.transactions.load(Ordering::Relaxed),
            unknown: self.numbers.unknown.load(Ordering::Relaxed),
            settings: format!("{:?}", self.settings),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction of the history while it runs. One that is dropped in the middle has an unknown outcome.
pub(super) struct Entry {
    record: Record,
    process: u64,
    start_ns: i64,
    pub(super) ops: Vec<Op>,
    pub(super) ok: Option<bool>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let end_ns = self.record.now();
        let mut lines = self.record.lines();
        let index = lines.history.len() as u64;
        let (process, start_ns, ok) = (self.process, self.start_ns, self.ok);
        let ops = std::mem::take(&mut self.ops);
        lines.history.push(Transaction { process, index, start_ns, end_ns, ok, ops });
    }
}

fn next(number: &AtomicU64) -> u64 {
    number.fetch_add(1, Ordering::Relaxed)
}

/// Waits for up to so many milliseconds, or lets the others go first.
pub(super) async fn pause(most: u64, random: &mut fastrand::Rng) {
    match random.u64(..=most) {
        0 => tokio::task::yield_now().await,
        time => tokio::time::sleep(Duration::from_millis(time)).await,
    }
}
