//! Every workload for a moment, so that the comparison does not rot: txetcd and the loop by hand on a store in memory, the
//! STM where Go is. And that a write which is lost or made twice is seen in each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, ValueEnum};
use txetcd::embedded::{Server, Store, serve};

use super::Result;
use super::audit::{Found, audit};
use super::by_hand::ByHand;
use super::drive::{Ended, Phase, Rows, Side, drive};
use super::job::{Job, Who, Workload};
use super::measure::{Cell, Measurement, measure};
use super::ours::Ours;
use super::report::Tally;
use super::sketch::Sketch;
use super::steps::Step;
use super::{Options, median, stm, verdict};

/// How long a run may take until something was written in it; the first is enough unless the machine is very busy.
const SECONDS: [f64; 4] = [0.1, 1.0, 10.0, 60.0];
const PREFIX: &str = "test/";

fn job(workload: Workload, process: u32, seconds: f64, endpoint: String) -> Job {
    Job { workload, in_flight: 8, process, warm_up: 0.0, seconds, endpoint, prefix: PREFIX.to_owned() }
}

async fn served() -> (Store, Server) {
    let store = Store::memory().unwrap();
    let server = serve(&store, ([127, 0, 0, 1], 0).into()).await.unwrap();
    (store, server)
}

/// What is wrong after two connections have worked at once on a new store.
async fn wrong<S: Rows>(workload: Workload, connect: impl AsyncFn(String) -> S) -> Vec<String> {
    for seconds in SECONDS {
        let (_store, server) = served().await;
        let sides = [connect(server.url()).await, connect(server.url()).await];
        sides[0].fill(workload.rows(16)).await.unwrap();
        let jobs = [0, 1].map(|process| job(workload, process, seconds, server.url()));
        let reports = tokio::try_join!(drive(&sides[0], &jobs[0]), drive(&sides[1], &jobs[1])).unwrap();
        let tallies: [Vec<Tally>; 2] = [reports.0.tasks, reports.1.tasks];
        assert_eq!(tallies.each_ref().map(Vec::len), [8, 8]);
        assert!(tallies.iter().flatten().all(|tally| tally.unknown == 0), "{workload:?}: {tallies:?}");
        if tallies.iter().all(|tallies| tallies.iter().any(|tally| tally.acknowledged > 0)) {
            return audit(workload, &tallies.concat(), &sides[0].found().await.unwrap());
        }
    }
    panic!("{workload:?}: nothing was written");
}

async fn cached(url: String) -> Ours {
    Ours::connect(&url, PREFIX, true).await.unwrap()
}

async fn uncached(url: String) -> Ours {
    Ours::connect(&url, PREFIX, false).await.unwrap()
}

