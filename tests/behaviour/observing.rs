//! What whoever runs a program is told of its transactions, and what never.
//!
//! Subscribers and recorders are those of one thread here, and so is the runtime, so that each test sees only its own.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::store::{Account, Blob, Store};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use txetcd::{Database, Error};

/// In every stored value here.
const SECRET: &str = "S3CRET";

/// All that is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Of this level and worse, spans included, as long as the guard lives.
    fn of(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with all of these.
    fn lines(&self, parts: &[&str]) -> Vec<String> {
        let text = self.text();
        let fitting = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        fitting.map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Changes a row, and is disturbed once by another connection.
async fn disturbed(db: &Database, other: &Database) {
    let blobs = Blob::table();
    let put = async |bytes: String| {
        other.write(async |txn| blobs.put(txn, &Blob { id: 7, bytes: bytes.clone() })).await.unwrap();
    };
    put(SECRET.to_owned()).await;
    let runs = std::sync::atomic::AtomicU32::new(0);
    db.write(async |txn| {
        let mut blob = blobs.get(txn, &7).await?.expect("a row");
        if runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            put(format!("{SECRET}2")).await;
        }
        blob.bytes.push('3');
        blobs.put(txn, &blob)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn spans_and_events_tell_of_conflicts_by_key_and_of_no_value() {
    let store = Store::memory();
    let [db, other] = [store.connect().await, store.connect().await];
    let (log, _guard) = Log::of(tracing::Level::DEBUG);
    disturbed(&db, &other).await;
    let text = log.text();
    let conflicts = log.lines(&["conflict", "keys=[\"Blob (slot 3), key 0x00000007\"]", "local=false"]);
    assert_eq!(conflicts.len(), 1, "{text}");
    assert!(conflicts[0].contains("transaction{kind=\"write\"}"), "{text}");
    let ends = log.lines(&["close", "attempts=2 conflicts=1 requests=3", "outcome=\"ok\"", "revision="]);
    assert_eq!(ends.len(), 1, "{text}");
    assert_eq!(log.lines(&["close", "group{transactions=1 units=1", "refused=1"]).len(), 1, "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn what_is_dropped_is_told_as_cancelled() {
    let db = Store::memory().connect().await;
    let (log, _guard) = Log::of(tracing::Level::DEBUG);
    let never = db.write(async |_| std::future::pending::<Result<(), Error>>().await);
    assert!(never.now_or_never().is_none());
    let ends = log.lines(&["close", "transaction{kind=\"write\"", "outcome=\"cancelled\" attempts=1"]);
    assert_eq!(ends.len(), 1, "{}", log.text());
    assert_eq!(db.stats().transactions, 0);
}

#[tokio::test]
async fn a_slow_transaction_is_a_warning_with_tables_and_keys_and_no_value() {
    let store = Store::memory();
    let other = store.builder().slow_transaction(Duration::MAX).connect().await.unwrap();
    for (threshold, warnings) in [(Duration::ZERO, 1), (Duration::MAX, 0)] {
        let db = store.builder().slow_transaction(threshold).connect().await.unwrap();
        let (log, _guard) = Log::of(tracing::Level::WARN);
        disturbed(&db, &other).await;
        let text = log.text();
        let slow = log.lines(&[
            "slow transaction",
            "kind=\"write\" outcome=\"ok\" took=",
            "attempts=2 conflicts=1 requests=3",
            "tables=[\"Blob (slot 3)\"]",
            "keys=[\"Blob (slot 3), key 0x00000007\"]",
        ]);
        assert_eq!((slow.len(), text.lines().count()), (warnings, warnings), "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

async fn add(db: &Database, id: u32) -> Result<(), Error> {
    let accounts = Account::table();
    db.write(async |txn| {
        let balance = accounts.get(txn, &id).await?.map_or(0, |account| account.balance) + 1;
        accounts.put(txn, &Account { id, balance })
    })
    .await
}

#[tokio::test]
async fn stats_tell_of_groups() {
    let db = Store::memory().connect().await;
    let accounts = Account::table();
    let before = db.stats();
    let put = async |id| db.write(async |txn| accounts.put(txn, &Account { id, balance: 0 })).await;
    assert!(join_all((0..20).map(put)).await.iter().all(Result::is_ok));
    let stats = db.stats();
    // The first one also puts the table into the catalogue.
    assert_eq!(stats.grouped - before.grouped, stats.transactions - before.transactions, "{stats:?}");
    assert!(stats.transactions >= 20 && stats.groups - before.groups < 5, "{stats:?}");
    db.read(async |txn| accounts.count(txn).await).await.unwrap();
    assert_eq!(db.stats().groups, stats.groups, "what only reads is in no group");
}

#[tokio::test]
async fn stats_tell_local_conflicts_from_others() {
    let store = Store::memory();
    let [db, other] = [store.connect().await, store.connect().await];
    disturbed(&db, &other).await;
    let stats = db.stats();
    assert_eq!((stats.conflicts, stats.local_conflicts, stats.retries), (1, 0, 1), "{stats:?}");
    assert!(join_all((0..8).map(|_| add(&db, 1))).await.iter().all(Result::is_ok));
    let stats = db.stats();
    assert!(stats.local_conflicts >= 7, "{stats:?}");
    assert_eq!(stats.conflicts, stats.local_conflicts + 1, "{stats:?}");
}

#[tokio::test]
async fn stats_tell_of_stale_reads_that_were_answered_here() {
    let read = async |db: &Database| {
        let read = db.read_stale(async |txn| Account::table().get(txn, &1).await).await.unwrap();
        read.revision.is_some()
    };
    let db = Store::memory().connect().await;
    assert!(!read(&db).await);
    assert_eq!((db.stats().transactions, db.stats().stale_reads), (1, 0));
    let db = Store::cached().connect().await;
    let mut reads = 1;
    while !read(&db).await {
        tokio::time::sleep(Duration::from_millis(1)).await;
        reads += 1;
    }
    assert_eq!((db.stats().transactions, db.stats().stale_reads), (reads, 1));
}

/// The facade's view of the same.
#[cfg(feature = "metrics")]
mod metrics {
    use super::*;
    use ::metrics::Label;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    #[tokio::test]
    async fn metrics_tell_what_stats_tell() {
        let store = Store::memory();
        let other = store.connect().await;
        let recorder = DebuggingRecorder::new();
        let db = {
            let _guard = ::metrics::set_default_local_recorder(&recorder);
            store.connect().await
        };
        disturbed(&db, &other).await;
        type Any = Box<dyn std::error::Error + Send + Sync>;
        let failed = db.read(async |_| Err::<(), Any>("the closure's".into())).await;
        assert!(failed.is_err());
        let never = db.write(async |_| std::future::pending::<Result<(), Error>>().await);
        assert!(never.now_or_never().is_none());

        let metrics = recorder.snapshotter().snapshot().into_vec();
        let find = |name: &str, labels: &[(&'static str, &'static str)]| {
            let labels: Vec<Label> = labels.iter().map(Label::from).collect();
            let is_it = |key: &::metrics::Key| key.name() == name && key.labels().eq(&labels);
            let found = metrics.iter().find(|(key, ..)| is_it(key.key()));
            &found.unwrap_or_else(|| panic!("{name} {labels:?} in {metrics:?}")).3
        };
        let counted = |name: &str, labels: &[_]| match find(name, labels) {
            DebugValue::Counter(count) => *count,
            other => panic!("{name}: {other:?}"),
        };
        let recorded = |name: &str, labels: &[_]| match find(name, labels) {
            DebugValue::Histogram(values) => values.iter().map(|value| value.0).collect::<Vec<f64>>(),
            other => panic!("{name}: {other:?}"),
        };
        let stats = db.stats();
        assert_eq!(counted("txetcd_conflicts_total", &[]), stats.conflicts);
        let ended =
            |kind, outcome| counted("txetcd_transactions_total", &[("kind", kind), ("outcome", outcome)]);
        assert_eq!((ended("write", "ok"), ended("write", "cancelled"), ended("write", "error")), (1, 1, 0));
        assert_eq!((ended("read", "ok"), ended("read", "error")), (0, 1));
        assert_eq!(stats.transactions, 1);
        assert_eq!(recorded("txetcd_transaction_attempts", &[("kind", "write")]), [2.0, 1.0]);
        let seconds = recorded("txetcd_transaction_seconds", &[("kind", "write")]);
        assert!(
            seconds.len() == 2 && seconds.iter().all(|seconds| (0.0..60.0).contains(seconds)),
            "{seconds:?}"
        );
        let sizes = recorded("txetcd_group_size", &[]);
        assert_eq!((sizes.len() as u64, sizes.iter().sum::<f64>() as u64), (stats.groups, stats.grouped));
    }
}
