//! [`Fence`]: shuts out the requests of a session whose answers were lost.
//!
//! The fence is a key under the session's lease, of which only the version counts: 0 until it is raised first.
//! Every request that puts a place compares the version it knows. Raising the fence puts the key, so that a
//! request which is still on its way can never be applied. Those whose answers were not lost, but which were on their
//! way as well, find the new version and are sent again.
//!
//! The key is deleted only with the lease, and without the lease no place can be put either; so a version is
//! never seen twice.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::keys;
use crate::client::Client;
use crate::compare::Compare;
use crate::error::Result;
use crate::kv::{GetRequest, PutRequest};
use crate::op::{Op, OpResponse};
use crate::session::Session;
use crate::txn::Txn;

/// The fence of one session, shared by its clones.
#[derive(Debug)]
pub(crate) struct Fence {
    key: Vec<u8>,
    version: AtomicI64,
}

impl Fence {
    pub(crate) fn new(lease: i64) -> Self {
        Self { key: keys::fence(lease), version: AtomicI64::new(0) }
    }

    /// The beginning of keys beside it, to be put under the lease by requests that put nothing else under it.
    pub(super) fn presence(&self) -> Vec<u8> {
        [&self.key, &b"p"[..]].concat()
    }

    /// The newest version that is known.
    pub(super) fn version(&self) -> i64 {
        self.version.load(Ordering::Relaxed)
    }

    /// Holds as long as the fence has not been raised beyond this version.
    pub(super) fn stands_at(&self, version: i64) -> Compare {
        Compare::version(self.key.as_slice()).eq(version)
    }

    pub(super) fn read(&self) -> Op {
        GetRequest::new(self.key.as_slice()).keys_only().into()
    }

    /// Notes what [`read`](Self::read) answered, and returns the version.
    pub(super) fn learn(&self, answer: Option<OpResponse>) -> i64 {
        let found = answer.and_then(OpResponse::into_get);
        let version = found.and_then(|found| found.first().map(crate::KeyValue::version)).unwrap_or(0);
        self.version.fetch_max(version, Ordering::Relaxed);
        version
    }

    /// Raises the fence, and tells in which revision the key of a place was created, if it was. Tries until the
    /// session is lost.
    pub(super) async fn raise(
        &self,
        session: &Session,
        client: &Client,
        place: &[u8],
    ) -> Result<Option<i64>> {
        let request = Txn::default().then([
            PutRequest::new(self.key.as_slice(), []).lease(session.lease()).into(),
            self.read(),
            GetRequest::new(place).keys_only().into(),
        ]);
        let mut pause = Duration::from_millis(5);
        loop {
            session.check()?;
            match client.txn(request.clone()).await {
                Ok(response) => {
                    let mut answers = response.into_responses().into_iter().skip(1);
                    self.learn(answers.next());
                    let place = answers.next().and_then(OpResponse::into_get);
                    return Ok(place.and_then(|place| place.first().map(crate::KeyValue::create_revision)));
                }
                Err(error) if error.is_not_found() => return Err(session.lost_error()),
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => tracing::debug!(%error, "raising a fence again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
}
