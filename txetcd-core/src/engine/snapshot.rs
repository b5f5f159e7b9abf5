//! [`Snapshot`]: the store at one revision.
//!
//! The first read is linearizable and fixes the revision; all others read at that revision and may be answered
//! by any member. Nothing here knows what the transaction wrote or what must be guarded.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;
use txetcd_client::{Client, Error, GetRequest, GetResponse, Op, Result, Txn};

/// How many requests of one read are under way at once.
const PARALLEL_REQUESTS: usize = 8;

/// Reads of one revision. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    client: Client,
    max_ops: usize,
    /// Held while the first read is under way, so that there is only one that fixes the revision.
    revision: Arc<Mutex<Option<i64>>>,
}

impl Snapshot {
    /// The store as of the first read, or as of `revision`.
    pub(crate) fn new(client: Client, max_ops: usize, revision: Option<i64>) -> Self {
        Self { client, max_ops, revision: Arc::new(Mutex::new(revision)) }
    }

    /// The revision, once the first read has fixed it.
    pub(crate) async fn revision(&self) -> Option<i64> {
        *self.revision.lock().await
    }

    /// Answers all requests as of the snapshot's revision, in their order, in as few round trips as etcd's
    /// limits allow.
    pub(crate) async fn fetch(&self, requests: Vec<GetRequest>) -> Result<Vec<GetResponse>> {
        let mut chunks = requests.chunks(self.max_ops).map(<[_]>::to_vec).collect::<Vec<_>>().into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        let mut fixed = self.revision.lock().await;
        let revision = match *fixed {
            Some(revision) => revision,
            None => {
                let Some(first) = chunks.next() else { return Ok(answers) };
                let (revision, first) = self.send(first).await?;
                *fixed = Some(revision);
                answers.extend(first);
                revision
            }
        };
        drop(fixed);
        let rest: Vec<Vec<GetResponse>> = stream::iter(chunks)
            .map(|chunk| self.fetch_at(revision, chunk))
            .buffered(PARALLEL_REQUESTS)
            .try_collect()
            .await?;
        answers.extend(rest.into_iter().flatten());
        Ok(answers)
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
            let response = self.client.send_get(only).await?;
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
    Error::new(
        txetcd_client::error::Kind::Unavailable,
        "the server's answer does not fit the request: is it an etcd v3 server?",
    )
}
