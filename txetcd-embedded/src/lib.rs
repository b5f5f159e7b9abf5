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
//! # What it promises
//! - **Answers are etcd's**: revisions, versions, order, counts, codes and messages. Where versions of
//!   etcd differ it follows 3.7.
//! - **A write that was answered is on disk.** Writes that wait at the same time share one sync.
//! - **Reads do not wait for writes** and see everything that was answered before.
//! - **A write happens whole or not at all**, also when its future is dropped or the process is killed.
//!
//! # What it leaves out
//! Other members, access control (refused as etcd refuses it when it is off), and alarms.

mod backup;
mod builder;
mod engine;
mod failure;
mod file;
mod key_range;
mod kv;
mod lease;
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
