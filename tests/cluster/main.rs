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

mod cluster;
mod endpoints;
mod holding;
mod identity;
mod member;
mod nemesis;
mod proxy;
mod tables;
mod watching;

/// Whether the long runs are asked for.
fn full() -> bool {
    std::env::var("TXETCD_TEST_CLUSTER").is_ok_and(|value| value == "full")
}

/// The seed of a run: `TXETCD_TEST_SEED`, or a fixed one.
fn seed() -> u64 {
    std::env::var("TXETCD_TEST_SEED").map_or(1, |seed| seed.parse().expect("TXETCD_TEST_SEED is a number"))
}
