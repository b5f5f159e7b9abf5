//! The transactions as programs hold them: [`ReadTxn`], [`WriteTxn`], and what both can do, [`Read`].
//!
//! A transaction is shared by reference, so that futures that use it can run side by side:
//! `try_join!(users.get(txn, &a), users.get(txn, &b))` is one round trip. What it reads and writes is kept by
//! the engine's view; these types only say what may be done with it.

mod closure;

use std::fmt;
use std::sync::Arc;

use tracing::Instrument as _;
use txetcd_client::{Error, Held, Lease, Result, deadline_after, error::Kind};

pub use closure::TxnFn;

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::committer::Outcome;
use crate::engine::conflict::Conflict;
use crate::engine::telemetry::{self, Observed};
use crate::engine::view::{Start, View};

/// What can be read through: a [`ReadTxn`] or a [`WriteTxn`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transaction",
    label = "not a transaction",
    note = "read inside `db.read(async |txn| ...)` or `db.write(async |txn| ...)`, or with `db.begin()`"
)]
pub trait Read: sealed::Sealed + Send + Sync {}

pub(crate) mod sealed {
    use crate::engine::view::View;

    /// Keeps [`Read`](super::Read) to this crate's transactions, and gives it their view.
    pub trait Sealed {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn view(&self) -> &View;
    }
}

/// A transaction that only reads, all of it as of one revision. See [`Database::read`](crate::Database::read).
pub struct ReadTxn {
    view: View,
}

/// A transaction that reads and writes. See [`Database::write`](crate::Database::write) and
/// [`Database::begin`](crate::Database::begin).
///
/// Writes are buffered and seen by the transaction's own reads; nothing is sent before the commit. Dropping it
/// discards them.
pub struct WriteTxn {
    view: View,
    db: Database,
}

impl ReadTxn {
    pub(crate) fn new(engine: &Arc<Engine>, start: Start) -> Self {
        Self { view: View::new(engine, start, false) }
    }

    pub(crate) fn into_view(self) -> View {
        self.view
    }
}

impl WriteTxn {
    pub(crate) fn new(db: &Database, start: Start) -> Self {
        Self { view: View::new(db.engine(), start, true), db: db.clone() }
    }

    pub(crate) fn into_view(self) -> View {
        self.view
    }

    /// Notes a lease under which a row is put.
    pub(crate) fn give(&self, lease: &Lease) -> Result<()> {
        if !lease.is_of(self.db.client()) {
            return Err(Error::new(
                Kind::InvalidArgument,
                "the lease was granted through another connection: use the `client()` of this one",
            ));
        }
        self.view.give(lease);
        Ok(())
    }

    /// Lets the commit fail unless the lock is still held at that moment. It costs no request; without writes it
    /// costs the one that a commit with writes is.
    ///
    /// ```no_run
    /// # use txetcd_core::Database;
    /// # use std::time::Duration;
    /// # async fn example(db: &Database) -> txetcd_core::client::Result<()> {
    /// let session = db.client().session(Duration::from_secs(10)).await?;
    /// let lock = db.client().lock("jobs").acquire(&session).await?;
    /// db.write(async |txn| {
    ///     txn.guard(&lock)?;
    ///     // read and write what only the holder may
    ///     Ok::<_, txetcd_core::client::Error>(())
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::is_lock_lost`] if it is known already that it is not held, as from the commit if it turns out
    /// then; this is final, `write` does not run again. [`Error::is_invalid_argument`] if it was acquired through
    /// another connection.
    pub fn guard(&self, lock: &impl Held) -> Result<()> {
        let lock = lock.hold();
        lock.check(self.db.client())?;
        self.view.guard(lock);
        Ok(())
    }

    /// Commits what was written, and returns the revision: that of the commit, or, if nothing was written, the
    /// one that was read.
    ///
    /// # Errors
    /// [`Error::is_conflict`] if something that was read has changed, [`Error::is_already_exists`] if a row
    /// that was inserted is there already, [`Error::is_lock_lost`] if a lock that guards it is gone,
    /// [`Error::is_too_large`] if etcd would not take it. After any error
    /// but [`Error::is_commit_unknown`] nothing was written.
    pub async fn commit(self) -> Result<i64> {
        let engine = self.db.engine().clone();
        let mut observed = engine.telemetry.observe(telemetry::Kind::Begin);
        let span = observed.span();
        let result = self.commit_observed(&mut observed).instrument(span).await;
        observed.end(result)
    }

    async fn commit_observed(self, observed: &mut Observed<'_>) -> Result<i64> {
        let Self { view, db } = self;
        let engine = db.engine();
        observed.attempt();
        let concluded = db.conclude(&view).await;
        observed.ran(&view);
        if view.unfit().is_some() {
            return Err(Error::new(
                Kind::Conflict,
                "the revision that the transaction read was compacted before it was committed; nothing was written: try again",
            ));
        }
        let (attempt, leases) = view.finish(concluded?);
        let deadline = deadline_after(engine.policy.timeout);
        match observed.commit(engine, attempt, leases, deadline).await? {
            Outcome::Committed(Some(revision)) => Ok(revision),
            Outcome::Committed(None) => Ok(Box::pin(engine.client.revision_and_cluster()).await?.0),
            Outcome::Conflict(conflict) => {
                db.agree_again(&conflict.schemas).await?;
                Err(by_hand_conflict(&conflict))
            }
        }
    }
}

fn by_hand_conflict(conflict: &Conflict) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "the transaction lost against others; {}. Nothing was written: begin again, or use `db.write`, which does",
            conflict.what_changed()
        ),
    )
}

#[allow(private_interfaces)]
impl sealed::Sealed for ReadTxn {
    fn view(&self) -> &View {
        &self.view
    }
}

#[allow(private_interfaces)]
impl sealed::Sealed for WriteTxn {
    fn view(&self) -> &View {
        &self.view
    }
}

impl Read for ReadTxn {}
impl Read for WriteTxn {}

impl fmt::Debug for ReadTxn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTxn").finish_non_exhaustive()
    }
}

impl fmt::Debug for WriteTxn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTxn").finish_non_exhaustive()
    }
}
