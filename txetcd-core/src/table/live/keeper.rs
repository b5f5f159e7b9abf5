//! [`Keeper`]: the task that keeps a view up to date; and [`Shared`], where it and the readers meet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use txetcd_client::{Client, Compare, Error, GetRequest, Op, OpResponse, Result, Txn, error::Kind};

use super::content::{Changes, Content, decoded};
use crate::engine::bounds::Bounds;
use crate::follow::{Follower, Step};
use crate::key::Key;
use crate::table::rows::Rows;

/// How long to wait for a change before asking whether there is any: at first, and at most.
const PATIENCE: Duration = Duration::from_millis(10);
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shared<V> {
    bounds: Bounds,
    content: RwLock<Content<V>>,
    /// Follows the content; for those who wait.
    progress: watch::Sender<Progress>,
    /// The latest revision that someone waits for.
    wanted: watch::Sender<i64>,
}

#[derive(Clone, Default)]
struct Progress {
    revision: i64,
    /// How many times rows have changed.
    changes: u64,
    failed: Option<Error>,
}

impl<V> Shared<V> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            content: RwLock::new(Content::new(0, Vec::new())),
            progress: watch::Sender::default(),
            wanted: watch::Sender::default(),
        }
    }

    /// The content, as it is.
    pub(super) fn content(&self) -> RwLockReadGuard<'_, Content<V>> {
        // Nothing that changes the content can panic half-way.
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The content, unless the view has failed.
    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Content<V>>> {
        let content = self.content();
        match &content.failed {
            Some(error) => Err(error.clone()),
            None => Ok(content),
        }
    }

    /// Waits for the first rows.
    pub(super) async fn ready(&self) -> Result<u64> {
        Ok(reached(self.progress.subscribe(), |progress| progress.revision > 0).await?.changes)
    }

    pub(super) async fn wait_for(&self, revision: i64) -> Result<()> {
        // The keeper looks whether anyone waits once it is told what is wanted.
        let progress = self.progress.subscribe();
        self.wanted.send_modify(|wanted| *wanted = revision.max(*wanted));
        reached(progress, |progress| progress.revision >= revision).await?;
        Ok(())
    }

    pub(super) async fn changed_since(&self, seen: u64) -> Result<(u64, i64)> {
        let progress = reached(self.progress.subscribe(), |progress| progress.changes != seen).await?;
        Ok((progress.changes, progress.revision))
    }

    /// Changes the content, and tells it. `change` says whether rows changed.
    fn update(&self, change: impl FnOnce(&mut Content<V>) -> bool) {
        let (changed, revision, failed) = {
            let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
            (change(&mut content), content.revision, content.failed.clone())
        };
        self.progress.send_modify(|progress| {
            progress.changes += u64::from(changed);
            (progress.revision, progress.failed) = (revision, failed);
        });
    }

    fn fail(&self, error: Error) {
        self.update(|content| {
            content.failed = Some(error);
            true
        });
    }

    fn is_waited_for(&self, revision: i64) -> bool {
        *self.wanted.borrow() > revision && self.progress.receiver_count() > 0
    }
}

/// Waits for a condition, or for the end of the view.
async fn reached(
    mut progress: watch::Receiver<Progress>,
    condition: impl Fn(&Progress) -> bool,
) -> Result<Progress> {
    let reached = progress.wait_for(|progress| progress.failed.is_some() || condition(progress)).await;
    let progress = match reached {
        Ok(progress) => progress.clone(),
        Err(_) => return Err(ended()),
    };
    progress.failed.clone().map_or(Ok(progress), Err)
}

/// The runtime was shut down under the view.
fn ended() -> Error {
    Error::new(Kind::Unavailable, "the live view has ended: the runtime that it was opened on was shut down")
}

/// The task of a view. It ends when this is dropped.
pub(super) struct Keeper {
    task: AbortHandle,
    current: Arc<AtomicBool>,
}

impl Keeper {
    pub(super) async fn start<K: Key, V: Send + Sync + 'static>(
        client: &Client,
        rows: Rows<K, V>,
        shared: &Arc<Shared<V>>,
    ) -> Result<Self> {
        let follower = Follower::list(client, shared.bounds.clone()).await?;
        let current = follower.is_current();
        let (client, ended) = (client.clone(), Ended(shared.clone()));
        let task = tokio::spawn(async move {
            let Err(error) = keep_up(&client, rows, &ended.0, follower).await;
            ended.0.fail(error);
        });
        Ok(Self { task: task.abort_handle(), current })
    }

    pub(super) fn is_current(&self) -> bool {
        self.current.load(Ordering::Relaxed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells those who wait when the task is gone, for whatever reason.
struct Ended<V>(Arc<Shared<V>>);

impl<V> Drop for Ended<V> {
    fn drop(&mut self) {
        if self.0.content().failed.is_none() {
            self.0.fail(ended());
        }
    }
}

/// Follows the table for ever.
async fn keep_up<K: Key, V: Send + Sync + 'static>(
    client: &Client,
    rows: Rows<K, V>,
    shared: &Shared<V>,
    mut follower: Follower,
) -> Result<std::convert::Infallible> {
    let mut wanted = shared.wanted.subscribe();
    let mut patience = PATIENCE;
    // The rows of a list, until it is complete.
    let mut listed = None;
    loop {
        let revision = shared.content().revision;
        let ask = listed.is_none() && revision > 0 && shared.is_waited_for(revision);
        let step = tokio::select! {
            biased;
            step = follower.next() => step?,
            () = tokio::time::sleep(patience), if ask => {
                patience = (patience * 2).min(LONGEST_PATIENCE);
                if let Some(unchanged) = unchanged_up_to(client, shared).await {
                    shared.update(|content| {
                        content.revision = unchanged;
                        false
                    });
                }
                continue;
            }
            _ = wanted.changed() => {
                patience = PATIENCE;
                continue;
            }
        };
        match step {
            Step::Changed(response) => {
                let changes = Changes::decoded(response, &rows);
                shared.update(|content| content.apply(changes));
            }
            Step::Resync(revision) => listed = Some((revision, Vec::new())),
            Step::Rows(kvs) => {
                if let Some((_, all)) = &mut listed {
                    all.extend(kvs.into_iter().map(|kv| decoded(kv, &rows)));
                }
            }
            Step::Complete => {
                if let Some((revision, all)) = listed.take() {
                    // What was there before is dropped when nobody waits for it.
                    let mut other = Content::new(revision, all);
                    shared.update(|content| {
                        std::mem::swap(content, &mut other);
                        true
                    });
                }
            }
        }
    }
}

/// The store's revision, if its rows are still those of the view.
///
/// Progress that etcd tells when it is asked cannot be trusted up to 3.4.24 and 3.5.7, so the rows are compared: none was
/// put since the view's revision, and there are as many. Keys that came and went meanwhile do not matter; the view leaves
/// out their changes when these come.
async fn unchanged_up_to<V>(client: &Client, shared: &Shared<V>) -> Option<i64> {
    let (revision, count) = {
        let content = shared.content();
        (content.revision, content.len() as u64)
    };
    let keys = shared.bounds.key_set();
    let txn = Txn::when([Compare::mod_revision(keys.clone()).lt(revision + 1)])
        .then([Op::from(GetRequest::new(keys).count_only())]);
    let response = client.txn(txn).await.ok()?;
    let now = response.revision();
    let found = response.into_responses().into_iter().next().and_then(OpResponse::into_get)?;
    (found.count() == count).then_some(now)
}
