//! [`Snapshot`]: the store at one revision.
//!
//! The first read is linearizable and fixes the revision; all others read at that revision and may be answered
//! by any member. Nothing here knows what the transaction wrote or what must be guarded, nor how a read is sent:
//! that is the [`Reader`]'s.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Error, GetRequest, GetResponse, Result, error::Kind};

use super::reader::Reader;

/// How many requests of one read are under way at once.
const PARALLEL_REQUESTS: usize = 8;

/// Reads of one revision. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    reader: Arc<Reader>,
    revision: watch::Sender<Revision>,
}

#[derive(Debug, Clone, Copy)]
enum Revision {
    /// Nothing was read yet.
    Open,
    /// The first read is under way.
    Opening,
    Fixed(i64),
}

/// The right to do the first read. Dropping it lets the next one try.
pub(crate) struct Opening(watch::Sender<Revision>);

impl Opening {
    pub(crate) fn fix(self, revision: i64) {
        self.0.send_replace(Revision::Fixed(revision));
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.send_if_modified(|revision| {
            let failed = matches!(revision, Revision::Opening);
            if failed {
                *revision = Revision::Open;
            }
            failed
        });
    }
}

impl Snapshot {
    /// The store as of the first read, or as of `revision`.
    pub(crate) fn new(reader: Arc<Reader>, revision: Option<i64>) -> Self {
        Self { reader, revision: watch::Sender::new(revision.map_or(Revision::Open, Revision::Fixed)) }
    }

    /// The revision, once the first read has fixed it.
    pub(crate) fn revision(&self) -> Option<i64> {
        match *self.revision.borrow() {
            Revision::Fixed(revision) => Some(revision),
            Revision::Open | Revision::Opening => None,
        }
    }

    /// Answers all requests as of the snapshot's revision, in their order, in as few round trips as etcd's
    /// limits allow.
    pub(crate) async fn fetch(&self, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let mut chunks = requests.chunks(self.reader.max_ops()).map(<[_]>::to_vec);
        let mut answers = Vec::with_capacity(requests.len());
        let revision = loop {
            if let Some(revision) = self.revision() {
                break revision;
            }
            match self.open() {
                Some(opening) => {
                    let Some(first) = chunks.next() else { return Ok(answers) };
                    answers.extend(self.reader.read(first, Some(opening)).await?);
                }
                None => self.opened().await,
            }
        };
        let rest: Vec<Vec<GetResponse>> = stream::iter(chunks)
            .map(|chunk| self.fetch_at(revision, chunk))
            .buffered(PARALLEL_REQUESTS)
            .try_collect()
            .await?;
        answers.extend(rest.into_iter().flatten());
        Ok(answers)
    }

    /// Takes the right to do the first read, unless another one has it.
    fn open(&self) -> Option<Opening> {
        let opens = self.revision.send_if_modified(|revision| {
            let open = matches!(revision, Revision::Open);
            if open {
                *revision = Revision::Opening;
            }
            open
        });
        opens.then(|| Opening(self.revision.clone()))
    }

    /// Waits until the first read has ended, well or not.
    async fn opened(&self) {
        let mut revision = self.revision.subscribe();
        // This is one of the senders, so the channel is not closed.
        drop(revision.wait_for(|revision| !matches!(revision, Revision::Opening)).await);
    }

    async fn fetch_at(&self, revision: i64, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let revision = if planted(Bug::LaterReadsAnywhere) { 0 } else { revision };
        let at = |request: &GetRequest| request.clone().revision(revision);
        let any_member = requests.iter().map(|request| at(request).serializable()).collect();
        match self.reader.read(any_member, None).await {
            // This member lags behind; the leader knows.
            Err(error) if error.is_future_revision() => {
                self.reader.read(requests.iter().map(at).collect(), None).await
            }
            answered => answered,
        }
    }
}

/// The server answered something else than it was asked.
pub(crate) fn unexpected_answer() -> Error {
    Error::new(Kind::Unavailable, "the server's answer does not fit the request: is it an etcd v3 server?")
}
