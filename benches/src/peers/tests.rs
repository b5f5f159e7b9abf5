//! Every workload for a moment, so that the comparison does not rot: txetcd and the loop by hand on a store in memory.

use clap::ValueEnum;
use txetcd::{Database, embedded};

use super::Result;
use super::audit::{Found, audit};
use super::by_hand::ByHand;
use super::drive::{Side, drive};
use super::job::{Job, Workload};
use super::ours::Ours;
use super::report::Report;

fn job(workload: Workload, process: u32) -> Job {
    Job {
        workload,
        in_flight: 8,
        process,
        warm_up: 0.0,
        seconds: 0.1,
        endpoint: String::new(),
        prefix: "test/".to_owned(),
    }
}

/// Runs a workload with two connections at once.
async fn run<S: Side>(workload: Workload, sides: [S; 2]) -> Result<[Report; 2]> {
    let jobs = [job(workload, 0), job(workload, 1)];
    let (one, other) = tokio::try_join!(drive(&sides[0], &jobs[0]), drive(&sides[1], &jobs[1]))?;
    Ok([one, other])
}

fn check(workload: Workload, reports: &[Report; 2], found: &Found) {
    let tallies: Vec<_> = reports.iter().flat_map(|report| report.tasks.iter().copied()).collect();
    assert_eq!(tallies.len(), 16);
    assert!(reports.iter().all(|report| report.transactions > 0), "{workload:?}: nothing was done");
    assert!(tallies.iter().all(|tally| tally.unknown == 0), "{workload:?}: {tallies:?}");
    assert_eq!(audit(workload, &tallies, found), [""; 0], "{workload:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn txetcd_does_every_workload() {
    for workload in Workload::value_variants() {
        let store = embedded::Store::memory().unwrap();
        let connect = async || Ours::new(Database::builder().store(&store).connect().await.unwrap());
        let sides = [connect().await, connect().await];
        sides[0].fill(workload.rows(16)).await.unwrap();
        let reports = run(*workload, sides.clone()).await.unwrap();
        assert!(reports.iter().all(|report| report.requests > Some(0)));
        check(*workload, &reports, &sides[0].found().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loop_by_hand_does_every_workload() {
    for workload in Workload::value_variants() {
        let store = embedded::Store::memory().unwrap();
        let server = embedded::serve(&store, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let connect = async || ByHand::connect(&server.url(), "test/").await.unwrap();
        let sides = [connect().await, connect().await];
        sides[0].fill(workload.rows(16)).await.unwrap();
        let reports = run(*workload, sides.clone()).await.unwrap();
        check(*workload, &reports, &sides[0].found().await.unwrap());
    }
}
