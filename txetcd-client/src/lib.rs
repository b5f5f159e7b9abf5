//! The etcd client below txetcd.
//!
//! It connects (URL, TLS, user, namespace), retries what may be retried, turns etcd's codes and messages into
//! one typed [`Error`], and speaks of key sets, compares, operations, watches, leases and sessions. It knows nothing of
//! tables. Programs use the facade crate `txetcd`.
//!
//! ```text
//! Client -> kv, txn, lease   one file per request, data in, data out
//!        -> watch            whole revisions, whatever becomes of connections
//!        -> namespace        every key of every request passes here, once out and once back
//!        -> transport        etcd-client over: meter -> faults (tests) -> endpoints | embedded store
//! ```

mod client;
mod compare;
pub mod connect;
mod coordination;
pub mod error;
mod identity;
mod key_set;
mod key_value;
mod kv;
mod lease;
mod member_status;
mod namespace;
mod op;
mod session;
mod stats;
mod submit;
#[doc(hidden)]
pub mod teeth;
mod transport;
mod txn;
mod watch;

pub use client::{Client, deadline_after};
pub use compare::{Compare, CompareNumber, CompareValue};
pub use connect::Builder;
pub use coordination::{
    Barrier, DoubleBarrier, Election, Entered, Held, Hold, Item, Leader, Leadership, Lock, Mutex, Permit,
    PriorityQueue, Queue, ReadLock, RwLock, Semaphore, Sequence, WriteLock,
};
pub use error::{Error, Result};
pub use key_set::KeySet;
pub use key_value::KeyValue;
pub use kv::{
    Delete, DeleteRequest, DeleteResponse, Get, GetRequest, GetResponse, Put, PutRequest, PutResponse, SortBy,
};
pub use lease::Lease;
pub use member_status::MemberStatus;
pub use op::{Op, OpResponse};
pub use session::Session;
pub use stats::Stats;
pub use submit::Submit;
#[cfg(feature = "fault-injection")]
pub use transport::faults::{Fault, Faults};
#[cfg(feature = "embedded")]
pub use txetcd_embedded as embedded;
pub use txn::{Txn, TxnResponse};
pub use watch::{Watch, WatchEvent, WatchResponse, WatchStream};
