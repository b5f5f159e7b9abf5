//! A store in memory, and a time that passes only when everyone waits for it: an input that makes something wait
//! forever shows by [`FOREVER`], and the same input does the same each time.

use std::collections::BTreeMap;
use std::time::Duration;

use txetcd::embedded::Store;
use txetcd::{Client, Database, Error, Op, Txn};

/// Longer than anything may take.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Lets the future come to its end in a world of its own.
pub(super) fn alone<T>(future: impl Future<Output = T>) -> T {
    fastrand::seed(1);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(FOREVER, future).await.expect("it ends") })
}

/// A store whose writer is a task of this runtime.
pub(super) fn store() -> Store {
    Store::builder().memory_on_runtime().expect("a store")
}

pub(super) async fn connect(store: &Store) -> Database {
    Database::builder().store(store).connect().await.expect("connects")
}

/// Operations of one request, fewer than a server lets through.
const OPS: usize = 100;

/// Puts all of these, in as few requests as it takes.
pub(super) async fn put_all(client: &Client, content: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let puts: Vec<Op> = content.iter().map(|(key, value)| Op::put(key.clone(), value.clone())).collect();
    for some in puts.chunks(OPS) {
        client.txn(Txn::default().then(some.to_vec())).await.expect("puts");
    }
}

/// Whether it was done. A failure may only be one that the bytes in the store explain.
pub(super) fn done<T>(result: Result<T, Error>) -> bool {
    let Err(error) = result else { return true };
    let explained = error.is_decode()
        || error.is_schema_mismatch()
        || error.is_invalid_argument()
        || error.is_already_exists()
        || error.is_unique_violation()
        || error.is_lock_lost()
        || error.is_conflict()
        || error.is_commit_unknown()
        || error.is_too_large();
    assert!(explained, "{error:?}");
    false
}
