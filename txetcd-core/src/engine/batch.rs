//! [`Batch`]: reads of single keys that are asked for together travel together.
//!
//! Everyone who asks joins the open batch and yields once, so that whatever else its task is about to ask for
//! (`try_join!`, `join_all`) can join, too; the first one that goes on closes the batch and sends it. All who
//! wait drive the same future, so that none depends on another one that may be dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use txetcd_client::{GetRequest, KeyValue, Result};

use super::snapshot::Snapshot;

/// What was found, in the order of the keys.
type Found = Arc<Vec<Option<Arc<KeyValue>>>>;

/// The reads of one attempt that have not been sent yet.
#[derive(Default)]
pub(crate) struct Batch {
    open: Arc<Mutex<Option<Open>>>,
}

struct Open {
    keys: Vec<Vec<u8>>,
    answer: Shared<BoxFuture<'static, Result<Found>>>,
}

impl Batch {
    /// Reads keys, in one request with all others that are asked for at the same moment.
    pub(crate) async fn get(
        &self,
        snapshot: &Snapshot,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Arc<KeyValue>>>> {
        let count = keys.len();
        let (first, answer) = {
            let mut open = lock(&self.open);
            let batch = open.get_or_insert_with(|| Open {
                keys: Vec::new(),
                answer: send(self.open.clone(), snapshot.clone()),
            });
            let first = batch.keys.len();
            batch.keys.extend(keys);
            (first, batch.answer.clone())
        };
        tokio::task::yield_now().await;
        let found = answer.await?;
        Ok(found[first..first + count].to_vec())
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

fn send(open: Arc<Mutex<Option<Open>>>, snapshot: Snapshot) -> Shared<BoxFuture<'static, Result<Found>>> {
    async move {
        let keys = lock(&open).take().map_or_else(Vec::new, |open| open.keys);
        let requests = keys.into_iter().map(GetRequest::new).collect();
        let answers = snapshot.fetch(requests).await?;
        let first = |answer: txetcd_client::GetResponse| answer.into_kvs().into_iter().next().map(Arc::new);
        Ok(Arc::new(answers.into_iter().map(first).collect()))
    }
    .boxed()
    .shared()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
