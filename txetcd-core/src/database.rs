//! [`Database`]: connects, and runs transactions.

mod builder;
mod stats;
mod status;

use std::env::VarError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Client, Error, Result, error::Kind};

pub use builder::DatabaseBuilder;
pub use stats::Stats;
pub use status::Status;

use crate::catalogue::agreement::Agreed;
use crate::catalogue::slots::Slots;
use crate::engine::Engine;
use crate::engine::committer::Outcome;
use crate::engine::known::Known;
use crate::engine::leases::Leases;
use crate::engine::telemetry::{self, Observed};
use crate::engine::view::Start;
use crate::txn::{ReadTxn, TxnFn, WriteTxn};

/// The environment variable that [`Database::from_env`] reads.
const URL_VARIABLE: &str = "TXETCD_URL";
/// Where it stores if the variable is not set.
const DEFAULT_URL: &str = "embedded:./txetcd-data";

/// An etcd cluster, or a store in this process, with its transactions.
///
/// Cheap to clone; clones share the connection. `Send` and `Sync`.
#[derive(Clone)]
pub struct Database {
    engine: Arc<Engine>,
}

impl Database {
    /// Connects to a URL: `http://host:2379` or `https://host:2379` (several endpoints of one cluster separated
    /// by commas), `embedded:PATH` for a durable store in this process, or `memory:` for one that is gone with
    /// it.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] for a URL that cannot be used, [`Error::is_unavailable`] if no endpoint
    /// can be reached within the connect timeout, or if the embedded store is open elsewhere.
    pub async fn connect(url: impl Into<String>) -> Result<Self> {
        Self::builder().url(url).connect().await
    }

