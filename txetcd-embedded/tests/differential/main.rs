//! The embedded store beside real etcd: the same random requests to both, and every field of every answer
//! compared. Where several versions of etcd disagree, the newest one is right.
//!
//! Runs against the servers in `TXETCD_TEST_SERVERS` (`NAME=http://127.0.0.1:PORT`, separated by commas),
//! which no other test may write to meanwhile. Does nothing without that variable.

#[path = "../support/mod.rs"]
mod support;

mod normal;
mod operation;
mod world;

use proptest::collection::vec;
use proptest::test_runner::{Config, TestRunner};
use txetcd_embedded::Store;

use operation::operation;
use support::rpc::Rpc;
use world::World;

/// Sequences of operations for each server, and operations in each at most.
const SEQUENCES: u32 = 150;
const OPERATIONS: usize = 40;

#[test]
fn answers_equal_those_of_etcd() {
    let Ok(servers) = std::env::var("TXETCD_TEST_SERVERS") else { return };
    let sequences = std::env::var("TXETCD_TEST_SEQUENCES").ok().and_then(|number| number.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for server in servers.split(',').filter(|server| !server.trim().is_empty()) {
        let (name, url) = server.trim().split_once('=').expect("NAME=URL");
        let world = runtime.block_on(async {
            let store = Store::memory().unwrap();
            World::new(Rpc::embedded(&store), Rpc::connect(url).await).await
        });
        println!("{name}: etcd {}", world.version());
        let config =
            Config { cases: sequences.unwrap_or(SEQUENCES), failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config)
            .run(&vec(operation(), 1..OPERATIONS), |operations| runtime.block_on(world.run(&operations)));
        if let Err(failure) = result {
            panic!("the embedded store and {name} differ: {failure}");
        }
        runtime.block_on(world.clear());
    }
}
