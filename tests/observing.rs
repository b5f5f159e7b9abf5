//! What whoever runs a program is told of its transactions, and what never.
//!
//! A program of its own, since the subscriber of `tracing` is the process's. Each test has a thread, and a runtime in it.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Barrier;
use tracing_subscriber::fmt::format::FmtSpan;
use txetcd::{Database, DatabaseBuilder, Error, Persist, embedded};

/// In every value that is stored where something is logged.
const SECRET: &str = "S3CRET";

#[derive(Persist)]
#[pmap(slot = 1)]
struct Note {
    #[pmap(key)]
    id: u32,
    text: String,
}

#[derive(Persist)]
#[pmap(slot = 2)]
struct Account {
    #[pmap(key)]
    id: u32,
    balance: i64,
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of the thread.
struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was logged in this thread since the last call.
fn logged() -> String {
    String::from_utf8(LOG.take()).unwrap()
}

/// How many lines have all of these.
fn lines(log: &str, parts: &[&str]) -> usize {
    log.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

/// A store with which nothing has happened, and before anything is logged somebody listens.
fn memory() -> embedded::Store {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Log)
            .init();
    });
    embedded::Store::memory().unwrap()
}

fn builder(store: &embedded::Store) -> DatabaseBuilder {
    Database::builder().store(store)
}

async fn connect(store: &embedded::Store) -> Database {
    builder(store).connect().await.unwrap()
}

/// Changes a row, and is disturbed once by another connection.
async fn disturbed(db: &Database, other: &Database) {
    let notes = Note::table();
    let put = async |text: String| {
        other.write(async |txn| notes.put(txn, &Note { id: 7, text: text.clone() })).await.unwrap();
    };
    put(SECRET.to_owned()).await;
    let runs = AtomicU32::new(0);
    db.write(async |txn| {
        let mut note = notes.get(txn, &7).await?.expect("a row");
        if runs.fetch_add(1, Ordering::SeqCst) == 0 {
            put(format!("{SECRET}2")).await;
        }
        note.text.push('3');
        notes.put(txn, &note)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn spans_and_events_tell_of_conflicts_by_key_and_of_no_value() {
    let store = memory();
    let [db, other] = [connect(&store).await, connect(&store).await];
    disturbed(&db, &other).await;
    let log = logged();
    let conflict = "conflict keys=[\"Note (slot 1), key 0x00000007\"] local=false";
    assert_eq!(lines(&log, &["transaction{kind=\"write\"}: ", conflict]), 1, "{log}");
    let end = "outcome=\"ok\" attempts=2 conflicts=1 requests=3 wait=";
    assert_eq!(lines(&log, &["close", "transaction{kind=\"write\" revision=", end]), 1, "{log}");
    assert_eq!(lines(&log, &["close", "group{transactions=1 units=1 refused=1 revision="]), 1, "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn a_group_of_which_no_unit_was_looked_at_is_told_as_refused() {
    let store = memory();
    let [db, other] = [connect(&store).await, connect(&store).await];
    let notes = Note::table();
    // Two are sent together after `other` has changed a row of each, or what both expect of the catalogue.
    let together = async |catalogue: bool| {
        let (ready, runs) = (Barrier::new(2), AtomicU32::new(0));
        let put = async |id: u32| {
            db.write(async |txn| {
                notes.get(txn, &id).await?;
                if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                    if catalogue {
                        other.client().put([0, 0, 0, 1], "none").await?;
                    } else {
                        other.write(async |txn| notes.put(txn, &Note { id, text: String::new() })).await?;
                    }
                    ready.wait().await;
                }
                notes.put(txn, &Note { id, text: String::new() })
            })
            .await
        };
        tokio::join!(put(1), put(2))
    };
    let (first, second) = together(false).await;
    first.and(second).unwrap();
    let (first, second) = together(true).await;
    assert!(first.is_err() && second.is_err(), "nobody knows what is expected of the table");
    let log = logged();
    assert_eq!(lines(&log, &["close", "group{transactions=2 units=2 refused=2 revision="]), 1, "{log}");
}

#[tokio::test]
async fn what_is_dropped_is_told_as_cancelled() {
    let db = connect(&memory()).await;
    let never = db.write(async |_| std::future::pending::<Result<(), Error>>().await);
    assert!(never.now_or_never().is_none());
    let log = logged();
    let end = "transaction{kind=\"write\" outcome=\"cancelled\" attempts=1";
    assert_eq!(lines(&log, &["close", end]), 1, "{log}");
    assert_eq!(db.stats().transactions, 0);
}

#[tokio::test]
async fn a_slow_transaction_is_a_warning_with_tables_and_keys_and_no_value() {
    let store = memory();
    let other = builder(&store).slow_transaction(Duration::MAX).connect().await.unwrap();
    for (threshold, warnings) in [(Duration::ZERO, 1), (Duration::MAX, 0)] {
        let db = builder(&store).slow_transaction(threshold).connect().await.unwrap();
        logged();
        disturbed(&db, &other).await;
        let log = logged();
        let slow = [
            "slow transaction kind=\"write\" outcome=\"ok\" took=",
            "attempts=2 conflicts=1 requests=3 wait=",
            "tables=[\"Note (slot 1)\"] keys=[\"Note (slot 1), key 0x00000007\"]",
        ];
        assert_eq!((lines(&log, &slow), lines(&log, &["WARN"])), (warnings, warnings), "{log}");
        assert!(!log.contains(SECRET), "{log}");
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
    let db = connect(&memory()).await;
    let accounts = Account::table();
    let before = db.stats();
    let put = async |id| db.write(async |txn| accounts.put(txn, &Account { id, balance: 0 })).await;
    assert!(join_all((0..20).map(put)).await.iter().all(Result::is_ok));
    let stats = db.stats();
    assert_eq!(stats.grouped - before.grouped, stats.transactions - before.transactions, "{stats:?}");
    assert!(stats.transactions >= 20 && stats.groups - before.groups < 5, "{stats:?}");
    db.read(async |txn| accounts.count(txn).await).await.unwrap();
    assert_eq!(db.stats().groups, stats.groups, "what only reads is in no group");
}

#[tokio::test]
async fn stats_tell_local_conflicts_from_others() {
    let store = memory();
    let [db, other] = [connect(&store).await, connect(&store).await];
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
    let db = connect(&memory()).await;
    assert!(!read(&db).await);
    assert_eq!((db.stats().transactions, db.stats().stale_reads), (1, 0));
    let db = builder(&memory()).cached::<Account>().connect().await.unwrap();
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
        let store = memory();
        let other = connect(&store).await;
        let recorder = DebuggingRecorder::new();
        let db = {
            let _guard = ::metrics::set_default_local_recorder(&recorder);
            connect(&store).await
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
