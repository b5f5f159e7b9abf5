//! [`Client`]: what a program does with a store.
//!
//! ```text
//! Client -> send   requests as data, to the wire and back
//!        -> call   each sent until it is answered, again where it may be
//!        -> place  to the endpoint in use
//! ```

mod call;
mod place;
mod send;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{KvClient, LeaseClient, WatchClient};
use tokio::time::Instant;

use crate::connect::Builder;
use crate::error::Result;
use crate::identity::Identity;
use crate::key_set::KeySet;
use crate::kv::{Delete, DeleteRequest, Get, GetRequest, Put, PutRequest};
use crate::lease::Lease;
use crate::member_status::MemberStatus;
use crate::namespace::Namespace;
use crate::session::Session;
use crate::stats::{Counters, Stats};
use crate::submit::Submit;
use crate::txn::{Txn, TxnResponse};
use crate::watch::Watch;

pub(crate) use call::Repeat;
pub(crate) use place::Place;

/// A connection to an etcd cluster, or to an embedded store. Cheap to clone; clones share it.
///
/// Reads are repeated until the request timeout while the store cannot be reached. A write is repeated only
/// where it surely was not applied; otherwise its error says
/// [`Error::is_perhaps_applied`](crate::Error::is_perhaps_applied).
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) kv: KvClient,
    pub(crate) lease: LeaseClient,
    pub(crate) watch: WatchClient,
    /// For what has no client of its own here: the user's token, and a member's status.
    pub(crate) etcd: etcd_client::Client,
    pub(crate) identity: Identity,
    pub(crate) namespace: Namespace,
    pub(crate) place: Place,
    pub(crate) counters: Arc<Counters>,
    pub(crate) request_timeout: Duration,
    pub(crate) read_only: bool,
}

impl Client {
    /// Connects to a URL: `http://host:2379`, several separated by commas, `https://`, `embedded:PATH`,
    /// `memory:`.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`](crate::Error::is_invalid_argument) for a URL that cannot be used,
    /// [`Error::is_unavailable`](crate::Error::is_unavailable) if no endpoint can be reached within the connect timeout.
    pub async fn connect(url: impl Into<String>) -> Result<Self> {
        Self::builder().url(url).connect().await
    }

    /// Connects with options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Reads keys.
    pub fn get(&self, keys: impl Into<KeySet>) -> Get<'_> {
        Get { client: self, request: GetRequest::new(keys), timeout: None }
    }

    /// Puts a value at a key.
    pub fn put(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Put<'_> {
        Put { client: self, request: PutRequest::new(key, value), timeout: None }
    }

    /// Deletes keys.
    pub fn delete(&self, keys: impl Into<KeySet>) -> Delete<'_> {
        Delete { client: self, request: DeleteRequest::new(keys), timeout: None }
    }

    /// Watches keys.
    ///
    /// ```no_run
    /// # async fn program(client: txetcd_client::Client) -> txetcd_client::Result<()> {
    /// # use txetcd_client::KeySet;
    /// let changes = client.watch(KeySet::prefix("a/")).from(100).stream().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, keys: impl Into<KeySet>) -> Watch<'_> {
        Watch::new(self, keys.into())
    }

    /// Sends a transaction.
    pub fn txn(&self, txn: Txn) -> Submit<'_> {
        Submit::new(self, txn)
    }

    /// As [`txn`](Self::txn), with a timeout of its own where that is shorter than the client's.
    #[doc(hidden)]
    pub async fn txn_within(&self, txn: Txn, timeout: Duration) -> Result<TxnResponse> {
        self.send_txn(txn, timeout.min(self.0.request_timeout)).await
    }

    /// A new lease: keys put with it vanish when it is not refreshed for `ttl` (whole seconds, rounded up; etcd
    /// may grant more).
    ///
    /// # Errors
    /// As etcd has them.
    pub async fn lease(&self, ttl: Duration) -> Result<Lease> {
        Lease::grant(self, ttl).await
    }

    /// A lease that is kept alive until the session is dropped.
    ///
    /// # Errors
    /// As etcd has them.
    pub async fn session(&self, ttl: Duration) -> Result<Session> {
        Session::start(self, ttl).await
    }

    /// What the member that is in use says of itself. etcd may refuse it to users with few rights; what needs none is
    /// what the answers themselves say, and `db.status()`.
    ///
    /// # Errors
    /// As for any read; [`Error::is_permission_denied`](crate::Error::is_permission_denied).
    pub async fn member_status(&self) -> Result<MemberStatus> {
        let response = self
            .call(Repeat::Always, self.0.request_timeout, || {
                let mut maintenance = self.0.etcd.maintenance_client();
                async move { maintenance.status().await }
            })
            .await?;
        Ok(MemberStatus::of(&response))
    }

    /// What was sent and received since the client was connected.
    pub fn stats(&self) -> Stats {
        self.0.counters.read()
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    /// The bytes that stand in front of every key.
    pub fn namespace(&self) -> &[u8] {
        self.0.namespace.prefix()
    }

    /// Whether this is a clone of the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

/// The moment when a timeout ends; for one that never does, in thirty years.
#[doc(hidden)]
pub fn deadline_after(timeout: Duration) -> Instant {
    const LONG: Duration = Duration::from_secs(30 * 365 * 86_400);
    Instant::now() + timeout.min(LONG)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint())
            .field("namespace", &String::from_utf8_lossy(self.0.namespace.prefix()))
            .field("read_only", &self.0.read_only)
            .finish_non_exhaustive()
    }
}
