//! [`Writer`]: the one task that changes the store, on a thread of its own.
//!
//! It takes all requests that wait, applies them one after the other in a single storage transaction,
//! commits that with a single sync, publishes the new state, and then answers each of them. Between
//! requests it ends leases whose time is over and clears away what a compaction left behind.

use std::sync::Arc;
use std::time::Duration;

use redb::Durability;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::engine::Shared;
use crate::failure::Failure;
use crate::file;
use crate::lease::apply;
use crate::proto::LeaseRevokeRequest;
use crate::retention::Retention;
use crate::storage::batch::{Batch, Finished};
use crate::storage::error::StorageError;
use crate::storage::place::{Location, Place};
use crate::storage::snapshot::Snapshot;
use crate::storage::tables::Tables;

/// Requests that share one storage transaction at most.
const LARGEST_ROUND: usize = 1024;
/// Log entries that a compaction clears away in one round at least.
const SWEEP: usize = 512;

/// Commits in memory of which one is made durable. That keeps nothing there, so it is work for nothing; but only then
/// `redb` forgets the others, and frees what of the last durable state they replaced.
const DURABLE_IN_MEMORY: u64 = 64;

/// One request to the writer.
pub(crate) trait Job: Send {
    /// Changes the batch, or refuses without having changed it. An error is the storage's, and ends the
    /// batch.
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), StorageError>;

    /// Tells the outcome, which is durable now.
    fn answer(self: Box<Self>);

    /// Tells that the request cannot be carried out.
    fn fail(self: Box<Self>, status: Status);
}

/// The writer's own state.
pub(crate) struct Writer {
    pub(crate) place: Arc<Place>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
    pub(crate) retention: Retention,
    /// Whether a compaction may have left something to clear away.
    pub(crate) sweeping: bool,
    /// Storage transactions that were committed so far.
    pub(crate) commits: u64,
}

enum Wake {
    Job(Box<dyn Job>),
    Due,
    Closed,
}

impl Writer {
    /// Serves until every sender is gone.
    pub(crate) async fn run(mut self, mut inbox: UnboundedReceiver<Box<dyn Job>>) {
        loop {
            let mut jobs = Vec::new();
            match self.wait(&mut inbox).await {
                Wake::Job(job) => jobs.push(job),
                Wake::Due => {}
                Wake::Closed => break,
            }
            while jobs.len() < LARGEST_ROUND
                && let Ok(job) = inbox.try_recv()
            {
                jobs.push(job);
            }
            self.round(jobs);
        }
        self.close();
    }

    async fn wait(&self, inbox: &mut UnboundedReceiver<Box<dyn Job>>) -> Wake {
        if self.sweeping {
            // The thread may be shared.
            tokio::task::yield_now().await;
            return match inbox.try_recv() {
                Ok(job) => Wake::Job(job),
                Err(TryRecvError::Empty) => Wake::Due,
                Err(TryRecvError::Disconnected) => Wake::Closed,
            };
        }
        let received = match self.shared.clock.next_deadline() {
            Some(deadline) => timeout_at(deadline, inbox.recv()).await,
            None => Ok(inbox.recv().await),
        };
        match received {
            Ok(job) => job.map_or(Wake::Closed, Wake::Job),
            Err(_) => Wake::Due,
        }
    }

    fn round(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let expired = self.shared.clock.take_expired();
        if let Some(reason) = self.shared.broken.get() {
            self.sweeping = false;
            for job in jobs {
                job.fail(Status::failed_precondition(format!(
                    "txetcd-embedded: the store accepts no writes since it failed, open it again: {reason}"
                )));
            }
            return;
        }
        match self.commit(&mut jobs, &expired) {
            Ok(()) => jobs.into_iter().for_each(Job::answer),
            Err(error) => {
                tracing::error!(%error, "an embedded store failed and accepts no more writes");
                for job in jobs {
                    job.fail(Status::unavailable(format!(
                        "txetcd-embedded: the store failed, and the request may or may not be stored: {error}"
                    )));
                }
                // What is stored and what was published may differ from now on.
                let _ = self.shared.broken.set(error.to_string());
            }
        }
    }

    fn commit(&mut self, jobs: &mut [Box<dyn Job>], expired: &[i64]) -> Result<(), StorageError> {
        let place = Arc::clone(&self.place);
        let mut transaction = place.database.begin_write()?;
        let mut batch = Batch::open(&transaction, self.revision, self.compacted)?;
        for &id in expired {
            match apply::revoke(&mut batch, &LeaseRevokeRequest { id }) {
                // The one refusal is of a lease that is revoked already.
                Ok(_) | Err(Failure::Refused(_)) => batch.seal(),
                Err(Failure::Storage(error)) => return Err(error),
            }
        }
        for job in jobs {
            job.apply(&mut batch)?;
            batch.seal();
        }
        if let Some(revision) = self.retention.due(batch.revision(), batch.compacted(), Instant::now()) {
            batch.compact(revision);
        }
        if self.sweeping {
            // Twice what is written, so that clearing away gains on the writers.
            self.sweeping = !batch.sweep(SWEEP.max(batch.written() * 2))?;
        }
        let mut finished = batch.finish()?;
        let defragment = std::mem::take(&mut finished.defragment);
        if finished.dirty {
            self.commits += 1;
            if place.is_memory() && !self.commits.is_multiple_of(DURABLE_IN_MEMORY) {
                transaction.set_durability(Durability::None)?;
            }
            transaction.commit()?;
            self.publish(finished)?;
        } else {
            transaction.abort()?;
        }
        for reply in defragment {
            let _ = reply.send(self.defragment());
        }
        Ok(())
    }

    /// Moves the store to a place without holes. Where that fails, it stays where it is.
    fn defragment(&mut self) -> Result<(), StorageError> {
        let newest = self.shared.newest.get();
        let (place, unfinished) = self.place.rebuild(&newest, self.shared.meta(&newest))?;
        let place = Arc::new(place);
        let snapshot = Snapshot::open(&place, self.revision, self.compacted)?;
        if let (Some(unfinished), Location::File(path)) = (unfinished, &place.location) {
            unfinished.replace(path)?;
            if let Err(error) = file::sync_directory_of(path) {
                // After a crash the old file may be there again, without what is written from now on.
                let _ = self.shared.broken.set(error.to_string());
                return Err(error.into());
            }
        }
        self.place = place;
        self.shared.newest.set(snapshot);
        Ok(())
    }

    fn publish(&mut self, finished: Finished) -> Result<(), StorageError> {
        let Finished { revision, compacted, effects, .. } = finished;
        let snapshot = Snapshot::open(&self.place, revision, compacted)?;
        self.sweeping |= compacted != self.compacted;
        self.revision = revision;
        self.compacted = compacted;
        for effect in effects {
            effect.take(&self.shared.clock);
        }
        self.shared.newest.set(snapshot);
        Ok(())
    }

    /// Stores what the leases have left, for who opens the file. It is closed when the newest state goes, which holds it.
    fn close(self) {
        let leases = self.shared.clock.remaining();
        if self.shared.broken.get().is_none()
            && !self.place.is_memory()
            && !leases.is_empty()
            && let Err(error) = self.store_remaining(&leases)
        {
            tracing::warn!(%error, "leases of an embedded store will start with their full time");
        }
    }

    fn store_remaining(&self, leases: &[(i64, i64, Duration)]) -> Result<(), StorageError> {
        let transaction = self.place.database.begin_write()?;
        let mut batch = Batch::open(&transaction, self.revision, self.compacted)?;
        apply::store_remaining(&mut batch, leases)?;
        batch.finish()?;
        Ok(transaction.commit()?)
    }
}
