//! An etcd v3 server inside the process.
//!
//! A [`Store`] keeps its data in a [`redb`] file, or in memory, and speaks etcd's own protocol: its
//! [service](Store::service) is a tower service with etcd's KV, Watch, Lease, Maintenance and Cluster
//! services, which the unchanged `etcd_client::Client` talks to without a socket.
//!
//! ```
//! use etcd_client::{Channel, Client};
//! use tonic::{body::Body, codegen::http::Request};
//! use tower::util::BoxCloneSyncService;
//! use tower::ServiceExt;
//! use txetcd_embedded::Store;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::memory()?;
//! let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
//! let mut client = Client::from_channel(Channel::Custom(BoxCloneSyncService::new(service)), None).await?;
//! client.put("greeting", "hello", None).await?;
//! assert_eq!(client.get("greeting", None).await?.kvs()[0].value(), b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! [`serve`] puts it on a socket, for `etcdctl` and for other languages; `cargo run -p txetcd-embedded
//! --example serve` does the same from the command line.
//!
//! # What it promises
//! - **Answers are etcd's**: revisions, versions, order, counts, codes and messages. Where versions of
//!   etcd differ it follows 3.7.
//! - **A write that was answered is on disk.** Writes that wait at the same time share one sync.
//! - **Reads do not wait for writes** and see everything that was answered before.
//! - **A write happens whole or not at all**, also when its future is dropped or the process is killed.
//!
//! # When the storage fails
//! A write that could not be stored, on a full disk for example, is answered `Unavailable`: whether it is
//! there is known when the store is opened again. From then on reads go on and writes are answered
//! `FailedPrecondition` with a message that starts with `txetcd-embedded: `; they are not applied.
//!
//! # Snapshots
//! Maintenance `snapshot`, and so `etcdctl snapshot save`, answers with a file of this store's own, followed
//! by the SHA-256 of it: [`Store::restore`] makes a store of it, and etcd does not. Maintenance `defragment`
//! moves the store to a file, or memory, without holes; it needs room for both until it is done.
//!
//! # Where versions of etcd differ
//! The store answers as 3.7. Of what a test with random requests has found, older versions do otherwise here:
//!
//! | versions | |
//! | --- | --- |
//! | up to 3.6 | `keys_only` answers name the lease of a key |
//! | up to 3.6 | of several things that are wrong with a request, another one may be named |
//! | up to 3.5 | a sort order that does not exist is taken for none |
//! | up to 3.5 | a sort target that does not exist crashes the server |
//! | up to 3.5.15 | a watch that begins at the compacted revision is not told of that revision's deletes |
//! | up to 3.4 | a watch may begin at a negative revision; the list of alarms has no header; the refusal to remove the last member has the code `Unknown` |
//! | up to 3.5.7, 3.4.24 | progress that was asked for may be told before what it covers |
//!
//! In one thing it does not follow 3.7.1: a `RangeStream` with a sort target but no order comes by key. etcd
//! orders every piece by itself and goes on after its last key, so that keys are repeated or left out.
//!
//! # What it leaves out
//! Other members, access control (refused as etcd refuses it when it is off), alarms, and the services
//! `v3lockpb.Lock` and `v3electionpb.Election`: `etcdctl lock` and `elect`, and most clients, make these of keys and
//! leases themselves.

mod backup;
mod builder;
mod engine;
mod failure;
mod file;
mod key_range;
mod kv;
mod lease;
mod newest;
mod open_error;
mod proto;
mod restore;
mod retention;
mod serve;
mod serve_error;
mod service;
mod storage;
mod store;
mod watch;
mod writer;

pub use builder::Builder;
pub use open_error::OpenError;
pub use serve::{Server, serve, serve_exposed};
pub use serve_error::ServeError;
pub use store::Store;
