//! A client process: the workers of the workloads, on one connection, until it is told to stop.
//!
//! It ends at once when its standard input does, which happens when the process that runs it dies.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use txetcd::{Database, DatabaseBuilder};

use crate::record::Recorder;
use crate::workload::{CREW, Worker, tables};

/// The time of a client's own lease, which it loses if it stands still for longer. A transaction whose answer was
/// lost is given up as unknown after half of that: longer than a fault keeps the store away.
pub const TTL: Duration = Duration::from_secs(20);
/// How long the workers may take to come to an end before that is told.
const PATIENCE: Duration = Duration::from_secs(45);
/// What a process is told to stop it.
pub(crate) const STOP: &str = "stop";
/// In front of all keys.
pub(crate) const NAMESPACE: &str = "chaos/";

/// What a client process is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Its number, from 1 on, which no other process of the run has.
    pub number: u64,
    /// Where the store is.
    pub url: String,
    /// Where its choices come from.
    pub seed: u64,
    /// Where it writes down what it does and sees.
    pub record: PathBuf,
}

/// Does as planned, until it is told to stop and all workers are done.
///
/// # Errors
///
/// If the record cannot be made, or a worker panics.
pub async fn run(plan: Plan) -> anyhow::Result<()> {
    let record = Recorder::create(&plan.record).with_context(|| plan.record.display().to_string())?;
    let (record, done) = (Arc::new(record), Arc::new(AtomicBool::new(false)));
    tokio::spawn(listen(done.clone()));
    let db = loop {
        // Every other process caches the tables.
        let builder = builder(&plan.url);
        let builder = if plan.number.is_multiple_of(2) { tables::cached(builder) } else { builder };
        match builder.connect().await {
            Ok(db) => break db,
            Err(error) if error.is_unavailable() || error.is_timeout() => {}
            Err(error) => return Err(error.into()),
        }
    };
    let (mut workers, mut names) = (tokio::task::JoinSet::new(), HashMap::new());
    let crew = CREW.iter().flat_map(|(workload, count)| std::iter::repeat_n(*workload, *count));
    for (at, workload) in (0..).zip(crew) {
        let number = plan.number * 100 + at;
        let worker = Worker::new(db.clone(), number, plan.seed + number, record.clone(), done.clone());
        names.insert(workers.spawn(worker.work(workload)).id(), (number, workload));
    }
    loop {
        match tokio::time::timeout(PATIENCE, workers.join_next_with_id()).await {
            Ok(None) => return Ok(()),
            Ok(Some(ended)) => {
                let (id, ()) = ended.context("a worker")?;
                names.remove(&id);
            }
            Err(_) if done.load(Ordering::Relaxed) => eprintln!("still at work: {:?}", names.values()),
            Err(_) => {}
        }
    }
}

/// How a client connects.
pub(crate) fn builder(url: &str) -> DatabaseBuilder {
    Database::builder()
        .url(url)
        .namespace(NAMESPACE)
        .request_timeout(Duration::from_secs(2))
        .transaction_timeout(Duration::from_secs(60))
        .session_ttl(TTL)
}

/// Waits to be told to stop.
async fn listen(done: Arc<AtomicBool>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == STOP {
            done.store(true, Ordering::Relaxed);
        }
    }
    std::process::exit(0);
}
