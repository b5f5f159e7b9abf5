//! What the tests of locks, queues and so on share.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::faults::Script;
use crate::store::Store;
use txetcd::{Client, Database, KeySet, Session};
use txetcd_core::client::Fault;

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) async fn session(client: &Client) -> Session {
    client.session(LONG).await.unwrap()
}

/// A connection whose requests fail as the script says.
pub(crate) async fn faulty(store: &Store, seed: u64) -> (Database, Arc<Script>) {
    let script = Arc::new(Script::random(seed));
    (store.builder().faults(script.faults()).connect().await.unwrap(), script)
}

/// How many keys there are of locks, queues and so on.
pub(crate) async fn keys(client: &Client) -> u64 {
    client.get(KeySet::prefix([0xff, 0xff, b'c'])).count_only().await.unwrap().count()
}

/// Waits until there are so many keys of locks, queues and so on; what is dropped is deleted in the background.
pub(crate) async fn until_keys(client: &Client, count: u64) {
    let mut found = keys(client).await;
    for _ in 0..1_000 {
        if found == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = keys(client).await;
    }
    let left = client.get(KeySet::prefix([0xff, 0xff, b'c'])).await.unwrap();
    panic!("{found} keys instead of {count}: {left:?}");
}

/// Fails if it takes longer than anything should.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG / 2, future).await.expect("not to wait for ever")
}

/// What became of a future that was polled a number of times.
pub(crate) enum Polled<T> {
    Ended(T),
    Dropped,
    /// Dropped while it waited for something that did not come.
    Waiting,
}

/// Polls a future so many times and drops it.
pub(crate) async fn drop_after<F: Future>(polls: usize, future: F) -> Polled<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    let polled = poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Polled::Ended(output)),
            Poll::Pending if left == 0 => Poll::Ready(Polled::Dropped),
            Poll::Pending => Poll::Pending,
        }
    });
    tokio::time::timeout(Duration::from_millis(500), polled).await.unwrap_or(Polled::Waiting)
}

/// What may happen to the first requests of something that is then dropped.
pub(crate) const MISHAPS: [&[Fault]; 4] = [
    &[],
    &[Fault::LoseReply],
    &[Fault::Late(Duration::from_millis(60))],
    &[Fault::LoseReply, Fault::Late(Duration::from_millis(30)), Fault::LoseReply],
];

/// Finds out whether two are inside at the same time.
#[derive(Debug, Default)]
pub(crate) struct Room {
    inside: AtomicU64,
    most: AtomicU64,
}

impl Room {
    /// Stays inside for a moment.
    pub(crate) async fn visit(&self) {
        let now = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// How many were inside at the same time, at most.
    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }
}
