//! [`Snapshot`]: the store at one revision.
//!
//! The first read is linearizable and fixes the revision; all others read at that revision and may be answered
//! by any member. Nothing here knows what the transaction wrote or what must be guarded.
//!
//! The first read runs in a task of its own: others wait for it, and whoever asked first may hold its future
//! without polling it, or drop it.

use std::sync::{Arc, Mutex};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;
use txetcd_client::{Client, Error, GetRequest, GetResponse, Op, Result, Txn, error::Kind};

use super::lock::lock;

/// How many requests of one read are under way at once.
const PARALLEL_REQUESTS: usize = 8;

/// Reads of one revision. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    client: Client,
    max_ops: usize,
    revision: Arc<Mutex<Revision>>,
}

#[derive(Debug)]
enum Revision {
    /// Nothing was read yet.
    Open,
    /// The first read is under way; the channel closes when it has ended.
    Opening(watch::Receiver<()>),
    Fixed(i64),
}

/// What a read has to do.
enum Turn {
    Lead(Opening),
    Wait(watch::Receiver<()>),
    ReadAt(i64),
}

/// The right to do the first read. Dropping it lets the next one try.
struct Opening {
    revision: Arc<Mutex<Revision>>,
    _ended: watch::Sender<()>,
}

impl Opening {
    fn fix(self, revision: i64) {
        *lock(&self.revision) = Revision::Fixed(revision);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut revision = lock(&self.revision);
        if let Revision::Opening(_) = *revision {
            *revision = Revision::Open;
        }
    }
}

impl Snapshot {
    /// The store as of the first read, or as of `revision`.
    pub(crate) fn new(client: Client, max_ops: usize, revision: Option<i64>) -> Self {
        let revision = revision.map_or(Revision::Open, Revision::Fixed);
        Self { client, max_ops, revision: Arc::new(Mutex::new(revision)) }
    }

    /// Reads as of this revision, unless something was read already.
    pub(crate) fn fix(&self, at: i64) {
        let mut revision = lock(&self.revision);
        if let Revision::Open = *revision {
            *revision = Revision::Fixed(at);
        }
    }

    /// The revision, once the first read has fixed it.
    pub(crate) fn revision(&self) -> Option<i64> {
        match *lock(&self.revision) {
            Revision::Fixed(revision) => Some(revision),
            Revision::Open | Revision::Opening(_) => None,
        }
    }

    /// Answers all requests as of the snapshot's revision, in their order, in as few round trips as etcd's
    /// limits allow.
    pub(crate) async fn fetch(&self, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let mut chunks = requests.chunks(self.max_ops).map(<[_]>::to_vec).collect::<Vec<_>>().into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        let revision = loop {
            match self.turn() {
                Turn::ReadAt(revision) => break revision,
                // The channel has no messages: it ends.
                Turn::Wait(mut ended) => drop(ended.changed().await),
                Turn::Lead(opening) => {
                    let Some(first) = chunks.next() else { return Ok(answers) };
                    let this = self.clone();
                    let read = tokio::spawn(async move {
                        let (revision, first) = this.send(first).await?;
                        opening.fix(revision);
                        Ok::<_, Error>((revision, first))
                    });
                    let (revision, first) = read
                        .await
                        .map_err(|_| Error::new(Kind::Unavailable, "the runtime is shutting down"))??;
                    answers.extend(first);
                    break revision;
                }
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

    fn turn(&self) -> Turn {
        let mut revision = lock(&self.revision);
        match &*revision {
            Revision::Fixed(revision) => Turn::ReadAt(*revision),
            Revision::Opening(ended) => Turn::Wait(ended.clone()),
            Revision::Open => {
                let (sender, ended) = watch::channel(());
                *revision = Revision::Opening(ended);
                Turn::Lead(Opening { revision: self.revision.clone(), _ended: sender })
            }
        }
    }

    async fn fetch_at(&self, revision: i64, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let at = |request: &GetRequest| request.clone().revision(revision);
        let any_member = requests.iter().map(|request| at(request).serializable()).collect();
        match self.send(any_member).await {
            // This member lags behind; the leader knows.
            Err(error) if error.is_future_revision() => {
                Ok(self.send(requests.iter().map(at).collect()).await?.1)
            }
            answered => Ok(answered?.1),
        }
    }

    /// Sends one request; returns the store's revision at that moment, too.
    async fn send(&self, mut requests: Vec<GetRequest>) -> Result<(i64, Vec<GetResponse>)> {
        if requests.len() == 1
            && let Some(only) = requests.pop()
        {
            let response = self.client.send_get(only, None).await?;
            return Ok((response.revision(), vec![response]));
        }
        let expected = requests.len();
        let response = self.client.txn(Txn::default().then(requests.into_iter().map(Op::from))).await?;
        let revision = response.revision();
        let answers: Vec<_> = response.into_responses().into_iter().filter_map(|op| op.into_get()).collect();
        if answers.len() != expected {
            return Err(unexpected_answer());
        }
        Ok((revision, answers))
    }
}

/// The server answered something else than it was asked.
pub(crate) fn unexpected_answer() -> Error {
    Error::new(Kind::Unavailable, "the server's answer does not fit the request: is it an etcd v3 server?")
}