async fn by_hand(url: String) -> ByHand {
    ByHand::connect(&url, PREFIX).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn txetcd_does_every_workload() {
    for workload in Workload::value_variants() {
        assert_eq!(wrong(*workload, cached).await, [""; 0], "{workload:?}");
        assert_eq!(wrong(*workload, uncached).await, [""; 0], "{workload:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loop_by_hand_does_every_workload() {
    for workload in Workload::value_variants() {
        assert_eq!(wrong(*workload, by_hand).await, [""; 0], "{workload:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sketch_does_what_it_can() {
    for workload in [Workload::OwnKey, Workload::Counter, Workload::Transfers] {
        let (_store, server) = served().await;
        let rows = by_hand(server.url()).await;
        rows.fill(workload.rows(8)).await.unwrap();
        let sketch = Sketch::connect(&server.url(), PREFIX).await.unwrap();
        let report = drive(&sketch, &job(workload, 0, SECONDS[0], server.url())).await.unwrap();
        assert!(report.transactions > 0);
        assert_eq!(audit(workload, &report.tasks, &rows.found().await.unwrap()), [""; 0], "{workload:?}");
    }
}

/// Runs its first write so many times, and says that it ran once.
#[derive(Clone)]
struct Careless<S> {
    side: S,
    times: usize,
    was: Arc<AtomicBool>,
}

impl<S: Rows> Rows for Careless<S> {
    async fn fill(&self, rows: u32) -> Result<()> {
        self.side.fill(rows).await
    }

    async fn found(&self) -> Result<Found> {
        self.side.found().await
    }
}

impl<S: Side> Side for Careless<S> {
    async fn perform(&self, step: Step, phase: &Phase) -> Result<Ended> {
        let first = step.writes() && !self.was.swap(true, Ordering::Relaxed);
        let endless = Phase::default();
        let (times, phase) = if first { (self.times, &endless) } else { (1, phase) };
        for _ in 0..times {
            let ended = self.side.perform(step, phase).await?;
            if ended != Ended::Acknowledged {
                return Ok(ended);
            }
        }
        Ok(Ended::Acknowledged)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_is_lost_or_made_twice_is_seen() {
    for workload in Workload::value_variants() {
        for times in [0, 2] {
            // No key can be inserted twice.
            if (*workload, times) != (Workload::Insert, 2) {
                let careless = async |url| Careless { side: uncached(url).await, times, was: Arc::default() };
                assert_ne!(wrong(*workload, careless).await, [""; 0], "{workload:?}, {times}");
            }
        }
    }
}

/// Under `cargo xtask test` a Go program that cannot be built is a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stm_does_every_workload() {
    let programs = tempfile::tempdir().unwrap();
    let program = match stm::build(programs.path()).await {
        Ok(program) => program,
        Err(reason) if stm::has_go().await && std::env::var_os("TXETCD_TEST_SERVERS").is_some() => {
            panic!("{reason}")
        }
        Err(reason) => return println!("left out: {reason}"),
    };
    for workload in Workload::value_variants() {
        let mut writes = false;
        for seconds in SECONDS {
            let (_store, server) = served().await;
            let cell = Cell { workload: *workload, processes: 2, in_flight: 8 };
            let job = job(*workload, 0, seconds, server.url());
            let measured = measure(Who::Stm, cell, &job, Some(&program)).await.unwrap();
            assert_eq!((measured.wrong, measured.unknown), (vec![], 0), "{workload:?}");
            writes = measured.per_second > 0.0;
            if writes {
                break;
            }
        }
        assert!(writes, "{workload:?}: nothing was done");
    }
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn options(line: &str) -> Options {
    Line::parse_from(format!("peers {line}").split_whitespace()).options.completed()
}

#[test]
fn options_select_what_is_measured() {
    let cells = |line| options(line).cells().count();
    assert_eq!(cells(""), 6 * 2 * 5);
    assert_eq!(cells("--quick"), 6 * 2 * 2);
    assert_eq!(cells("--quick --workload counter,own-key --processes 1"), 2 * 2);
    let selected: Vec<Cell> =
        options("--workload zipf-transfers --in-flight 8 --processes 4").cells().collect();
    assert_eq!(selected, [Cell { workload: Workload::ZipfTransfers, processes: 4, in_flight: 8 }]);
}

#[test]
fn a_wrong_end_state_in_any_round_fails_the_run() {
    let cell = Cell { workload: Workload::Counter, processes: 1, in_flight: 1 };
    let round = |per_second, wrong: &[&str]| Measurement {
        per_second,
        wrong: wrong.iter().map(|wrong| (*wrong).to_owned()).collect(),
        ..Measurement::of(Who::Stm, cell)
    };
    let good = median(vec![round(3.0, &[]), round(1.0, &[]), round(2.0, &[])]).unwrap();
    assert_eq!((good.per_second, good.wrong.len()), (2.0, 0));
    assert!(!verdict(&options(""), &[good]));
    let bad = median(vec![round(3.0, &["lost"]), round(1.0, &["lost too"]), round(2.0, &[])]).unwrap();
    assert_eq!((bad.per_second, bad.wrong.len()), (2.0, 2));
    assert!(verdict(&options(""), &[bad]));
    assert!(verdict(&options("--require"), &[]), "targets that were not measured count as missed");
}
