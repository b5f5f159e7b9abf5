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

mod normal;
mod operation;
mod request;
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
