//! The embedded store beside real etcd: the same random requests to both, and every field of every answer
//! compared. Where several versions of etcd disagree, the newest one is right.
//!
//! Starts servers of its own, since nobody else may write to them meanwhile, from the programs in
//! `TXETCD_TEST_BINARIES` (`NAME=PATH`, separated by commas), or an `etcd` on the PATH.
//! `TXETCD_TEST_SEQUENCES` asks for more than the few sequences of a usual run, and `TXETCD_TEST_SEED` for
//! others.

#[path = "../../../tests/behaviour/own_server.rs"]
mod own_server;
#[path = "../support/mod.rs"]
mod support;

mod fragments;
mod members;
mod normal;
mod operation;
mod request;
mod side;
mod streams;
mod watching;
mod world;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use txetcd_embedded::Store;

use operation::operation;
use support::rpc::Rpc;
use world::World;

/// Sequences of operations for each server, and operations in each at most.
const SEQUENCES: u32 = 50;
const OPERATIONS: usize = 40;
const SEED: u64 = 1;

/// Milliseconds for finding a smaller sequence that fails, of which each may have to wait for something that
/// does not come.
const SHRINKING: u32 = 120_000;

#[test]
fn answers_equal_those_of_etcd() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().expect(name));
    let sequences = number("TXETCD_TEST_SEQUENCES").map_or(SEQUENCES, |number| number.try_into().unwrap());
    let seed = number("TXETCD_TEST_SEED").unwrap_or(SEED);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (name, binary) in own_server::binaries() {
        let server = own_server::OwnServer::start(&binary, &[]);
        let world = runtime.block_on(async {
            let store = Store::memory().unwrap();
            World::new(Rpc::embedded(&store), Rpc::connect(&server.url()).await).await
        });
        let config = Config {
            cases: sequences,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(seed),
            max_shrink_time: SHRINKING,
            ..Config::default()
        };
        let result = TestRunner::new(config)
            .run(&vec(operation(), 1..OPERATIONS), |operations| runtime.block_on(world.run(&operations)));
        if let Err(failure) = result {
            panic!("the embedded store and {name} differ: {failure}");
        }
        runtime.block_on(world.clear());
        println!("etcd {}: {} operations in {sequences} sequences", world.version(), world.operations());
    }
}

#[tokio::test]
async fn large_changes_are_cut_as_etcd_cuts_them() {
    let store = Store::memory().unwrap();
    let embedded = Rpc::embedded(&store);
    for (name, binary) in own_server::binaries() {
        let server = own_server::OwnServer::start(&binary, &[]);
        let etcd = Rpc::connect(&server.url()).await;
        for sizes in [&[480_000; 3][..], &[10_000; 100], &[700_000, 5, 700_000, 5], &[1_400_000]] {
            let expected = fragments::pieces(&etcd, sizes).await;
            assert_eq!(fragments::pieces(&embedded, sizes).await, expected, "{name}, {} values", sizes.len());
        }
    }
}

#[tokio::test]
async fn streams_of_many_keys_equal_those_of_etcd() {
    for (name, binary) in own_server::binaries() {
        let server = own_server::OwnServer::start(&binary, &[]);
        let expected = streams::answers(&Rpc::connect(&server.url()).await).await;
        // Only etcd 3.7 has them.
        if !expected[0].contains("Unimplemented") {
            let store = Store::memory().unwrap();
            for (answer, expected) in streams::answers(&Rpc::embedded(&store)).await.iter().zip(&expected) {
                assert_eq!(answer, expected, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_cluster_of_one_is_changed_as_little_as_etcd_lets_it() {
    let store = Store::memory().unwrap();
    for (name, binary) in own_server::binaries() {
        let server = own_server::OwnServer::start(&binary, &[]);
        let expected = members::answers(&Rpc::connect(&server.url()).await).await;
        assert_eq!(members::answers(&Rpc::embedded(&store)).await, expected, "{name}");
    }
}
