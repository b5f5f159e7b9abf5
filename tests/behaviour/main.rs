//! The behaviour that txetcd promises, on every store: in memory, on a file, and on real etcd servers.
//!
//! `stores!` makes four tests of each function. The servers are those in `TXETCD_TEST_SERVERS`, which
//! `cargo xtask test` sets, or an `etcd` from the PATH.

#[macro_use]
mod store;

mod barriers;
mod cancellation;
mod catalogue;
mod closures;
mod concurrency;
mod connecting;
mod coordination;
mod cost;
mod decoding;
mod elections;
mod evolution;
mod faults;
mod groups;
mod history;
mod index_changes;
mod index_model;
mod index_repair;
mod index_watch;
mod indexes;
mod leased_rows;
mod live;
mod local_order;
mod locks;
mod model;
mod own_server;
mod phantoms;
mod queues;
mod random;
mod references;
mod rows;
mod scans;
mod security;
mod serializability;
mod servers;
mod sessions;
mod shared_reads;
mod table_watch;
mod transactions;
mod watch;