    /// Connects to the URL in the environment variable `TXETCD_URL`, or else to `embedded:./txetcd-data`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn from_env() -> Result<Self> {
        match std::env::var(URL_VARIABLE) {
            Ok(url) => Self::connect(url).await,
            Err(VarError::NotPresent) => Self::connect(DEFAULT_URL).await,
            Err(VarError::NotUnicode(_)) => Err(Error::new(
                Kind::InvalidArgument,
                format!("the environment variable {URL_VARIABLE} is not valid UTF-8: it must be a URL"),
            )),
        }
    }

    /// Connects with options.
    pub fn builder() -> DatabaseBuilder {
        DatabaseBuilder::default()
    }

    pub(crate) fn from_engine(engine: Engine) -> Self {
        let engine = Arc::new(engine);
        engine.cached_tables.start(&engine);
        Self { engine }
    }

    /// Reads in one consistent snapshot, at least as new as the moment of the call.
    ///
    /// The closure may run again, if the snapshot was compacted while it was read. Writing in it does not
    /// compile.
    ///
    /// # Errors
    /// The closure's own; reads in it return [`Error::is_compacted`] if that went on until the deadline or attempt limit
    /// was reached.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        self.read_at(None, closure).await
    }

    /// Reads cached tables as they were a moment ago, without a request: all of it as of one revision, and with what this
    /// process has committed. What is not cached is read as of the same revision. While there is no copy of the cached
    /// tables, this is [`read`](Self::read).
    ///
    /// # Errors
    /// The closure's own.
    pub async fn read_stale<T, E, F>(&self, closure: F) -> Result<Stale<T>, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        let mut observed = self.engine.telemetry.observe(telemetry::Kind::ReadStale);
        let span = observed.span();
        let result = self.read_cached(closure, &mut observed).instrument(span).await;
        observed.end(result)
    }

    async fn read_cached<T, E, F>(&self, closure: F, observed: &mut Observed<'_>) -> Result<Stale<T>, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        if let Some((cached, heard)) = self.engine.sequencer.cached_rows().await {
            let revision = Some(cached.revision());
            let txn = ReadTxn::new(&self.engine, Start::Cached(cached));
            observed.attempt();
            let result = closure.call_it(&txn).await;
            let view = txn.into_view();
            observed.ran(&view);
            if view.unfit().is_none() {
                let value = result?;
                observed.was_stale();
                return Ok(Stale { value, revision, age: heard.elapsed() });
            }
        }
        let value = self.read_snapshots(None, closure, observed).await?;
        Ok(Stale { value, revision: None, age: Duration::ZERO })
    }

    /// Reads as of an earlier revision.
    #[must_use]
    pub fn at(&self, revision: i64) -> At<'_> {
        At { database: self, revision }
    }

    /// Runs a transaction: serializable, retried on conflict, applied once.
    ///
    /// Nothing is sent before the closure has returned `Ok`; an `Err` rolls back and is returned. The closure
    /// may run several times and should have no effects of its own. What it reads is one snapshot in every run,
    /// never a mixture of two.
    ///
    /// A closure that uses `?` has to say its error type somewhere, in its last expression for instance:
    /// `Ok::<_, txetcd::Error>(())`. Any type that is `From<Error>` will do.
    ///
    /// # Errors
    /// The closure's own, or, as `E::from`, an [`Error`]: [`Error::is_conflict`] when the deadline or attempt
    /// limit was reached, [`Error::is_compacted`] if that was because what it read was compacted each time,
    /// [`Error::is_already_exists`] if a row that was inserted is there already,
    /// [`Error::is_too_large`], [`Error::is_unavailable`]. After any error but
    /// [`Error::is_commit_unknown`] nothing was written, and nothing will be.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: for<'a> TxnFn<&'a WriteTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        Ok(self.write_with_revision(closure).await?.0)
    }

    /// As [`write`](Self::write), with the revision of the commit, or, if nothing was written, the one that was read,
    /// if anything was.
    pub(crate) async fn write_with_revision<T, E, F>(&self, closure: F) -> Result<(T, Option<i64>), E>
    where
        F: for<'a> TxnFn<&'a WriteTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        self.writable()?;
        let mut observed = self.engine.telemetry.observe(telemetry::Kind::Write);
        let span = observed.span();
        let result = self.write_attempts(closure, &mut observed).instrument(span).await;
        observed.end(result)
    }

    async fn write_attempts<T, E, F>(
        &self,
        closure: F,
        observed: &mut Observed<'_>,
    ) -> Result<(T, Option<i64>), E>
    where
        F: for<'a> TxnFn<&'a WriteTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        let engine = &self.engine;
        let mut attempts = engine.policy.start();
        let (mut start, mut wants_cache) = (Start::Cache, false);
        loop {
            observed.attempt();
            engine.sequencer.catch_up().await;
            let (result, view) = {
                let txn = WriteTxn::new(self, start);
                (closure.call_it(&txn).await, txn.into_view())
            };
            let concluded = match result {
                Ok(value) => self.conclude(&view).await.map(|schemas| (value, schemas)).map_err(E::from),
                Err(error) => Err(error),
            };
            observed.ran(&view);
            // One that begins elsewhere does not say so.
            wants_cache |= view.wants_cache();
            if let Some(unfit) = view.unfit() {
                // Nothing else is unfit if the store alone is read, as it is the next time.
                if unfit.is_compacted() {
                    attempts.again_after_compaction()?;
                }
                start = Start::Store;
                continue;
            }
            let (attempt, leases, ended) = match concluded {
                Ok((value, schemas)) => {
                    let (attempt, leases) = view.finish(schemas);
                    (attempt, leases, Ok(value))
                }
                // An error counts only if what led to it was current.
                Err(error) => match view.into_doubtful() {
                    Some(attempt) => (attempt, Leases::default(), Err(error)),
                    None => return Err(error),
                },
            };
            let began = Instant::now();
            match observed.commit(engine, attempt, leases, attempts.deadline()).await? {
                Outcome::Committed(revision) => return Ok((ended?, revision)),
                Outcome::Conflict(conflict) => {
                    self.agree_again(&conflict.schemas).await?;
                    let conflict = attempts.again(conflict, began.elapsed()).await?;
                    start = engine.start_after(conflict, wants_cache, attempts.may_read_cache()).await;
                }
            }
        }
    }

    /// Begins a transaction that is committed by hand; dropping it discards it. It is not retried:
    /// [`write`](Self::write) is.
    ///
    /// # Errors
    /// [`Error::is_read_only`] if the database was opened read-only.
    pub async fn begin(&self) -> Result<WriteTxn> {
        self.writable()?;
        Ok(WriteTxn::new(self, Start::Store))
    }

    /// Asks the store how it is.
    ///
    /// # Errors
    /// As for any read.
    pub async fn status(&self) -> Result<Status> {
        let (revision, cluster_id) = self.engine.client.revision_and_cluster().await?;
        Ok(Status { revision, cluster_id, endpoint: self.engine.client.endpoint().to_owned() })
    }

    /// What happened since the database was connected.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.engine)
    }

    /// The etcd client under the tables.
    pub fn client(&self) -> &Client {
        &self.engine.client
    }

    async fn read_at<T, E, F>(&self, revision: Option<i64>, closure: F) -> Result<T, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        let mut observed = self.engine.telemetry.observe(telemetry::Kind::Read);
        let span = observed.span();
        let result = self.read_snapshots(revision, closure, &mut observed).instrument(span).await;
        observed.end(result)
    }

    /// Reads as of a revision, or else in snapshots until one has not been compacted meanwhile.
    async fn read_snapshots<T, E, F>(
        &self,
        revision: Option<i64>,
        closure: F,
        observed: &mut Observed<'_>,
    ) -> Result<T, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        let mut attempts = self.engine.policy.start();
        loop {
            let newest = if planted(Bug::StaleReads) { Start::Cache } else { Start::Store };
            let start = revision.map_or(newest, |revision| Start::At(revision, Known::default()));
            let txn = ReadTxn::new(&self.engine, start);
            observed.attempt();
            let result = closure.call_it(&txn).await;
            let view = txn.into_view();
            observed.ran(&view);
            // A fixed revision is as compacted the next time.
            if view.unfit().is_some() && revision.is_none() && attempts.again_after_compaction().is_ok() {
                continue;
            }
            return result;
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.engine.slots
    }

    pub(crate) fn agreed(&self) -> &Agreed {
        &self.engine.agreed
    }

    fn writable(&self) -> Result<()> {
        if self.engine.client.is_read_only() {
            return Err(Error::new(
                Kind::ReadOnly,
                "this database was opened read-only: connect without `read_only(true)` to write",
            ));
        }
        Ok(())
    }
}

/// What was read from cached tables, and how far behind the store that may be. See [`Database::read_stale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stale<T> {
    /// What the closure returned.
    pub value: T,
    /// The revision of the cached tables; `None` if the store was asked.
    pub revision: Option<i64>,
    /// How long ago the store has told this process of a change last, or zero if it was asked: what was read is not
    /// older than that, but for the time that news take. It grows while nothing changes.
    pub age: Duration,
}

/// The database as of an earlier revision. See [`Database::at`].
#[derive(Debug)]
pub struct At<'d> {
    database: &'d Database,
    revision: i64,
}

impl At<'_> {
    /// Reads as of exactly this revision.
    ///
    /// # Errors
    /// The closure's own; reads in it return [`Error::is_compacted`] if the revision is no longer in the store's
    /// history, and [`Error::is_future_revision`] if it is not there yet.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: for<'a> TxnFn<&'a ReadTxn, Result<T, E>> + Send + Sync,
        E: From<Error> + Send,
        T: Send,
    {
        if self.revision <= 0 {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("{} is not a revision: the first one is 1", self.revision),
            )
            .into());
        }
        self.database.read_at(Some(self.revision), closure).await
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("client", &self.engine.client).finish_non_exhaustive()
    }
}
