//! The rules of etcd's KV service: what a request must satisfy, and what it does to a state.

pub(crate) mod check;
pub(crate) mod compact;
pub(crate) mod compare;
pub(crate) mod delete;
pub(crate) mod overlap;
pub(crate) mod put;
pub(crate) mod range;
pub(crate) mod range_stream;
pub(crate) mod txn;
