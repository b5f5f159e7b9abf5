//! One measurement: the rows are put, processes work on them, and what they leave is audited.

use std::path::Path;
use std::process::Stdio;

use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Result;
use super::audit::{Found, audit};
use super::by_hand::ByHand;
use super::drive::Rows as _;
use super::job::{Job, Who, Workload};
use super::latencies::Latencies;
use super::ours::Ours;
use super::report::{Report, Tally};
use super::worker::READY;

/// What is measured of everyone in turn.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    pub(crate) processes: u32,
    /// In each process.
    pub(crate) in_flight: u32,
}

/// What came of it.
#[derive(Serialize, Debug, Clone)]
pub(crate) struct Measurement {
    #[serde(flatten)]
    pub(crate) cell: Cell,
    pub(crate) who: Who,
    /// Transactions that were acknowledged in the measured time, of all processes.
    pub(crate) per_second: f64,
    /// Microseconds from the beginning of a transaction to its acknowledgement.
    pub(crate) median_micros: u64,
    pub(crate) p99_micros: u64,
    pub(crate) requests_per_transaction: Option<f64>,
    /// The most memory that a process had.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Writes of which it is not known whether they happened.
    pub(crate) unknown: u64,
    /// Where the end state is not what was acknowledged.
    pub(crate) wrong: Vec<String>,
}

#[cfg(test)]
impl Measurement {
    /// In which nothing happened.
    pub(crate) fn of(who: Who, cell: Cell) -> Self {
        Self {
            cell,
            who,
            per_second: 0.0,
            median_micros: 0,
            p99_micros: 0,
            requests_per_transaction: None,
            peak_memory_bytes: None,
            unknown: 0,
            wrong: Vec::new(),
        }
    }
}

/// Measures one of them on the server of the job's endpoint. The job is that of the first process.
pub(crate) async fn measure(who: Who, cell: Cell, job: &Job, stm: Option<&Path>) -> Result<Measurement> {
    let rows = cell.workload.rows(cell.processes * cell.in_flight);
    if who.is_ours() {
        ours(job).await?.fill(rows).await?
    } else {
        by_hand(job).await?.fill(rows).await?
    }
    let workers = (0..cell.processes).map(|process| Process::start(who, Job { process, ..job.clone() }, stm));
    let workers = try_join_all(workers).await?;
    let reports = try_join_all(workers.into_iter().map(Process::work)).await?;
    let found =
        if who.is_ours() { ours(job).await?.found().await? } else { by_hand(job).await?.found().await? };
    summarize(who, cell, &reports, &found)
}

fn summarize(who: Who, cell: Cell, reports: &[Report], found: &Found) -> Result<Measurement> {
    let tallies: Vec<Tally> = reports.iter().flat_map(|report| report.tasks.iter().copied()).collect();
    let mut latencies = Latencies::new()?;
    let mut per_second = 0.0;
    for report in reports {
        let mut own = Latencies::new()?;
        own.add(report.latencies.iter().copied())?;
        per_second += own.count() as f64 / report.seconds;
        latencies.add(own.counted())?;
    }
    let transactions: u64 = reports.iter().map(|report| report.transactions).sum();
    let requests: Option<u64> = reports.iter().map(|report| report.requests).sum();
    Ok(Measurement {
        cell,
        who,
        per_second,
        median_micros: latencies.quantile(0.5),
        p99_micros: latencies.quantile(0.99),
        requests_per_transaction: requests.map(|requests| requests as f64 / transactions.max(1) as f64),
        peak_memory_bytes: reports.iter().filter_map(|report| report.peak_memory).max(),
        unknown: tallies.iter().map(|tally| tally.unknown).sum(),
        wrong: audit(cell.workload, &tallies, found),
    })
}

async fn ours(job: &Job) -> Result<Ours> {
    Ours::connect(&job.endpoint, &job.prefix, false).await
}

/// Also for the STM, whose keys are the same.
async fn by_hand(job: &Job) -> Result<ByHand> {
    ByHand::connect(&job.endpoint, &job.prefix).await
}

/// A process that is connected and waits.
struct Process {
    child: Child,
    begin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    async fn start(who: Who, job: Job, stm: Option<&Path>) -> Result<Self> {
        let mut command = match (who, stm) {
            (Who::Stm, None) => return Err("the STM was not built".into()),
            (Who::Stm, Some(stm)) => Command::new(stm),
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("worker").arg(format!("--who={}", who.word()));
                command
            }
        };
        command.args(job.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let begin = child.stdin.take().ok_or("a worker has no input")?;
        let lines = BufReader::new(child.stdout.take().ok_or("a worker has no output")?).lines();
        let mut process = Self { child, begin, lines };
        match process.lines.next_line().await?.as_deref() {
            Some(READY) => Ok(process),
            _ => Err(process.failed().await),
        }
    }

    async fn work(mut self) -> Result<Report> {
        self.begin.write_all(b"begin\n").await?;
        match self.lines.next_line().await? {
            Some(line) => Ok(serde_json::from_str(&line)?),
            None => Err(self.failed().await),
        }
    }

    async fn failed(mut self) -> Box<dyn std::error::Error + Send + Sync> {
        match self.child.wait().await {
            Ok(status) => format!("a worker ended without its report ({status})").into(),
            Err(error) => error.into(),
        }
    }
}
