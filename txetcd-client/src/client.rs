//! [`Client`]: sends requests, and repeats those that may be repeated.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{KvClient, LeaseClient, WatchClient};
use tokio::time::Instant;

use crate::connect::Builder;
use crate::error::{Error, Kind, Result, status};
use crate::identity::{Answer, Identity};
use crate::key_set::KeySet;
use crate::kv::{
    Delete, DeleteRequest, DeleteResponse, Get, GetRequest, GetResponse, Put, PutRequest, PutResponse,
};
use crate::lease::Lease;
use crate::member_status::MemberStatus;
use crate::namespace::Namespace;
use crate::session::Session;
use crate::stats::{Counters, Stats};
use crate::submit::Submit;
use crate::transport::endpoints::Endpoints;
use crate::txn::{Txn, TxnResponse};
use crate::watch::Watch;

/// A connection to an etcd cluster, or to an embedded store. Cheap to clone; clones share it.
///
/// Reads are repeated until the request timeout while the store cannot be reached. A write is repeated only
/// where it surely was not applied; otherwise its error says [`Error::is_perhaps_applied`].
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

/// Where the store is.
pub(crate) enum Place {
    Cluster(Endpoints),
    #[cfg(feature = "embedded")]
    Embedded(String),
}

/// What may be done with a request whose answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Send it again: doing it twice does what doing it once does. The answer may come from a member that lags.
    Always,
    /// Send it again. The answer is at least as new as what was known when it was asked for.
    Linearizable,
    /// Send it again only if it surely was not applied.
    IfNotApplied,
}

/// What becomes of an answer.
enum Accepted {
    Yes,
    /// It is older than what was known before.
    Stale(Error),
}

impl Client {
    /// Connects to a URL: `http://host:2379`, several separated by commas, `https://`, `embedded:PATH`,
    /// `memory:`.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] for a URL that cannot be used, [`Error::is_unavailable`] if no endpoint
    /// can be reached within the connect timeout.
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

    pub(crate) async fn send_txn(&self, txn: Txn, timeout: Duration) -> Result<TxnResponse> {
        let repeat = if txn.is_read_only() { txn.read_repeat() } else { self.writing()? };
        let response = self
            .call(repeat, timeout, || {
                let (mut kv, txn) = (self.0.kv.clone(), txn.clone().into_wire(&self.0.namespace));
                async move { kv.txn(txn).await }
            })
            .await?;
        Ok(TxnResponse::from_wire(response.0, &self.0.namespace))
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
    /// As for any read; [`Error::is_permission_denied`].
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

    /// The endpoint in use: its URL, or the name of the embedded store.
    pub fn endpoint(&self) -> &str {
        self.endpoint_at(self.endpoint_index())
    }

    pub(crate) fn endpoint_at(&self, index: usize) -> &str {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.url(index),
            #[cfg(feature = "embedded")]
            Place::Embedded(name) => name,
        }
    }

    /// The store's revision and cluster id, by a read of one key within the namespace.
    ///
    /// # Errors
    /// As for any read.
    #[doc(hidden)]
    pub async fn revision_and_cluster(&self) -> Result<(i64, u64)> {
        let key = self.0.namespace.key(&[0]);
        let response = self
            .call(Repeat::Linearizable, self.0.request_timeout, || {
                let (mut kv, key) = (self.0.kv.clone(), key.clone());
                async move { kv.get(key, None).await }
            })
            .await?;
        Ok(response.header().map_or((0, 0), |header| (header.revision(), header.cluster_id())))
    }

