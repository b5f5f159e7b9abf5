//! [`Batch`]: reads that are asked for together travel together.
//!
//! Everyone who asks joins the open batch and yields once, so that whatever else its task is about to ask for
//! (`try_join!`, `join_all`) can join, too; the first one that goes on closes the batch and sends it. All who
//! wait drive the same future, so that none depends on another one that may be dropped.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use txetcd_client::{GetRequest, GetResponse, Result};

use super::lock::lock;
use super::snapshot::{Snapshot, unexpected_answer};

/// The answers, each to be taken by the one who asked.
type Answers = Arc<Mutex<Vec<Option<GetResponse>>>>;

/// The reads of one attempt that have not been sent yet.
#[derive(Default)]
pub(crate) struct Batch {
    open: Arc<Mutex<Option<Open>>>,
    /// How many there have been.
    count: AtomicU32,
}

struct Open {
    requests: Vec<GetRequest>,
    answers: Shared<BoxFuture<'static, Result<Answers>>>,
}

impl Batch {
    /// How many requests there have been, those that others share included.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Reads, in one request with all others that are asked for at the same moment. The answers are in the order of
    /// the requests.
    pub(crate) async fn get(
        &self,
        snapshot: &Snapshot,
        requests: Vec<GetRequest>,
    ) -> Result<Vec<GetResponse>> {
        let count = requests.len();
        let (first, answers) = {
            let mut open = lock(&self.open);
            let batch = open.get_or_insert_with(|| {
                self.count.fetch_add(1, Ordering::Relaxed);
                Open { requests: Vec::new(), answers: send(Arc::downgrade(&self.open), snapshot.clone()) }
            });
            let first = batch.requests.len();
            batch.requests.extend(requests);
            (first, batch.answers.clone())
        };
        tokio::task::yield_now().await;
        let answers = answers.await?;
        let mut answers = lock(&answers);
        let mine = (first..first + count).map(|at| answers.get_mut(at)?.take());
        mine.collect::<Option<_>>().ok_or_else(unexpected_answer)
    }
}

/// Closes the batch and sends it. Holds it weakly: it is the batch that holds this future.
fn send(open: Weak<Mutex<Option<Open>>>, snapshot: Snapshot) -> Shared<BoxFuture<'static, Result<Answers>>> {
    async move {
        let closed = open.upgrade().and_then(|open| lock(&open).take());
        let requests = closed.map_or_else(Vec::new, |closed| closed.requests);
        let answers = snapshot.fetch(requests).await?;
        Ok(Arc::new(Mutex::new(answers.into_iter().map(Some).collect())))
    }
    .boxed()
    .shared()
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}
