//! [`Follower`]: keeps up with a range of etcd keys, in bytes: whole revisions, and the rows anew where history is
//! missing.
//!
//! What was compacted while nobody looked is not pieced together: events may have been lost around a compaction (etcd up
//! to 3.4.35 and 3.5.17), so the range is listed, in pages at one revision, and watched from the next revision on.
//!
//! ```text
//! watching -- compacted --> listing -- last page --> watching
//! ```
//!
//! It knows nothing of tables. What the steps mean to rows is the affair of who follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd_client::{Client, KeyValue, Result, WatchResponse, WatchStream};

use crate::engine::bounds::{Bounds, after};
use crate::engine::page_size::PageSize;

/// How long to wait after an error that goes away: at first, and at most.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What happened to the range.
#[derive(Debug)]
pub(crate) enum Step {
    /// The rows follow, all as of this revision. What was known before is to be forgotten once they are complete.
    Resync(i64),
    /// Rows of the revision that the resync named, in the order of their keys.
    Rows(Vec<KeyValue>),
    /// These were all rows.
    Complete,
    /// What one revision changed.
    Changed(WatchResponse),
}

pub(crate) struct Follower {
    client: Client,
    /// What is watched.
    bounds: Bounds,
    /// The parts of it that are listed, the last one first.
    parts: Vec<Bounds>,
    previous: bool,
    state: State,
    /// Whether the range is being watched at this moment.
    current: Arc<AtomicBool>,
    pause: Duration,
}

enum State {
    /// To watch from this revision on.
    Begin(i64),
    Watch(WatchStream),
    /// To list, as of now.
    List,
    /// To list as of this revision.
    Resync(i64),
    /// To list what is left of the range.
    Pages {
        revision: i64,
        /// The part that comes next is the last one.
        rest: Vec<Bounds>,
        size: PageSize,
    },
}

impl Follower {
    /// Follows from a revision on, or from now on, and tells what was there before each change.
    pub(crate) async fn watch(client: &Client, bounds: Bounds, from: Option<i64>) -> Result<Self> {
        let mut follower = Self::new(client, bounds.clone(), vec![bounds], true);
        follower.state = State::Watch(follower.open(from).await?);
        Ok(follower)
    }

    /// Begins with a resync, and follows from there on.
    pub(crate) async fn list(client: &Client, bounds: Bounds) -> Result<Self> {
        let mut follower = Self::new(client, bounds.clone(), vec![bounds], false);
        follower.state = State::Resync(follower.revision().await?);
        Ok(follower)
    }

    /// Begins with a resync of these parts of a range, and follows the whole range from there on.
    pub(crate) fn parts(client: &Client, bounds: Bounds, mut parts: Vec<Bounds>) -> Self {
        parts.reverse();
        Self::new(client, bounds, parts, false)
    }

    fn new(client: &Client, bounds: Bounds, parts: Vec<Bounds>, previous: bool) -> Self {
        let client = client.clone();
        Self { client, bounds, parts, previous, state: State::List, current: Arc::default(), pause: PAUSE }
    }

    /// Tells whether the range is being watched: if not, the follower lags behind.
    pub(crate) fn is_current(&self) -> Arc<AtomicBool> {
        self.current.clone()
    }

    /// The next step. May be dropped at any time. An error is final.
    pub(crate) async fn next(&mut self) -> Result<Step> {
        loop {
            match self.step().await {
                Ok(step) => {
                    self.pause = PAUSE;
                    return Ok(step);
                }
                Err(error) if error.is_compacted() => {
                    self.current.store(false, Ordering::Relaxed);
                    self.state = State::List;
                }
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "following a range again");
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn step(&mut self) -> Result<Step> {
        loop {
            match &mut self.state {
                State::Begin(from) => {
                    let from = *from;
                    self.state = State::Watch(self.open(Some(from)).await?);
                }
                State::Watch(changes) => match changes.next().await.transpose()? {
                    Some(response) => return Ok(Step::Changed(response)),
                    None => self.state = State::List,
                },
                State::List => self.state = State::Resync(self.revision().await?),
                State::Resync(revision) => {
                    let revision = *revision;
                    let rest = self.parts.clone();
                    self.state = State::Pages { revision, rest, size: PageSize::OF_ROWS };
                    return Ok(Step::Resync(revision));
                }
                State::Pages { revision, rest, size } => {
                    let Some(bounds) = rest.last_mut() else {
                        self.state = State::Begin(*revision + 1);
                        return Ok(Step::Complete);
                    };
                    let limit = size.limit(usize::MAX);
                    let page = self.client.get(bounds.key_set()).revision(*revision).limit(limit).await?;
                    let more = page.more();
                    let kvs = page.into_kvs();
                    let bytes: usize = kvs.iter().map(|kv| kv.key().len() + kv.value().len()).sum();
                    size.learn(kvs.len(), bytes);
                    match kvs.last().filter(|_| more) {
                        Some(last) => bounds.start = after(last.key()),
                        None => drop(rest.pop()),
                    }
                    return Ok(Step::Rows(kvs));
                }
            }
        }
    }

    /// The store's revision, by a read within the range: nothing beyond it needs to be allowed.
    async fn revision(&mut self) -> Result<i64> {
        Ok(self.client.get(self.bounds.key_set()).limit(1).keys_only().await?.revision())
    }

    async fn open(&mut self, from: Option<i64>) -> Result<WatchStream> {
        let mut watch = self.client.watch(self.bounds.key_set()).report_to(self.current.clone());
        if let Some(from) = from {
            watch = watch.from(from);
        }
        if self.previous {
            watch = watch.previous();
        }
        watch.stream().await
    }
}