    /// Sends a get that was made as data.
    ///
    /// # Errors
    /// As etcd has them.
    #[doc(hidden)]
    pub async fn send_get(&self, request: GetRequest, timeout: Option<Duration>) -> Result<GetResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = request.repeat();
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, options) = request.clone().into_wire(&self.0.namespace);
                async move { kv.get(key, Some(options)).await }
            })
            .await?;
        Ok(GetResponse::from_wire(response.0, &self.0.namespace))
    }

    pub(crate) async fn send_put(
        &self,
        request: PutRequest,
        timeout: Option<Duration>,
    ) -> Result<PutResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = self.writing()?;
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, value, options) = request.clone().into_wire(&self.0.namespace);
                async move { kv.put(key, value, Some(options)).await }
            })
            .await?;
        Ok(PutResponse::from_wire(response.0, &self.0.namespace))
    }

    pub(crate) async fn send_delete(
        &self,
        request: DeleteRequest,
        timeout: Option<Duration>,
    ) -> Result<DeleteResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = self.writing()?;
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, options) = request.clone().into_wire(&self.0.namespace);
                async move { kv.delete(key, Some(options)).await }
            })
            .await?;
        Ok(DeleteResponse::from_wire(response.0, &self.0.namespace))
    }

    /// Deletes a key that will never be put again, so that doing it twice does what doing it once does.
    pub(crate) async fn remove(&self, key: &[u8]) -> Result<()> {
        self.writing()?;
        self.call(Repeat::Always, self.0.request_timeout, || {
            let (mut kv, key) = (self.0.kv.clone(), self.0.namespace.key(key));
            async move { kv.delete(key, None).await }
        })
        .await?;
        Ok(())
    }

    /// Whether this is a clone of the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn writing(&self) -> Result<Repeat> {
        if self.0.read_only {
            return Err(Error::new(
                Kind::ReadOnly,
                "this client was opened read-only: connect without `read_only(true)` to write",
            ));
        }
        Ok(Repeat::IfNotApplied)
    }

    /// Sends a request until it is answered, its outcome is open, or `timeout` has passed.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        timeout: Duration,
        send: impl Fn() -> F,
    ) -> Result<T>
    where
        T: Answer,
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.0.identity.check()?;
        let deadline = deadline_after(timeout);
        let mut pause = Duration::from_millis(5);
        let mut stale = false;
        let mut authenticated = false;
        loop {
            let index = self.endpoint_index();
            let seen = self.0.identity.revision();
            // A read leaves a member that stands still in time to ask the others.
            let began = Instant::now();
            let attempt = match repeat {
                Repeat::Always | Repeat::Linearizable => {
                    deadline_after(timeout / self.endpoint_count()).min(deadline)
                }
                Repeat::IfNotApplied => deadline,
            };
            let mut error = match tokio::time::timeout_at(attempt, send()).await {
                Ok(Ok(answer)) => match self.accept(&answer, repeat, seen, stale, index)? {
                    Accepted::Yes => return Ok(answer),
                    Accepted::Stale(error) => {
                        stale = true;
                        error
                    }
                },
                Ok(Err(error)) if !authenticated && status::is_stale_token(&error) => {
                    // etcd refused it before doing anything.
                    authenticated = true;
                    let refreshed = tokio::time::timeout_at(deadline, self.0.etcd.refresh_token()).await;
                    match refreshed {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => status::typed(error, self.endpoint_at(index)).settled(),
                        Err(_) => self.no_answer(index, began.elapsed()),
                    }
                }
                Ok(Err(error)) => status::typed(error, self.endpoint_at(index)),
                Err(_) => self.no_answer(index, began.elapsed()).perhaps_applied(),
            };
            if repeat != Repeat::IfNotApplied {
                error = error.settled();
            }
            if !error.is_transient() {
                return Err(error);
            }
            self.leave_endpoint(index);
            if error.is_perhaps_applied() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "repeating a request");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// Looks at an answer's header. Before 3.5.28, a member of etcd that stood still may once answer with what was
    /// current before; so one read that goes back is repeated.
    fn accept(
        &self,
        answer: &impl Answer,
        repeat: Repeat,
        seen: i64,
        again: bool,
        index: usize,
    ) -> Result<Accepted> {
        let (identity, endpoint) = (&self.0.identity, self.endpoint_at(index));
        let Some(header) = answer.header() else { return Ok(Accepted::Yes) };
        identity.see(&header.0, endpoint)?;
        if repeat == Repeat::Always || header.revision() >= seen {
            return Ok(Accepted::Yes);
        }
        if repeat == Repeat::Linearizable && !again {
            let message = format!("{endpoint} answered with an earlier revision than {seen}");
            return Ok(Accepted::Stale(Error::new(Kind::Unavailable, message)));
        }
        Err(identity.went_back(seen, &header.0, endpoint))
    }

    pub(crate) fn no_answer(&self, index: usize, within: Duration) -> Error {
        Error::new(Kind::Timeout, format!("{} did not answer within {within:?}", self.endpoint_at(index)))
    }

    pub(crate) fn endpoint_index(&self) -> usize {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.index(),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => 0,
        }
    }

    fn endpoint_count(&self) -> u32 {
        match &self.0.place {
            Place::Cluster(endpoints) => u32::try_from(endpoints.len()).unwrap_or(u32::MAX),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => 1,
        }
    }

    pub(crate) fn leave_endpoint(&self, index: usize) {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.leave(index),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => {}
        }
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
