//! A cluster of three etcd members that the tests start, kill, pause, restart and cut off.
//!
//! The servers are those in `TXETCD_TEST_BINARIES`, which `cargo xtask test` sets, or an `etcd` from the PATH. The
//! tests are short; `TXETCD_TEST_CLUSTER=full` makes them as long as the promises are large.

#[path = "../behaviour/own_server.rs"]
#[allow(dead_code)]
mod own_server;
#[path = "../behaviour/random.rs"]
#[allow(dead_code)]
mod random;

mod endpoints;
mod holding;
mod identity;
mod tables;
mod watching;

use std::path::Path;
use std::time::Duration;

use txetcd_chaos::cluster::{Cluster, FAULTS, Nemesis};

/// A cluster in which no request is lost or late by itself.
async fn cluster(binary: &Path) -> Cluster {
    Cluster::start(binary, own_server::temporary_directory(), None).await
}

/// One that does all faults; in a short run, those that do not take a member for long.
fn nemesis(longest: Duration) -> Nemesis {
    Nemesis::new(seed(), longest, if full() { &FAULTS } else { &FAULTS[..6] })
}

/// Whether the long runs are asked for.
fn full() -> bool {
    std::env::var("TXETCD_TEST_CLUSTER").is_ok_and(|value| value == "full")
}

/// The seed of a run: `TXETCD_TEST_SEED`, or a fixed one.
fn seed() -> u64 {
    std::env::var("TXETCD_TEST_SEED").map_or(1, |seed| seed.parse().expect("TXETCD_TEST_SEED is a number"))
}
