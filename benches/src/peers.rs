//! Transactions of txetcd beside those of its peers, on an etcd of their own.
//!
//! A [`Cell`] is a workload, a number of processes and a number of transactions in flight in each. Everyone is measured in
//! turn on the cell's server, which is fresh, in processes of their own: `worker.rs`, or the Go program. Then the audit
//! compares what is in the store with what was acknowledged. One file each:
//!
//! | | |
//! | --- | --- |
//! | what is measured | `options`, `job`, `steps` |
//! | who does it | `ours`, `by_hand` with `layout`, `stm` and `benches/go` |
//! | in a process | `worker`, `drive` with `Side`, `latencies`, `report` |
//! | around the processes | `etcd`, `measure`, `audit` |
//! | what is told | `table`, `chart`, `targets` |

mod audit;
mod by_hand;
mod chart;
mod drive;
mod etcd;
mod job;
mod latencies;
mod layout;
mod measure;
mod options;
mod ours;
mod report;
mod sketch;
mod steps;
mod stm;
mod table;
mod targets;
#[cfg(test)]
mod tests;
pub(crate) mod worker;

pub(crate) use options::Options;

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use etcd::Etcd;
use job::{Job, Who};
use measure::{Cell, Measurement, measure};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What is written as JSON.
#[derive(Serialize)]
struct Figures {
    etcd: String,
    settings: &'static str,
    rounds: usize,
    seconds: f64,
    warm_up: f64,
    measurements: Vec<Measurement>,
}

const SETTINGS: &str =
    "etcd with its defaults, one member, every write synced to disk; STM with SerializableSnapshot";

/// Measures, and tells. Interrupted, it ends what it started.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let mut options = options.completed();
    tokio::select! {
        ended = compare(&mut options) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    }
}

async fn compare(options: &mut Options) -> Result<ExitCode> {
    let etcd = Etcd::find(options.etcd.as_deref(), options.data_dir.as_deref()).await?;
    let programs = tempfile::tempdir()?;
    let stm = match options.who.contains(&Who::Stm) {
        true => stm::build(programs.path()).await,
        false => Err("it was not asked for".to_owned()),
    };
    let version = etcd.version().await?;
    println!("etcd {version}. {SETTINGS}.");
    if let Err(reason) = &stm {
        println!("The STM is missing: {reason}");
        options.who.retain(|who| *who != Who::Stm);
    }

    println!("\n{}", table::columns());
    let mut measurements = Vec::new();
    for (turn, cell) in options.cells().enumerate() {
        println!("{}", table::heading(cell));
        let measured = measure_all(options, cell, turn, &etcd, stm.as_deref().ok()).await?;
        for measurement in &measured {
            println!("{}", table::line(measurement, &measured));
            measurement.wrong.iter().for_each(|wrong| println!("    WRONG END STATE: {wrong}"));
        }
        measurements.extend(measured);
    }
    let failed = verdict(options, &measurements);
    if let Some(file) = &options.svg {
        chart::draw(file, &measurements)?;
    }
    if let Some(file) = &options.json {
        let figures = Figures {
            etcd: version,
            settings: SETTINGS,
            rounds: options.rounds,
            seconds: options.seconds,
            warm_up: options.warm_up,
            measurements,
        };
        std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Measures everyone on a fresh server, beginning with another one each turn.
async fn measure_all(
    options: &Options,
    cell: Cell,
    turn: usize,
    etcd: &Etcd,
    stm: Option<&Path>,
) -> Result<Vec<Measurement>> {
    let server = etcd.start()?;
    let mut rounds = vec![Vec::new(); options.who.len()];
    for round in 0..options.rounds.max(1) {
        for offset in 0..options.who.len() {
            let at = (turn + round + offset) % options.who.len();
            let who = options.who[at];
            if !who.does(cell) {
                continue;
            }
            let job = Job {
                workload: cell.workload,
                in_flight: cell.in_flight,
                process: 0,
                warm_up: options.warm_up,
                seconds: options.seconds,
                endpoint: server.url(),
                prefix: format!("{}-{round}/", who.word()),
            };
            rounds[at].push(measure(who, cell, &job, stm).await?);
        }
    }
    Ok(rounds.into_iter().filter_map(median).collect())
}

/// The one in the middle, with what was wrong in any.
fn median(mut rounds: Vec<Measurement>) -> Option<Measurement> {
    rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let wrong = rounds.iter_mut().flat_map(|round| std::mem::take(&mut round.wrong)).collect();
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle).map(|median| Measurement { wrong, ..median })
}

/// Says what went wrong, if anything did.
fn verdict(options: &Options, measurements: &[Measurement]) -> bool {
    let wrong = measurements.iter().filter(|measurement| !measurement.wrong.is_empty()).count();
    println!("\n{} measurements, {wrong} with a wrong end state", measurements.len());
    if !options.require {
        return wrong > 0;
    }
    let (missed, untried) = targets::missed(measurements);
    missed.iter().for_each(|missed| println!("MISSED: {missed}"));
    println!("{} targets missed, {untried} not measured", missed.len());
    wrong > 0 || !missed.is_empty() || untried > 0
}
