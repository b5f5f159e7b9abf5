//! Keeps as many transactions in flight as a job says, for as long as it says, and counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use super::Result;
use super::audit::Found;
use super::job::Job;
use super::latencies::Latencies;
use super::report::{Report, Tally, peak_memory};
use super::steps::{Step, Steps};

/// One who runs transactions; clones share a connection.
pub(crate) trait Side: Clone + Send + Sync + 'static {
    /// Runs one transaction, again and again until it is through. When the time is up, one that would have to run again
    /// gives up instead.
    ///
    /// # Errors
    /// What must not happen: it ends the measurement.
    fn perform(&self, step: Step, phase: &Phase) -> impl Future<Output = Result<Ended>> + Send;

    /// How many key-value requests were sent, if that is counted.
    fn requests(&self) -> Option<u64> {
        None
    }
}

/// One who can also prepare what is worked on, and tell what has become of it.
pub(crate) trait Rows: Side {
    /// Puts that many rows, numbered from 0.
    fn fill(&self, rows: u32) -> impl Future<Output = Result<()>>;

    /// All that there is.
    fn found(&self) -> impl Future<Output = Result<Found>>;
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Acknowledged,
    /// It surely did not happen, because the time was up.
    GaveUp,
    /// It may have happened.
    Unknown,
}

/// Where in a run we are.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    const MEASURING: u8 = 1;
    const OVER: u8 = 2;

    fn enter(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    fn is_measuring(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::MEASURING
    }

    /// Whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::OVER
    }
}

/// Runs the job.
pub(crate) async fn drive<S: Side>(side: &S, job: &Job) -> Result<Report> {
    let phase = Arc::new(Phase::default());
    let steps = Steps::new(job.workload);
    let before = side.requests();
    let tasks: Vec<_> = (0..job.in_flight)
        .map(|task| {
            let steps = steps.of(job.process * job.in_flight + task);
            tokio::spawn(run(side.clone(), steps, phase.clone()))
        })
        .collect();
    tokio::time::sleep(Duration::try_from_secs_f64(job.warm_up)?).await;
    phase.enter(Phase::MEASURING);
    let began = Instant::now();
    tokio::time::sleep(Duration::try_from_secs_f64(job.seconds)?).await;
    phase.enter(Phase::OVER);
    let seconds = began.elapsed().as_secs_f64();

    let (mut tallies, mut transactions, mut latencies) = (Vec::new(), 0, Latencies::new()?);
    for task in tasks {
        let done = task.await??;
        tallies.push(done.tally);
        transactions += done.transactions;
        latencies.add(done.latencies.counted())?;
    }
    Ok(Report {
        tasks: tallies,
        transactions,
        seconds,
        latencies: latencies.counted().collect(),
        requests: side.requests().zip(before).map(|(after, before)| after - before),
        peak_memory: peak_memory(),
    })
}

/// What one task did.
struct Done {
    tally: Tally,
    transactions: u64,
    latencies: Latencies,
}

async fn run<S: Side>(side: S, mut steps: Steps, phase: Arc<Phase>) -> Result<Done> {
    let mut done = Done { tally: Tally::default(), transactions: 0, latencies: Latencies::new()? };
    while !phase.is_over() {
        let step = steps.next();
        let began = Instant::now();
        match side.perform(step, &phase).await? {
            Ended::Acknowledged => {
                done.transactions += 1;
                done.tally.acknowledged += u64::from(step.writes());
                if phase.is_measuring() {
                    done.latencies.record(began.elapsed())?;
                }
            }
            Ended::GaveUp => {}
            Ended::Unknown => done.tally.unknown += u64::from(step.writes()),
        }
    }
    Ok(done)
}
