//! Simulation: the whole of txetcd over a store in memory, on one thread, in a time of its own, under faults that come
//! from a seed.
//!
//! ```text
//!  workload    what transactions do, and what must hold in each of them
//!    |
//!  process     a connection with its tasks, which comes and goes
//!    |
//!  txetcd      as every program has it: tables, engine, client
//!    |
//!  network     loses, delays and cuts what passes, as its seed says
//!    |
//!  store       in memory, a task among the others; compacted on the way
//! ```
//!
//! Time is tokio's, paused: it passes only when everyone waits for it. Tasks run one after the other, in an order that
//! follows from their waiting, and that from the seed. So a seed gives the same run every time, to the nanosecond:
//! [`Run::trace`] and [`Run::history`] are equal. What may not be used for that, neither here nor in what is simulated:
//! threads, the system's clock, maps that are iterated in an order of their own, `select!` without `biased`, tokio's
//! `watch` with several receivers, and chance that is not drawn with `fastrand`.
//!
//! A run has two phases. In the first one, *safety*, there are faults, and nothing wrong may be seen. In the second one,
//! *liveness*, there are none, and every transaction must end well, on connections that lived through the first.

mod aborted;
mod compactor;
mod follower;
mod network;
mod process;
mod record;
mod settings;
mod workload;

use std::time::Duration;

use tokio::time::timeout;
use txetcd::embedded::Store;

use crate::history::Transaction;
use aborted::Aborted;
pub use network::Call;
use process::Process;
use record::Record;
use settings::Settings;
pub use workload::Kind as Workload;

/// Far longer than a run takes in its own time.
const FOREVER: Duration = Duration::from_secs(3_600);

/// What came of a seed.
#[derive(Debug)]
pub struct Run {
    /// What list-append transactions did and saw.
    pub history: Vec<Transaction>,
    /// What was seen that must not be; empty if all is well.
    pub violations: Vec<String>,
    /// Every call of the transport, in order.
    pub trace: Vec<Call>,
    /// How long it took in its own time.
    pub took: Duration,
    /// How many transactions were run, of all workloads.
    pub transactions: u64,
    /// How many of them ended as unknown.
    pub unknown: u64,
    /// What the seed drew.
    pub settings: String,
}

impl Run {
    /// How many calls of the transport did not go as they should.
    pub fn faults(&self) -> u64 {
        self.trace.iter().filter(|call| call.is_fault()).count() as u64
    }
}

/// Simulates a seed. Its transactions do one thing only, or what the seed says.
///
/// # Panics
/// If no tokio runtime can be made.
pub fn simulate(seed: u64, only: Option<Workload>) -> Run {
    // What the product draws.
    fastrand::seed(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime of this thread");
    let mut random = fastrand::Rng::with_seed(seed);
    let settings = Settings::draw(&mut random, only);
    runtime.block_on(live(settings, random))
}

async fn live(settings: Settings, mut random: fastrand::Rng) -> Run {
    let record = Record::new(settings);
    if timeout(FOREVER, phases(&record, &mut random)).await.is_err() {
        record.violation("the run stands still: something waits for ever");
    }
    record.finish()
}

async fn phases(record: &Record, random: &mut fastrand::Rng) {
    let Ok(store) =
        Store::builder().watch_message_bytes(record.settings.watch_message_bytes).memory_on_runtime()
    else {
        return record.violation("there is no store in memory");
    };
    workload::prepare(&store, record).await;
    let compactor = Aborted::spawn(compactor::compact(store.clone(), record.clone(), random.fork()));

    let lives: Vec<_> = (0..record.settings.processes)
        .map(|_| tokio::spawn(Process::live(store.clone(), record.clone(), random.fork())))
        .collect();
    let mut processes = Vec::new();
    for life in lives {
        match life.await {
            Ok(process) => processes.push(process),
            Err(error) => record.violation(format!("a process panicked: {error}")),
        }
    }
    drop(compactor);

    let ends: Vec<_> =
        processes.into_iter().map(|process| tokio::spawn(process.calm_down(random.fork()))).collect();
    for end in ends {
        if let Err(error) = end.await {
            record.violation(format!("without faults, a process panicked: {error}"));
        }
    }
    workload::conclude(&store, record).await;
}
